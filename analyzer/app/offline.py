"""Captures from files: opened, merged by time, fed to the engine, reported."""

import gc
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from analyzer.app.clocks import Clocks, clocks_of
from analyzer.app.file_folder import file_folder
from analyzer.app.prepare import prepare
from analyzer.app.reading import Captures, Part, read
from analyzer.app.settings import Observer, Settings, WrongUse
from analyzer.capture.bytes_in import open_file, spool, spool_file
from analyzer.capture.inputs import STDIN, expand, is_pipe
from analyzer.capture.reader import CaptureReader
from analyzer.capture.sources import CaptureInfo, CaptureProblem, SourceTable
from analyzer.capture.vantage import Grouping, group, unmatched
from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.core.text import safe
from analyzer.pipeline.assemble import assemble
from analyzer.pipeline.closing import ClosedCall
from analyzer.pipeline.engine import Engine, Setup
from analyzer.pipeline.ledger import FAULT
from analyzer.processes.children import ChildLost, Children
from analyzer.report.exit_codes import RunFacts
from analyzer.report.model import Clock, Report

_CROWDED = "more interfaces, or clocks of them, than are compared; the others are taken to have the first one's clock."


@dataclass(slots=True)
class Run:
    """What a run came to. `report` is None where no capture could be read."""

    report: Report | None
    facts: RunFacts
    problems: list[str] = field(default_factory=list)
    engine: Engine | None = None
    failed: list[str] = field(default_factory=list)  # output that could not be written


def limits_of(settings: Settings) -> Limits:
    """The bounds of a run."""
    limits = Limits()
    return replace(
        limits,
        linger_ns=limits.linger_ns if settings.linger_ns is None else settings.linger_ns,
        open_places=limits.findings if settings.every_place else limits.open_places,
    )


class Inputs:
    """The captures of a run, and the processes that read them beside this one. What can be read once only is spooled
    when it is first opened."""

    def __init__(self, paths: Sequence[str], settings: Settings, limits: Limits) -> None:
        self.paths = paths
        self.limits = limits
        self.settings = settings
        self._spools = {path: spool_file() for path in paths if is_pipe(path)}
        self._spooled: set[str] = set()
        self._points: Grouping | None = None
        self._clocks: Clocks | None = None
        useful = max(len(paths), 2)  # one reads, one judges; before that, each has a capture
        self._children = Children(min(settings.jobs, useful) - 1, self._descriptors().values())

    def _descriptors(self) -> dict[str, int]:
        return {path: file.fileno() for path, file in self._spools.items()}

    def _captures(self, paths: Sequence[str]) -> Captures:
        if self._points is None:
            self._points = group(self.paths, self.settings.vantages, self.limits, self._children.each)
        times = self.settings.from_ns, self.settings.to_ns
        return Captures(paths, self._points, self._descriptors(), self.limits, *times)

    def _spool(self, path: str) -> None:
        if path in self._spooled:
            return
        if path == STDIN:
            spool(sys.stdin.buffer, self._spools[path])
        else:
            with open_file(path) as pipe:
                spool(pipe, self._spools[path])
        self._spooled.add(path)

    def open(self, sources: SourceTable) -> tuple[list[CaptureReader], list[str]]:
        """Readers of the captures, and the problems of those that have none."""
        readers, problems = self._captures(self.paths).open(sources, self._spool)
        return readers, list(map(str, problems))

    def look(self) -> tuple[list[CaptureInfo], list[str]]:
        """What is known of the captures before they are read, and the problems of those that cannot be."""
        readers, problems = self.open(SourceTable())
        for reader in readers:
            reader.close()
        return [reader.info for reader in readers], problems

    def clocks(self, infos: Sequence[CaptureInfo]) -> Clocks:
        """The clocks of the captures, found at the first call."""
        if self._clocks is None:
            self._clocks = clocks_of(infos, self.limits, self._children.each)
        return self._clocks

    def parts(self, infos: Sequence[CaptureInfo]) -> Generator[Part, None, None]:
        """What reading these captures gives. ChildLost or CaptureProblem where it cannot go on."""
        return self._children.ahead(read, self._captures([info.path for info in infos]), self.clocks(infos))

    def close(self) -> None:
        """Lets go of what was spooled, and of the processes."""
        self._children.close()
        for spooled in self._spools.values():
            spooled.close()


def _clock_rows(infos: Sequence[CaptureInfo], clocks: Clocks) -> list[Clock]:
    """What was done to the clocks: of each capture, or of its interfaces where they have several."""
    rows: dict[str, Clock] = {}
    files = [Path(info.path).name for info in infos]
    names = {info.path: name if files.count(name) == 1 else info.path for info, name in zip(infos, files, strict=True)}
    for info in infos:
        own = clocks.of(info.path)
        if len(infos) == 1 and len(own) < 2:
            continue  # there is one clock
        applied = {name: add_ns for add_ns, names in own.items() for name in names}
        known = [name for name in clocks.interfaces[info.path] if name in clocks.known] if own else []
        for name in known if len(own) > 1 else known[:1]:
            shown = name if len(own) > 1 else info.vantage or names[info.path]
            rows[shown] = Clock(shown, applied[name], clocks.known[name].matched)
    return list(rows.values())


@dataclass(slots=True)
class Reading:
    """One reading of every capture."""

    engine: Engine
    infos: list[CaptureInfo]
    problems: list[str]
    clocks: list[Clock]
    notes: list[str]
    interrupted: bool = False
    lost: str = ""  # why reading ended before the captures did


def _read(
    inputs: Inputs, setup: Setup, observer: Observer, watch: Callable[[ClosedCall], None] | None, secrets: bool
) -> Reading | list[str]:
    """Reads the captures to their end; the problems if there is none to read. `secrets`: hand on those in captures."""
    infos, problems = inputs.look()
    if not infos:
        return problems
    clocks = inputs.clocks(infos)
    observer.started(sum(Path(path).stat().st_size for path in inputs.paths if Path(path).is_file()))
    sources = SourceTable()
    engine = Engine(sources, setup)
    engine.closer.watch = watch
    if watch is not None:
        engine.messaging.trace()
    notes = [f"{info.path}: {_CROWDED}" for info in infos if not clocks.whole(info.path)]
    done = Reading(engine, infos, problems, _clock_rows(infos, clocks), notes)
    with closing(inputs.parts(infos)) as parts:
        _feed(parts, sources, done, observer, secrets)
    return done


def _feed(parts: Iterable[Part], sources: SourceTable, done: Reading, observer: Observer, secrets: bool) -> None:
    """Gives the engine what is read."""
    engine, keyring = done.engine, done.engine.setup.keyring
    last: Sequence[Anomaly] = ()
    try:
        for part in parts:
            observer.advanced(part.read_bytes)
            for source in part.sources:
                sources.add(source)
            for info in part.infos:
                done.infos[info.index] = info
            if secrets:
                for kind, secret, name in part.secrets:
                    keyring.add_capture_secret(kind, secret, name)
            if part.batch is None:
                last = part.anomalies
            else:
                engine.feed(part.batch)
                engine.ledger.extend(part.anomalies)
            del part  # the buffer of its batch, before another one is filled
    except KeyboardInterrupt:
        done.interrupted = True
    except (ChildLost, CaptureProblem) as lost:
        done.lost = str(lost)
        engine.ledger.add(Anomaly(FAULT, (), safe(done.lost)))
    engine.finish()
    engine.ledger.extend(last)


def read_all(
    inputs: Inputs, setup: Setup, observer: Observer, watch: Callable[[ClosedCall], None] | None = None
) -> Reading | list[str]:
    """Reads the captures, a second time where keys came after the packets that they open; the problems if there is
    none to read."""
    gc.set_threshold(200_000, 20, 100)  # the engine's tables hold many objects and no cycles
    done = _read(inputs, setup, observer, watch, secrets=inputs.settings.decrypt)
    if isinstance(done, list):
        return done
    known = done.engine.wanted()
    if known is not None and not done.interrupted and not done.lost:
        observer.remark("keys came after the packets that they open: the captures are read a second time")
        setup.keyring.rewind()
        if setup.files is not None:
            setup.files.restart()
        again = _read(inputs, replace(setup, known=known), observer, watch, secrets=False)
        done = done if isinstance(again, list) else again
    return done


def analyze(
    settings: Settings,
    observer: Observer,
    watch: Callable[[ClosedCall], None] | None = None,
    setup: Setup | None = None,
) -> Run:
    """Analyses captures. WrongUse before anything is read if rules, topology or keys are wrong. `watch` sees each
    call as it closes. A `setup` that is given stands for rules, topology and keys of the settings.

    Where keys came after the packets that they open, the captures are read a second time, and `watch` sees the calls
    again.
    """
    limits = setup.limits if setup is not None else limits_of(settings)
    paths, missing = expand(settings.captures)
    inputs = Inputs(paths, settings, limits)  # first, so that other processes start while rules are loaded
    try:
        setup = setup or prepare(settings, observer, limits)
        idle = [] if missing else unmatched(paths, settings.vantages)
        if idle:
            raise WrongUse([f"--vantage: {name}={pattern} matches no capture" for name, pattern in idle])
        with file_folder(settings.files) as folder:
            done = read_all(inputs, replace(setup, files=folder), observer, watch)
            run = _reported(done, missing)
        run.failed += folder.problems if folder is not None else []
        return run
    finally:
        inputs.close()


def _reported(done: Reading | list[str], missing: list[str]) -> Run:
    """The report of what was read."""
    if isinstance(done, list):
        failed = missing + done
        return Run(None, RunFacts(captures_given=len(failed), captures_unreadable=len(failed)), failed)
    problems = missing + done.problems
    facts = RunFacts(
        captures_given=len(done.infos) + len(problems),
        captures_unreadable=len(problems),
        interrupted=done.interrupted,
    )
    notes = [f"not read: {problem}" for problem in problems] + done.notes
    if done.interrupted:
        notes.append("The run was interrupted: frames behind that moment were not read.")
    if done.lost:
        notes.append(f"{done.lost}: frames behind that moment were not read.")
        problems = [*problems, done.lost]
    report = replace(assemble(done.engine, done.infos, notes), clock=tuple(done.clocks))
    return Run(report, facts, problems, done.engine)
