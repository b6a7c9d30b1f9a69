"""The path of a call drawn: its nodes in a row, under them one line for signalling and one for each medium.

    call-1  answered, 12.3 s
                 ue1                pcscf-1              scscf                 mrf
                 access             access+core          core                  core
      sip        |== TLS ENC =======|-- CLEAR UDP -------|-- CLEAR UDP --------|
      audio      |== SRTP SDES =====|-- CLEAR ---------------------------------|

What is protected is drawn double, what is readable single, what is not known with dots; the words say the same.
"""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from analyzer.core.text import ELLIPSIS
from analyzer.export.tables import BAD, DIM, GOOD, WARN, assurances, exposures, protection, text, words
from analyzer.report.border import clean, scrub
from analyzer.report.model import Call, Hop, Relation

_NAME = 10  # columns of the medium's name
_LEAST, _MOST = 14, 30  # columns between two nodes
_STROKES = {GOOD: "=", WARN: ".", BAD: "-"}


def path_view(call: Call, hops: Sequence[Hop], width: int) -> list[RenderableType]:
    """The lines of one call. Too narrow a place gives a list instead of a picture."""
    nodes = _nodes(call, hops)
    head = text(call.id, "bold").append_text(text(f"  {call.outcome}{_length(call)}", DIM))
    media = [(m.medium, [hop for hop in hops if hop.id in m.path]) for m in call.media]
    rows = [("sip", [hop for hop in hops if hop.plane == "signalling"]), *media]
    step = min(_MOST, (width - _NAME - 12) // max(1, len(nodes) - 1))
    if len(nodes) < 2 or step < _LEAST:
        lines = [_listed(name, hop) for name, row in rows for hop in row]
    else:
        at = {node: _NAME + 4 + index * step for index, node in enumerate(nodes)}
        lines = [*_heads(at, step, _zones(hops)), *(_line(name, row, at) for name, row in rows if row)]
    notes = [text(f"{m.medium} exposed: {exposures(m.exposed)}", BAD) for m in call.media if m.exposed]
    notes += [text(_relation(each), DIM) for each in call.related]
    return [head, *lines, *assurances(call), *(Padding(note, (0, 0, 0, 2)) for note in notes)]


def _relation(related: Relation) -> str:
    """Which other call asked for this one, or was asked for in it."""
    frame = f"frame {related.evidence[0].frame}" if related.evidence else "a frame"
    other = related.call or f"dialog {related.call_ids[0 if related.role == 'asked_for' else 1]}"
    sure = f"(REFER in {frame}, {related.score} of 100)"
    if related.role == "asks":
        return scrub(clean(f"asks for the {related.method} of {other} {sure}"))
    return scrub(clean(f"its {related.method} was asked for in {other} {sure}"))


def _length(call: Call) -> str:
    if call.start_ns is None or call.end_ns is None:
        return ""
    return f", {(call.end_ns - call.start_ns) / 1e9:.1f} s"


def host_of(end: str) -> str:
    """An end without its port, where it is an address."""
    host, colon, port = end.rpartition(":")
    bracketed = host.startswith("[")
    return host.strip("[]") if colon and port.isdecimal() and (host.count(".") == 3 or bracketed) else end


def _nodes(call: Call, hops: Sequence[Hop]) -> list[str]:
    """Every node in path order: those of the legs, and where the media ends stand between them."""
    order: list[str] = []
    for leg in call.legs:
        for end in (host_of(leg.from_addr), host_of(leg.to_addr)):
            if end not in order:
                order.append(end)
    for hop in hops:
        first, second = host_of(hop.from_addr), host_of(hop.to_addr)
        if first not in order:
            order.insert(order.index(second) if second in order else len(order), first)
        if second not in order:
            order.insert(order.index(first) + 1, second)
    return order


def _zones(hops: Sequence[Hop]) -> dict[str, str]:
    found: dict[str, dict[str, None]] = {}
    for hop in hops:
        for end, zone in ((hop.from_addr, hop.from_zone), (hop.to_addr, hop.to_zone)):
            found.setdefault(host_of(end), {})[zone or "?"] = None
    return {end: "+".join(zones) for end, zones in found.items()}


def _heads(at: dict[str, int], step: int, zones: dict[str, str]) -> list[Text]:
    names, places = "", ""
    for node, position in at.items():
        names = _put(names, position, node, step)
        places = _put(places, position, zones.get(node, ""), step)
    return [text(names), text(places, DIM)]


def _put(line: str, position: int, word: str, step: int) -> str:
    shown = scrub(clean(word))
    shown = shown if len(shown) < step else shown[: step - 2] + ELLIPSIS
    start = max(len(line) + bool(line.strip()), position - len(shown) // 2)
    return line.ljust(start) + shown


def _line(name: str, row: Sequence[Hop], at: dict[str, int]) -> Text:
    """One plane or medium: each hop from node to node. Hops of the same place follow in lines of their own."""
    lines: list[list[tuple[int, int, Hop]]] = []
    for hop in row:
        low, high = sorted((at[host_of(hop.from_addr)], at[host_of(hop.to_addr)]))
        fitting = next((line for line in lines if all(high <= a or low >= b for a, b, _ in line)), None)
        if fitting is None:
            lines.append([(low, high, hop)])
        else:
            fitting.append((low, high, hop))
    out = Text()
    for number, line in enumerate(lines):
        out.append_text(_drawn(name if not number else "", line)).append("\n" if number + 1 < len(lines) else "")
    return out


def _drawn(name: str, line: list[tuple[int, int, Hop]]) -> Text:
    out = text(f"  {name}".ljust(_NAME))
    column = _NAME
    for low, high, hop in sorted(line, key=lambda item: item[0]):
        _, style = protection(hop)
        out.append(" " * max(0, low - column) if low > column else "")
        if low >= column:
            out.append("|")
            column = low + 1
        room = high - column
        out.append_text(text(_bar(_word(hop), room, _STROKES.get(style, ".")), style)).append("|")
        column = high + 1
    return out


def _word(hop: Hop) -> str:
    if hop.state == "unknown":
        return "not known" if hop.packets else "not seen"
    return words(hop.state).upper()


def _bar(word: str, room: int, stroke: str) -> str:
    shown = word if len(word) <= room - 4 else word[: max(0, room - 5)] + ELLIPSIS
    return f"{stroke * 2} {shown} ".ljust(room, stroke)[:room]


def _listed(name: str, hop: Hop) -> Text:
    word, style = protection(hop)
    line = text(f"  {name.ljust(_NAME)}{hop.from_addr} > {hop.to_addr}  ")
    return line.append_text(text(f"{word.upper()} ({words(hop.state)})", style))
