"""Interfaces into the engine until the user ends it: findings told as they are decided, then the whole report."""

import select
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final, Self

from analyzer.app.feeders import Feeder, Interfaces, Stream, standard_input
from analyzer.app.file_folder import file_folder
from analyzer.app.key_loading import KeyTail
from analyzer.app.offline import Run, limits_of
from analyzer.app.prepare import prepare
from analyzer.app.reading import within
from analyzer.app.recording import Recording
from analyzer.app.settings import Observer, Settings, WrongUse
from analyzer.capture.batch import FrameBatch
from analyzer.capture.sources import CaptureProblem, SourceTable
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.severity import Verdict
from analyzer.core.text import ELLIPSIS
from analyzer.pipeline.assemble import assemble
from analyzer.pipeline.engine import Engine, Setup
from analyzer.pipeline.findings import Gathered
from analyzer.pipeline.places import Places
from analyzer.report.exit_codes import RunFacts

STDIN = "-"
_WAIT_S = 0.2
_TICK_S = 1.0
_FRAMES_SHOWN: Final = 6


@frozen
class LiveSettings:
    """What `live` is asked to do beyond what `analyze` is. `interfaces`: names, or "-" alone."""

    interfaces: tuple[str, ...]
    bpf: str | None = None
    write: Path | None = None


class Stop:
    """The user's wish to end: the first SIGINT or SIGTERM sets `wanted`, the second raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.wanted = False
        self._before: list[tuple[signal.Signals, object]] = []

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before.append((number, signal.signal(number, self._heard)))
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal gave


def line(gathered: Gathered, engine: Engine, now_ns: int) -> str:
    """One decided finding: time (UTC), verdict, rule, severity, what and where, and the frames that show it."""
    moment = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
    verdict = "note" if gathered.rule.note and gathered.verdict is Verdict.FAIL else gathered.verdict.value
    text = engine.redactor.text(gathered.message)
    where = " ".join(f"{name}={engine.redactor.text(value)}" for name, value in gathered.where.items())
    places = Places(engine.sources)
    frames: dict[str, list[int]] = {}
    for cite in [places.cite(cite) for cite in gathered.evidence][:_FRAMES_SHOWN]:
        numbers = frames.setdefault(cite.capture, [])
        if cite.frame not in numbers:
            numbers.append(cite.frame)
    shown = "; ".join(f"{capture} {', '.join(map(str, numbers))}" for capture, numbers in frames.items())
    more = ELLIPSIS if len(gathered.evidence) > _FRAMES_SHOWN else ""
    severity = gathered.rule.severity.label
    return f"{moment:%H:%M:%S} {verdict} {gathered.rule.id} {severity} {text} ({where}) [{shown}{more}]"


class _Loop:
    """One run's loop."""

    def __init__(
        self,
        engine: Engine,
        feeder: Feeder,
        settings: Settings,
        recording: Recording | None,
        decided: Callable[[Gathered, str], None],
        tails: Sequence[KeyTail] = (),
    ) -> None:
        self._engine = engine
        self._tails = tails
        self._feeder = feeder
        self._settings = settings
        self._recording = recording
        self._decided = decided
        self._offsets = not isinstance(feeder, Stream)  # a stream's frames have their places in the stream
        self._now_ns = 0

    def run(self, stop: Stop) -> None:
        """Until the user ends it, the frames do, or `--to` has come."""
        ticked = time.monotonic()
        while not (stop.wanted or self._feeder.ended or self._over()):
            batch = self._feeder.batch(_WAIT_S)
            if batch is not None:
                self._feed(batch)
            elif time.monotonic() - ticked >= _TICK_S:
                ticked = time.monotonic()
                self._take_found()
                self._now_ns = max(self._now_ns, self._feeder.now_ns())
                self._engine.tick(self._now_ns)
            self.tell()
        for batch in self._feeder.rest():
            self._feed(batch)
        self._take_found()

    def _over(self) -> bool:
        return self._settings.to_ns is not None and self._feeder.now_ns() >= self._settings.to_ns

    def _take_found(self) -> None:
        for tail in self._tails:
            tail.poll()
        anomalies, secrets = self._feeder.found()
        self._engine.ledger.extend(anomalies)
        for kind, secret in secrets:
            self._engine.setup.keyring.add_capture_secret(kind, secret, Path(self._feeder.infos[0].path).name)

    def _feed(self, batch: FrameBatch) -> None:
        self._take_found()
        if self._recording is not None:
            placed = self._recording.add(batch)
            batch = placed if self._offsets else batch
        self._now_ns = max(self._now_ns, int(batch.ts_ns.max()))
        self._engine.feed(within(batch, self._settings.from_ns, self._settings.to_ns))

    def tell(self) -> None:
        """Hands out what has been decided."""
        for gathered in self._engine.take_decided():
            self._decided(gathered, line(gathered, self._engine, self._now_ns))


def is_detail(gathered: Gathered) -> bool:
    """Whether only a user who wants every verdict wants this line: notes."""
    return gathered.rule.note or gathered.verdict not in (Verdict.FAIL, Verdict.OPEN)


def _feeder(live: LiveSettings, settings: Settings, sources: SourceTable, limits: Limits, stop: Stop) -> Feeder:
    if STDIN not in live.interfaces:
        try:
            return Interfaces(live.interfaces, live.bpf, sources, settings, limits)
        except CaptureProblem as problem:
            raise WrongUse([str(problem)]) from None
    if len(live.interfaces) > 1:
        raise WrongUse(["-i -: standard input cannot be captured from together with interfaces"])
    if live.bpf:
        raise WrongUse(["-f: a capture filter works on interfaces; filter the stream where it is made"])
    raw = standard_input()
    try:
        while not select.select([raw], [], [], _WAIT_S)[0]:
            if stop.wanted:
                raise CaptureProblem(STDIN, "nothing came before the run was ended")
        return Stream(raw, sources, settings, limits)
    except CaptureProblem:
        raw.close()
        raise


def _run(
    sources: SourceTable,
    setup: Setup,
    feeder: Feeder,
    settings: Settings,
    live: LiveSettings,
    observer: Observer,
    decided: Callable[[Gathered, str], None],
    stop: Stop,
    tails: Sequence[KeyTail],
) -> Run:
    recording = Recording(live.write, feeder.infos, sources) if live.write is not None else None
    engine = Engine(sources, setup)
    engine.judge.tells = True
    loop = _Loop(engine, feeder, settings, recording, decided, tails)
    observer.remark(f"capturing from {feeder.name}; Ctrl-C ends it and gives the report")
    try:
        loop.run(stop)
        notes = feeder.notes()
    finally:
        if recording is not None:
            recording.close(feeder.infos)
    engine.finish()
    loop.tell()
    problems = [recording.problem] if recording is not None and recording.problem else []
    if recording is not None and not problems:
        names = {info.index: info.path for info in feeder.infos}
        notes += [f"The frames of {names[index]} are in {path}." for index, path in recording.paths.items()]
    report = assemble(engine, feeder.infos, notes)
    facts = RunFacts(captures_given=len(feeder.infos), output_failed=bool(problems))
    return Run(report, facts, problems, engine)


def watch(
    settings: Settings,
    live: LiveSettings,
    observer: Observer,
    decided: Callable[[Gathered, str], None],
    stop: Stop | None = None,
) -> Run:
    """Captures and analyses until it is told to stop. `decided` gets every finding with its line, once.

    WrongUse if rules, topology, keys, interfaces or the file to write are wrong. `Run.problems` are outputs that
    failed, or the reason why a stream could not be read at all (then there is no report).
    """
    limits = limits_of(settings)
    tails: list[KeyTail] = []
    setup = prepare(settings, observer, limits, tails)
    sources = SourceTable()
    with stop or Stop() as stop:
        try:
            feeder = _feeder(live, settings, sources, limits, stop)
        except CaptureProblem as problem:
            return Run(None, RunFacts(captures_given=1, captures_unreadable=1), [str(problem)])
        try:
            with file_folder(settings.files) as folder:
                setup = replace(setup, files=folder)
                run = _run(sources, setup, feeder, settings, live, observer, decided, stop, tails)
            run.failed += folder.problems if folder is not None else []
            return run
        finally:
            feeder.close()
