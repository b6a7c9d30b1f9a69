"""What is kept behind `feed` is copied (house.md): so a capture is read with one buffer in memory, not two."""

import weakref
from pathlib import Path

import pytest

from analyzer.capture import reader
from analyzer.capture.merge import merge
from analyzer.capture.sources import SourceTable
from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine, Setup

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.mark.parametrize("capture", ["e2ae-all.pcapng", "clear-conference.pcapng"])
def test_nobody_holds_a_batch_while_the_next_one_is_read(capture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_BLOCK", 65_536)  # so that there are several
    sources = SourceTable()
    opened = reader.open_capture(SAMPLES / capture, 0, sources, Limits())
    engine = Engine(sources, Setup(contain=False))
    read, last = 0, None
    for batch in merge([opened]):
        assert last is None or last() is None
        engine.feed(batch)
        read, last = read + 1, weakref.ref(batch.buffer)
        del batch
    opened.close()
    assert read > 4
