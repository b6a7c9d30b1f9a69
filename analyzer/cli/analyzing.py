"""mediasec analyze, export and demo: a capture to a verdict."""

from pathlib import Path
from typing import Annotated

import typer

from analyzer.cli import options as opt
from analyzer.cli.concluding import asked, conclude, decisions_of, outputs_of, saved_report, write_report
from analyzer.cli.run_one import give_up, jobs_of, run, say, settings_of


def analyze(
    captures: opt.Captures,
    keys: opt.Keys = [],  # noqa: B006  # typer copies defaults
    topology: opt.Topology = None,
    trust: opt.Trust = [],  # noqa: B006  # as above
    rules: opt.Rules = [],  # noqa: B006  # as above
    profile: opt.Profile = None,
    rule: opt.OnlyRule = [],  # noqa: B006  # as above
    skip_rule: opt.SkipRule = [],  # noqa: B006  # as above
    format: opt.Format = [],  # noqa: B006  # as above
    accepted: opt.AcceptedFile = None,
    baseline: opt.Baseline = None,
    new_only: opt.NewOnly = False,
    fail_on: opt.FailOn = "high",
    fail_on_open: opt.FailOnOpen = False,
    strict: opt.Strict = False,
    from_time: opt.From = None,
    to_time: opt.To = None,
    call: opt.CallId = None,
    linger: opt.Linger = 30.0,
    vantage: opt.Vantage = [],  # noqa: B006  # as above
    reveal: opt.Reveal = None,
    files: opt.Files = None,
    no_decrypt: opt.NoDecrypt = False,
    jobs: opt.Jobs = "1",
    no_color: opt.NoColor = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Analyse captures, hop by hop. Shows every call and what the rules say of it.

    Exit codes: 0 nothing at or over --fail-on; 1 findings; 2 wrong use; 3 no capture could be read; 4 nothing was
    evaluated, or open verdicts with --fail-on-open; 70 a fault of this program; 74 output failed; 130 interrupted.
    """
    settings = asked(
        captures, keys, topology, trust=trust, rules=rules, profile=profile, rule=rule, skip_rule=skip_rule,
        from_time=from_time, to_time=to_time, linger=linger, vantage=vantage, reveal=reveal, fail_on=fail_on,
        decrypt=not no_decrypt, every_place=call is not None, files=files, jobs=jobs_of(jobs),
    )  # fmt: skip
    outputs, decisions = outputs_of(format), decisions_of(accepted, baseline, new_only)
    conclude(
        run(settings, quiet), outputs, call=call, failed=[], no_color=no_color, verbose=verbose,
        fail_on=fail_on, fail_on_open=fail_on_open, strict=strict, decisions=decisions,
    )  # fmt: skip


def export(
    report: Annotated[Path, typer.Argument(help="A report saved with --format json=PATH.")],
    format: opt.Format = [],  # noqa: B006  # typer copies defaults
    no_color: opt.NoColor = False,
    verbose: opt.Verbose = False,
) -> None:
    """Turn a saved report into any other format."""
    outputs = outputs_of(format)
    problems = write_report(saved_report(report), outputs, no_color, verbose)
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
    if problems := write_report(outcome.report, [Output("table", None)], no_color, False):
        give_up(problems, 74)
