"""Captures whose clocks are apart: found, said, and put right before anything is judged."""

import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.app.clocks import clocks_of
from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.capture.sources import CaptureInfo
from analyzer.core.limits import Limits
from analyzer.report.model import Report
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


def skewed(path: Path, folder: Path, skews: tuple[int, ...]) -> str:
    """The pcapng as it is when somebody has merged, by time, what machines with those clocks captured (pcapng 4.3)."""
    data, at, head, packets = path.read_bytes(), 0, [], []
    ticks: list[int] = []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        block = data[at : at + length]
        if kind == 1:
            ticks.append(_ticks(block[16:-4]))
        if kind == 6:
            interface, high, low = struct.unpack_from("<III", block, 8)
            stamp = (high << 32 | low) + skews[interface] * ticks[interface] // 10**9
            packets.append((stamp / ticks[interface], block[:12] + struct.pack("<II", stamp >> 32, stamp & 0xFFFFFFFF)
                            + block[20:]))  # fmt: skip
        else:
            head.append(block)
        at += length
    out = folder / path.name
    out.write_bytes(b"".join(head) + b"".join(block for _, block in sorted(packets, key=lambda packet: packet[0])))
    return str(out)


def hops_of(report: Report) -> list[tuple[object, ...]]:
    """What does not depend on where a packet stands in its file."""
    return [(h.medium, h.from_addr, h.to_addr, h.packets, h.state, h.scope, h.termination) for h in report.hops]


@pytest.mark.parametrize("name", ["plain-rtp", "e2e-sdes-clear-sip", "conf-e2ae-sdes"])
def test_offsets_of_the_interfaces_of_one_capture(tmp_path: Path, name: str) -> None:
    """One file, three clocks: reported for each interface, applied, and the calls are what they were."""
    path = SAMPLES / f"{name}.pcapng"
    report = analyze(Settings(captures=(skewed(path, tmp_path, SKEW_NS),)), Silent()).report
    together = analyze(Settings(captures=(str(path),)), Silent()).report
    assert report is not None
    assert together is not None
    assert [clock.vantage for clock in report.clock] == list(report.captures[0].interfaces)
    for clock, skew in zip(report.clock, SKEW_NS, strict=True):
        assert abs(clock.offset_ns + skew) < 2_000_000
        assert clock.matched or not skew
    assert report.sip == together.sip
    assert report.sip.retransmissions == 0
    assert hops_of(report) == hops_of(together)
    assert [stream.packets for stream in report.streams] == [stream.packets for stream in together.streams]
    (ours,), (theirs,) = report.captures, together.captures
    assert (ours.frames, ours.undecoded, ours.link_types) == (theirs.frames, theirs.undecoded, theirs.link_types)
    for moved, was in ((ours.first_ns, theirs.first_ns), (ours.last_ns, theirs.last_ns)):
        assert abs(moved - was) < 2_000_000
    assert [(row.code, row.count) for row in report.anomalies] == [(row.code, row.count) for row in together.anomalies]


def test_clocks_of_one_capture_are_bounded(tmp_path: Path) -> None:
    """Each is another reading of the file: past the bound an interface has the first one's clock, and that is said."""
    path = skewed(SAMPLES / "conf-e2ae-sdes.pcapng", tmp_path, SKEW_NS)
    info = CaptureInfo(0, path)
    full = clocks_of([info], Limits())
    assert [len(names) for names in full.of(path).values()] == [1, 1, 1]
    assert full.whole(path)
    two = clocks_of([info], replace(Limits(), clocks=2))
    assert list(two.of(path).values()) == [["p1:acc1", "p2:acc2"], ["core:br0"]]
    assert not two.whole(path)
    few = clocks_of([info], replace(Limits(), clock_interfaces=2))
    assert list(few.of(path).values()) == [["p1:acc1"], ["core:br0"]]
    assert not few.whole(path)


@pytest.mark.tshark
def test_cites_of_a_capture_with_several_clocks_open_in_it(tmp_path: Path) -> None:
    """A frame has the number that it has in the file, whichever reader brought it."""
    path = SAMPLES / "conf-e2ae-sdes.pcapng"
    report = analyze(Settings(captures=(skewed(path, tmp_path, SKEW_NS),)), Silent()).report
    assert report is not None
    frames = {sighting.first for hop in report.hops for sighting in hop.sightings}
    assert len(frames) > 5
    shown = subprocess.run(
        ["tshark", "-r", str(tmp_path / path.name), "-T", "fields", "-e", "frame.number", "-e", "frame.interface_id"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    interfaces = dict(map(int, line.split()) for line in shown.splitlines())  # type: ignore[arg-type]  # two numbers
    for hop in report.hops:
        for sighting in hop.sightings:
            assert interfaces[sighting.first] == interfaces[sighting.last] == sighting.interface


def test_interfaces_of_one_name_in_two_captures_are_two_vantage_points(tmp_path: Path) -> None:
    """Two machines that both capture on eth0 and eth1 at the same time."""
    path = SAMPLES / "conf-e2ae-sdes.pcapng"
    report = analyze(Settings(captures=(str(path), skewed(path, tmp_path, (SKEW_NS[1],) * 3))), Silent()).report
    assert report is not None
    assert report.sip.retransmissions == 0  # what both saw is two sightings of one message
    assert {stream.duplicates for stream in report.streams} == {0}
    assert all({sighting.capture for sighting in hop.sightings} == {"capture-1", "capture-2"} for hop in report.hops)
    alone = analyze(Settings(captures=(str(path),)), Silent()).report
    assert alone is not None
    assert report.sip.messages == alone.sip.messages
    assert [stream.packets for stream in report.streams] == [stream.packets for stream in alone.streams]
    points = [row.vantage.split(", ") for row in report.captures]  # the VANTAGE POINT column
    assert [len(names) for names in points] == [len(row.interfaces) for row in report.captures]
    assert not set(points[0]) & set(points[1])
    (first, second) = report.clock
    assert first.offset_ns == 0
    assert abs(second.offset_ns + SKEW_NS[1]) < 2_000_000


@pytest.mark.parametrize("tap", ["plain-rtp.pcapng", "core:br0", "no such place"])
def test_a_tap_is_named_by_its_file_or_its_interface(tmp_path: Path, tap: str) -> None:
    """docs/topology.md: SIP in clear behind an element that decrypts says nothing about the wire."""
    topology = tmp_path / "lab.topology.yaml"
    text = (SAMPLES / "lab.topology.yaml").read_text()
    topology.write_text(f"{text}\ntaps: {{'{tap}': {{point: post_decrypt}}}}\n")
    report = analyze(Settings(captures=(str(SAMPLES / "plain-rtp.pcapng"),), topology=topology), Silent()).report
    assert report is not None
    states = {hop.state for hop in report.hops if hop.plane == "signalling" and hop.from_zone == "core"}
    access = {hop.state for hop in report.hops if hop.plane == "signalling" and hop.from_zone == "access"}
    assert states == {"clear_udp" if tap == "no such place" else "unknown_post_decrypt"}
    assert access == {"unknown_post_decrypt" if tap == "plain-rtp.pcapng" else "clear_udp"}


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
