"""Captures from files: opened, merged by time, fed to the engine, reported."""

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from analyzer.app.prepare import prepare
from analyzer.app.settings import Observer, Settings
from analyzer.capture.batch import FrameBatch
from analyzer.capture.bytes_in import open_file, spool
from analyzer.capture.inputs import STDIN, expand, is_pipe
from analyzer.capture.merge import merge
from analyzer.capture.reader import CaptureReader, open_capture
from analyzer.capture.sources import CaptureProblem, SourceTable
from analyzer.capture.vantage import group
from analyzer.core.limits import Limits
from analyzer.pipeline.assemble import assemble
from analyzer.pipeline.closing import ClosedCall
from analyzer.pipeline.engine import Engine, Setup
from analyzer.report.exit_codes import RunFacts
from analyzer.report.model import Report
from analyzer.session.keyring import Keyring


@dataclass(slots=True)
class Run:
    """What a run came to. `report` is None where no capture could be read."""

    report: Report | None
    facts: RunFacts
    problems: list[str] = field(default_factory=list)
    engine: Engine | None = None


def limits_of(settings: Settings) -> Limits:
    """The bounds of a run."""
    limits = Limits()
    return limits if settings.linger_ns is None else replace(limits, linger_ns=settings.linger_ns)


def _spooled(path: str) -> BinaryIO:
    if path == STDIN:
        return spool(sys.stdin.buffer)
    with open_file(path) as pipe:
        return spool(pipe)


def open_all(
    paths: Sequence[str], settings: Settings, sources: SourceTable, limits: Limits
) -> tuple[list[CaptureReader], list[str]]:
    """Opens captures; gives those that can be read, and what is wrong with the others."""
    readers: list[CaptureReader] = []
    problems: list[str] = []
    vantages = group(paths, settings.vantages, limits)
    for path in paths:
        try:
            stream = _spooled(path) if is_pipe(path) else None
            reader = open_capture(path, len(readers), sources, limits, stream=stream, vantage=vantages.get(path, ""))
        except CaptureProblem as problem:
            problems.append(str(problem))
        else:
            readers.append(reader)
    return readers, problems


def within(batch: FrameBatch, settings: Settings) -> FrameBatch:
    """The frames of a batch inside --from and --to."""
    keep = np.ones(len(batch), np.bool_)
    if settings.from_ns is not None:
        keep &= batch.ts_ns >= settings.from_ns
    if settings.to_ns is not None:
        keep &= batch.ts_ns < settings.to_ns
    if keep.all():
        return batch
    at = np.flatnonzero(keep)
    return FrameBatch(
        batch.buffer, batch.start[at], batch.captured[at], batch.wire[at],
        batch.ts_ns[at], batch.source[at], batch.frame[at], batch.offset[at],
    )  # fmt: skip


def _batches(readers: Sequence[CaptureReader], observer: Observer) -> Iterator[FrameBatch]:
    for batch in merge(readers):
        observer.advanced(sum(reader.stored_bytes for reader in readers))
        yield batch


def _take_secrets(readers: Sequence[CaptureReader], taken: list[int], keyring: Keyring) -> None:
    """Hands on the decryption secrets that have been read since; `taken` counts those of each capture."""
    for number, reader in enumerate(readers):
        for kind, secret in reader.secrets[taken[number] :]:
            keyring.add_capture_secret(kind, secret, Path(reader.info.path).name)
        taken[number] = len(reader.secrets)


def analyze(
    settings: Settings,
    observer: Observer,
    watch: Callable[[ClosedCall], None] | None = None,
    setup: Setup | None = None,
) -> Run:
    """Analyses captures. WrongUse before anything is read if rules, topology or keys are wrong. `watch` sees each
    call as it closes. A `setup` that is given stands for rules, topology and keys of the settings."""
    limits = limits_of(settings)
    setup = setup or prepare(settings, observer, limits)
    paths, missing = expand(settings.captures)
    sources = SourceTable()
    readers, problems = open_all(paths, settings, sources, limits)
    problems = missing + problems
    facts = RunFacts(captures_given=len(readers) + len(problems), captures_unreadable=len(problems))
    if not readers:
        return Run(None, facts, problems)
    observer.started(sum(Path(path).stat().st_size for path in paths if Path(path).is_file()))
    engine = Engine(sources, setup)
    engine.closer.watch = watch
    taken = [0] * len(readers)
    gc.set_threshold(200_000, 20, 100)  # the engine's tables hold many objects and no cycles
    interrupted = False
    try:
        for batch in _batches(readers, observer):
            _take_secrets(readers, taken, setup.keyring)
            engine.feed(within(batch, settings))
            for reader in readers:
                engine.ledger.extend(reader.take_anomalies())
    except KeyboardInterrupt:
        interrupted = True
    engine.finish()
    for reader in readers:
        engine.ledger.extend(reader.take_anomalies())
        reader.close()
    notes = [f"not read: {problem}" for problem in problems]
    if interrupted:
        notes.append("The run was interrupted: frames behind that moment were not read.")
    report = assemble(engine, [reader.info for reader in readers], notes)
    return Run(report, replace(facts, interrupted=interrupted), problems, engine)
