"""The six properties of what reads captures: files of every format, as they come and in pieces."""

import io
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.reader import CaptureReader, open_capture
from analyzer.capture.sources import CaptureProblem, SourceTable
from analyzer.core.limits import Limits
from tests.capture.test_reader import COMPRESSORS, block, pcap, pcapng
from tests.linear import assert_linear
from tests.properties.harness import AMPLE, FACTOR, LIMITS, inputs, tried, weight

FRAMES = [(1_000, b"one"), (2_000, b"t" * 50), (3_000, b""), (4_000, b"\0" * 20)]
PLAIN = {
    "pcap": pcap(FRAMES),
    "pcap-big": pcap(FRAMES, ">", nano=True),
    "pcapng": pcapng(FRAMES),
    "pcapng-big": pcapng(FRAMES, ">") + block(">", 5, bytes(16)) + block(">", 0xBAD, b"\0\0\0\1"),
}
FILES = PLAIN | {name: compress(PLAIN["pcap"]) for name, compress in COMPRESSORS.items()}
EACH = pytest.mark.parametrize("name", FILES)
Read = tuple[list[tuple[int, int, bytes]], list[tuple[str, str]], int, str]


class Trickle(io.BytesIO):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self._most = most

    def read(self, size: int | None = -1) -> bytes:
        """At most so many."""
        return super().read(self._most if size is None or size < 0 else min(size, self._most))


def opened(data: bytes, limits: Limits = LIMITS, most: int = 1 << 30) -> CaptureReader | str:
    """A reader, or why there is none: CaptureProblem is what says so."""
    try:
        return open_capture("x", 0, SourceTable(), limits, stream=Trickle(data, most))
    except CaptureProblem as problem:
        return problem.reason


def read(data: bytes, limits: Limits = LIMITS, rows: int = 1_000, most: int = 1 << 30) -> Read | str:
    """The frames, what was wrong, the size of the file, its digest."""
    reader = opened(data, limits, most)
    if isinstance(reader, str):
        return reader
    frames, wrong = [], []
    while (batch := reader.read_batch(rows)) is not None:
        for at in range(len(batch)):
            begin = int(batch.start[at])
            frames.append(
                (
                    int(batch.frame[at]),
                    int(batch.offset[at]),
                    bytes(batch.buffer[begin : begin + int(batch.captured[at])]),
                )
            )
        wrong += reader.take_anomalies()
    wrong += reader.take_anomalies()
    return frames, [(each.kind.code, each.detail) for each in wrong], reader.info.size, reader.info.sha256


@EACH
def test_valid(name: str) -> None:
    """What is valid is read: the tests below do not stop at the door."""
    found = read(FILES[name])
    assert not isinstance(found, str)
    assert [data for _, _, data in found[0]][:4] == [data for _, data in FRAMES]
    assert found[1] == []


@EACH
def test_total(name: str) -> None:
    """Any bytes: frames, anomalies, or a reason in words."""

    @given(inputs((FILES[name],)))
    @tried(0.6)
    def run(data: bytes) -> None:
        read(data)

    run()


@EACH
def test_blind(name: str) -> None:
    """The same however few bytes come at once, and however few frames are taken."""

    @given(inputs((FILES[name],)), st.integers(1, 9), st.integers(1, 5))
    @tried(0.5)
    def run(data: bytes, most: int, rows: int) -> None:
        whole = read(data)
        assert read(data, rows=rows) == whole
        assert read(data, most=most) == whole

    run()


@pytest.mark.parametrize("name", PLAIN)
def test_bounded(name: str) -> None:
    """What a reader keeps is no larger than a constant times what it has read, and its interfaces are bounded."""

    @given(inputs((FILES[name],)))
    @tried(0.5)
    def run(data: bytes) -> None:
        reader = opened(data)
        if not isinstance(reader, str):
            while reader.read_batch(2) is not None:
                assert weight(reader) <= AMPLE + FACTOR * len(data)

    run()


def test_interfaces_are_bounded() -> None:
    """Packets of those beyond the bound are counted, and that is said once."""
    data = pcapng([(n, b"x") for n in range(9)], names=(b"a",) * 9)
    found = read(data, Limits(interfaces=4))
    assert not isinstance(found, str)
    assert [bool(packet) for _, _, packet in found[0]] == [True] * 4 + [False] * 5
    assert [code for code, _ in found[1]].count("capture.interfaces_limit") == 1
    reader = opened(pcapng([]) + b"".join(pcapng([])[28:] for _ in range(3_000)), Limits(interfaces=4))
    assert isinstance(reader, CaptureReader)
    assert reader.read_batch() is None
    assert len(reader.info.interfaces) == 4


@EACH
def test_accounted(name: str) -> None:
    """The whole file is read and counted; what comes behind the last frame is a record that was cut, or is named."""

    @given(inputs((FILES[name],)))
    @tried(0.5)
    def run(data: bytes) -> None:
        found = read(data)
        if isinstance(found, str):
            return
        frames, wrong, size, _ = found
        assert size == len(data) or wrong
        if name.startswith("pcap") and "ng" not in name and data[:4] == FILES[name][:4]:
            behind = 24 + sum(16 + len(packet) for _, _, packet in frames)
            assert behind == len(data) or wrong

    run()


@pytest.mark.parametrize("name", PLAIN)
def test_cited(name: str) -> None:
    """Frames are numbered from one, and each is where it says that it is."""

    @given(inputs((FILES[name],)))
    @tried(0.6)
    def run(data: bytes) -> None:
        found = read(data)
        if isinstance(found, str) or data[:4] != FILES[name][:4]:
            return
        assert [number for number, _, _ in found[0]] == list(range(1, len(found[0]) + 1))
        assert all(data[offset : offset + len(packet)] == packet for _, offset, packet in found[0] if packet)

    run()


@pytest.mark.parametrize("name", PLAIN)
def test_linear(name: str) -> None:
    """Frames, and bytes that are none, as many as there are. Expanding: `capture/test_reader.py`."""
    head = FILES[name][:24] if "ng" not in name else FILES[name][:28]

    def prepare(unit: bytes) -> Callable[[int], Callable[[], object]]:
        return lambda size: partial(read, head + unit * (size // len(unit)))

    for unit in (FILES[name][len(head) :], b"\0", b"\xff", b"\0\0\0\x0c", b"\x0c\0\0\0", b"\6\0\0\0\x20\0\0\0"):
        assert_linear(prepare(unit), 40_000)
