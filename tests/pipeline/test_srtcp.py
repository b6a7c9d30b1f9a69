"""SRTCP under the keys of SDP: written by libsrtp, and by the tests' own sender where the E bit is to be clear."""

import base64
import struct

import pytest
from pylibsrtp import Policy, Session

from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine
from analyzer.session.media.rtcp_flows import rtcp_state
from tests.crypto.srtp.writer import Sender
from tests.pipeline.sdp import invite_ok
from tests.pipeline.wire import Wire, at, message, rows, rtp

ALICE, BOB = at("192.0.2.1", 5060), at("192.0.2.2", 5060)
A, B = at("192.0.2.1", 4000), at("192.0.2.2", 5000)
A_RTCP, B_RTCP = at("192.0.2.1", 4001), at("192.0.2.2", 5001)
KEYS = bytes(range(30)), bytes(range(100, 130))
SSRC = 0x5566AABB
REPORT = struct.pack(">BBHI", 0x80, 201, 1, SSRC) + struct.pack(">BBHI", 0x81, 202, 3, SSRC) + b"\1\4ann@\0\0"


def call(wire: Wire, more: str = "", media: bool = True) -> None:
    """A call with a key for each end, and media of both."""
    one, two = (f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(key).decode()}\r\n{more}" for key in KEYS)
    from tests.pipeline.sdp import audio

    wire.udp(ALICE, BOB, message("INVITE", "call", audio(A, "RTP/SAVP", one)))
    wire.udp(BOB, ALICE, message("INVITE", "call", audio(B, "RTP/SAVP", two), status=200))
    wire.udp(ALICE, BOB, message("ACK", "call"))
    if media:
        sessions = [libsrtp(key) for key in KEYS]
        for number in range(1, 30):
            wire.udp(A, B, sessions[0].protect(rtp(number)))
            wire.udp(B, A, sessions[1].protect(rtp(number, ssrc=SSRC + 1)))


def libsrtp(key: bytes) -> Session:
    return Session(Policy(key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80))


def clear(key: bytes, index: int) -> bytes:
    """RFC 3711 3.4 with E = 0: authenticated, not encrypted."""
    return Sender("cm", key[:16], key[16:], 10, 10).rtcp(REPORT, index, encrypt=False)


def hop(engine: Engine) -> dict[str, object]:
    (found,) = [row for row in rows(engine.closer.hops) if row["plane"] == "media"]
    return found


def test_the_report_is_plain_rtcp() -> None:
    wire = Wire()
    wire.udp(A_RTCP, B_RTCP, REPORT)
    (record,) = wire.run(finish=False).streams.rtcp.between(A_RTCP, B_RTCP)
    assert (record.plain, record.cname) == (1, "ann@")


@pytest.mark.parametrize(("ends", "more"), [((A_RTCP, B_RTCP), ""), ((A, B), "a=rtcp-mux\r\n")])
def test_both_directions_verify(ends: tuple, more: str) -> None:
    """On the next port (RFC 3550 11) and muxed (RFC 5761); the CNAME that was encrypted is known."""
    wire = Wire()
    call(wire, more)
    for end, other, key in ((*ends, KEYS[0]), (*ends[::-1], KEYS[1])):
        sender = libsrtp(key)
        for _ in range(3):
            wire.udp(end, other, sender.protect_rtcp(REPORT))
    engine = wire.run(finish=False)
    assert [(r.authenticated, r.failed, r.cname) for r in engine.streams.rtcp.between(*ends)] == [(3, 0, "ann@")] * 2
    engine.finish()
    found = hop(engine)
    assert (found["rtcp"], found["rtcp_packets"], found["rtcp_authenticated"], found["rtcp_failed"]) == (
        "srtcp_enc", 6, 6, 0,
    )  # fmt: skip


def test_an_attribute_says_where_rtcp_goes() -> None:
    """RFC 3605."""
    wire = Wire()
    call(wire, "a=rtcp:7777\r\n")
    here, there = at("192.0.2.1", 7777), at("192.0.2.2", 7777)
    wire.udp(here, there, libsrtp(KEYS[0]).protect_rtcp(REPORT))
    assert hop(wire.run())["rtcp_authenticated"] == 1


def test_without_the_e_bit_it_is_only_authenticated() -> None:
    wire = Wire()
    call(wire)
    wire.udp(A_RTCP, B_RTCP, clear(KEYS[0], 1))
    wire.udp(A_RTCP, B_RTCP, libsrtp(KEYS[0]).protect_rtcp(REPORT))
    assert (hop(wire.run())["rtcp"], hop(wire.run())["rtcp_authenticated"]) == ("srtcp_auth_only", 2)


def test_one_packet_in_clear_makes_it_clear() -> None:
    """hops.md 6: the state is the minimum over packets."""
    wire = Wire()
    call(wire)
    wire.udp(A_RTCP, B_RTCP, libsrtp(KEYS[0]).protect_rtcp(REPORT))
    wire.udp(A_RTCP, B_RTCP, REPORT)
    assert hop(wire.run())["rtcp"] == "clear"


def test_a_changed_packet_and_the_key_of_the_other_end_fail() -> None:
    wire = Wire()
    call(wire)
    good = libsrtp(KEYS[0]).protect_rtcp(REPORT)
    wire.udp(A_RTCP, B_RTCP, good)
    wire.udp(A_RTCP, B_RTCP, good[:-1] + bytes([good[-1] ^ 1]))
    wire.udp(A_RTCP, B_RTCP, libsrtp(KEYS[1]).protect_rtcp(REPORT))
    found = hop(wire.run())
    assert (found["rtcp"], found["rtcp_authenticated"], found["rtcp_failed"]) == ("unknown", 1, 2)


def test_copies_count_once_and_packets_wait_for_their_key() -> None:
    """Thirty-two packets wait; the thirty-third that comes before its key is late. Batches do not show."""
    wire = Wire()
    sender = libsrtp(KEYS[0])
    packets = [sender.protect_rtcp(REPORT) for _ in range(33)]
    for packet in packets:
        wire.udp(A_RTCP, B_RTCP, packet)
        wire.udp(A_RTCP, B_RTCP, packet)
    call(wire)
    for size in (1, 7, 32_768):
        engine = wire.run(rows=size, finish=False)
        (record,) = engine.streams.rtcp.between(A_RTCP, B_RTCP)
        assert (record.packets, record.authenticated, record.failed, record.late) == (66, 32, 0, 1)


def test_no_key_no_claim() -> None:
    wire = Wire()
    invite_ok(wire, ALICE, BOB, A, B)
    for number in range(1, 30):
        wire.udp(A, B, rtp(number))
    wire.udp(A_RTCP, B_RTCP, libsrtp(KEYS[0]).protect_rtcp(REPORT))
    found = hop(wire.run(limits=Limits()))
    assert (found["rtcp"], found["rtcp_authenticated"], found["rtcp_failed"]) == ("unknown", None, None)


def test_no_packets_are_missing() -> None:
    assert rtcp_state(()) == "missing"
