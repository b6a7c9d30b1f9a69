"""The library's front: what a notebook or a script calls, with the types it meets."""

from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path

from analyzer.app.offline import analyze as run
from analyzer.app.settings import Settings, Silent, WrongUse
from analyzer.capture.sources import CaptureProblem
from analyzer.report.codec import ReportError, from_json
from analyzer.report.model import Report

__all__ = ["CaptureProblem", "Report", "ReportError", "WrongUse", "analyze", "read_report"]

File = str | PathLike[str]


def analyze(
    *captures: File,
    keys: Iterable[File] = (),
    topology: File | None = None,
    trust: Iterable[File] = (),
    rules: Iterable[str] = (),
    profile: str | None = None,
    reveal_identities: bool = False,
) -> Report:
    """The report of capture files, as `mediasec analyze` with the options of these names makes it.

    Raises WrongUse with all mistakes in keys, topology, rules and certificates before anything is read, and
    CaptureProblem where no capture can be read. One of several that cannot is named in `coverage.notes`.
    """
    settings = Settings(
        captures=tuple([fspath(capture) for capture in captures]),
        keys=tuple(map(Path, keys)),
        topology=None if topology is None else Path(topology),
        trust=tuple(map(Path, trust)),
        rules=tuple(rules),
        profile=profile,
        reveal_identities=reveal_identities,
    )
    done = run(settings, Silent())
    if done.report is None:
        raise CaptureProblem(", ".join(settings.captures) or "no capture", "; ".join(done.problems) or "none was given")
    return done.report


def read_report(path: File) -> Report:
    """A report that `--format json` wrote. OSError where there is no such file, ReportError where it is no report."""
    return from_json(Path(path).read_bytes())
