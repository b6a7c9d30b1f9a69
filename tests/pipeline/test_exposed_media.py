"""What SRTP leaves in clear, and what should not be sent without it: header extensions, digits, the first number."""

import pytest

from analyzer.pipeline.engine import Engine
from tests.golden.runs import rules
from tests.pipeline.sip_text import dialog, exchange, request, response
from tests.pipeline.test_catalogue_patterns import counted
from tests.pipeline.test_paths import EDGE, KEYS, TOPOLOGY, UE, crypto, rtp, srtp
from tests.pipeline.wire import Wire, at
from tests.session.dialogs import Leg, sdp, setup

LEVEL = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level"
HIDDEN = "a=extmap:1 urn:ietf:params:rtp-hdrext:encrypt urn:ietf:params:rtp-hdrext:ssrc-audio-level"


def _call(
    offer: tuple[str, ...] = (),
    answer: tuple[str, ...] = (),
    *,
    secure: bool = True,
    first: int = 1,
    kind: int = 0,
    late: bool = False,
) -> Engine:
    """A call on one access; the UE sends from a sequence number on."""
    keys = (crypto(KEYS[0]), crypto(KEYS[1])) if secure else ((), ())
    proto = "RTP/SAVP" if secure else "RTP/AVP"
    leg = Leg(
        UE, EDGE, "c",
        offer=sdp(UE, 4_000, proto=proto, lines=(*keys[0], *offer)),
        answer=sdp(EDGE, 5_000, proto=proto, lines=(*keys[1], *answer)),
    )  # fmt: skip
    wire = Wire()
    setup(wire, [leg])
    if late:
        wire.frames = wire.frames[1:]
    protect = srtp(KEYS[0]) if secure else bytes
    for number in range(60):
        packet = rtp(number)
        wire.udp(
            at(UE, 4_000), at(EDGE, 5_000),
            protect(packet[:1] + bytes([kind]) + (first + number).to_bytes(2, "big") + packet[4:]),
        )  # fmt: skip
    return wire.run(topology=TOPOLOGY, rules=rules())


@pytest.mark.parametrize(
    ("offer", "answer", "verdict"),
    [
        ((LEVEL,), (LEVEL,), "fail"),
        ((LEVEL,), (), "pass"),  # RFC 8285 6: what the answer leaves out is not used
        ((HIDDEN,), (HIDDEN,), "pass"),  # RFC 6904 4
        ((), (), "pass"),
    ],
)
def test_audio_levels(offer: tuple[str, ...], answer: tuple[str, ...], verdict: str) -> None:
    assert counted(_call(offer, answer), "SRTP-10") == {verdict: 1}


def test_audio_levels_beside_plain_media_add_nothing() -> None:
    assert counted(_call((LEVEL,), (LEVEL,), secure=False), "SRTP-10") == {}


@pytest.mark.parametrize(
    ("secure", "kind", "verdict"), [(False, 101, {"fail": 1}), (True, 101, {"pass": 1}), (False, 0, {})]
)
def test_digits_in_media(secure: bool, kind: int, verdict: dict[str, int]) -> None:
    """RFC 4733; 101 is telephone-event in the descriptions."""
    assert counted(_call(secure=secure, kind=kind), "SRTP-11") == verdict


@pytest.mark.parametrize(
    ("first", "late", "verdict"),
    [(1, False, "pass"), (32_767, False, "pass"), (32_768, False, "fail"), (1, True, "open")],
)
def test_the_first_sequence_number(first: int, late: bool, verdict: str) -> None:
    """RFC 4568 6.4: below 2^15. Of a call that began before the capture it is not known."""
    assert counted(_call(first=first, late=late), "SRTP-08") == {verdict: 1}


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [("application/dtmf-relay", {"fail": 1}), ("application/sdp", {}), ("Application/DTMF", {"fail": 1})],
)
def test_digits_in_signalling(kind: str, verdict: dict[str, int]) -> None:
    wire = Wire()
    head = dialog("c", 2, "INFO", via=[UE], called="<sip:bob@ims.example>;tag=b")
    ask = request("INFO", "sip:bob@ims.example", head, b"Signal=5\r\nDuration=160\r\n", kind)
    exchange(wire, at(UE, 5060), at(EDGE, 5060), ask, response(200, head))
    assert counted(wire.run(topology=TOPOLOGY, rules=rules()), "SRTP-11.info") == verdict
