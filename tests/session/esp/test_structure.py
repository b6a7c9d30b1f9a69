"""NULL recognised by structure: what fits, what contradicts, and how rarely chance fits (RFC 5879)."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.crypto.esp import Opened
from analyzer.session.esp import structure
from analyzer.session.esp.structure import ENOUGH_BITS, LAYOUTS, Readings, checksum, fits, read
from tests.crypto.esp_writer import Writer, expand
from tests.pipeline.registration import PROXY, UE, udp
from tests.pipeline.wire import at

SRC, DST = at(UE, 0).ip, at(PROXY, 0).ip
CHECKS = {
    "hmac-md5-96": (12, 0), "hmac-sha-1-96": (12, 0), "hmac-sha-256-128": (16, 0), "hmac-sha-384-192": (24, 0),
    "hmac-sha-512-256": (32, 0), "aes-gmac": (16, 8),
}  # fmt: skip


def _writer(auth: str) -> Writer:
    if auth == "aes-gmac":
        return Writer(1, *expand("aes-gmac", "null", bytes(16), bytes(range(16))))
    return Writer(1, "null", b"", auth, bytes(20))


def _datagram(size: int) -> bytes:
    return udp(at(UE, 5060), at(PROXY, 5060), (UE, PROXY), b"OPTIONS" * size)


@pytest.mark.parametrize("auth", CHECKS)
@pytest.mark.parametrize("size", range(1, 9))
def test_each_check_value_is_found(auth: str, size: int) -> None:
    """One datagram with a right checksum tells the length of the check value and of the IV, whatever its padding."""
    readings = Readings()
    packet = _writer(auth).packet(_datagram(size), 17)
    assert readings.take(packet, SRC, DST) == CHECKS[auth]
    assert read(packet, CHECKS[auth]) == Opened(17, _datagram(size), False)


@pytest.mark.parametrize("auth", CHECKS)
def test_several_packets_are_needed(auth: str) -> None:
    """Where the checksum tells nothing (NAT), a second packet settles it."""
    readings, writer = Readings(), _writer(auth)
    packets = [writer.packet(_datagram(2)[:6] + b"\x01\x02" + b"NOT PADDED, " + bytes((n, 0)), 17) for n in range(3)]
    found = [readings.take(packet, SRC, DST) for packet in packets]
    assert found[0] is None
    assert found[1] == CHECKS[auth]


def test_encrypted_packets_do_not_fit() -> None:
    """Of 5,000 associations of 16 packets with random content, none is taken as NULL."""
    for number in range(5_000):
        readings = Readings()
        for sequence in range(16):
            if readings.over:
                break
            body = hashlib.shake_128(number.to_bytes(4, "big") + bytes((sequence,))).digest(100)
            header = number.to_bytes(4, "big") + sequence.to_bytes(4, "big")
            assert readings.take(header + body, SRC, DST) is None


def test_effort_is_bounded() -> None:
    """Packets that fit nothing end the search after three, packets that say little after sixteen."""
    readings = Readings()
    for _ in range(3):
        assert not readings.over
        readings.take(bytes(8) + b"\xee" * 60, SRC, DST)
    assert readings.over
    unsure = Readings()
    packet = _writer("hmac-sha-1-96").packet(b"\x45" * 40, 99)  # a protocol not known here
    for _ in range(structure.PACKETS):
        assert not unsure.over
        assert unsure.take(packet, SRC, DST) is None
    assert unsure.over


def test_a_contradiction_ends_a_reading() -> None:
    """A packet whose padding is wrong for a layout takes that layout away."""
    readings, writer = Readings(), _writer("hmac-sha-1-96")
    weak = writer.packet(_datagram(1)[:6] + b"\x01\x02" + b"REGISTE", 17)
    readings.take(weak, SRC, DST)
    assert readings.bits[12, 0] > 0
    readings.take(weak[:-14] + b"\xfe" + weak[-13:], SRC, DST)
    assert (readings.restarts, readings.bits[12, 0]) == (1, 0)


@pytest.mark.parametrize(
    ("next_header", "payload", "right"),
    [
        (4, bytes.fromhex("4500001c0001000040110000c0000201c0000202") + bytes(8), True),
        (4, bytes.fromhex("4500ffff0001000040110000c0000201c0000202") + bytes(8), False),
        (41, bytes.fromhex("6000000000081140") + bytes(40), False),
        (41, bytes.fromhex("6000000000081140") + bytes(32) + bytes(8), True),
        (6, bytes(20), False),
        (17, bytes.fromhex("13c413c40007"), False),
        (132, bytes.fromhex("13c413c4") + bytes(12), True),
    ],
)
def test_headers(next_header: int, payload: bytes, right: bool) -> None:
    """Inner IP, TCP, UDP and SCTP headers that can be, and that cannot."""
    packet = _writer("hmac-sha-1-96").packet(payload, next_header)
    if next_header == 41 and not right:
        packet = _writer("hmac-sha-1-96").packet(b"\x60" + bytes(10), 41)
    assert (fits(packet, (12, 0), SRC, DST) is not None) == right


def test_checksum_of_rfc_1071() -> None:
    """RFC 1071 3: the sum of 00 01 f2 03 f4 f5 f6 f7 is ddf2."""
    assert 0xFFFF - structure._sum(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2
    assert checksum(_datagram(3), SRC, DST, 17) == 0
    assert checksum(_datagram(3)[:-1] + b"x", SRC, DST, 17) != 0


@given(st.binary(max_size=100), st.sampled_from(LAYOUTS))
def test_total(packet: bytes, layout: tuple[int, int]) -> None:
    """Any bytes: bits or none, never more than a reading needs twice over."""
    found = fits(packet, layout, SRC, DST)
    assert found is None or 0 <= found <= 2 * ENOUGH_BITS
