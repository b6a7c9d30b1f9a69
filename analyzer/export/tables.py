"""Tables of calls, hops and streams for a terminal or a pipe, as rich renderables."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from analyzer.report.border import clean, scrub
from analyzer.report.model import Call, Hop, Sighting, Stream
from analyzer.report.words import SeverityLabel

GOOD, WARN, BAD, DIM = "green", "yellow", "red", "dim"
SEVERITY_STYLE: dict[SeverityLabel, str] = {
    "critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim",
}  # fmt: skip
_PROTECTION = {
    ("yes", "yes"): ("protected", GOOD),
    ("yes", "no"): ("encrypted, not authenticated", WARN),
    ("no", "yes"): ("readable, authenticated", WARN),
    ("no", "no"): ("clear", BAD),
    ("no", "unknown"): ("readable", BAD),
    ("yes", "unknown"): ("encrypted", GOOD),
}


def text(value: object, style: str = "") -> Text:
    """A cell: filtered first, then Text, so that neither control bytes nor markup from the wire act."""
    return Text(scrub(clean(str(value))), style=style, overflow="fold")


def protection(hop: Hop) -> tuple[str, str]:
    """How a hop is protected, as a word and its colour: the word alone suffices."""
    return _PROTECTION.get((hop.confidentiality, hop.integrity), ("unknown", WARN))


def grid(heads: Sequence[str], terminal: bool, title: str = "") -> Table:
    """An empty table: a rule under the head on a terminal, bare columns in a pipe."""
    table = Table(
        box=box.SIMPLE_HEAD if terminal else None,
        title=text(title, "bold") if title else None,
        title_justify="left",
        header_style="bold",
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for head in heads:
        table.add_column(text(head if terminal else head.upper()), overflow="fold")
    return table


def _seconds(start_ns: int | None, end_ns: int | None) -> str:
    if start_ns is None or end_ns is None:
        return "?"
    return f"{(end_ns - start_ns) / 1e9:.1f} s"


def _ends(hop: Hop) -> Text:
    """`from > to`, with the zones."""
    zones = f"{hop.from_zone or '?'} > {hop.to_zone or '?'}{' (inferred)' if hop.inferred else ''}"
    return text(f"{hop.from_addr} > {hop.to_addr}").append("\n").append_text(text(zones, DIM))


def _seen(sightings: Sequence[Sighting]) -> str:
    return ", ".join(f"{s.capture}:{s.first}-{s.last}" for s in sightings) or "not seen"


def _lines(*parts: Text) -> Text:
    return Text("\n", overflow="fold").join(part for part in parts if part.plain)


def calls_table(calls: Iterable[Call], terminal: bool = False) -> Table:
    """One row a call: who, how it ended, each medium with its weakest protection and what was exposed."""
    table = grid(("call", "participants", "outcome", "length", "legs", "media (weakest state)", "conference"), terminal)
    for call in calls:
        media = [
            text(
                f"{m.medium}: {m.protection}" + (f", exposed on {', '.join(m.exposed)}" if m.exposed else ""),
                BAD if m.exposed else "",
            )
            for m in call.media
        ]
        table.add_row(
            text(call.id),
            _lines(*(text(who) for who in call.participants)),
            text(call.outcome),
            text(_seconds(call.start_ns, call.end_ns)),
            text(len(call.legs)),
            _lines(*media),
            text(call.conference or "-"),
        )
    return table


def hops_table(hops: Iterable[Hop], terminal: bool = False, title: str = "") -> Table:
    """One row a hop: what was agreed against what was seen, the protection in a word and colour, and why."""
    table = grid(("hop", "medium", "from > to", "transport", "protection", "grounds", "frames"), terminal, title)
    for hop in hops:
        word, style = protection(hop)
        agreed = f"agreed {hop.negotiated}" if hop.negotiated else ""
        observed = f"seen {hop.observed}" if hop.observed else ""
        scope = hop.scope if hop.scope_detail in (hop.scope, "none") else f"{hop.scope} ({hop.scope_detail})"
        table.add_row(
            text(hop.id),
            text(hop.medium),
            _ends(hop),
            _lines(text(hop.transport), text(agreed, DIM), text(observed, DIM)),
            _lines(text(word.upper(), style), text(hop.state), text(f"keys: {hop.key_exchange}", DIM)),
            _lines(text(hop.evidence), text(f"scope: {scope}", DIM)),
            _lines(text(_seen(hop.sightings)), text(f"{hop.packets} packets", DIM)),
        )
    return table


def _count(value: int | None) -> str:
    return "?" if value is None else str(value)


def streams_table(streams: Iterable[Stream], terminal: bool = False) -> Table:
    """One row a stream: packets, loss, protection, how many verified and opened, or why not."""
    table = grid(("stream", "ssrc", "src > dst", "packets", "lost", "protection", "verified", "opened"), terminal)
    for stream in streams:
        failed = f"{stream.auth_failed} failed" if stream.auth_failed else ""
        jitter = "" if stream.jitter_ms is None else f"jitter {stream.jitter_ms:.1f} ms"
        table.add_row(
            text(stream.id),
            text(stream.ssrc),
            _lines(text(f"{stream.src} >"), text(stream.dst)),
            _lines(text(stream.packets), text(jitter, DIM)),
            text(_count(stream.lost)),
            _lines(text(stream.protection), text(stream.suite or "", DIM), text(stream.key or "", DIM)),
            _lines(text(_count(stream.authenticated)), text(failed, BAD)),
            _lines(text(stream.decrypted), text(stream.failure or "", WARN)),
        )
    return table
