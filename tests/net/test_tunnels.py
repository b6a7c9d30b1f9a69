"""Tunnels: entered where the structure proves right, left as UDP where it does not."""

import struct

import pytest

from analyzer.core.limits import Limits
from analyzer.net import layers
from analyzer.net.decode import Decoder
from tests.net.test_decode import SOURCES, batch, udp4


def ip4(protocol: int, rest: bytes) -> bytes:
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(rest), 1, 0, 64, protocol, 0) + bytes(8) + rest


def udp(port: int, rest: bytes) -> bytes:
    return ip4(17, struct.pack(">HHHH", port, port, 8 + len(rest), 0) + rest)


INNER = udp4(b"voice")


@pytest.mark.parametrize(
    ("frame", "bit"),
    [
        (udp(2152, struct.pack(">BBHI", 0x30, 255, len(INNER), 9) + INNER), layers.GTPU),
        (
            udp(2152, struct.pack(">BBHIHBB", 0x34, 255, len(INNER) + 8, 9, 0, 0, 0x85) + b"\1\0\0\0" + INNER),
            layers.GTPU,
        ),
        (udp(4789, b"\x08" + bytes(7) + bytes(12) + b"\x08\0" + INNER), layers.VXLAN),
        (udp(6081, b"\0\0\x65\x58" + bytes(4) + bytes(12) + b"\x08\0" + INNER), layers.GENEVE),
        (udp(6081, b"\x01\0\x08\0" + bytes(4) + bytes(4) + INNER), layers.GENEVE),
        (ip4(4, INNER), layers.IPIP),
        (ip4(47, b"\x20\0\x08\0" + bytes(4) + INNER), layers.GRE),
        (ip4(47, b"\0\0\x65\x58" + bytes(12) + b"\x08\0" + INNER), layers.GRE),
    ],
)
def test_tunnels_deliver_the_inner_packet(frame: bytes, bit: int) -> None:
    p = Decoder(SOURCES, Limits()).decode(batch([(2, frame)]))
    begin, size = int(p.payload_start[0]), int(p.payload_length[0])
    assert bytes(p.buffer[begin : begin + size]) == b"voice"
    assert (int(p.sport[0]), int(p.layers[0])) == (5060, bit)
    for n in range(len(frame) + 1):
        d = Decoder(SOURCES, Limits())
        assert len(d.decode(batch([(2, frame[:n])]))) + sum(d.undecoded.values()) == 1


def test_unproven_gtpu_stays_udp() -> None:
    p = Decoder(SOURCES, Limits()).decode(batch([(2, udp(2152, struct.pack(">BBHI", 0x30, 255, 99, 9) + INNER))]))
    assert (int(p.sport[0]), int(p.layers[0])) == (2152, 0)


def test_depth_is_bounded() -> None:
    frame = INNER
    for _ in range(10):
        frame = ip4(4, frame)
    d = Decoder(SOURCES, Limits())
    assert len(d.decode(batch([(2, frame)]))) == 0
    assert d.undecoded == {(0, "too_deep"): 1}
    assert [a.kind.code for a in d.take_anomalies()] == ["net.too_deep"]


def test_esp_in_udp() -> None:  # RFC 3948 2.1, 2.2
    p = Decoder(SOURCES, Limits()).decode(batch([(2, udp(4500, b"\0\0\0\1" + bytes(8))), (2, udp(4500, bytes(12)))]))
    assert p.protocol.tolist() == [50, 17]
