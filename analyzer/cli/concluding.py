"""What `analyze` and `live` share: their options checked before the run, the report written and the exit code after."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from analyzer.cli.run_one import color_wanted, give_up, say, settings_of, time_ns, vantages, width

if TYPE_CHECKING:
    from analyzer.app.offline import Run
    from analyzer.app.outputs import Output
    from analyzer.app.settings import Settings
    from analyzer.report.decisions import Decisions
    from analyzer.report.model import Report

_MAX_REPORT = 2 * 1024**3  # bytes
LEVELS = ("info", "low", "medium", "high", "critical", "never")


def outputs_of(formats: list[str]) -> "list[Output]":
    """Where the report goes, or the end of the command with what is wrong."""
    from analyzer.app.outputs import parse_formats
    from analyzer.app.settings import WrongUse
    from analyzer.export.registry import EXPORTERS

    try:
        return parse_formats(formats, set(EXPORTERS), "table")
    except WrongUse as wrong:
        give_up(wrong.problems)


def asked(
    captures: list[str],
    keys: list[Path],
    topology: Path | None,
    *,
    rule: list[str],
    skip_rule: list[str],
    rules: list[str],
    from_time: str | None,
    to_time: str | None,
    linger: float,
    vantage: list[str],
    reveal: str | None,
    fail_on: str,
    trust: list[Path],
    **more: Any,
) -> "Settings":
    """The settings that the options ask for, or the end of the command with what is wrong."""
    if fail_on not in LEVELS:
        give_up([f"--fail-on: '{fail_on}' is not one of {', '.join(LEVELS)}"])
    if reveal not in (None, "identities"):
        give_up([f"--reveal: '{reveal}' is not 'identities'"])
    if isnan(linger):  # which is neither below the least nor above the most that typer looks for
        give_up([f"--linger: '{linger}' is no length of time"])
    return settings_of(
        captures, keys, topology, rules=tuple(rules), only_rules=tuple(rule), skip_rules=tuple(skip_rule),
        from_ns=time_ns("--from", from_time), to_ns=time_ns("--to", to_time), linger_ns=int(linger * 1e9),
        vantages=vantages(vantage), trust=tuple(trust), reveal_identities=reveal == "identities", **more,
    )  # fmt: skip


def decisions_of(accepted: Path | None, baseline: Path | None, new_only: bool) -> "Decisions":
    """What was decided of findings, or the end of the command with what is wrong."""
    from analyzer.app.decision_files import load_decisions
    from analyzer.app.settings import WrongUse

    try:
        return load_decisions(accepted, baseline, new_only)
    except WrongUse as wrong:
        give_up(wrong.problems)


def saved_report(path: Path) -> "Report":
    """A report saved as JSON, or the end of the command with what is wrong."""
    from analyzer.formats.user_file import read_bounded
    from analyzer.report.codec import ReportError, from_json

    try:
        return from_json(read_bounded(path, _MAX_REPORT))
    except OSError as error:
        give_up([f"{path}: cannot be read ({error.strerror})"], 3)
    except ReportError as wrong:
        give_up([f"{path}: {problem}" for problem in wrong.problems])


def write_report(report: "Report", outputs: "list[Output]", no_color: bool, verbose: bool) -> list[str]:
    """Writes the report in every format asked for; gives what could not be written."""
    from analyzer.app.outputs import write_outputs
    from analyzer.export.options import ExportOptions
    from analyzer.export.registry import EXPORTERS

    def write(name: str, out: BinaryIO, terminal: bool) -> None:
        color = terminal and color_wanted(no_color)
        EXPORTERS[name](report, out, ExportOptions(terminal, color, width(), all_verdicts=verbose))

    return write_outputs(outputs, write)


def conclude(
    outcome: "Run",
    outputs: "list[Output]",
    *,
    call: str | None,
    failed: list[str],
    no_color: bool,
    verbose: bool,
    fail_on: str,
    fail_on_open: bool,
    strict: bool,
    decisions: "Decisions",
) -> NoReturn:
    """Writes the report and ends the command. `failed` is output that could not be written during the run."""
    from dataclasses import replace

    from analyzer.app.decision_files import today
    from analyzer.app.select import find_call, only_call
    from analyzer.report.decisions import decided
    from analyzer.report.exit_codes import ExitCode, ExitOptions, exit_code

    report = outcome.report
    assert report is not None
    report = decided(report, decisions, today())
    if call is not None:
        found = find_call(report, call)
        if found is None:
            give_up([f"--call: no call is called {call}"])
        report = only_call(report, found)
    problems = failed + outcome.failed + write_report(report, outputs, no_color, verbose)
    for problem in problems:
        say(f"mediasec: {problem}")
    ended = ExitOptions(fail_on=fail_on, fail_on_open=fail_on_open, strict=strict)  # type: ignore[arg-type]  # one of LEVELS
    code = exit_code(report, replace(outcome.facts, output_failed=bool(problems)), ended)
    if code is ExitCode.NOTHING_EVALUATED:
        say(f"mediasec: exit {int(code)}: {_undecided(report)}")
    raise SystemExit(int(code))


def _undecided(report: "Report") -> str:
    """Why a run without findings is no success."""
    if count := report.summary.verdicts.open:
        return f"{count} verdicts are open (--fail-on-open)"
    return "no rule found anything to judge in what was read"
