"""One packet at two taps, cut by a snap length at one: the whole copy counts, whatever the order of the captures.

More evidence makes a statement stronger and never weaker (docs/report.md), so a cut tap beside a whole one says what
the whole one says alone.
"""

import struct
from pathlib import Path
from typing import Any

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.capture.reader import open_capture
from analyzer.capture.sources import SourceTable
from analyzer.core.limits import Limits
from analyzer.report.model import Report
from tests.conftest import SAMPLES
from tests.pipeline.wire import run_capture

SAID = ("state", "confidentiality", "integrity", "evidence", "observed", "negotiated", "packets", "scope")


def tap(name: str, folder: Path, snap: int, file: str, late_ns: int = 0) -> Path:
    """A sample as another tap saw it: each frame `late_ns` later, at most `snap` bytes of it (Ethernet, pcap)."""
    reader = open_capture(SAMPLES / name, 0, SourceTable(), Limits())
    out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snap, 1)]
    while (batch := reader.read_batch()) is not None:
        for start, size, wire, ts_ns in zip(
            batch.start, batch.captured, batch.wire, batch.ts_ns + late_ns, strict=True
        ):
            kept = bytes(batch.buffer[start : start + min(int(size), snap)])
            out.append(struct.pack("<IIII", ts_ns // 10**9, ts_ns % 10**9, len(kept), wire) + kept)
    reader.close()
    path = folder / file
    path.write_bytes(b"".join(out))
    return path


def block(kind: int, body: bytes) -> bytes:
    """A pcapng block, padded."""
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def two_interfaces(name: str, folder: Path, snap: int) -> Path:
    """A sample as a capture of two interfaces: each frame cut at the first, 1 ms later whole at the second."""
    reader = open_capture(SAMPLES / name, 0, SourceTable(), Limits())
    described = struct.pack("<HHI", 1, 0, 0) + struct.pack("<HHBxxxHH", 9, 1, 9, 0, 0)  # Ethernet, nanoseconds
    out = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)), *[block(1, described)] * 2]
    packets: list[tuple[int, int, bytes, int]] = []
    while (batch := reader.read_batch()) is not None:
        for start, size, wire, ts_ns in zip(batch.start, batch.captured, batch.wire, batch.ts_ns, strict=True):
            data = bytes(batch.buffer[start : start + size])
            packets += [(int(ts_ns), 0, data[:snap], int(wire)), (int(ts_ns) + 1_000_000, 1, data, int(wire))]
    reader.close()
    for ts_ns, interface, data, wire in sorted(packets):
        head = struct.pack("<IIIII", interface, ts_ns >> 32, ts_ns & 0xFFFFFFFF, len(data), wire)
        out.append(block(6, head + data))
    path = folder / "two.pcapng"
    path.write_bytes(b"".join(out))
    return path


def report_of(*paths: Path) -> Report:
    done = analyze(Settings(captures=tuple(map(str, paths)), topology=SAMPLES / "lab.topology.yaml"), Silent()).report
    assert done is not None
    return done


def said(report: Report) -> dict[str, Any]:
    """What is said of the traffic: counts, hops, streams, verdicts; not where it was seen."""
    return {
        "sip": (report.sip.messages, report.sip.requests, report.sip.responses, report.sip.retransmissions),
        "calls": [(call.call_ids, len(call.legs), call.outcome) for call in report.calls],
        "hops": sorted(
            [str(getattr(hop, name)) for name in ("medium", "from_addr", "to_addr", *SAID)] for hop in report.hops
        ),
        "streams": sorted((s.ssrc, s.src, s.packets, s.duplicates, s.lost, s.protection) for s in report.streams),
        "verdicts": {rule.id: (rule.passed, rule.fail, rule.open) for rule in report.rules},
    }


@pytest.mark.parametrize("snap", [100, 300])
@pytest.mark.parametrize("late_ns", [0, 3_000_000, -3_000_000])
@pytest.mark.parametrize("first", ["whole", "cut"])
def test_the_whole_copy_counts(tmp_path: Path, snap: int, late_ns: int, first: str) -> None:
    whole = tap("plain-rtp.pcapng", tmp_path, 65_535, "whole.pcap")
    cut = tap("plain-rtp.pcapng", tmp_path, snap, "cut.pcap", late_ns)
    both = report_of(*((whole, cut) if first == "whole" else (cut, whole)))
    assert both.coverage.cut > 0
    assert said(both) == said(report_of(whole))


@pytest.mark.parametrize("limits", [Limits(), Limits(cut_messages=2, sighting_window_ns=1)])
def test_batches_do_not_show(tmp_path: Path, limits: Limits) -> None:
    path = two_interfaces("plain-rtp.pcapng", tmp_path, 100)
    seen = set()
    for size in (1, 5, 32_768):
        engine = run_capture(path, size, limits)
        rows = (*engine.closer.calls, *engine.closer.hops, *engine.closer.stream_rows)
        seen.add((rows, engine.signalling.counts.messages, engine.signalling.counts.retransmissions))
    assert len(seen) == 1


def test_what_waits_for_a_whole_copy_is_bounded(tmp_path: Path) -> None:
    """Past the bound the oldest is filed as it was captured."""
    engine = run_capture(tap("plain-rtp.pcapng", tmp_path, 200, "cut.pcap"), limits=Limits(cut_messages=1))
    assert engine.signalling.counts.messages == 59  # as tshark counts them in the whole capture
    assert not engine.signalling.overdue(None)
