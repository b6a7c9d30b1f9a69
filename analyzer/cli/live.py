"""mediasec live: the same analysis on an interface."""

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer.cli import options as opt
from analyzer.cli.concluding import asked, conclude, decisions_of, outputs_of
from analyzer.cli.run_one import UNREADABLE, Progress, give_up, jobs_of, say

if TYPE_CHECKING:
    from analyzer.app.live import LiveSettings
    from analyzer.app.offline import Run
    from analyzer.app.settings import Settings

Interface = Annotated[
    list[str],
    typer.Option("-i", "--interface", help="Interface; repeatable. -: a pcap or pcapng stream on standard input."),
]
Filter = Annotated[str | None, typer.Option("-f", "--filter", help="Capture filter (BPF, as tcpdump takes it).")]
Record = Annotated[
    Path | None,
    typer.Option("-w", "--write", help="Keep the frames: a new pcapng file, or a folder for one file an interface."),
]


def _watch(
    settings: "Settings", live: "LiveSettings", quiet: bool, verbose: bool, lines_apart: bool
) -> "tuple[Run, list[str]]":
    """Runs; findings as lines on standard output, or on standard error if a format goes to standard output."""
    from analyzer.app.live import is_detail, watch
    from analyzer.app.settings import WrongUse

    failed: list[str] = []
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale that lacks a character must not end the run

    def decided(gathered: Any, line: str) -> None:
        if is_detail(gathered) and not verbose:
            return
        if lines_apart:
            if not quiet:
                say(line)
        elif not failed:
            try:
                print(line, flush=True)
            except OSError as error:
                failed.append(f"standard output: cannot be written ({error.strerror})")

    try:
        outcome = watch(settings, live, Progress(quiet), decided)
    except WrongUse as wrong:
        give_up(wrong.problems)
    if outcome.report is None:
        give_up(outcome.problems, UNREADABLE)
    return outcome, outcome.problems + failed


def live(
    interface: Interface,
    capture_filter: Filter = None,
    write: Record = None,
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
    jobs: opt.Jobs = "1",
    no_color: opt.NoColor = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Analyse interfaces. Findings come as they are decided, the report when Ctrl-C ends it.

    Exit codes are those of analyze; the first Ctrl-C (or SIGTERM) is the normal end, the second gives 130.
    """
    from analyzer.app.live import LiveSettings

    settings = asked(
        [], keys, topology, trust=trust, rules=rules, profile=profile, rule=rule, skip_rule=skip_rule,
        from_time=from_time, to_time=to_time, linger=linger, vantage=vantage, reveal=reveal, fail_on=fail_on,
        files=files, jobs=jobs_of(jobs),
    )  # fmt: skip
    if settings.jobs > 1 and not quiet:
        say("mediasec: --jobs: a live run is one process, for there is nothing to read ahead")
    outputs, decisions = outputs_of(format), decisions_of(accepted, baseline, new_only)
    apart = any(output.path is None and output.name != "table" for output in outputs)
    outcome, failed = _watch(settings, LiveSettings(tuple(interface), capture_filter, write), quiet, verbose, apart)
    conclude(
        outcome, outputs, call=call, failed=failed, no_color=no_color, verbose=verbose,
        fail_on=fail_on, fail_on_open=fail_on_open, strict=strict, decisions=decisions,
    )  # fmt: skip
