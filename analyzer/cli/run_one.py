"""What every analysing command does: options to settings, progress on stderr, problems to exit codes."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from analyzer.app.offline import Run
    from analyzer.app.settings import Observer, Settings

USAGE, UNREADABLE, FAULT = 2, 3, 70
MOST_JOBS = 64


def say(text: str) -> None:
    """A line on standard error, made safe."""
    from analyzer.core.text import safe

    print(safe(text, 2_000), file=sys.stderr)


def give_up(problems: list[str], code: int = USAGE) -> NoReturn:
    """Says every problem and ends the command."""
    for problem in problems:
        say(f"mediasec: {problem}")
    raise SystemExit(code)


def time_ns(option: str, value: str | None) -> int | None:
    """An ISO 8601 time as nanoseconds; without a zone it is UTC."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        give_up([f"{option}: '{value}' is not a time like 2026-11-24T02:00:00"])
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000_000) * 1_000


def vantages(values: list[str]) -> tuple[tuple[str, str], ...]:
    """NAME=GLOB pairs."""
    pairs = [value.partition("=") for value in values]
    wrong = [f"--vantage: '{a}' is not NAME=GLOB" for a, equals, b in pairs if not (a and equals and b)]
    if wrong:
        give_up(wrong)
    return tuple((name, pattern) for name, _, pattern in pairs)


def jobs_of(value: str) -> int:
    """The number of processes."""
    if not (value.isascii() and value.isdigit() and len(value) < 4 and 1 <= int(value) <= MOST_JOBS):
        give_up([f"--jobs: '{value}' is not a number of processes from 1 to {MOST_JOBS}"])
    return int(value)


class Progress:
    """A bar on a terminal, nothing elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._task: Any = None

    def started(self, total_bytes: int) -> None:
        if self._quiet or not sys.stderr.isatty() or total_bytes < 8 * 1024 * 1024:
            return
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("reading", total=total_bytes)
        self._bar.start()

    def advanced(self, read_bytes: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=read_bytes)

    def remark(self, text: str) -> None:
        if not self._quiet:
            say(f"mediasec: {text}")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def run(settings: "Settings", quiet: bool, watch: Callable[[Any], None] | None = None) -> "Run":
    """Analyses, or ends the command with the code that the problems call for."""
    from analyzer.app.offline import analyze
    from analyzer.app.settings import WrongUse
    from analyzer.processes.children import ChildLost

    progress = Progress(quiet)
    observer: Observer = progress
    try:
        outcome = analyze(settings, observer, watch)
    except WrongUse as wrong:
        give_up(wrong.problems)
    except ChildLost as lost:
        give_up([str(lost)], FAULT)
    finally:
        progress.close()
    for problem in outcome.problems:
        say(f"mediasec: {problem}")
    if outcome.report is None:
        raise SystemExit(UNREADABLE)
    return outcome


def settings_of(
    captures: list[str],
    keys: list[Path],
    topology: Path | None,
    **more: Any,
) -> "Settings":
    """The settings that every command shares, and what else is given."""
    from analyzer.app.settings import Settings

    return Settings(captures=tuple(captures), keys=tuple(keys), topology=topology, **more)


def color_wanted(no_color: bool) -> bool:
    """Whether standard output is a terminal that may show colour (https://no-color.org)."""
    import os

    return sys.stdout.isatty() and not no_color and not os.environ.get("NO_COLOR")


def width() -> int:
    """Columns of the terminal, 100 elsewhere."""
    import shutil

    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
