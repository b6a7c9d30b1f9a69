"""mediasec analyze, export and demo: a capture to a verdict."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from analyzer.cli import options as opt
from analyzer.cli.run_one import color_wanted, give_up, run, say, settings_of, time_ns, vantages, width

if TYPE_CHECKING:
    from analyzer.app.outputs import Output
    from analyzer.report.exit_codes import RunFacts
    from analyzer.report.model import Report

_LEVELS = ("info", "low", "medium", "high", "critical", "never")
_MAX_REPORT = 2 * 1024**3  # bytes


def _write(report: "Report", outputs: "list[Output]", no_color: bool, verbose: bool) -> list[str]:
    from analyzer.app.outputs import write_outputs
    from analyzer.export.options import ExportOptions
    from analyzer.export.registry import EXPORTERS

    def write(name: str, out: BinaryIO, terminal: bool) -> None:
        color = terminal and color_wanted(no_color)
        EXPORTERS[name](report, out, ExportOptions(terminal, color, width(), all_verdicts=verbose))

    return write_outputs(outputs, write)


def _finish(
    report: "Report", facts: "RunFacts", problems: list[str], fail_on: str, fail_on_open: bool, strict: bool
) -> None:
    from dataclasses import replace

    from analyzer.report.exit_codes import ExitOptions, exit_code

    for problem in problems:
        say(f"mediasec: {problem}")
    ended = ExitOptions(fail_on=fail_on, fail_on_open=fail_on_open, strict=strict)  # type: ignore[arg-type]  # checked before the run
    raise SystemExit(int(exit_code(report, replace(facts, output_failed=bool(problems)), ended)))


def analyze(
    captures: opt.Captures,
    keys: opt.Keys = [],  # noqa: B006  # typer copies defaults
    topology: opt.Topology = None,
    rules: opt.Rules = [],  # noqa: B006  # as above
    profile: opt.Profile = None,
    rule: opt.OnlyRule = [],  # noqa: B006  # as above
    skip_rule: opt.SkipRule = [],  # noqa: B006  # as above
    format: opt.Format = [],  # noqa: B006  # as above
    fail_on: opt.FailOn = "high",
    fail_on_open: opt.FailOnOpen = False,
    strict: opt.Strict = False,
    from_time: opt.From = None,
    to_time: opt.To = None,
    call: opt.CallId = None,
    linger: opt.Linger = 30.0,
    vantage: opt.Vantage = [],  # noqa: B006  # as above
    reveal: opt.Reveal = None,
    no_color: opt.NoColor = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Analyse captures, hop by hop. Shows every call and what the rules say of it.

    Exit codes: 0 nothing at or over --fail-on; 1 findings; 2 wrong use; 3 no capture could be read; 4 nothing was
    evaluated, or open verdicts with --fail-on-open; 70 a fault of this program; 74 output failed; 130 interrupted.
    """
    from analyzer.app.outputs import parse_formats
    from analyzer.app.select import find_call, only_call
    from analyzer.app.settings import WrongUse
    from analyzer.export.registry import EXPORTERS

    if fail_on not in _LEVELS:
        give_up([f"--fail-on: '{fail_on}' is not one of {', '.join(_LEVELS)}"])
    if reveal not in (None, "identities"):
        give_up([f"--reveal: '{reveal}' is not 'identities'"])
    try:
        outputs = parse_formats(format, set(EXPORTERS), "table")
    except WrongUse as wrong:
        give_up(wrong.problems)
    settings = settings_of(
        captures, keys, topology, rules=tuple(rules), profile=profile, only_rules=tuple(rule),
        skip_rules=tuple(skip_rule), from_ns=time_ns("--from", from_time), to_ns=time_ns("--to", to_time),
        linger_ns=int(linger * 1e9), vantages=vantages(vantage), reveal_identities=reveal == "identities",
    )  # fmt: skip
    outcome = run(settings, quiet)
    report = outcome.report
    assert report is not None
    if call is not None:
        found = find_call(report, call)
        if found is None:
            give_up([f"--call: no call is called {call}"])
        report = only_call(report, found)
    problems = _write(report, outputs, no_color, verbose)
    _finish(report, outcome.facts, problems, fail_on, fail_on_open, strict)


def export(
    report: Annotated[Path, typer.Argument(help="A report saved with --format json=PATH.")],
    format: opt.Format = [],  # noqa: B006  # typer copies defaults
    no_color: opt.NoColor = False,
    verbose: opt.Verbose = False,
) -> None:
    """Turn a saved report into any other format."""
    from analyzer.app.outputs import parse_formats
    from analyzer.app.settings import WrongUse
    from analyzer.export.registry import EXPORTERS
    from analyzer.formats.user_file import read_bounded
    from analyzer.report.codec import ReportError, from_json

    try:
        outputs = parse_formats(format, set(EXPORTERS), "table")
        saved = from_json(read_bounded(report, _MAX_REPORT))
    except WrongUse as wrong:
        give_up(wrong.problems)
    except OSError as error:
        give_up([f"{report}: cannot be read ({error.strerror})"], 3)
    except ReportError as wrong:
        give_up([f"{report}: {problem}" for problem in wrong.problems])
    problems = _write(saved, outputs, no_color, verbose)
    if problems:
        give_up(problems, 74)


def demo(no_color: opt.NoColor = False) -> None:
    """Analyse the bundled sample. Two phones, e2ae security, a conference server in the core."""
    from analyzer.app.outputs import Output
    from analyzer.app.samples import sample

    capture, keylog, topology = (
        sample(name) for name in ("e2ae-all.pcapng", "e2ae-all.tls-keylog.txt", "lab.topology.yaml")
    )
    say(f"mediasec analyze {capture.name} --keys {keylog.name} --topology {topology.name}")
    outcome = run(settings_of([str(capture)], [keylog], topology), quiet=True)
    assert outcome.report is not None
    if problems := _write(outcome.report, [Output("table", None)], no_color, False):
        give_up(problems, 74)
