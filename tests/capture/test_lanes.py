"""Walking many records at a time finds what walking one by one finds, whatever the guesses."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture import lanes
from analyzer.capture.lanes import Chain
from analyzer.capture.pcap import PcapFormat
from analyzer.capture.pcapng import PcapngFormat
from analyzer.capture.reader import open_capture
from analyzer.capture.sources import SourceTable
from analyzer.core.limits import Limits
from tests.capture.test_reader import block, pcapng

RECORDS = st.lists(st.binary(max_size=40), max_size=60)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes of a few bytes, asked for by anybody."""
    for name, value in (("_SPAN", 48), ("_FEWEST", 2), ("_MANY", 1), ("_STRIDE", 3), ("_LONGEST_REST", 2)):
        monkeypatch.setattr(lanes, name, value)


def _one_by_one(data: bytes, order: str, most: int) -> list[int]:
    starts, at = [], 0
    while at + 4 <= len(data):
        (length,) = struct.unpack_from(order + "I", data, at)
        if length > most or at + 4 + length > len(data):
            break
        starts.append(at)
        at += 4 + length
    return starts


@given(RECORDS, st.binary(max_size=30), st.sampled_from("<>"), st.randoms(use_true_random=False), st.integers(1, 70))
def test_any_guesses_give_the_chain(records: list[bytes], tail: bytes, order: str, chance, rows: int) -> None:  # type: ignore[no-untyped-def]
    data = b"".join(struct.pack(order + "I", len(record)) + record for record in records) + tail
    expected = _one_by_one(data, order, 60)
    chain = Chain(order, 0, 4, 0, 60)

    def guess(data: bytes, at: int, stop: int) -> int:
        behind = [start for start in expected if at <= start < stop]
        return chance.choice([*behind, chance.randrange(at, max(stop, at + 1)), -1])

    found, at = [], 0
    for _ in range(3 * len(expected) + 9):
        starts, end = chain.walk(data, at, rows, guess)
        assert len(starts) <= rows
        found += starts.tolist()
        assert end == at if not len(starts) else end > found[-1]
        at = end
    assert found == expected[: len(found)]
    assert at == (expected[len(found)] if len(found) < len(expected) else at)


def _pcap(frames: list[bytes], seconds: int = 1_760_000_000) -> bytes:
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
    for n, data in enumerate(frames):
        out += struct.pack("<IIII", seconds + n // 7, n % 1_000_000, len(data), len(data) + n % 2) + data
    return out


def _frames(data: bytes, rows: int) -> list[tuple[int, ...] | bytes]:
    reader = open_capture("x", 0, SourceTable(), Limits(), stream=io.BytesIO(data))
    found: list[tuple[int, ...] | bytes] = []
    while (batch := reader.read_batch(rows)) is not None:
        for n in range(len(batch)):
            start, size = int(batch.start[n]), int(batch.captured[n])
            found.append(batch.buffer[start : start + size].tobytes())
            found.append((size, int(batch.wire[n]), int(batch.ts_ns[n]), int(batch.frame[n]), int(batch.offset[n])))
    return found


@given(st.lists(st.binary(max_size=60), max_size=40), st.integers(0, 2), st.integers(1, 50))
def test_a_capture_in_captures_deceives_nobody(frames: list[bytes], depth: int, rows: int) -> None:
    """Payloads that are records themselves, with times like those around them: the worst case for a guess."""
    for _ in range(depth):
        inner = _pcap(frames)[24:]
        frames = [inner[at : at + 100] for at in range(0, len(inner), 100)]
    data = _pcap(frames)
    lanes_found = _frames(data, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "_MANY", 1 << 60)
        assert lanes_found == _frames(data, rows)
    assert [each for each in lanes_found if isinstance(each, bytes)] == frames


def test_lanes_are_what_reads_a_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = []
    one_by_one = PcapFormat._one_by_one

    def spy(self, data, at, rows):  # type: ignore[no-untyped-def]
        found = one_by_one(self, data, at, rows)
        alone.extend(found[0])
        return found

    monkeypatch.setattr(PcapFormat, "_one_by_one", spy)
    monkeypatch.setattr(lanes, "_SPAN", 512)
    assert len(_frames(_pcap([bytes(n % 50) for n in range(400)]), 1_000)) == 800
    assert len(alone) < 20


_RESOLUTIONS = st.sampled_from([6, 9, 3, 10, 0x80 | 20, 0])
_OTHER = st.sampled_from(["packet", "packet", "packet", "packet", "statistics", "custom", "section", "bent", "no such"])


@given(
    st.sampled_from("<>"),
    st.lists(_RESOLUTIONS, min_size=1, max_size=3),
    st.lists(st.tuples(_OTHER, st.binary(max_size=60), st.integers(0, (1 << 64) - 1)), max_size=50),
    st.integers(1, 60),
)
def test_blocks_read_at_once_are_those_read_one_by_one(order, resolutions, steps, rows) -> None:  # type: ignore[no-untyped-def]
    """Packets among other blocks, interfaces with every kind of clock, times beyond 64 bits of nanoseconds."""

    def section() -> bytes:
        out = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
        for number, resolution in enumerate(resolutions):
            options = struct.pack(order + "HHBxxx", 9, 1, resolution)
            options += struct.pack(order + "HHq", 14, 8, (0, 1_000, -(10**9))[number])
            out += block(order, 1, struct.pack(order + "HHI", 1, 0, 0) + options)
        return out

    data = section()
    for number, (what, frame, ticks) in enumerate(steps):
        interface = 9 if what == "no such" else number % len(resolutions)
        head = struct.pack(
            order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame) + number % 3
        )
        whole = block(order, 6, head + frame)
        match what:
            case "statistics":
                whole = block(order, 5, bytes(12))
            case "custom":
                whole = block(order, 0xBAD, bytes(8))
            case "section":
                whole = section()
            case "bent":
                whole = whole[:-4] + bytes(4)
        data += whole
    found = _frames(data, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "_MANY", 1 << 60)
        assert found == _frames(data, rows)


def test_lanes_are_what_reads_a_pcapng_too(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = []
    blocks = PcapngFormat._blocks

    def spy(self, data, at, rows, packets=True):  # type: ignore[no-untyped-def]
        found = blocks(self, data, at, rows, packets)
        alone.extend(found[0].frame)
        return found

    monkeypatch.setattr(PcapngFormat, "_blocks", spy)
    monkeypatch.setattr(lanes, "_SPAN", 512)
    frames = [(n * 1_000, bytes(n % 50)) for n in range(1, 400)]
    assert len(_frames(pcapng(frames), 1_000)) == 2 * len(frames)
    assert len(alone) < 40
