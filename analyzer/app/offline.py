"""Captures from files: opened, merged by time, fed to the engine, reported."""

import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from analyzer.app.clocks import Clocks, clocks_of
from analyzer.app.file_folder import file_folder
from analyzer.app.prepare import prepare
from analyzer.app.settings import Observer, Settings, WrongUse
from analyzer.capture.batch import FrameBatch
from analyzer.capture.bytes_in import open_file, spool
from analyzer.capture.inputs import STDIN, expand, is_pipe
from analyzer.capture.merge import merge
from analyzer.capture.reader import CaptureReader, Lane, open_capture
from analyzer.capture.sources import CaptureInfo, CaptureProblem, SourceTable
from analyzer.capture.vantage import group, unmatched
from analyzer.core.limits import Limits
from analyzer.pipeline.assemble import assemble
from analyzer.pipeline.closing import ClosedCall
from analyzer.pipeline.engine import Engine, Setup
from analyzer.report.exit_codes import RunFacts
from analyzer.report.model import Clock, Report
from analyzer.session.keyring import Keyring

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


def _spooled(path: str) -> BinaryIO:
    if path == STDIN:
        return spool(sys.stdin.buffer)
    with open_file(path) as pipe:
        return spool(pipe)


@dataclass(slots=True)
class Inputs:
    """The captures of a run. What can be read once only is spooled when it is first opened."""

    paths: Sequence[str]
    settings: Settings
    limits: Limits
    _pipes: dict[str, BinaryIO] = field(default_factory=dict)
    _clocks: Clocks | None = None

    def open(self, sources: SourceTable) -> tuple[list[CaptureReader], list[str]]:
        """Readers of the captures, and the problems of those that have none."""
        return open_all(self.paths, self.settings, sources, self.limits, self._pipe)

    def _pipe(self, path: str) -> BinaryIO:
        if path not in self._pipes:
            self._pipes[path] = _spooled(path)
        stream = os.fdopen(os.dup(self._pipes[path].fileno()), "rb")
        stream.seek(0)
        return stream

    def clocks(self, readers: Sequence[CaptureReader]) -> Clocks:
        """The clocks of the captures, found at the first call."""
        if self._clocks is None:
            self._clocks = clocks_of([reader.info for reader in readers], self.limits)
        return self._clocks

    def close(self) -> None:
        """Lets go of what was spooled."""
        for spooled in self._pipes.values():
            spooled.close()


def open_all(
    paths: Sequence[str],
    settings: Settings,
    sources: SourceTable,
    limits: Limits,
    pipe: Callable[[str], BinaryIO] = _spooled,
) -> tuple[list[CaptureReader], list[str]]:
    """Opens captures; gives those that can be read, and what is wrong with the others."""
    readers: list[CaptureReader] = []
    problems: list[str] = []
    points = group(paths, settings.vantages, limits)
    for path in paths:
        vantage, prefix = points.names.get(path, ""), points.prefixes.get(path, "")
        try:
            stream = pipe(path) if is_pipe(path) else None
            reader = open_capture(path, len(readers), sources, limits, stream=stream, vantage=vantage, prefix=prefix)
        except CaptureProblem as problem:
            problems.append(str(problem))
        else:
            readers.append(reader)
    return readers, problems


def _set_clocks(
    readers: Sequence[CaptureReader], clocks: Clocks, sources: SourceTable, limits: Limits
) -> list[CaptureReader]:
    """Puts all captures on the clock of the first one, as far as what passed several of them tells.

    A capture whose interfaces have several clocks is not in the order of time: it is read once for each, all at once.
    Gives the readers that are opened for that, beside the first one.
    """
    beside: list[CaptureReader] = []
    for reader in readers:
        info, own = reader.info, list(clocks.of(reader.info.path).items())
        if own:
            reader.shift_ns = own[0][0]
        if len(own) > 1:
            reader.lane = Lane(frozenset(name for _, names in own[1:] for name in names), named=False)
        for add_ns, names in own[1:]:
            other = open_capture(info.path, info.index, sources, limits, vantage=info.vantage, prefix=info.prefix)
            other.lane, other.shift_ns = Lane(frozenset(names), named=True), add_ns
            beside.append(other)
    return beside


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


def within(batch: FrameBatch, settings: Settings) -> FrameBatch:
    """The frames of a batch inside --from and --to."""
    keep = np.ones(len(batch), np.bool_)
    if settings.from_ns is not None:
        keep &= batch.ts_ns >= settings.from_ns
    if settings.to_ns is not None:
        keep &= batch.ts_ns < settings.to_ns
    if keep.all():
        return batch
    return batch.take(np.flatnonzero(keep))


def _batches(
    readers: Sequence[CaptureReader], beside: Sequence[CaptureReader], observer: Observer
) -> Iterator[FrameBatch]:
    def told(batch: FrameBatch) -> FrameBatch:
        observer.advanced(sum(reader.stored_bytes for reader in readers))
        return batch

    return map(told, merge([*readers, *beside]))


def _take_secrets(readers: Sequence[CaptureReader], taken: list[int], keyring: Keyring) -> None:
    """Hands on the decryption secrets that have been read since; `taken` counts those of each capture."""
    for number, reader in enumerate(readers):
        for kind, secret in reader.secrets[taken[number] :]:
            keyring.add_capture_secret(kind, secret, Path(reader.info.path).name)
        taken[number] = len(reader.secrets)


@dataclass(slots=True)
class Reading:
    """One reading of every capture."""

    engine: Engine
    infos: list[CaptureInfo]
    problems: list[str]
    clocks: list[Clock]
    notes: list[str]
    interrupted: bool = False


def _read(
    inputs: Inputs, setup: Setup, observer: Observer, watch: Callable[[ClosedCall], None] | None, secrets: bool
) -> Reading | list[str]:
    """Reads the captures to their end; the problems if there is none to read. `secrets`: hand on those in captures."""
    sources = SourceTable()
    readers, problems = inputs.open(sources)
    if not readers:
        return problems
    clocks = inputs.clocks(readers)
    beside = _set_clocks(readers, clocks, sources, inputs.limits)
    observer.started(sum(Path(path).stat().st_size for path in inputs.paths if Path(path).is_file()))
    engine = Engine(sources, setup)
    engine.closer.watch = watch
    if watch is not None:
        engine.messaging.trace()
    infos = [reader.info for reader in readers]
    notes = [f"{info.path}: {_CROWDED}" for info in infos if not clocks.whole(info.path)]
    done = Reading(engine, infos, problems, _clock_rows(infos, clocks), notes)
    with ExitStack() as opened:
        for reader in (*readers, *beside):
            opened.callback(reader.close)
        _feed(inputs, done, readers, beside, observer, secrets)
    return done


def _feed(
    inputs: Inputs,
    done: Reading,
    readers: Sequence[CaptureReader],
    beside: Sequence[CaptureReader],
    observer: Observer,
    secrets: bool,
) -> None:
    """Gives the engine what the readers read."""
    engine, keyring, taken = done.engine, done.engine.setup.keyring, [0] * len(readers)
    try:
        for batch in _batches(readers, beside, observer):
            if secrets:
                _take_secrets(readers, taken, keyring)
            engine.feed(within(batch, inputs.settings))
            del batch  # its buffer, before another one is filled
            for reader in readers:
                engine.ledger.extend(reader.take_anomalies())
        if secrets:
            _take_secrets(readers, taken, keyring)
    except KeyboardInterrupt:
        done.interrupted = True
    engine.finish()
    for reader in readers:
        engine.ledger.extend(reader.take_anomalies())
    for other in beside:  # what is wrong with the capture, the first reader says
        done.infos[other.info.index].widen(other.info)


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
    if known is not None and not done.interrupted:
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
    limits = limits_of(settings)
    setup = setup or prepare(settings, observer, limits)
    with file_folder(settings.files) as folder:
        run = _analyze(settings, observer, watch, replace(setup, files=folder))
    run.failed += folder.problems if folder is not None else []
    return run


def _analyze(settings: Settings, observer: Observer, watch: Callable[[ClosedCall], None] | None, setup: Setup) -> Run:
    limits = setup.limits
    paths, missing = expand(settings.captures)
    idle = [] if missing else unmatched(paths, settings.vantages)
    if idle:
        raise WrongUse([f"--vantage: {name}={pattern} matches no capture" for name, pattern in idle])
    inputs = Inputs(paths, settings, limits)
    try:
        done = read_all(inputs, setup, observer, watch)
    finally:
        inputs.close()
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
    report = replace(assemble(done.engine, done.infos, notes), clock=tuple(done.clocks))
    return Run(report, facts, problems, done.engine)
