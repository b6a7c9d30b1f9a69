"""Runs of the engine for the tests here: nothing contained, rules loaded once, batches as a test wants them."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from analyzer.app.key_loading import load_keys
from analyzer.app.prepare import load_topology
from analyzer.app.settings import Silent
from analyzer.capture.batch import FrameBatch
from analyzer.capture.reader import CaptureReader, open_capture
from analyzer.capture.sources import CaptureProblem, SourceTable
from analyzer.core.limits import Limits
from analyzer.pipeline.assemble import assemble
from analyzer.pipeline.closing import ClosedCall
from analyzer.pipeline.engine import Engine, Setup
from analyzer.pipeline.judge import Judge, Where
from analyzer.report.codec import to_json
from analyzer.rules.evaluate import RuleSet
from analyzer.rules.load import load_rules
from tests.conftest import ROOT

FILLER = 0xAA


@lru_cache(maxsize=1)
def rules() -> RuleSet:
    """The bundled rules."""
    loaded, wrong = load_rules([ROOT / "rules"])
    assert not wrong
    return loaded


def setup(
    keys: Iterable[Path] = (), topology: Path | None = None, limits: Limits | None = None, judge: bool = True
) -> Setup:
    """What `analyze` would prepare, with containment off."""
    problems: list[str] = []
    made = Setup(
        limits=limits or Limits(),
        rules=rules() if judge else RuleSet(),
        topology=load_topology(topology, problems),
        keyring=load_keys(keys, problems, Silent()),
        contain=False,
    )
    assert not problems
    return made


def run(
    capture: Path | bytes,
    made: Setup | None = None,
    *,
    rows: int | None = None,
    scramble: bool = False,
    watch: Callable[[ClosedCall], None] | None = None,
    spy: Callable[[str, Any, dict[str, str]], None] | None = None,
) -> bytes | None:
    """The report as JSON; None where the capture cannot be opened at all.

    `rows` a batch: None takes the reader's own. `scramble` overwrites the buffer after every feed. `watch` sees
    each call as it closes, `spy` every entity as it is judged: its kind, itself, which one it is.
    """
    made = made or setup(judge=False)
    sources = SourceTable()
    stream = io.BytesIO(capture) if isinstance(capture, bytes) else None
    name = "bytes" if isinstance(capture, bytes) else str(capture)
    try:
        reader = open_capture(name, 0, sources, made.limits, stream=stream)
    except CaptureProblem:
        return None
    engine = Engine(sources, made)
    engine.closer.watch = watch
    if spy is not None:
        _spy_on(engine.judge, spy)
    for batch in _batches(reader, rows):
        if scramble:
            batch.buffer = batch.buffer.copy()
        engine.feed(batch)
        if scramble:
            batch.buffer[:] = FILLER
        engine.ledger.extend(reader.take_anomalies())
    engine.finish()
    engine.ledger.extend(reader.take_anomalies())
    reader.close()
    return to_json(assemble(engine, [reader.info]))


def _spy_on(judge: Judge, spy: Callable[[str, Any, dict[str, str]], None]) -> None:
    judged = judge.judge

    def told(kind: str, entity: Any, where: Where) -> None:
        spy(kind, entity, where())
        judged(kind, entity, where)

    judge.judge = told  # type: ignore[method-assign]  # of this one run


def tree(report: bytes | None) -> dict[str, Any]:
    """A report as a tree."""
    assert report is not None
    parsed: dict[str, Any] = json.loads(report)
    return parsed


def _batches(reader: CaptureReader, rows: int | None) -> Iterator[FrameBatch]:
    while (batch := reader.read_batch()) is not None:
        for first in range(0, len(batch), rows or len(batch)):
            yield _cut(batch, first, min(first + (rows or len(batch)), len(batch)))


def _cut(batch: FrameBatch, first: int, last: int) -> FrameBatch:
    """Some rows over a buffer of their own."""
    part = batch.rows(first, last)
    low = int(part.start.min())
    high = int((part.start.astype(np.int64) + part.captured).max())
    return FrameBatch(
        part.buffer[low:high], (part.start - low).astype(np.int32), part.captured, part.wire,
        part.ts_ns, part.source, part.frame, part.offset,
    )  # fmt: skip
