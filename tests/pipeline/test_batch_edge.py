"""The batch edge is invisible: the same bytes of report whatever the batches, with ample limits and with tiny ones."""

import struct
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.limits import SECOND_NS, Limits
from tests.golden.runs import run, setup, tree

CAPTURES = (
    "lab/e2ae-all.pcapng",
    "lab/e2e-dtls.pcapng",
    "lab/plain-rtp.pcapng",
    "public/C169-volte.pcapng",
    "public/C069-fuzz-2006-06-26-2594.pcap",
)
AMPLE = Limits()
TINY = replace(
    AMPLE,
    flows=3,
    streams=3,
    calls=2,
    dialogs=2,
    messages_per_call=4,
    sequence_ranges=2,
    fragments_per_packet=2,
    fragment_bytes=2_048,
    fragment_timeout_ns=SECOND_NS // 100,
    tcp_held_bytes=1_024,
    tcp_held_total=2_048,
    tcp_recent_total=2_048,
    tcp_hole_timeout_ns=SECOND_NS,
    flow_idle_ns=SECOND_NS,
    stream_idle_ns=SECOND_NS,
    linger_ns=SECOND_NS,
    call_quiet_ns=2 * SECOND_NS,
    sighting_window_ns=SECOND_NS // 10,
    cites_per_anomaly=2,
    findings=5,
    open_places=2,
    identities=2,
    named_keys=2,
    call_ids=2,
)
LIMITS = {"ample": AMPLE, "tiny": TINY}


def _report(path: Path, limits: Limits, rows: int | None, scramble: bool = False) -> bytes:
    keylog = path.with_name(f"{path.stem}.tls-keylog.txt")
    report = run(path, setup([keylog] if keylog.is_file() else [], limits=limits), rows=rows, scramble=scramble)
    assert report is not None
    return report


@lru_cache(maxsize=16)
def _whole(path: Path, name: str) -> bytes:
    return _report(path, LIMITS[name], None)


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("name", LIMITS)
def test_batches_do_not_show(shared: Path, capture: str, rows: int, name: str) -> None:
    path = shared / capture
    # line by line, so that a failure names the row of the report that differs
    assert _report(path, LIMITS[name], rows).split(b"\n") == _whole(path, name).split(b"\n")


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("rows", [7, None])
def test_nothing_is_kept_by_reference(shared: Path, capture: str, rows: int | None) -> None:
    path = shared / capture
    assert _report(path, TINY, rows, scramble=True).split(b"\n") == _whole(path, "tiny").split(b"\n")


@pytest.mark.parametrize("capture", CAPTURES)
def test_tiny_limits_are_hit(shared: Path, capture: str) -> None:
    assert tree(_whole(shared / capture, "tiny"))["coverage"]["evicted"] > 0


# -- media, at random ------------------------------------------------------------------------------------------------

_STEPS = st.sampled_from([1, 1, 1, 1, 1, 1, 0, 0, -1, 2, -2, 3])


@dataclass(frozen=True, slots=True)
class _Packet:
    """One RTP packet: how it follows the one before it on its interface and in its stream."""

    interface: int
    ssrc: int
    step: int
    new_id: bool
    after_us: int


_PACKETS = st.lists(
    st.builds(
        _Packet,
        st.integers(0, 1),
        st.integers(1, 2),
        _STEPS,
        st.booleans(),
        st.sampled_from([100, 900, 20_000, 20_000]),
    ),
    min_size=10,
    max_size=60,
)


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _pcapng(packets: list[_Packet]) -> bytes:
    """Two interfaces, microseconds, Ethernet."""
    blocks = [_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    blocks += [_block(1, struct.pack("<HHI", 1, 0, 0))] * 2
    now, ip_id, seq = 1_000_000_000_000, 1, {(i, s): 1_000 for i in (0, 1) for s in (1, 2)}
    for packet in packets:
        now += packet.after_us
        ip_id += packet.new_id
        seq[packet.interface, packet.ssrc] += packet.step
        number = seq[packet.interface, packet.ssrc]
        rtp = struct.pack(">BBHII", 0x80, 0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, packet.ssrc)
        rtp += bytes((number * 7 + packet.interface * 31 + i) & 0xFF for i in range(40))
        udp = struct.pack(">HHHH", 4_000, 5_000, 8 + len(rtp), 0) + rtp
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), ip_id, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
        frame = bytes(12) + b"\x08\x00" + ip + udp
        head = struct.pack("<IIIII", packet.interface, now >> 32, now & 0xFFFFFFFF, len(frame), len(frame))
        blocks.append(_block(6, head + frame))
    return b"".join(blocks)


@given(_PACKETS, st.integers(1, 9), st.sampled_from([2, 512]))
def test_streams_do_not_show_batches(packets: list[_Packet], rows: int, ranges: int) -> None:
    capture = _pcapng(packets)
    limits = replace(AMPLE, sequence_ranges=ranges)
    reports = [run(capture, setup(judge=False, limits=limits), rows=size) for size in (None, rows)]
    assert tree(reports[0])["captures"][0]["frames"] == len(packets)
    assert tree(reports[0])["streams"] == tree(reports[1])["streams"]
    assert reports[0] == reports[1]
