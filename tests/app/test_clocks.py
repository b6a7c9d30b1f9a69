"""Captures whose clocks are apart: found, said, and put right before anything is judged."""

import struct
from pathlib import Path

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from tests.conftest import SAMPLES

SKEW_NS = (0, 2_500_000_000, -700_000_000)


def split(path: Path, folder: Path, skews: tuple[int, ...]) -> list[str]:
    """Each interface of a pcapng as a pcap of nanoseconds, its clock off by a skew."""
    data, at, frames = path.read_bytes(), 0, [[] for _ in skews]  # type: list[list[tuple[int, bytes]]]
    ticks: list[int] = []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 1:
            ticks.append(_ticks(data[at + 16 : at + length - 4]))
        elif kind == 6:
            interface, high, low, size = struct.unpack_from("<IIII", data, at + 8)
            ts_ns = (high << 32 | low) * (10**9 // ticks[interface])
            frames[interface].append((ts_ns, data[at + 28 : at + 28 + size]))
        at += length
    names = []
    for number, (skew, taken) in enumerate(zip(skews, frames, strict=True)):
        out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1)]
        for ts_ns, frame in taken:
            moment = ts_ns + skew
            out.append(struct.pack("<IIII", moment // 10**9, moment % 10**9, len(frame), len(frame)) + frame)
        name = folder / f"tap-{number}.pcap"
        name.write_bytes(b"".join(out))
        names.append(str(name))
    return names


def _ticks(options: bytes) -> int:
    """Ticks a second of an interface (pcapng 4.2, if_tsresol)."""
    at = 0
    while at + 4 <= len(options):
        code, size = struct.unpack_from("<HH", options, at)
        if code == 9:
            return 10 ** options[at + 4] if options[at + 4] < 128 else 2 ** (options[at + 4] & 127)
        at += 4 + (size + 3) // 4 * 4
    return 10**6


@pytest.mark.parametrize("name", ["plain-rtp", "e2e-sdes-clear-sip", "conf-e2ae-sdes"])
def test_offsets_of_a_capture_in_three_parts(tmp_path: Path, name: str) -> None:
    paths = split(SAMPLES / f"{name}.pcapng", tmp_path, SKEW_NS)
    report = analyze(Settings(captures=tuple(paths)), Silent()).report
    assert report is not None
    assert [clock.vantage for clock in report.clock] == ["tap-0", "tap-1", "tap-2"]
    for clock, skew in zip(report.clock, SKEW_NS, strict=True):
        assert abs(clock.offset_ns + skew) < 2_000_000
    together = analyze(Settings(captures=(str(SAMPLES / f"{name}.pcapng"),)), Silent()).report
    assert together is not None
    assert together.clock == ()
    assert report.sip == together.sip
    assert [(hop.medium, hop.from_addr, hop.to_addr, hop.packets, hop.state, hop.scope) for hop in report.hops] == [
        (hop.medium, hop.from_addr, hop.to_addr, hop.packets, hop.state, hop.scope) for hop in together.hops
    ]
