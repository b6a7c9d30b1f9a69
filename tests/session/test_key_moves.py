"""SDES keys of ends that move, hold or were not captured from the beginning (RFC 4568 5.1.4, 7.1.4; RFC 3264 8.4)."""

import pytest

from analyzer.pipeline.engine import Engine
from tests.golden.runs import rules
from tests.pipeline.sip_text import dialog, request, response
from tests.pipeline.wire import Wire
from tests.session.test_key_hygiene import ANSWER, ONE, SUITE, THREE, TWO, A, B
from tests.session.test_key_hygiene import _call as call
from tests.session.test_key_hygiene import _line as line
from tests.session.test_key_hygiene import _said as said
from tests.session.test_key_hygiene import _sdp as sdp

SHORT = "AES_CM_128_HMAC_SHA1_32"
UE = "192.0.2.1"


def run(wire: Wire) -> Engine:
    return wire.run(rules=rules())


def two(port: int, first: str = ONE, second: str = THREE) -> bytes:
    """An offer of two suites, a key each."""
    return sdp(UE, (port, f"{line(first)}\r\na=crypto:{line(second, tag=2, suite=SHORT)}"))


@pytest.mark.parametrize(
    ("later", "verdicts"),
    [
        (sdp(UE, (4444, line(ONE))), {"pass": 3, "fail": 1}),  # the key that the answer took
        (two(4444), {"pass": 3, "fail": 1}),
        (sdp(UE, (4444, line(THREE, tag=2, suite=SHORT))), {"pass": 4}),  # offered before and never in use
        (sdp(UE, (4000, line(ONE))), {"pass": 4}),
    ],
)
def test_an_offer_of_two_suites_that_moves(later: bytes, verdicts: dict[str, int]) -> None:
    wire = Wire()
    call(wire, "c", two(4000), ANSWER)
    call(wire, "c", later, ANSWER, cseq=2)
    assert said(run(wire), "SDES-13") == verdicts


def test_whose_answer_was_not_captured() -> None:
    """Which of two keys was in use is not known."""
    wire = Wire()
    head = dialog("c", 1, "INVITE", via=[UE])
    wire.udp(A, B, request("INVITE", "sip:bob@ims.example", head, two(4000)))
    call(wire, "c", sdp(UE, (4444, line(ONE))), ANSWER, cseq=2)
    assert said(run(wire), "SDES-13") == {"pass": 2, "open": 1}


def test_hold_at_no_address_moves_nobody() -> None:
    """RFC 3264 8.4: c= 0.0.0.0 asks for silence; the context goes on where it was when the call is resumed."""
    offer = sdp(UE, (4000, line(ONE)))
    held = offer.replace(b"c=IN IP4 192.0.2.1", b"c=IN IP4 0.0.0.0")
    wire = Wire()
    for cseq, body in ((1, offer), (2, held), (3, offer)):
        call(wire, "c", body, ANSWER, cseq=cseq)
    assert said(run(wire), "SDES-13") == {"pass": 6}
    call(wire, "c", sdp(UE, (4444, line(ONE))), ANSWER, cseq=4)
    assert said(run(wire), "SDES-13") == {"pass": 7, "fail": 1}


def test_a_dialog_whose_beginning_was_not_captured() -> None:
    wire = Wire()
    call(wire, "c", sdp(UE, (4000, line(ONE))), ANSWER, cseq=7)
    engine = run(wire)
    assert said(engine, "SDES-13") == {"open": 2}
    assert said(engine, "SDES-06") == {"pass": 2}, "both descriptions are there, and their keys differ"


def test_an_answer_without_its_offer() -> None:
    """Whether it takes a line, returns a key or switches protection off as an answer: the offer would tell."""
    wire = Wire()
    head = dialog("c", 1, "INVITE", via=[UE], called="<sip:bob@ims.example>;tag=b")
    body = sdp("192.0.2.2", (5000, f"1 {SUITE} inline:{TWO} UNENCRYPTED_SRTP"))
    wire.udp(B, A, response(200, head, body))
    engine = run(wire)
    for rule in ("SDES-04", "SDES-06", "SDES-08.srtp", "SDES-13"):
        assert said(engine, rule) == {"open": 1}, rule


def test_an_offer_that_is_refused_returns_no_key() -> None:
    wire = Wire()
    head = dialog("c", 1, "INVITE", via=[UE])
    wire.udp(A, B, request("INVITE", "sip:bob@ims.example", head, sdp(UE, (4000, line(ONE)))))
    assert said(run(wire), "SDES-06") == {"open": 1}
    wire.udp(B, A, response(488, head))
    assert said(run(wire), "SDES-06") == {"pass": 1}
