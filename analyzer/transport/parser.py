"""The shape every stream parser has, so that the pipeline can run any of them.

A parser is sans-io and total: whatever the bytes and however they are cut, it returns events and never raises. It
holds at most its limit. Each byte given to it ends in a message, in a `Skipped` run, or is still held.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.transport.cited import Chunk, Gap


@frozen
class Skipped:
    """Bytes of a stream that are in no message: what was passed over to find the next one."""

    size: int
    cites: tuple[Cite, ...]


class StreamParser(Protocol):
    """One direction of one stream. Events are the protocol's own messages, `Anomaly` and `Skipped`."""

    @property
    def held(self) -> int:
        """Bytes held for a message that is not whole yet."""

    def receive(self, chunk: Chunk) -> Sequence[Any | Anomaly | Skipped]:
        """Takes the next bytes of the stream."""

    def gap(self, gap: Gap) -> Sequence[Any | Anomaly | Skipped]:
        """Notes that bytes are missing here, and looks for the next plausible start behind them."""

    def close(self) -> Sequence[Any | Anomaly | Skipped]:
        """The stream has ended: what is still held becomes an incomplete message or is skipped."""
