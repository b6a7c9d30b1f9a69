"""Decoder: totality over any bytes, batch edges that do not show, and headers as the RFCs lay them out."""

import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.batch import FrameBatch, Source
from analyzer.capture.sources import CaptureProblem
from analyzer.core.limits import Limits
from analyzer.net import layers
from analyzer.net.decode import Decoder
from analyzer.net.packets import PacketBatch
from tests.linear import assert_linear
from tests.net import oracle, reference

LINKS = (0, 1, 101, 108, 113, 228, 229, 276, 147, 12, 14)
SOURCES = [Source(0, i, "", link, 0, f"v{i}") for i, link in enumerate(LINKS)]
COLUMNS = (
    "frame", "vantage", "protocol", "layers", "src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport", "ip_id",
    "payload_length", "missing", "seq", "ack", "flags",
)  # fmt: skip


def batch(frames: list[tuple[int, bytes]], first: int = 1, cut: int = 0) -> FrameBatch:
    """Frames as (index in SOURCES, bytes), of which the last `cut` bytes of each were not captured."""
    sizes = np.array([len(f) for _, f in frames], np.int32)
    captured = np.maximum(sizes - cut, 0).astype(np.int32)
    start = (np.cumsum(sizes) - sizes).astype(np.int32)
    number = np.arange(first, first + len(frames), dtype=np.int64)
    source = np.array([s for s, _ in frames], np.int32)
    buffer = np.frombuffer(b"".join(f for _, f in frames), np.uint8)
    return FrameBatch(buffer, start, captured, sizes, number, source, number, number)


def payload(p: PacketBatch, i: int) -> bytes:
    """The payload bytes of one packet."""
    begin = int(p.payload_start[i])
    return bytes(p.buffer[begin : begin + int(p.payload_length[i])])


def udp4(payload: bytes, options: bytes = b"") -> bytes:
    """IPv4 with UDP, 10.0.0.1:5060 to 10.0.0.2:5062."""
    ip = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, 28 + len(options) + len(payload), 7, 0, 64, 17, 0)
    return (
        ip
        + bytes([10, 0, 0, 1, 10, 0, 0, 2])
        + options
        + struct.pack(">HHHH", 5060, 5062, 8 + len(payload), 0)
        + payload
    )


def ip6(protocol: int, rest: bytes) -> bytes:
    """IPv6 from 2001:db8::1 to 2001:db8::2."""
    head = bytes.fromhex("20010db8000000000000000000000001 20010db8000000000000000000000002")
    return struct.pack(">IHBB", 6 << 28, len(rest), protocol, 64) + head + rest


def udp6(payload: bytes) -> bytes:
    """The same over IPv6."""
    return ip6(17, struct.pack(">HHHH", 5060, 5062, 8 + len(payload), 0) + payload)


def tcp4(payload: bytes) -> bytes:
    """IPv4 with TCP: sequence 1, acknowledgement 2, PSH and ACK, four bytes of options."""
    tcp = struct.pack(">HHIIBBHHH", 5060, 40000, 1, 2, 0x60, 0x18, 0, 0, 0) + b"\1\1\1\0" + payload
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 7, 0, 64, 6, 0) + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + tcp


def ethernet(kind: int, rest: bytes) -> bytes:
    """An Ethernet frame."""
    return bytes(12) + struct.pack(">H", kind) + rest


def sll2(interface: int, rest: bytes) -> bytes:
    """A frame of an "any" capture."""
    return struct.pack(">HHIHBB8x", 0x0800, 0, interface, 1, 0, 6) + rest


HOP_BY_HOP = b"\x11\0\x01\x04\0\0\0\0"
ATOMIC = b"\x11\0\0\0\0\0\0\x09"
UDP = struct.pack(">HHHH", 5060, 5062, 13, 0) + b"hello"
PPPOE = struct.pack(">BBHHH", 0x11, 0, 1, 2 + len(udp4(b"hello")), 0x21)
LAYERS = {
    "vlan": (1, ethernet(0x8100, b"\0\5\x08\0" + udp4(b"hello")), layers.VLAN),
    "qinq": (1, ethernet(0x88A8, b"\0\5\x81\0\0\6\x08\0" + udp4(b"hello")), layers.VLAN | layers.QINQ),
    "mpls": (1, ethernet(0x8847, b"\0\1\0\x40\0\1\1\x40" + udp4(b"hello")), layers.MPLS),
    "mpls6": (1, ethernet(0x8847, b"\0\1\1\x40" + udp6(b"hello")), layers.MPLS),
    "pseudowire": (1, ethernet(0x8847, b"\0\1\1\x40" + bytes(4) + ethernet(0x0800, udp4(b"hello"))), layers.MPLS),
    "bare pseudowire": (1, ethernet(0x8847, b"\0\1\1\x40" + ethernet(0x0800, udp4(b"hello"))), layers.MPLS),
    "pppoe": (1, ethernet(0x8864, PPPOE + udp4(b"hello") + bytes(9)), layers.PPPOE),
    "vlan pppoe": (1, ethernet(0x8100, b"\0\5\x88\x64" + PPPOE + udp4(b"hello")), layers.VLAN | layers.PPPOE),
    "null": (0, b"\2\0\0\0" + udp4(b"hello"), 0),
    "raw": (2, udp6(b"hello"), 0),
    "loop": (3, b"\0\0\0\2" + udp4(b"hello"), 0),
    "sll": (4, bytes(14) + b"\x08\0" + udp4(b"hello"), 0),
    "sll2": (7, sll2(3, udp4(b"hello")), 0),
    "options": (5, udp4(b"hello", b"\1\1\1\0"), layers.IP_OPTIONS),
    "hop by hop": (6, ip6(0, HOP_BY_HOP + UDP), layers.EXTENSION_HEADERS),
    "atomic fragment": (6, ip6(44, ATOMIC + UDP), layers.EXTENSION_HEADERS),
    "ah": (6, ip6(51, b"\x11\4" + bytes(22) + UDP), layers.AH),
    "tcp": (1, ethernet(0x0800, tcp4(b"hello")), 0),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_and_every_truncation(name: str) -> None:
    source, frame, bits = LAYERS[name]
    p = Decoder(SOURCES, Limits()).decode(batch([(source, frame)]))
    assert (payload(p, 0), int(p.sport[0]), int(p.layers[0])) == (b"hello", 5060, bits)
    for n in range(len(frame) + 1):
        d = Decoder(SOURCES, Limits())
        assert len(d.decode(batch([(source, frame[:n])]))) + sum(d.undecoded.values()) == 1
        d = Decoder(SOURCES, Limits())
        p = d.decode(batch([(source, frame)], cut=n))
        assert len(p) + sum(d.undecoded.values()) == 1
        assert not d.take_anomalies()  # the snap length is nobody's lie
        if len(p) and p.missing[0]:
            assert int(p.payload_length[0] + p.missing[0]) == 5


def test_vlan_udp_with_padding() -> None:  # RFC 791 3.1, RFC 768, IEEE 802.1Q
    frame = ethernet(0x8100, b"\0\5\x08\0" + udp4(b"hello") + bytes(20))
    p = Decoder(SOURCES, Limits()).decode(batch([(1, frame)]))
    assert payload(p, 0) == b"hello"
    assert (p.sport[0], p.dport[0], p.ip_id[0], p.layers[0]) == (5060, 5062, 7, layers.VLAN)
    assert int(p.src_lo[0]) == 0xFFFF_0A00_0001


def test_icmp_is_counted_not_delivered() -> None:
    frame = bytearray(ethernet(0x0800, udp4(b"")))
    frame[14 + 9] = 1
    d = Decoder(SOURCES, Limits())
    assert len(d.decode(batch([(1, bytes(frame))]))) == 0
    assert d.undecoded == {(0, "icmp"): 1}


def test_ethertype_zero_is_no_ip() -> None:  # tshark agrees, in C069 frames 607 and 608
    d = Decoder(SOURCES, Limits())
    assert len(d.decode(batch([(1, ethernet(0, udp4(b"")))]))) == 0
    assert d.undecoded == {(0, "ethertype_0000"): 1}


def test_labels_deeper_than_the_limit() -> None:
    d = Decoder(SOURCES, Limits())
    d.decode(batch([(1, ethernet(0x8847, bytes(4 * 9) + b"\0\1\1\x40" + udp4(b"")))]))
    assert d.undecoded == {(0, "too_deep"): 1}
    assert [a.kind.code for a in d.take_anomalies()] == ["net.too_deep"]


def test_vantages_are_numbered_in_row_order() -> None:
    d = Decoder(SOURCES, Limits())
    frames = [(7, sll2(9, udp4(b""))), (1, ethernet(0x0800, udp4(b""))), (7, sll2(2, udp4(b""))), (0, b"")]
    p = d.decode(batch([*frames, frames[0]]))
    assert d.vantages == ["v7/if9", "v1", "v7/if2"]
    assert p.vantage.tolist() == [0, 1, 2, 0]


def test_interfaces_beyond_the_limit_share_a_vantage() -> None:
    d = Decoder(SOURCES, Limits(vantages=2))
    p = d.decode(batch([(7, sll2(i, udp4(b""))) for i in (5, 6, 7, 5, 8)]))
    assert d.vantages == ["v7/if5", "v7/if6", "v7"]
    assert p.vantage.tolist() == [0, 1, 2, 0, 2]
    assert [(a.kind.code, a.cites[0].frame) for a in d.take_anomalies()] == [("net.vantages", 3)]


SEEDS = [(source, frame) for source, frame, _ in LAYERS.values()] + [
    (1, ethernet(0x0800, udp4(b"abc"))), (1, ethernet(0x86DD, udp6(b"abc"))), (2, udp4(b"abc")),
    (1, ethernet(0x8100, b"\0\5\x86\xdd" + udp6(b"abc"))),
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> tuple[int, bytes]:
    """A frame of a layer, a few of its bytes changed, cut or padded; or any bytes; on its link or another."""
    source, seed = draw(st.sampled_from(SEEDS))
    data = bytearray(seed if draw(st.integers(0, 9)) else draw(st.binary(max_size=90)))
    for at, value in draw(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=4)):
        if at < len(data):
            data[at] = value
    data = data[: draw(st.integers(0, len(data)))] if not draw(st.integers(0, 9)) else data
    data += bytes(draw(st.integers(0, 40)))
    return source if draw(st.integers(0, 9)) else draw(st.integers(0, len(LINKS) - 1)), bytes(data)


FRAMES = st.lists(mutated(), max_size=15)


@given(FRAMES, st.sampled_from([1, 7]))
def test_total_accounted_and_blind_to_batch_edges(frames: list[tuple[int, bytes]], size: int) -> None:
    limits = Limits(vantages=3)
    whole, parts = Decoder(SOURCES, limits), Decoder(SOURCES, limits)
    p = whole.decode(batch(frames))
    rest = [parts.decode(batch(frames[i : i + size], i + 1)) for i in range(0, len(frames), size)]
    whole.finish()
    parts.finish()
    assert len(p) + sum(map(len, p.extra_cites.values())) + sum(whole.undecoded.values()) == len(frames)
    assert whole.undecoded == parts.undecoded
    assert whole.vantages == parts.vantages
    assert whole.take_anomalies() == parts.take_anomalies()
    for name in COLUMNS:
        assert getattr(p, name).tolist() == [v for q in rest for v in getattr(q, name).tolist()]


@given(st.sampled_from(range(len(LINKS))), st.lists(st.binary(max_size=120), max_size=4), st.integers(0, 30))
def test_any_bytes_on_any_link(source: int, frames: list[bytes], cut: int) -> None:
    d = Decoder(SOURCES, Limits())
    p = d.decode(batch([(source, f) for f in frames], cut=cut))
    d.finish()
    assert len(p) + sum(d.undecoded.values()) == len(frames)
    assert bool((p.payload_start.astype(np.int64) + p.payload_length <= len(p.buffer)).all())


def _reference(frame: tuple[int, bytes], cut: int) -> reference.Packet | str | None:
    source, data = frame
    try:
        return reference.read(data[: max(len(data) - cut, 0)], LINKS[source], len(data))
    except reference.NotDecodedError:
        return "none"


@given(st.lists(mutated(), min_size=1, max_size=12), st.sampled_from([0, 0, 3, 12]))
def test_agrees_with_the_scalar_reference(frames: list[tuple[int, bytes]], cut: int) -> None:
    p = Decoder(SOURCES, Limits()).decode(batch(frames, cut=cut))
    found = {int(p.frame[i]) - 1: i for i in range(len(p))}
    starts = batch(frames).start
    for row, frame in enumerate(frames):
        told = _reference(frame, cut)
        if told is None or (told == "none" and LINKS[frame[0]] in (1, 113, 276) and b"\x88\x47" in frame[1]):
            continue  # a tunnel, or a pseudowire
        if told == "none":
            assert row not in found or row in {int(p.row[i]) for i in p.extra_cites}
            continue
        i = found[row]
        high, low = int(p.src_hi[i]) << 64 | int(p.src_lo[i]), int(p.dst_hi[i]) << 64 | int(p.dst_lo[i])
        assert isinstance(told, reference.Packet)
        assert high.to_bytes(16, "big")[-len(told.source) :] == told.source
        assert low.to_bytes(16, "big")[-len(told.destination) :] == told.destination
        ours = (
            int(p.protocol[i]), int(p.sport[i]), int(p.dport[i]), int(p.payload_start[i]) - int(starts[row]),
            int(p.payload_length[i]), int(p.missing[i]), int(p.seq[i]), int(p.flags[i]),
        )  # fmt: skip
        assert ours == (told.protocol, told.sport, told.dport, *told[5:])


PUBLIC = ("C012-sip-over-tcp.pcap", "C094-ipv6_in_gtp.pcap", "C053-ipip.pcap")


@pytest.mark.tshark
@pytest.mark.parametrize("name", [*(f"public/{name}" for name in PUBLIC), "lab/gtpu-e2ae.pcapng", "lab/esp-aes.pcapng"])
def test_agrees_with_tshark(shared: Path, name: str) -> None:
    ours, _ = oracle.our_packets(shared / name)
    assert ours
    assert ours == oracle.tshark_packets(shared / name)


@pytest.mark.tshark
def test_agrees_with_tshark_where_headers_lie(shared: Path) -> None:
    """A fuzzed capture. tshark prints the UDP length as it stands; ours is bounded by the IP payload, and says so."""
    path = shared / "public/C069-fuzz-2006-06-26-2594.pcap"
    ours, decoder = oracle.our_packets(path)
    theirs = oracle.tshark_packets(path)
    lies = {cite.frame for anomaly in decoder.take_anomalies() for cite in anomaly.cites}
    differ = {n for n in ours.keys() | theirs.keys() if ours.get(n) != theirs.get(n)}
    assert differ - lies == {86}  # a TCP header cut after 16 bytes: tshark shows its ports


def test_hostile_captures_never_raise(shared: Path) -> None:
    seen = 0
    for path in sorted((shared / "hostile").iterdir()):
        try:
            oracle.our_packets(path)
            seen += 1
        except CaptureProblem:
            continue
    assert seen > 100


def test_time_is_linear() -> None:
    """Frames of every kind, and tunnels in tunnels as deep as there are bytes."""

    def prepare(count: int) -> Callable[[], object]:
        deep = udp4(b"x")
        for _ in range(40):
            deep = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(deep), 1, 0, 64, 4, 0) + bytes(8) + deep
        frames = batch([(n % len(LINKS), (deep, b"\x45" * 90, b"\xff" * 60)[n % 3]) for n in range(count)])
        return partial(Decoder(SOURCES, Limits()).decode, frames)

    assert_linear(prepare, 1_200)
