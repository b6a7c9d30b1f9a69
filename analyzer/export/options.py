"""What every exporter is told beside the report, and the order all of them keep."""

from collections.abc import Callable, Iterable
from typing import BinaryIO, TypeAlias

from analyzer.core.frozen import frozen
from analyzer.report.model import Finding, Report
from analyzer.report.words import SEVERITY_RANK


@frozen
class ExportOptions:
    """How to write. The defaults suit a file or a pipe."""

    terminal: bool = False  # the output is a terminal: rules between rows
    color: bool = False  # SGR colours, beside the words
    width: int = 100  # columns of a table
    calls: int = 50  # calls whose hops a table shows; the rest is counted
    keys: int = 50  # keys a table shows, those with a problem first; the rest is counted
    findings: int = 200  # findings a table shows in full; the rest is counted
    all_verdicts: bool = False  # SARIF and JUnit: open findings too; table: idle rules too


Exporter: TypeAlias = Callable[[Report, BinaryIO, ExportOptions], None]


def rank(finding: Finding) -> tuple[int, str, str]:
    """Sort key: worst first, then rule, then id."""
    return -SEVERITY_RANK[finding.severity], finding.rule, finding.id


def ordered(findings: Iterable[Finding], verdict: str | None = None) -> list[Finding]:
    """The findings (of one verdict), worst first."""
    return sorted((f for f in findings if verdict is None or f.verdict == verdict), key=rank)
