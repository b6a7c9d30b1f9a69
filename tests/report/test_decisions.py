"""Accepted and known findings: what is decided, and what is said of decisions that decide nothing."""

from analyzer.report.decisions import Acceptance, Decisions, decided
from analyzer.report.exit_codes import exit_code
from analyzer.report.model import Accepted, Finding, Report
from tests import factories

TODAY = "2026-11-28"


def _entry(finding: str = "", rule: str = "", until: str = TODAY, place: str = "a:1", **where: str) -> Acceptance:
    return Acceptance(place, finding, rule, tuple(where.items()), Accepted("why", "who", until))


def _report(*findings: Finding) -> Report:
    return factories.report(findings=findings)


def _new_notes(report: Report) -> list[str]:
    return list(report.coverage.notes)[len(factories.report().coverage.notes) :]


FOUND = factories.finding(id="a" * 16, where={"from": "ue1", "medium": "audio"})


def test_an_entry_names_findings_by_id_or_by_rule_and_place() -> None:
    for entry, named in (
        (_entry("a" * 16), True),
        (_entry("b" * 16), False),
        (_entry(rule=FOUND.rule, medium="audio"), True),
        (_entry(rule=FOUND.rule, medium="audio", to="x"), False),
        (_entry(rule="OTHER", medium="audio"), False),
    ):
        (finding,) = decided(_report(FOUND), Decisions((entry,)), TODAY).findings
        assert (finding.accepted is not None) == named
        assert finding.baseline is None


def test_an_accepted_finding_does_not_fail_the_run_until_its_day_is_over() -> None:
    report = _report(FOUND)
    assert exit_code(report) == 1
    entry = _entry("a" * 16, until=TODAY)
    assert exit_code(decided(report, Decisions((entry,)), TODAY)) == 0
    late = decided(report, Decisions((entry,)), "2026-11-29")
    assert exit_code(late) == 1
    assert _new_notes(late) == [f"a:1: the acceptance of {'a' * 16} ended on {TODAY} (who)."]


def test_a_longer_acceptance_stands_beside_one_that_has_ended() -> None:
    entries = (_entry("a" * 16, until="2020-01-01"), _entry("a" * 16, until="2030-01-01", place="a:2"))
    (finding,) = decided(_report(FOUND), Decisions(entries), TODAY).findings
    assert finding.accepted == Accepted("why", "who", "2030-01-01")


def test_an_entry_that_names_nothing_is_said() -> None:
    report = decided(_report(FOUND), Decisions((_entry("b" * 16),)), TODAY)
    assert _new_notes(report) == [f"a:1: the acceptance of {'b' * 16} names no finding of this run."]


def test_known_findings() -> None:
    """An open verdict that has become a failure is new."""
    open_before = factories.finding(id="c" * 16)
    known = frozenset({("a" * 16, "fail"), ("c" * 16, "open")})
    report = decided(_report(FOUND, open_before), Decisions(known=known), TODAY)
    assert [finding.baseline for finding in report.findings] == ["known", "new"]
    new = decided(_report(FOUND, open_before), Decisions(known=known, new_only=True), TODAY)
    assert [finding.id for finding in new.findings] == ["c" * 16]
    assert _new_notes(new) == ["1 findings that the baseline knows are left out (--new-only)."]
    assert exit_code(decided(_report(FOUND), Decisions(known=known, new_only=True), TODAY)) == 0


def test_nothing_decided_is_the_same_report() -> None:
    report = _report(FOUND)
    assert decided(report, Decisions(), TODAY) is report
