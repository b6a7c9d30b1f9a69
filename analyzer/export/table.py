"""The report as a person reads it: on a terminal with colours, in a pipe without, never by colour alone."""

import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import groupby
from typing import BinaryIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from analyzer.export.key_coverage import keys_table
from analyzer.export.options import ExportOptions, ordered
from analyzer.export.questions import open_verdicts
from analyzer.export.tables import (
    BAD,
    DIM,
    GOOD,
    SEVERITY_STYLE,
    WARN,
    assurances,
    calls_table,
    counted,
    esp_table,
    fit,
    floors_table,
    grid,
    heading,
    hops_table,
    short_path,
    streams_table,
    text,
)
from analyzer.report.model import Finding, Hop, Report
from analyzer.report.rows import those
from analyzer.report.words import SEVERITIES, SeverityLabel

CITES_SHOWN = 5


def console(out: io.TextIOBase, options: ExportOptions) -> Console:
    """A console that depends on the options alone, not on the environment."""
    return Console(
        file=out,  # type: ignore[arg-type]  # rich asks for typing.IO, which TextIOBase serves
        width=max(options.width, 40),
        force_terminal=options.color,
        color_system="standard" if options.color else None,
        no_color=not options.color,
        force_interactive=False,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )


def render(items: Iterator[RenderableType], options: ExportOptions) -> str:
    """The items as text, without trailing blanks when there are no colours."""
    out = io.StringIO()
    shown = console(out, options)
    for item in items:
        shown.print(fit(item, shown) if isinstance(item, Table) else item)
    lines = out.getvalue().split("\n")
    return "\n".join(lines if options.color else [line.rstrip() for line in lines])


def write_table(report: Report, out: BinaryIO, options: ExportOptions) -> None:
    """Summary, calls hop by hop, floors, findings, open verdicts, notes, rules, anomalies, keys, coverage."""
    out.write(render(_sections(report, options), options).encode("utf-8"))


def _sections(report: Report, options: ExportOptions) -> Iterator[RenderableType]:
    yield from _summary(report)
    yield from _captures(report, options)
    yield from _calls(report, options)
    yield from _floors(report, options)
    yield from _streams(report, options)
    yield from _esp(report, options)
    yield from _findings(report, options)
    yield from open_verdicts(report)
    yield from _notes(report, options)
    yield from _rules(report, options)
    yield from _anomalies(report, options)
    yield from _keys(report, options)
    yield from _coverage(report)


def _indented(line: Text) -> Padding:
    return Padding(line, (0, 0, 0, 4))


def _summary(report: Report) -> Iterator[RenderableType]:
    counts = report.summary.verdicts
    words = (
        (f"{counts.passed} pass", GOOD if counts.passed else DIM),
        (f"{counts.fail} fail", BAD if counts.fail else DIM),
        (f"{counts.open} open", WARN if counts.open else DIM),
        (f"{counts.not_applicable} n/a", DIM),
    )
    yield text(f"{report.tool.name} {report.tool.version}".strip(), "bold")
    yield Text("Verdicts: ").append_text(Text(", ").join(text(word, style) for word, style in words))
    by_severity = [
        text(f"{report.summary.findings.get(label, 0)} {label}", SEVERITY_STYLE[label])
        for label in reversed(SEVERITIES)
    ]
    yield Text("Findings: ").append_text(Text(", ").join(by_severity))
    yield text(
        f"Traffic:  {counted(report.summary.calls, 'call')}, {counted(report.summary.conferences, 'conference')}, "
        f"{counted(report.sip.messages, 'SIP message')}, {counted(len(report.streams), 'media stream')}"
    )


def _captures(report: Report, options: ExportOptions) -> Iterator[RenderableType]:
    table = grid(("capture", "file", "vantage point", "frames", "cut", "dropped", "undecoded"), options.terminal)
    for row in report.captures:
        undecoded = ", ".join(f"{n} {reason}" for reason, n in sorted(row.undecoded.items()))
        table.add_row(
            text(row.id),
            text(short_path(row.path) + (" (cut short)" if row.truncated else "")),
            text(row.vantage),
            text(row.frames),
            text(row.cut or "-", WARN if row.cut else ""),
            text("?" if row.dropped is None else row.dropped),
            text(undecoded or "-"),
        )
    if table.row_count:
        yield heading("Captures")
        yield table


def _calls(report: Report, options: ExportOptions) -> Iterator[RenderableType]:
    shown = list(report.calls[: options.calls])
    wanted = {call.id for call in shown}
    hops: dict[str, list[Hop]] = defaultdict(list)
    others: list[Hop] = []
    for hop in those(report.hops, "call", lambda call: call is None or call in wanted):
        if hop.call in wanted:
            hops[hop.call or ""].append(hop)
        elif len(others) < options.calls:
            others.append(hop)
    if shown:
        yield heading("Calls")
        yield calls_table(shown, options.terminal)
    for call in shown:
        if hops[call.id]:
            yield heading(f"Hops of {call.id}")
            yield from assurances(call)
            yield hops_table(hops[call.id], options.terminal)
    if others:
        yield heading("Hops of no call")
        yield hops_table(others, options.terminal)
    if len(report.calls) > len(shown):
        yield _indented(text(f"{len(report.calls) - len(shown)} more calls are not shown; the JSON report has them."))


def _floors(report: Report, options: ExportOptions) -> Iterator[RenderableType]:
    """The floors of conferences, and of calls that go to none."""
    found = [(row.id, floor) for row in report.conferences for floor in row.floor_control]
    calls = (call for call in those(report.calls, "floors", bool) if call.conference is None)
    found += [(call.id, floor) for call in calls for floor in call.floors]
    if found:
        yield heading("Floors")
        yield floors_table(found[: options.calls], options.terminal)
    if len(found) > options.calls:
        yield _indented(text(f"{len(found) - options.calls} more are not shown; the JSON report has them."))


def _streams(report: Report, options: ExportOptions) -> Iterator[RenderableType]:
    """Streams whose signalling is not in the capture, or is closed."""
    alone = list(those(report.streams, "call", lambda call: call is None))
    if alone:
        yield heading("Media streams of no call")
        yield streams_table(alone[: options.calls], options.terminal)
    if len(alone) > options.calls:
        yield _indented(text(f"{len(alone) - options.calls} more are not shown; the JSON report has them."))


def _esp(report: Report, options: ExportOptions) -> Iterator[RenderableType]:
    """Associations: those where something is wrong first."""
    if not report.esp:
        return
    yield heading("ESP")
    ranked = sorted(report.esp, key=lambda row: not (row.failure or row.replayed or row.auth_failed))
    yield esp_table(ranked[: options.calls], options.terminal)
    if len(report.esp) > options.calls:
        yield _indented(text(f"{len(report.esp) - options.calls} more are not shown; the JSON report has them."))


def _findings(report: Report, options: ExportOptions) -> Iterator[RenderableType]:
    found = ordered(report.findings, "fail")
    yield heading(f"Findings: {len(found)}")
    severity = None
    totals = Counter(finding.severity for finding in found)
    for (_, rule, title, fix, references, caveats), group in groupby(found[: options.findings], _kind):
        same = sorted(group, key=_first_frame)
        if same[0].severity != severity:
            severity = same[0].severity
            yield text(f"{severity.upper()} ({totals[severity]})", SEVERITY_STYLE[severity])
        yield Padding(text(f"FAIL {rule}", SEVERITY_STYLE[severity]).append_text(text(f"  {title}")), (0, 0, 0, 2))
        for finding in same:
            yield from _finding(finding)
        if caveats:
            yield _indented(text(f"caveats: {', '.join(caveats)}", DIM))
        if fix:
            yield _indented(text(f"fix: {fix}"))
        if references:
            yield _indented(text(f"see: {'; '.join(references)}", DIM))
    if len(found) > options.findings:
        yield text(f"{len(found) - options.findings} more findings are not shown; the JSON report has them.")


def _kind(finding: Finding) -> tuple[SeverityLabel, str, str, str, tuple[str, ...], tuple[str, ...]]:
    """What findings of one rule have in common, said once for all of them."""
    return (
        finding.severity, finding.rule, finding.title, finding.fix,
        tuple(finding.references), tuple(finding.caveats),
    )  # fmt: skip


def _finding(finding: Finding) -> Iterator[RenderableType]:
    marks = "".join(
        (
            f" [accepted until {finding.accepted.until}: {finding.accepted.reason}]" if finding.accepted else "",
            f" [{finding.baseline}]" if finding.baseline else "",
        )
    )
    yield _indented(text(f"- {finding.message}{marks}"))
    where = ", ".join(f"{k} {v}" for k, v in sorted(finding.where.items()))
    for label, shown in (
        ("where", where),
        ("seen in", _cited(finding)),
        ("filter", finding.wireshark),
    ):
        if shown:
            yield Padding(text(f"{label}: {shown}", DIM), (0, 0, 0, 6))


def _first_frame(finding: Finding) -> tuple[str, int]:
    return min(((cite.capture, cite.frame) for cite in finding.evidence), default=("", 0))


def _cited(finding: Finding) -> str:
    """The first frames, capture by capture."""
    cited = sorted(finding.evidence, key=lambda cite: (cite.capture, cite.frame))
    places = []
    for capture, cites in groupby(cited[:CITES_SHOWN], lambda cite: cite.capture):
        frames = [str(cite.frame) for cite in cites]
        places.append(f"{capture} frame{'s' if len(frames) > 1 else ''} {', '.join(frames)}")
    more = len(cited) - CITES_SHOWN
    return "; ".join(places) + (f" and {more} more" if more > 0 else "")


def _notes(report: Report, options: ExportOptions) -> Iterator[RenderableType]:
    if not report.notes:
        return
    yield heading(f"Notes: {len(report.notes)}")
    shown = sorted(report.notes, key=lambda row: (row.rule, row.id))[: options.findings]
    for (rule, title), same in groupby(shown, lambda note: (note.rule, note.title)):
        yield Padding(text(f"NOTE {rule}  not so: {title}"), (0, 0, 0, 2))
        for note in same:
            yield _indented(text(f"- {note.message}"))
    if len(report.notes) > options.findings:
        yield text(f"{len(report.notes) - options.findings} more notes are not shown; the JSON report has them.")


def _rules(report: Report, options: ExportOptions) -> Iterator[RenderableType]:
    if not report.rules:
        return
    yield heading("Rules")
    table = grid(("rule", "severity", "pass", "fail", "open", "n/a", "must hold"), options.terminal)
    idle = [row.id for row in report.rules if not (row.passed or row.fail or row.open)]
    for row in sorted(report.rules, key=lambda rule: rule.id):
        if row.id in idle and not options.all_verdicts:
            continue
        table.add_row(
            text(row.id),
            text(row.severity),
            text(row.passed, GOOD if row.passed else DIM),
            text(row.fail, BAD if row.fail else DIM),
            text(row.open, WARN if row.open else DIM),
            text(row.not_applicable, DIM),
            text(row.title),
        )
    if table.row_count:
        yield table
    if idle and not options.all_verdicts:
        yield text(f"{counted(len(idle), 'rule')} had nothing to judge (--verbose lists them)")


def _anomalies(report: Report, options: ExportOptions) -> Iterator[RenderableType]:
    if not report.anomalies:
        return
    yield heading("Anomalies")
    table = grid(("kind", "severity", "count", "first seen"), options.terminal)
    rank = {label: -index for index, label in enumerate(SEVERITIES)}
    for row in sorted(report.anomalies, key=lambda anomaly: (rank[anomaly.severity], anomaly.code)):
        first = f"{row.cites[0].capture} frame {row.cites[0].frame}" if row.cites else "-"
        table.add_row(text(row.code), text(row.severity, SEVERITY_STYLE[row.severity]), text(row.count), text(first))
    yield table


def _keys(report: Report, options: ExportOptions) -> Iterator[RenderableType]:
    if not report.keys:
        return
    yield heading("Keys")
    ranked = sorted(report.keys, key=lambda row: not (row.unused or row.problem))
    shown = {row.id for row in ranked[: options.keys]}
    yield keys_table((row for row in report.keys if row.id in shown), {}, options.terminal)
    rest = ranked[options.keys :]
    if rest:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(row.kind for row in rest).items()))
        opened = counted(sum(row.opened for row in rest), "packet")
        yield _indented(text(f"{len(rest)} more ({kinds}) opened {opened}; the JSON report has them."))


def _coverage(report: Report) -> Iterator[RenderableType]:
    cover = report.coverage
    yield heading("Coverage")
    yield text(
        f"{cover.decoded} frames decoded, {cover.undecoded} not; {cover.gaps} gaps in TCP streams; "
        f"{cover.evicted} flows let go at a bound"
    )
    for clock in report.clock:
        yield text(f"clock of {clock.vantage}: {clock.offset_ns / 1e6:+.3f} ms, from {clock.matched} messages")
    for note in cover.notes:
        yield text(note)
