"""Frames written and read again; tshark as the second reader."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.batch import FrameBatch, Source
from analyzer.capture.reader import open_capture
from analyzer.capture.sources import CaptureProblem, SourceTable
from analyzer.capture.writer import CaptureWriter
from analyzer.core.limits import Limits
from tests.veth import call

Row = tuple[bytes, int, int, int]  # bytes, cut off, time, source


def sources() -> SourceTable:
    table = SourceTable()
    table.add(Source(0, 0, "eth0", 1, 0, "eth0"))
    table.add(Source(0, 1, "tun-ü", 101, 9000, "tun"))
    return table


def batch(rows: list[Row]) -> FrameBatch:
    lengths = [len(data) for data, _, _, _ in rows]
    start = np.cumsum([3, *lengths[:-1]]) if rows else np.zeros(0)
    return FrameBatch(
        np.frombuffer(b"---" + b"".join(data for data, _, _, _ in rows), np.uint8),
        start.astype(np.int32),
        np.array(lengths, np.int32),
        np.array([len(data) + cut for data, cut, _, _ in rows], np.int32),
        np.array([ts for _, _, ts, _ in rows], np.int64),
        np.array([source for *_, source in rows], np.int32),
        np.arange(1, len(rows) + 1, dtype=np.int64),
        np.zeros(len(rows), np.int64),
    )


rows = st.tuples(
    st.binary(max_size=70), st.integers(0, 5), st.integers(0, (1 << 62) - 1), st.integers(0, 1)
)  # times to the year 2116


@given(st.lists(rows, min_size=1, max_size=12), st.integers(1, 12))
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, given_rows: list[Row], cut: int
) -> None:
    path = tmp_path_factory.mktemp("w") / "out.pcapng"
    table = sources()
    writer = CaptureWriter(path, table)
    offsets: list[int] = []
    for part in (given_rows[:cut], given_rows[cut:]):
        offsets += writer.write(batch(part))
    writer.close({0: 7})
    stored = path.read_bytes()
    again = SourceTable()
    reader = open_capture(path, 0, again, Limits())
    got: list[Row] = []
    while (read := reader.read_batch()) is not None:
        columns = (read.start, read.captured, read.wire, read.ts_ns, read.source)
        for at, size, wire, ts, source in zip(*(c.tolist() for c in columns), strict=True):
            named = 0 if again[source].interface_name == "eth0" else 1
            got.append((read.buffer[at : at + size].tobytes(), wire - size, ts, named))
    assert got == given_rows
    assert [stored[at : at + len(data)] for at, (data, *_) in zip(offsets, given_rows, strict=True)] == [
        data for data, *_ in given_rows
    ]
    assert not reader.take_anomalies()
    assert reader.info.dropped == 7
    assert {(s.interface_name, s.link_type, s.snap_length) for s in again} <= {("eth0", 1, 0), ("tun-ü", 101, 9000)}
    reader.close()


def test_only_its_owner_may_read_it_and_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out.pcapng"
    CaptureWriter(path, sources()).close()
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    with pytest.raises(CaptureProblem, match="is there already"):
        CaptureWriter(path, sources())
    with pytest.raises(CaptureProblem, match="cannot be written"):
        CaptureWriter(tmp_path / "none" / "out.pcapng", sources())
    link = tmp_path / "link.pcapng"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CaptureProblem, match="is there already"):  # a link that somebody laid out is not followed
        CaptureWriter(link, sources())
    assert path.read_bytes() == before


@pytest.mark.tshark
def test_tshark_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "out.pcapng"
    writer = CaptureWriter(path, sources())
    writer.write(batch([(data, 0, 1_700_000_000_123_456_789 + n, 0) for n, data in enumerate(call())]))
    writer.close({0: 3})
    fields = ["frame.number", "frame.time_epoch", "frame.interface_name", "sip.Method"]
    done = subprocess.run(
        ["tshark", "-r", str(path), "-T", "fields", *(word for name in fields for word in ("-e", name))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(lines) == len(call())
    assert lines[0] == ["1", "1700000000.123456789", "eth0", "INVITE"]
    assert lines[-1][3] == "BYE"
