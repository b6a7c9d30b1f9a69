"""Exit codes and their precedence, from contract.md: 130, 74, 70, 2, 3, 1, 4, 0."""

import pytest

from analyzer.report.exit_codes import ExitOptions, RunFacts, exit_code
from analyzer.report.model import Summary, VerdictCounts
from tests import factories

CLEAN = factories.report(findings=(), summary=Summary(VerdictCounts(1, 0, 0, 0)))
FAILED = factories.report(findings=(factories.finding(severity="high"),))


def test_nothing_wrong_is_0() -> None:
    assert exit_code(CLEAN) == 0


@pytest.mark.parametrize(
    ("fail_on", "code"), [("info", 1), ("medium", 1), ("high", 1), ("critical", 0), ("never", 0)]
)  # fmt: skip
def test_the_threshold(fail_on: str, code: int) -> None:
    assert exit_code(FAILED, options=ExitOptions(fail_on=fail_on)) == code


def test_open_and_accepted_findings_do_not_fail() -> None:
    accepted = factories.report(findings=(factories.finding(accepted=factories.accepted()),))
    undecided = factories.report(findings=(factories.open_finding(severity="critical"),))
    assert exit_code(accepted) == 0
    assert exit_code(undecided) == 0
    assert exit_code(undecided, options=ExitOptions(fail_on_open=True)) == 4


def test_nothing_evaluated_is_4() -> None:
    assert exit_code(factories.report(findings=(), summary=Summary(VerdictCounts(0, 0, 0, 9)))) == 4
    assert exit_code(None) == 4


def test_unreadable_captures() -> None:
    assert exit_code(CLEAN, RunFacts(captures_given=2, captures_unreadable=1)) == 0
    assert exit_code(CLEAN, RunFacts(captures_given=2, captures_unreadable=1), ExitOptions(strict=True)) == 3
    assert exit_code(None, RunFacts(captures_given=2, captures_unreadable=2)) == 3
    assert exit_code(None, RunFacts(captures_given=0)) == 3


def test_a_contained_fault_is_70_from_the_report_alone() -> None:
    assert exit_code(factories.report(anomalies=(factories.anomaly(code="internal.fault"),))) == 70


def test_precedence() -> None:
    everything = {
        "interrupted": True,
        "output_failed": True,
        "fault": True,
        "wrong_use": True,
        "captures_unreadable": 1,
    }
    for name, code in zip(everything, (130, 74, 70, 2, 3), strict=True):
        assert exit_code(FAILED, RunFacts(**everything)) == code
        everything[name] = 0
    assert exit_code(FAILED, RunFacts(**everything)) == 1
