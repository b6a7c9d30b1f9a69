"""Which exit code a run ends with: a pure function of what happened."""

from enum import IntEnum
from typing import Literal

from analyzer.core.frozen import frozen
from analyzer.report.model import Report
from analyzer.report.words import SEVERITY_RANK, SeverityLabel

FailOn = SeverityLabel | Literal["never"]
FAULT_CODE = "internal.fault"


class ExitCode(IntEnum):
    """What the shell sees."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    UNREADABLE = 3
    NOTHING_EVALUATED = 4
    FAULT = 70
    OUTPUT = 74
    INTERRUPTED = 130


@frozen
class RunFacts:
    """What happened to the run, apart from what the report says."""

    interrupted: bool = False
    output_failed: bool = False
    fault: bool = False  # also read from the report's anomalies
    wrong_use: bool = False  # options, rules, topology, keys, accepted file, interface or permission
    captures_given: int = 1
    captures_unreadable: int = 0


@frozen
class ExitOptions:
    """The options that turn results into codes."""

    fail_on: FailOn = "high"
    fail_on_open: bool = False
    strict: bool = False


_NOTHING_SAID = RunFacts()
_NOT_ASKED = ExitOptions()


def exit_code(report: Report | None, facts: RunFacts = _NOTHING_SAID, options: ExitOptions = _NOT_ASKED) -> ExitCode:
    """The code of the run; when several apply: 130, 74, 70, 2, 3, 1, 4, 0. No report was made: `report` is None."""
    reasons = (
        (facts.interrupted, ExitCode.INTERRUPTED),
        (facts.output_failed, ExitCode.OUTPUT),
        (facts.fault or _faulty(report), ExitCode.FAULT),
        (facts.wrong_use, ExitCode.USAGE),
        (_unreadable(facts, options), ExitCode.UNREADABLE),
        (report is not None and _found(report, options), ExitCode.FINDINGS),
        (_undecided(report, options), ExitCode.NOTHING_EVALUATED),
    )
    return next((code for applies, code in reasons if applies), ExitCode.OK)


def _faulty(report: Report | None) -> bool:
    return report is not None and any(row.code == FAULT_CODE for row in report.anomalies)


def _unreadable(facts: RunFacts, options: ExitOptions) -> bool:
    if facts.captures_unreadable >= facts.captures_given:
        return True
    return options.strict and facts.captures_unreadable > 0


def _found(report: Report, options: ExitOptions) -> bool:
    """A failed finding at or over the threshold that nobody accepted."""
    if options.fail_on == "never":
        return False
    threshold = SEVERITY_RANK[options.fail_on]
    if not any(count and SEVERITY_RANK[label] >= threshold for label, count in report.summary.findings.items()):
        return False  # the findings, of which there may be many, need not be read
    return any(
        finding.verdict == "fail" and SEVERITY_RANK[finding.severity] >= threshold and finding.accepted is None
        for finding in report.findings
    )


def _undecided(report: Report | None, options: ExitOptions) -> bool:
    if report is None:
        return True
    counts = report.summary.verdicts
    return counts.passed + counts.fail + counts.open == 0 or (options.fail_on_open and counts.open > 0)
