"""The SIP ladder of one call as text: nodes as columns, messages as arrows, time and frame beside them."""

from collections.abc import Iterable, Sequence
from typing import Literal

from analyzer.core.frozen import frozen
from analyzer.core.text import ELLIPSIS
from analyzer.export.tables import SILENT, protection, words
from analyzer.report.border import clean, scrub
from analyzer.report.model import Hop

LadderKind = Literal["request", "response", "media", "other"]
_MARGIN = 17  # time and frame: "+12.345678 #12345"; between them the capture where there are several
_EDGE = 5  # half a node's name, left of the first rail and right of the last
_COLUMN = 18  # the narrowest column that holds a method and an arrow


@frozen
class LadderEvent:
    """One arrow: a message on one hop, or media starting."""

    ts_ns: int  # since the epoch
    from_node: str
    to_node: str
    label: str  # "INVITE (SDP)", "200 OK", "RTP 0x1234abcd"
    frame: int  # 1-based, in its capture
    kind: LadderKind = "request"
    source: int = 0  # index of the interface
    capture: str = ""  # capture-1, ...


def ladder(
    events: Sequence[LadderEvent], nodes: Sequence[str] = (), hops: Iterable[Hop] = (), width: int = 100
) -> list[str]:
    """Lines of printable text. `nodes` gives the columns in path order; nodes of events that are not in it follow.

    Where the columns do not fit in `width` they keep their least width and the lines are longer.
    """
    order = list(dict.fromkeys([*nodes, *(node for e in events for node in (e.from_node, e.to_node))]))
    start = events[0].ts_ns if events else 0
    several = len({event.capture for event in events}) > 1
    margins = [
        f"{(event.ts_ns - start) / 1e9:+11.6f} {f'{event.capture} ' if several else ''}#{event.frame} "
        for event in events
    ]
    margin = max([_MARGIN, *map(len, margins)])
    step = max(_COLUMN, (width - margin - 2 * _EDGE) // max(1, len(order) - 1)) if len(order) > 1 else _COLUMN
    at = {node: _EDGE + index * step for index, node in enumerate(order)}
    lines = [" " * margin + _heads(at, step)] if order else []
    rails = _rails(at)
    for event, when in zip(events, margins, strict=True):
        lines.append(when.ljust(margin) + _arrow(event, rails, at[event.from_node], at[event.to_node]))
    return [*lines, *_protection_lines(hops)]


def _heads(at: dict[str, int], step: int) -> str:
    """The names of the nodes, each over its rail."""
    line = ""
    for node, position in at.items():
        name = _cut(node, step - 2)
        line = line.ljust(max(len(line) + bool(line), position - len(name) // 2)) + name
    return line


def _rails(at: dict[str, int]) -> str:
    line = ""
    for position in at.values():
        line = line.ljust(position) + "|"
    return line


def _arrow(event: LadderEvent, rails: str, source: int, target: int) -> str:
    if source == target:
        return f"{rails[: source + 1]}* {_cut(event.label, 60)}"
    left, right = sorted((source, target))
    stroke = "=" if event.kind == "media" else "-"
    room = right - left - 1
    cut = _middle if event.kind == "other" else _cut
    body = f" {cut(event.label, room - 3)} ".center(room - 1, stroke)
    body = body + ">" if target > source else "<" + body
    return rails[: left + 1] + body + rails[right:]


def _cut(text: str, room: int) -> str:
    shown = scrub(clean(text))
    return shown if len(shown) <= room else shown[: max(1, room - 1)] + ELLIPSIS


def _middle(text: str, room: int) -> str:
    """Cut in the middle: what a message is about stands at its end, kept in whole words."""
    shown = scrub(clean(text))
    if len(shown) <= room or room < 8:
        return _cut(shown, room)
    tail = shown[-(room * 3 // 4) :]
    tail = tail[max(tail.find(" "), 0) :]
    return f"{shown[: room - len(tail) - 1]}{ELLIPSIS}{tail}"


def _protection_lines(hops: Iterable[Hop]) -> list[str]:
    """One line a hop: medium, ends, the word for its protection, state, keys, grounds, scope."""
    lines = []
    for hop in hops:
        word, _ = protection(hop)
        parts = (
            f"{hop.medium}: {hop.from_addr} > {hop.to_addr}",
            word.upper(),
            f"{hop.state} over {hop.transport or '?'}",
            "" if hop.key_exchange in SILENT else f"keys {hop.key_exchange}",
            "" if hop.scope in SILENT else f"scope {hop.scope}",
            f"grounds: {words(hop.evidence)}",
        )
        lines.append("  " + scrub(clean("  ".join(part for part in parts if part))))
    return ["", "Protection, hop by hop:", *lines] if lines else []
