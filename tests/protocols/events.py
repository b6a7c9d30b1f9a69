"""What the tests of stream parsers share: cutting a stream, comparing events, naming anomalies."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from analyzer.core.anomalies import Anomaly
from analyzer.transport.parser import Skipped


def cuts(data: bytes, at: Sequence[int]) -> list[bytes]:
    """The data cut at these places, taken modulo its length."""
    edges = [0, *sorted({cut % (len(data) + 1) for cut in at}), len(data)]
    return [data[first:last] for first, last in pairwise(edges)]


def merged(events: Sequence[Any]) -> list[Any]:
    """The events in order; a run of skipped bytes is one event, and anomalies stand before it."""
    out: list[Any] = []
    for event in events:
        if isinstance(event, Skipped) and out and isinstance(out[-1], Skipped):
            event = Skipped(out.pop().size + event.size, event.cites)
        elif isinstance(event, Anomaly) and out and isinstance(out[-1], Skipped):
            out.insert(-1, event)
            continue
        out.append(event)
    return out


def codes(events: Sequence[Any]) -> list[str]:
    """Codes of the anomalies among events."""
    return [event.kind.code for event in events if isinstance(event, Anomaly)]
