"""Decoder: totality over any bytes, batch edges that do not show, and headers as the RFCs lay them out."""

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.batch import FrameBatch, Source
from analyzer.core.limits import Limits
from analyzer.net import layers
from analyzer.net.decode import Decoder

LINKS = (0, 1, 101, 108, 113, 228, 229, 276, 147)
SOURCES = [Source(0, i, "", link, 0, "v") for i, link in enumerate(LINKS)]


def batch(frames: list[tuple[int, bytes]], first: int = 1) -> FrameBatch:
    sizes = np.array([len(f) for _, f in frames], np.int32)
    start = (np.cumsum(sizes) - sizes).astype(np.int32)
    number = np.arange(first, first + len(frames), dtype=np.int64)
    source = np.array([s for s, _ in frames], np.int32)
    buffer = np.frombuffer(b"".join(f for _, f in frames), np.uint8)
    return FrameBatch(buffer, start, sizes, sizes, number, source, number, number)


def udp4(payload: bytes, options: bytes = b"") -> bytes:
    ip = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, 28 + len(options) + len(payload), 7, 0, 64, 17, 0)
    return (
        ip
        + bytes([10, 0, 0, 1, 10, 0, 0, 2])
        + options
        + struct.pack(">HHHH", 5060, 5062, 8 + len(payload), 0)
        + payload
    )


def ethernet(kind: int, rest: bytes) -> bytes:
    return bytes(12) + struct.pack(">H", kind) + rest


def test_vlan_udp_with_padding() -> None:  # RFC 791 3.1, RFC 768, IEEE 802.1Q
    frame = ethernet(0x8100, b"\0\5\x08\0" + udp4(b"hello") + bytes(20))
    p = Decoder(SOURCES, Limits()).decode(batch([(1, frame)]))
    begin = int(p.payload_start[0])
    assert bytes(p.buffer[begin : begin + int(p.payload_length[0])]) == b"hello"
    assert (p.sport[0], p.dport[0], p.ip_id[0], p.layers[0]) == (5060, 5062, 7, layers.VLAN)
    assert int(p.src_lo[0]) == 0xFFFF_0A00_0001


def test_icmp_is_counted_not_delivered() -> None:
    frame = bytearray(ethernet(0x0800, udp4(b"")))
    frame[14 + 9] = 1
    d = Decoder(SOURCES, Limits())
    assert len(d.decode(batch([(1, bytes(frame))]))) == 0
    assert d.undecoded == {(0, "ip_protocol_1"): 1}


def test_truncated_at_every_length_never_raises_and_is_accounted() -> None:
    whole = ethernet(0x0800, udp4(b"abcdef", bytes(8)))
    for n in range(len(whole) + 1):
        d = Decoder(SOURCES, Limits())
        assert len(d.decode(batch([(1, whole[:n])]))) + sum(d.undecoded.values()) == 1


SEEDS = (ethernet(0x0800, udp4(b"abc")), udp4(b"abc"), b"", ethernet(0x86DD, b"\x60" + bytes(60)))


@st.composite
def frame(draw: st.DrawFn) -> tuple[int, bytes]:
    data = bytearray(draw(st.sampled_from(SEEDS)) or draw(st.binary(max_size=90)))
    for at, value in draw(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255)), max_size=4)):
        if at < len(data):
            data[at] = value
    return draw(st.integers(0, len(LINKS) - 1)), bytes(data)


@given(st.lists(frame(), max_size=15), st.sampled_from([1, 7]))
def test_total_accounted_and_blind_to_batch_edges(frames: list[tuple[int, bytes]], size: int) -> None:
    whole, parts = Decoder(SOURCES, Limits()), Decoder(SOURCES, Limits())
    p = whole.decode(batch(frames))
    rest = [parts.decode(batch(frames[i : i + size], i + 1)) for i in range(0, len(frames), size)]
    assert len(p) + sum(whole.undecoded.values()) == len(frames)
    assert whole.undecoded == parts.undecoded
    assert whole.take_anomalies() == parts.take_anomalies()
    for name in ("frame", "protocol", "src_lo", "dst_hi", "sport", "payload_length", "missing", "seq", "layers"):
        assert getattr(p, name).tolist() == [v for q in rest for v in getattr(q, name).tolist()]
