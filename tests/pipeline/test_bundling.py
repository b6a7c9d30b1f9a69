"""Several m-lines on one flow (RFC 8843): each has its own streams, and what protects the flow protects all of them."""

import pytest

from analyzer.core.addresses import Address
from tests.pipeline.sdp import audio
from tests.pipeline.test_ice import check, ice
from tests.pipeline.test_srtp_calls import FIRST, OTHER, SUITE, crypto, key, sender
from tests.pipeline.wire import Wire, at, message, rows, rtp

A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060)
OURS, THEIRS, APART = at("192.0.2.1", 4000), at("192.0.2.2", 5000), at("192.0.2.1", 4010)
GROUP = b"t=0 0\r\na=group:BUNDLE 0 1\r\n"


def described(
    address: Address, lines: str, video: Address, more: str = "", *, group: bool = True, proto: str = "RTP/AVP"
) -> bytes:
    """Audio of payload type 0 and video of 96; what is said of transport stands in the first m-line alone."""
    first = audio(address, proto, f"a=mid:0\r\n{lines}")
    second = f"m=video {video.port} {proto} 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n{more}".encode()
    return (first.replace(b"t=0 0\r\n", GROUP) if group else first) + second


def call(wire: Wire, offer: bytes, answer: bytes) -> None:
    wire.udp(A, B, message("INVITE", "call", offer))
    wire.udp(B, A, message("INVITE", "call", answer, status=200))
    wire.udp(A, B, message("ACK", "call"))


def talk(wire: Wire, ours: Address = OURS, video: Address = OURS, count: int = 30) -> None:
    """Audio both ways, video one way."""
    for number in range(count):
        wire.udp(ours, THEIRS, rtp(number, ssrc=1))
        wire.udp(THEIRS, ours, rtp(number, ssrc=2))
        wire.udp(video, THEIRS, rtp(number, ssrc=3, kind=96))


def media(wire: Wire, size: int = 32_768) -> list[tuple[object, object, object, object]]:
    engine = wire.run(rows=size)
    found = [hop for hop in rows(engine.closer.hops) if hop["plane"] == "media"]
    return [(hop["medium"], hop["from"], hop["packets"], hop["state"]) for hop in found]


@pytest.mark.parametrize("size", [1, 32_768])
@pytest.mark.parametrize("offered", [OURS, APART])
def test_each_m_line_has_the_streams_of_its_payload_types(offered: Address, size: int) -> None:
    """RFC 8843 9.2; both run where the answer's tagged m-line does, wherever the second was offered (7.3)."""
    wire = Wire()
    call(wire, described(OURS, "", offered), described(THEIRS, "", THEIRS))
    talk(wire)
    assert media(wire, size) == [("audio", str(OURS), 60, "clear"), ("video", str(OURS), 30, "clear")]


def test_an_answer_that_takes_no_group_leaves_them_apart() -> None:
    wire = Wire()
    call(wire, described(OURS, "", APART), described(THEIRS, "", THEIRS, group=False))
    talk(wire, video=APART)
    assert [each[1] for each in media(wire)] == [str(OURS), str(APART)]


def test_an_ssrc_that_is_described_goes_before_the_payload_type() -> None:
    """RFC 8843 9.2: here two m-lines have payload type 0, and a=ssrc tells their streams apart (RFC 5576 4.1)."""
    wire = Wire()
    second = b"m=audio %d RTP/AVP 0\r\na=mid:1\r\n"
    offer = audio(OURS, lines="a=mid:0\r\na=ssrc:1 cname:a\r\n").replace(b"t=0 0\r\n", GROUP)
    answer = audio(THEIRS, lines="a=mid:0\r\n").replace(b"t=0 0\r\n", GROUP)
    call(wire, offer + second % OURS.port + b"a=ssrc:9 cname:a\r\n", answer + second % THEIRS.port)
    for number in range(30):
        wire.udp(OURS, THEIRS, rtp(number, ssrc=1))
        wire.udp(OURS, THEIRS, rtp(number, ssrc=9))
        wire.udp(THEIRS, OURS, rtp(number, ssrc=5))
    assert [each[2] for each in media(wire)] == [60, 60]  # nothing says whose the third is


def test_the_key_of_the_tagged_m_line_is_that_of_all() -> None:
    """a=crypto of the others may be left out (RFC 8859 5, RFC 8843 7.1.3)."""
    wire, secure = Wire(), {"proto": "RTP/SAVP"}
    call(
        wire,
        described(OURS, crypto(key(FIRST)), OURS, crypto(key(FIRST)), **secure),
        described(THEIRS, crypto(key(OTHER)), THEIRS, **secure),
    )
    ours = sender(FIRST)
    for number in range(30):
        for ssrc, kind in ((1, 0), (3, 96)):
            packet = rtp(number, ssrc=ssrc, kind=kind)
            wire.udp(OURS, THEIRS, ours.rtp(packet[:12], packet[12:], 0))
    engine = wire.run()
    found = [(hop["medium"], hop["packets"], hop["state"], hop["evidence"], hop["negotiated"])
             for hop in rows(engine.closer.hops) if hop["plane"] == "media"]  # fmt: skip
    expected = ("srtp_sdes", "keyed_verified", f"RTP/SAVP {SUITE}")
    assert found == [("audio", 30, *expected), ("video", 30, *expected)]


def test_checks_of_the_tagged_m_line_bind_the_flow_to_all() -> None:
    """RFC 8445 7.2.2 over RFC 8843: one flow, one pair of fragments, at no address that is described."""
    wire, moved = Wire(), at("198.51.100.7", 45_000)
    call(wire, described(OURS, ice("ours", "p1"), OURS), described(THEIRS, ice("theirs", "p2"), THEIRS))
    wire.udp(moved, THEIRS, check("theirs:ours", "p2"))
    talk(wire, moved, moved)
    stranger = at("198.51.100.66", 45_000)
    for number in range(30):
        wire.udp(stranger, THEIRS, rtp(number, ssrc=66))
    engine = wire.run()
    hops = [hop for hop in rows(engine.closer.hops) if hop["plane"] == "media"]
    assert [(hop["packets"], [move["from"] for move in hop["moved"]]) for hop in hops] == [  # type: ignore[attr-defined]  # rows
        (60, [str(moved)]), (30, [str(moved)])
    ]  # fmt: skip
