"""Markdown: the report for a ticket or a pull request."""

import re
from collections.abc import Iterable
from typing import BinaryIO

from analyzer.export.options import ExportOptions, ordered
from analyzer.report.border import clean, scrub
from analyzer.report.model import Finding, Report

_ACTIVE = re.compile(r"([\\`*_{}\[\]()#+!|~<>&$@:-])")


def escape(text: str) -> str:
    """Text that Markdown shows as it is: no markup, link, mention or HTML comes of it."""
    return _ACTIVE.sub(r"\\\1", scrub(clean(text))).replace("\\<", "&lt;").replace("\\>", "&gt;")


def code(text: str) -> str:
    """A code span whose fence is longer than any run of backticks in it."""
    shown = scrub(clean(text)).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {shown} {fence}" if longest else f"`{shown}`" if shown else ""


def _table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def write_markdown(report: Report, out: BinaryIO, options: ExportOptions) -> None:
    """Counts, captures, findings (worst first, as many as the options say), open verdicts, every rule."""
    counts = report.summary.verdicts
    lines = ["# mediasec report", ""]
    lines += _table(
        ["pass", "fail", "open", "n/a"],
        [[str(counts.passed), str(counts.fail), str(counts.open), str(counts.not_applicable)]],
    )
    lines += ["", "## Captures", ""]
    lines += _table(
        ["capture", "path", "frames", "vantage"],
        ([escape(c.id), code(c.path), str(c.frames), escape(c.vantage)] for c in report.captures),
    )
    for title, verdict in (("Findings", "fail"), ("Open", "open")):
        found = ordered(report.findings, verdict)
        lines += ["", f"## {title}: {len(found)}", ""]
        for finding in found[: options.findings]:
            lines += _finding(finding)
        if len(found) > options.findings:
            lines += [f"{len(found) - options.findings} more are in the JSON report."]
    lines += ["", "## Rules", ""]
    lines += _table(
        ["rule", "title", "severity", "pass", "fail", "open", "n/a"],
        (
            [code(r.id), escape(r.title), r.severity, str(r.passed), str(r.fail), str(r.open), str(r.not_applicable)]
            for r in sorted(report.rules, key=lambda rule: rule.id)
        ),
    )
    out.write("\n".join([*lines, ""]).encode("utf-8"))


def _finding(finding: Finding) -> list[str]:
    accepted = f" (accepted until {escape(finding.accepted.until)})" if finding.accepted else ""
    lines = [f"- **{finding.severity}** {code(finding.rule)} {escape(finding.title)}{accepted}"]
    lines.append(f"  - {escape(finding.message)}")
    if finding.where:
        lines.append("  - " + ", ".join(f"{escape(k)} {code(v)}" for k, v in sorted(finding.where.items())))
    if finding.evidence:
        lines.append("  - frames: " + ", ".join(escape(f"{c.capture} {c.frame}") for c in finding.evidence[:10]))
    if finding.needs:
        lines.append("  - would be settled by: " + "; ".join(escape(f"{n.kind}: {n.what}") for n in finding.needs))
    if finding.fix:
        label = "fix" if finding.verdict == "fail" else "fix, should it not hold"
        lines.append(f"  - {label}: {escape(finding.fix)}")
    return lines
