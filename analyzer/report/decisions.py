"""What an operator has decided of findings: which are accepted and until when, and which were known before."""

from collections import defaultdict
from dataclasses import replace

from analyzer.core.frozen import frozen
from analyzer.report.model import Accepted, Finding, Report
from analyzer.report.words import BaselineState


@frozen
class Acceptance:
    """One entry of an accepted file. It names findings by their id, or by rule and members of `where`."""

    place: str  # file and line
    finding: str
    rule: str
    where: tuple[tuple[str, str], ...]
    by: Accepted

    def names(self, finding: Finding) -> bool:
        """Whether the entry is about a finding."""
        if self.finding:
            return finding.id == self.finding
        there = finding.where
        return finding.rule == self.rule and all(there.get(name) == value for name, value in self.where)


@frozen
class Decisions:
    """All that was decided. `known` are ids and verdicts of a baseline, None where none is given."""

    accepted: tuple[Acceptance, ...] = ()
    known: frozenset[tuple[str, str]] | None = None
    new_only: bool = False


def decided(report: Report, decisions: Decisions, today: str) -> Report:
    """The report with each finding's `accepted` and `baseline`; `today` is YYYY-MM-DD.

    An entry that has expired accepts nothing. `coverage.notes` says which have expired, which name no finding, and how
    many known findings are left out.
    """
    if not decisions.accepted and decisions.known is None:
        return report
    by_key: defaultdict[str, list[Acceptance]] = defaultdict(list)
    for entry in decisions.accepted:
        by_key[entry.finding or entry.rule].append(entry)
    matched: set[Acceptance] = set()
    findings, left_out = [], 0
    for finding in report.findings:
        entries = [entry for key in (finding.id, finding.rule) for entry in by_key[key] if entry.names(finding)]
        matched.update(entries)
        valid = next((entry.by for entry in entries if entry.by.until >= today), None)
        state = _state(finding, decisions.known)
        if decisions.new_only and state == "known":
            left_out += 1
        else:
            findings.append(replace(finding, accepted=valid, baseline=state))
    notes = [*report.coverage.notes, *_remarks(decisions.accepted, matched, today)]
    if left_out:
        notes.append(f"{left_out} findings that the baseline knows are left out (--new-only).")
    return replace(report, findings=findings, coverage=replace(report.coverage, notes=notes))


def _state(finding: Finding, known: frozenset[tuple[str, str]] | None) -> BaselineState | None:
    if known is None:
        return None
    return "known" if (finding.id, finding.verdict) in known else "new"


def _remarks(entries: tuple[Acceptance, ...], matched: set[Acceptance], today: str) -> list[str]:
    remarks = []
    for entry in entries:
        what = entry.finding or entry.rule
        if entry.by.until < today:
            remarks.append(f"{entry.place}: the acceptance of {what} ended on {entry.by.until} ({entry.by.owner}).")
        elif entry not in matched:
            remarks.append(f"{entry.place}: the acceptance of {what} names no finding of this run.")
    return remarks
