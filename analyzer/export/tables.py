"""Tables of calls, hops and streams for a terminal or a pipe, as rich renderables."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from analyzer.report.border import clean, scrub
from analyzer.report.messaging import Floor, FloorStep
from analyzer.report.model import Call, EspSa, Exposure, Hop, Sighting, Stream
from analyzer.report.words import SeverityLabel

GOOD, WARN, BAD, DIM = "green", "yellow", "red", "dim"
SEVERITY_STYLE: dict[SeverityLabel, str] = {
    "critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim",
}  # fmt: skip
SILENT = frozenset({"none", "unknown"})  # words that say nothing, left out beside those that do
_LEAST = 4  # columns of text, however narrow the terminal
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


def heading(title: str) -> Text:
    """The title of a section, with a blank line before it."""
    return Text("\n").append_text(text(title, "bold underline"))


def protection(hop: Hop) -> tuple[str, str]:
    """How a hop is protected, as a word and its colour: the word alone suffices."""
    return _PROTECTION.get((hop.confidentiality, hop.integrity), ("unknown", WARN))


def words(value: str) -> str:
    """A word list's entry as words: `negotiated_and_structural` breaks between words, not inside one."""
    return value.replace("_", " ")


def counted(number: int, noun: str) -> str:
    """The number and its noun: `1 call`, `2 calls`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def short_path(path: str, room: int = 40) -> str:
    """The end of a path; the report has the whole."""
    parts = path.split("/")
    kept = [parts.pop()]
    while parts and len("/".join([parts[-1], *kept])) + 4 <= room:
        kept.insert(0, parts.pop())
    return "/".join(["...", *kept]) if parts else path


def grid(heads: Sequence[str], terminal: bool, title: str = "") -> Table:
    """An empty table: a rule under the head on a terminal, bare columns in a pipe."""
    table = Table(
        box=box.SIMPLE_HEAD if terminal else None,
        title=text(title, "bold") if title else None,
        title_justify="left",
        header_style="bold",
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0) if not terminal else 0,
    )
    for head in heads:
        table.add_column(text(head if terminal else head.upper()), overflow="fold")
    return table


def fit(table: Table, console: Console) -> Table:
    """The table with the widths of its columns set so that words are broken only where nothing else is left."""
    options = console.options
    columns = table.columns
    room = options.max_width - len(columns)
    sizes = [[Measurement.get(console, options, cell) for cell in (column.header, *column.cells)] for column in columns]
    least = [max(size.minimum for size in column) for column in sizes]
    most = [max(size.maximum for size in column) for column in sizes]
    widths = list(least)
    while sum(widths) > room and max(widths) > _LEAST:
        widths[widths.index(max(widths))] -= 1
    spare = max(0, room - sum(widths))
    for full, index in sorted((most[i] - widths[i], i) for i in range(len(columns))):  # small wishes first
        given = min(max(0, full), spare)
        widths[index] += given
        spare -= given
    for column, width in zip(columns, widths, strict=True):
        column.width = width
    return table


def _seconds(start_ns: int | None, end_ns: int | None) -> str:
    if start_ns is None or end_ns is None:
        return "?"
    return f"{(end_ns - start_ns) / 1e9:.1f} s"


def _ends(hop: Hop) -> Text:
    """`from > to`, with the zones."""
    zones = f"{hop.from_zone or '?'} > {hop.to_zone or '?'}{' (inferred)' if hop.inferred else ''}"
    return text(f"{hop.from_addr} > {hop.to_addr}").append("\n").append_text(text(zones, DIM))


def _seen(sightings: Sequence[Sighting], several: bool) -> list[Text]:
    """First and last frame at each vantage point; with the capture where there are several."""
    seen = [text((f"{s.capture}:" if several else "") + f"{s.first}-{s.last}") for s in sightings]
    return seen or [text("not seen")]


def _agreement(hop: Hop) -> list[Text]:
    """What was agreed and what was seen, the transport said once."""
    agreed = hop.negotiated or ""
    if not agreed:
        lines = [text(hop.transport)]
    elif hop.transport and agreed.split(" ")[0] == hop.transport:
        lines = [text(f"agreed {hop.transport}"), text(agreed.partition(" ")[2], DIM)]
    else:
        lines = [text(hop.transport), text(f"agreed {agreed}", DIM)]
    return [*lines, text(f"seen {hop.observed}" if hop.observed else "", DIM)]


def _scope(hop: Hop) -> str:
    detail = "" if hop.scope_detail in (hop.scope, "none") else f" ({words(hop.scope_detail)})"
    return "" if hop.scope in SILENT and not detail else f"scope {hop.scope}{detail}"


def _lines(*parts: Text) -> Text:
    return Text("\n", overflow="fold").join(part for part in parts if part.plain)


def assurances(call: Call) -> list[Padding]:
    """What the conference server may conclude of each medium, and what it may not: a line each."""
    return [Padding(text(f"{m.medium}: {m.assurance}"), (0, 0, 0, 2)) for m in call.media if m.assurance]


def exposures(exposed: Iterable[Exposure]) -> str:
    """What was readable, and on which hops: `content on hop-9, hop-10; key (key-1, key-2) on hop-2`."""
    places: dict[str, list[str]] = {}
    for each in exposed:
        what = f"{each.what} ({', '.join(each.keys)})" if each.keys else each.what
        places.setdefault(what, []).append(each.hop)
    return "; ".join(f"{what} on {', '.join(hops)}" for what, hops in places.items())


def calls_table(calls: Iterable[Call], terminal: bool = False) -> Table:
    """One row a call: who, how it ended, each medium with its weakest protection and what was exposed."""
    table = grid(("call", "participants", "outcome", "length", "legs", "media (weakest state)", "conference"), terminal)
    for call in calls:
        media = [
            text(
                f"{m.medium}: {m.protection}" + (f", exposed: {told}" if (told := exposures(m.exposed)) else ""),
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


def floors_table(floors: Iterable[tuple[str, Floor]], terminal: bool = False) -> Table:
    """One row a floor request, with its whole life; a floor that nobody asked for has a row too."""
    table = grid(("of", "floor", "media", "request", "user", "what became of it (frame)"), terminal)
    for owner, floor in floors:
        place = (text(owner), text(f"{floor.conference}/{floor.floor}"), text(", ".join(floor.labels) or "-"))
        for request in floor.requests:
            user = "?" if request.user is None else str(request.user)
            if request.beneficiary is not None and request.beneficiary != request.user:
                user += f" for {request.beneficiary}"
            life = _lines(*(text(_step(step)) for step in request.steps))
            table.add_row(*place, text(f"#{request.id}"), text(user), life)
        if not floor.requests:
            table.add_row(*place, text("-"), text("-"), text("nobody asked for it"))
    return table


def _step(step: FloorStep) -> str:
    queued = f", queue {step.queue_position}" if step.queue_position else ""
    by = f" by user {step.by}" if step.by is not None and step.status != "Requested" else ""
    return f"{step.status}{queued}{by}" + (f" ({step.cite.frame})" if step.cite is not None else "")


def hops_table(hops: Iterable[Hop], terminal: bool = False, title: str = "") -> Table:
    """One row a hop: what was agreed against what was seen, the protection in a word and colour, and why."""
    hops = list(hops)
    several = len({sighting.capture for hop in hops for sighting in hop.sightings}) > 1
    table = grid(("hop", "from > to", "transport", "protection", "grounds", "frames"), terminal, title)
    for hop in hops:
        word, style = protection(hop)
        keys = "" if hop.key_exchange in SILENT else f"keys {hop.key_exchange}"
        table.add_row(
            _lines(text(hop.id), text(hop.medium)),
            _ends(hop),
            _lines(*_agreement(hop)),
            _lines(text(word.upper(), style), text(hop.state), text(keys, DIM)),
            _lines(text(words(hop.evidence)), text(_scope(hop), DIM)),
            _lines(
                *_seen(hop.sightings, several),
                text(counted(hop.packets, "message" if hop.plane == "signalling" else "packet"), DIM),
            ),
        )
    return table


def _count(value: int | None) -> str:
    return "?" if value is None else str(value)


def streams_table(streams: Iterable[Stream], terminal: bool = False) -> Table:
    """One row a stream: packets, loss, protection, how many verified and opened, or why not."""
    table = grid(
        ("stream", "src > dst", "packets", "lost", "late", "jitter", "protection", "verified", "opened"), terminal
    )
    for stream in streams:
        failed = f"{stream.auth_failed} failed" if stream.auth_failed else ""
        jitter = "?" if stream.jitter_ms is None else f"{stream.jitter_ms:.1f} ms"
        table.add_row(
            _lines(text(stream.id), text(stream.ssrc, DIM)),
            _lines(text(stream.src), text(f"> {stream.dst}")),
            text(stream.packets),
            text(_count(stream.lost)),
            text(stream.reordered),
            text(jitter),
            _lines(text(stream.protection), text(stream.suite or "", DIM), text(stream.key or "", DIM)),
            _lines(text(_count(stream.authenticated)), text(failed, BAD)),
            _lines(text(stream.decrypted), text(stream.failure or "", WARN)),
        )
    return table


def esp_table(rows: Iterable[EspSa], terminal: bool = False) -> Table:
    """One row a direction of ESP: algorithms and how they are known; packets verified, opened, sent again."""
    table = grid(("esp", "src > dst", "algorithms", "packets", "verified", "opened"), terminal)
    for row in rows:
        mode = " ".join(word for word in (row.mode or "", "in UDP" if row.udp else "") if word)
        ground = f"by {row.recognised_by}" if row.recognised_by else ""
        replayed = f"{row.replayed} replayed" if row.replayed else ""
        failed = f"{row.auth_failed} failed" if row.auth_failed else ""
        table.add_row(
            _lines(text(row.id), text(row.spi, DIM)),
            _lines(text(f"{row.src} > {row.dst}"), text(mode, DIM)),
            _lines(
                text(f"{row.cipher or '?'}, {row.auth or '?'}", WARN if row.cipher == "null" else ""),
                text(" ".join(word for word in (ground, row.key or "") if word), DIM),
            ),
            _lines(text(row.packets), text(replayed, BAD)),
            _lines(text(_count(row.authenticated)), text(failed, BAD)),
            _lines(text(row.decrypted), text(row.failure or "", WARN)),
        )
    return table
