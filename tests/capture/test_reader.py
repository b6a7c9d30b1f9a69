"""Captures from files: formats, byte orders, compression, damage; what came before the damage is delivered."""

import gzip
import hashlib
import io
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture import bytes_in
from analyzer.capture.bytes_in import ByteSource
from analyzer.capture.inputs import expand
from analyzer.capture.merge import merge
from analyzer.capture.reader import CaptureReader, open_capture
from analyzer.capture.sources import CaptureProblem, SourceTable
from analyzer.capture.vantage import group
from analyzer.core.limits import Limits
from tests.linear import assert_linear

LIMITS = Limits()
Frame = tuple[int, bytes]  # time in ns, bytes
FRAMES = st.lists(st.tuples(st.integers(0, 4_000_000_000 * 10**9), st.binary(max_size=80)), max_size=12)


def pcap(frames: list[Frame], order: str = "<", nano: bool = False) -> bytes:
    """A pcap file by the text of the format (draft-ietf-opsawg-pcap)."""
    magic, unit = (0xA1B23C4D, 1) if nano else (0xA1B2C3D4, 1_000)
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65_535, 1)
    for ts, data in frames:
        out += struct.pack(order + "IIII", ts // 10**9, ts % 10**9 // unit, len(data), len(data)) + data
    return out


def block(order: str, kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def pcapng(frames: list[Frame], order: str = "<", names: tuple[bytes, ...] = (b"eth0", b"eth1")) -> bytes:
    """A pcapng section whose interfaces tick in nanoseconds; frames go to them in turn."""
    out = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    for name in names:
        options = struct.pack(order + "HH", 2, len(name)) + name + b"\0" * (-len(name) % 4)
        options += struct.pack(order + "HHBxxx", 9, 1, 9) + struct.pack(order + "HH", 0, 0)
        out += block(order, 1, struct.pack(order + "HHI", 1, 0, 0) + options)
    for index, (ts, data) in enumerate(frames):
        head = struct.pack(order + "IIIII", index % len(names), ts >> 32, ts & 0xFFFFFFFF, len(data), len(data))
        out += block(order, 6, head + data)
    return out


def reader(data: bytes, sources: SourceTable | None = None) -> CaptureReader:
    return open_capture("x", 0, sources if sources is not None else SourceTable(), LIMITS, stream=io.BytesIO(data))


def taken(source: ByteSource, most: int = 100) -> bytes:
    """The next bytes of a source."""
    room = bytearray(most)
    return bytes(room[: source.readinto(memoryview(room))])


def frames(opened: CaptureReader, rows: int = 1_000) -> list[tuple[int, int, bytes]]:
    found = []
    while (batch := opened.read_batch(rows)) is not None:
        for at in range(len(batch)):
            start = int(batch.start[at])
            data = batch.buffer[start : start + int(batch.captured[at])].tobytes()
            found.append((int(batch.frame[at]), int(batch.ts_ns[at]), data))
    return found


def numbered(given_frames: list[Frame], unit: int = 1) -> list[tuple[int, int, bytes]]:
    return [(n, ts // unit * unit, data) for n, (ts, data) in enumerate(given_frames, 1)]


@given(FRAMES, st.sampled_from("<>"), st.booleans(), st.integers(1, 5))
def test_pcap_gives_what_was_written(given_frames: list[Frame], order: str, nano: bool, rows: int) -> None:
    unit = 1 if nano else 1_000
    assert frames(reader(pcap(given_frames, order, nano)), rows) == numbered(given_frames, unit)


@given(FRAMES, st.sampled_from("<>"), st.integers(1, 5))
def test_pcapng_gives_what_was_written(given_frames: list[Frame], order: str, rows: int) -> None:
    sources = SourceTable()
    assert frames(reader(pcapng(given_frames, order), sources), rows) == numbered(given_frames)
    assert [source.interface_name for source in sources] == ["eth0", "eth1"]


@given(FRAMES, st.sampled_from([pcap, pcapng]), st.data())
def test_a_cut_file_gives_every_frame_before_the_cut(given_frames: list[Frame], make, data: st.DataObject) -> None:  # type: ignore[no-untyped-def]
    whole = make(given_frames)
    cut = data.draw(st.integers(24 if make is pcap else 28, len(whole)))
    opened = reader(whole[:cut])
    found = frames(opened)
    assert found == frames(reader(whole))[: len(found)]
    assert len(found) >= sum(1 for n in range(len(given_frames)) if len(make(given_frames[: n + 1])) <= cut)
    if make is pcap:
        assert opened.info.truncated == (cut != len(pcap(given_frames[: len(found)])))


@given(st.binary(max_size=300), st.sampled_from([pcap([]), pcapng([]), pcap([(1, b"x")], ">"), pcapng([], ">")]))
def test_any_bytes_behind_a_header_are_read_without_exception(garbage: bytes, head: bytes) -> None:
    opened = reader(head + garbage)
    frames(opened)
    opened.take_anomalies()


def test_sections_of_both_byte_orders_follow_each_other() -> None:
    data = pcapng([(1, b"a")], "<", (b"one",)) + pcapng([(2, b"b")], ">", (b"two",))
    sources = SourceTable()
    assert frames(reader(data, sources)) == [(1, 1, b"a"), (2, 2, b"b")]
    assert [source.interface_name for source in sources] == ["one", "two"]


COMPRESSORS = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
}


@pytest.mark.parametrize("name", COMPRESSORS)
def test_compressed_captures_read_like_plain_ones(name: str) -> None:
    plain = pcap([(n * 1_000, bytes((n % 256,)) * 60) for n in range(2_000)])
    opened = reader(COMPRESSORS[name](plain))
    assert opened.info.format == f"pcap.{name}"
    assert frames(opened) == frames(reader(plain))


@pytest.mark.parametrize("name", COMPRESSORS)
def test_a_broken_compressed_stream_is_named(name: str) -> None:
    noise = [(n, struct.pack("<Q", n * 2654435761 % 2**64) * 20) for n in range(3_000)]
    packed = COMPRESSORS[name](pcap(noise))
    opened = reader(packed[: len(packed) // 2])
    found = frames(opened)
    assert len(found) < 3_000
    assert {anomaly.kind.code for anomaly in opened.take_anomalies()} & {"capture.broken", "capture.truncated"}


EXPANDERS: dict[str, Callable[[], Any]] = {
    "gz": lambda: zlib.decompressobj(31),
    "xz": lzma.LZMADecompressor,
    "zst": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "lz4": lz4.frame.LZ4FrameDecompressor,
}


@pytest.mark.parametrize("share", [30, 60, 95, 99])
@pytest.mark.parametrize("name", COMPRESSORS)
def test_all_that_expands_before_the_break_is_read(name: str, share: int) -> None:
    """The library's incremental decompressor says what that is; a break in the first block read loses none of it."""
    noise = [(n, hashlib.sha256(bytes((n % 256, n // 256))).digest() * (1 + n % 3)) for n in range(8_000)]
    packed = COMPRESSORS[name](pcap(noise))
    packed = packed[: len(packed) * share // 100]
    expands = EXPANDERS[name]().decompress(packed)
    assert len(expands) > 100_000
    opened = reader(packed)
    assert frames(opened) == frames(reader(expands))
    assert {anomaly.kind.code for anomaly in opened.take_anomalies()} & {"capture.broken", "capture.truncated"}


@pytest.mark.parametrize("name", COMPRESSORS)
def test_an_expansion_bomb_is_stopped(name: str) -> None:
    """Whatever is behind the bound is not expanded: what was asked for last, and no more."""
    limits = Limits(expanded_bytes=1_000_000)
    bomb = COMPRESSORS[name](pcap([(0, b"\0" * 60_000)] * 100))
    opened = open_capture("x", 0, SourceTable(), limits, stream=io.BytesIO(bomb))
    assert 1 <= len(frames(opened)) <= 20
    assert "capture.broken" in {anomaly.kind.code for anomaly in opened.take_anomalies()}


@pytest.mark.parametrize("name", ["gz", "xz", "zst"])
def test_what_expands_beyond_a_ratio_is_stopped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it is within the bound on bytes."""
    monkeypatch.setattr(bytes_in, "_RATIO_FLOOR", 1_000_000)
    source = ByteSource(io.BytesIO(COMPRESSORS[name](bytes(8_000_000))), Limits(expansion_ratio=100))
    while taken(source, 65_536):
        pass
    assert "expands beyond the bound" in source.problem
    assert source.expanded < 2_000_000


@pytest.mark.parametrize("name", COMPRESSORS)
def test_expanding_takes_linear_time(name: str) -> None:
    def prepare(count: int) -> Callable[[], object]:
        packed = COMPRESSORS[name](bytes(count))

        def work() -> None:
            source = ByteSource(io.BytesIO(packed), Limits())
            while taken(source, 65_536):
                pass
            assert source.expanded == count

        return work

    assert_linear(prepare, 1_000_000)


def test_xz_streams_follow_each_other_behind_padding() -> None:
    """Format specification 2.2: multiples of four zero bytes."""
    packed = lzma.compress(b"one") + bytes(4) + lzma.compress(b"") + bytes(100_000) + lzma.compress(b"two") + bytes(8)
    source = ByteSource(io.BytesIO(packed), Limits())
    assert (taken(source), taken(source), source.problem) == (b"onetwo", b"", "")


def test_a_dictionary_of_4_gib_is_refused() -> None:
    """The .xz file format 3.1 and 5.3.1: block header behind 12 bytes, LZMA2's one property, its size, and a CRC32."""
    packed = bytearray(lzma.compress(b"little"))
    assert (packed[12], packed[14], packed[15]) == (2, 0x21, 1)
    packed[16] = 40
    packed[20:24] = struct.pack("<I", zlib.crc32(packed[12:20]))
    source = ByteSource(io.BytesIO(bytes(packed)), Limits())
    assert taken(source) == b""
    assert "broken (LZMAError)" in source.problem
    allowed = ByteSource(io.BytesIO(bytes(packed)), Limits(expansion_memory=2**33))
    assert taken(allowed) == b"little"


class Slow(io.RawIOBase):
    """A pipe that gives one record at a time, and remembers for how much it was asked."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self.asked: list[int] = []

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # as in bytes_in
        piece = self._pieces.pop(0) if self._pieces else b""
        view[: len(piece)] = piece
        self.asked.append(len(view))
        return len(piece)


def test_little_room_is_made_for_a_pipe_that_gives_little() -> None:
    """Making room for 4 MB takes longer than reading a packet: a live capture by a pipe asks for little at a time."""
    whole = pcap([(at, b"x" * 50) for at in range(100)])
    pieces = [whole[:24], *(whole[at : at + 66] for at in range(24, len(whole), 66))]
    slow = Slow(pieces)
    opened = open_capture("pipe", 0, SourceTable(), LIMITS, stream=slow, prompt=True)  # type: ignore[arg-type]  # raw
    assert len(frames(opened)) == 100
    assert max(slow.asked[1:100]) <= 65_536  # the first fills the buffer that tells the format


@pytest.mark.parametrize(("data", "reason"), [(b"", "is empty"), (b"not a capture at all", "is not a pcap")])
def test_what_is_no_capture_is_the_users_problem(data: bytes, reason: str) -> None:
    with pytest.raises(CaptureProblem, match=reason):
        reader(data)


def test_captures_are_merged_by_time_each_in_its_own_order(tmp_path: Path) -> None:
    one, two = tmp_path / "one.pcap", tmp_path / "two.pcap"
    one.write_bytes(pcap([(10_000, b"a"), (30_000, b"c"), (20_000, b"d"), (90_000, b"f")]))
    two.write_bytes(pcap([(20_000, b"b"), (30_000, b"e")]))
    sources = SourceTable()
    readers = [open_capture(path, index, sources, LIMITS) for index, path in enumerate((one, two))]
    found = b"".join(
        batch.buffer[batch.start[at] : batch.start[at] + batch.captured[at]].tobytes()
        for batch in merge(readers)
        for at in range(len(batch))
    )
    assert found == b"abcdef"  # d is behind c in its capture, so it waits for it


def test_rotated_files_are_one_vantage_point_and_parallel_ones_are_not(tmp_path: Path) -> None:
    spans = {"ring1.pcap": (0, 10), "ring2.pcap": (20, 30), "other.pcap": (5, 25)}
    for name, (first, last) in spans.items():
        (tmp_path / name).write_bytes(pcap([(first * 10**9, b"x"), (last * 10**9, b"y")]))
    paths = [str(tmp_path / name) for name in spans]
    vantages = group(paths, [], LIMITS).names
    assert vantages[paths[0]] == vantages[paths[1]] != vantages[paths[2]]
    assert group(paths, [("edge", "other*")], LIMITS).names[paths[2]] == "edge"


def test_interfaces_of_one_name_are_told_apart_where_their_captures_run_in_parallel(tmp_path: Path) -> None:
    """The second file of a ring buffer goes on with the first; another machine's eth0 is another vantage point."""
    spans = {"a/ring.pcapng": (0, 10), "a/next.pcapng": (20, 30), "b/ring.pcapng": (5, 25), "c/own.pcapng": (5, 25)}
    for name, (first, last) in spans.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        names = (b"eth5", b"eth6") if name.startswith("c") else (b"eth0", b"eth1")
        path.write_bytes(pcapng([(first * 10**9, b"x"), (last * 10**9, b"y")], names=names))
    paths = [str(tmp_path / name) for name in spans]
    points = group(paths, [], LIMITS)
    assert points.names == {}
    assert points.prefixes == {paths[0]: paths[0], paths[1]: paths[0], paths[2]: paths[2]}  # two files called "ring"
    sources = SourceTable()
    for path in paths:
        opened = open_capture(path, 0, sources, LIMITS, prefix=points.prefixes.get(path, ""))
        assert opened.read_batch() is not None
    seen = [source.vantage for source in sources]
    assert seen[:2] == seen[2:4] == [f"{paths[0]}:eth0", f"{paths[0]}:eth1"]
    assert seen[4:] == [f"{paths[2]}:eth0", f"{paths[2]}:eth1", "eth5", "eth6"]


def test_captures_of_one_name_in_two_folders_are_two_vantage_points(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "edge.pcap").write_bytes(pcap([(0, b"x"), (10**10, b"y")]))
    paths = [str(tmp_path / folder / "edge.pcap") for folder in ("a", "b")]
    assert group(paths, [], LIMITS).names == {path: path for path in paths}


def test_folders_globs_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "b.pcap").write_bytes(pcap([]))
    (tmp_path / "a.pcapng").write_bytes(pcapng([]))
    (tmp_path / "notes.txt").write_text("nothing")
    inside = [str(tmp_path / "a.pcapng"), str(tmp_path / "b.pcap")]
    assert expand([str(tmp_path)]) == (inside, [])
    assert expand([str(tmp_path / "*.pcap")]) == ([inside[1]], [])
    found, problems = expand([str(tmp_path / "gone.pcap"), inside[0], inside[0]])
    assert found == [inside[0]]
    assert problems == [f"{tmp_path / 'gone.pcap'}: no such file"]
