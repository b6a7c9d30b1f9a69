"""SDES keys by their use: two directions, a new address, no random value; lines as RFC 4568 writes them."""

import base64

import pytest

from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.pipeline.engine import Engine
from analyzer.protocols.sdp.parser import parse
from analyzer.session.key_hygiene import kdr_ok, lifetime_ok, looks_weak, mki_ok, tags_unique
from tests.golden.runs import rules
from tests.pipeline.sip_text import dialog, request, response
from tests.pipeline.wire import Wire, at

A, PROXY, B = at("192.0.2.1", 5060), at("192.0.2.9", 5060), at("192.0.2.2", 5060)
SUITE = "AES_CM_128_HMAC_SHA1_80"
ONE, TWO, THREE = (
    base64.b64encode(bytes((7 * n * n + 11 * n + s) % 251 for n in range(30))).decode() for s in (1, 2, 3)
)


def _sdp(host: str, *lines: tuple[int, str]) -> bytes:
    """One m-line for each port and a=crypto value."""
    media = "".join(f"m=audio {port} RTP/SAVP 0\r\na=crypto:{crypto}\r\n" for port, crypto in lines)
    return f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n{media}".encode()


def _line(key: str, tag: int = 1, suite: str = SUITE) -> str:
    return f"{tag} {suite} inline:{key}"


def _call(wire: Wire, call_id: str, offer: bytes, answer: bytes, cseq: int = 1) -> None:
    ask = dialog(call_id, cseq, "INVITE", via=["192.0.2.1"])
    say = dialog(call_id, cseq, "INVITE", via=["192.0.2.1"], called="<sip:bob@ims.example>;tag=b")
    wire.udp(A, B, request("INVITE", "sip:bob@ims.example", ask if cseq == 1 else say, offer))
    wire.udp(B, A, response(200, say, answer))


def _said(engine: Engine, rule: str) -> dict[str, int]:
    return {v.value: n for v, n in engine.judge.tallies[rule].counts.items() if n and v.value != "n/a"}


def _judged(rule: str, offer: bytes, answer: bytes) -> dict[str, int]:
    wire = Wire()
    _call(wire, "c", offer, answer)
    return _said(wire.run(rules=rules()), rule)


OFFER, ANSWER = _sdp("192.0.2.1", (4000, _line(ONE))), _sdp("192.0.2.2", (5000, _line(TWO)))


@pytest.mark.parametrize("rule", ["SDES-03", "SDES-04", "SDES-06", "SDES-07", "SDES-13", "SDES-16"])
def test_a_good_call(rule: str) -> None:
    assert set(_judged(rule, OFFER, ANSWER)) == {"pass"}


def test_the_offerers_key_returned() -> None:
    assert _judged("SDES-06", OFFER, _sdp("192.0.2.2", (5000, _line(ONE)))) == {"fail": 2}


def test_a_description_passed_on_is_one_use() -> None:
    wire = Wire()
    wire.udp(A, PROXY, request("INVITE", "sip:bob@ims.example", dialog("c", 1, "INVITE", via=["192.0.2.1"]), OFFER))
    via = ["192.0.2.9", "192.0.2.1"]
    wire.udp(PROXY, B, request("INVITE", "sip:bob@ims.example", dialog("c", 1, "INVITE", via=via), OFFER))
    engine = wire.run(rules=rules())
    assert set(_said(engine, "SDES-07")) == {"pass"}
    assert set(_said(engine, "SDES-06")) == {"open"}, "no answer was captured that could return the key"


def test_a_new_address_under_the_old_key() -> None:
    for again, verdict in ((_line(ONE), {"pass": 3, "fail": 1}), (_line(THREE), {"pass": 4})):
        wire = Wire()
        _call(wire, "c", OFFER, ANSWER)
        _call(wire, "c", _sdp("192.0.2.1", (4444, again)), ANSWER, cseq=2)
        assert _said(wire.run(rules=rules()), "SDES-13") == verdict


@pytest.mark.parametrize(
    "answer",
    [
        _sdp("192.0.2.2", (5000, _line(TWO, tag=9))),
        _sdp("192.0.2.2", (5000, _line(TWO, suite="AES_CM_128_HMAC_SHA1_32"))),
        _sdp("192.0.2.2", (5000, f"{_line(TWO)}\r\na=crypto:{_line(THREE, tag=2)}")),
    ],
)
def test_an_answer_that_takes_no_line_or_several(answer: bytes) -> None:
    assert _judged("SDES-04", OFFER, answer) == {"fail": 1}


def test_short_tags_and_weak_keys() -> None:
    short = "AES_CM_128_HMAC_SHA1_32"
    offer = _sdp("192.0.2.1", (4000, _line(ONE, suite=short)))
    assert _judged("SDES-09", offer, _sdp("192.0.2.2", (5000, _line(TWO, suite=short)))) == {"fail": 1}
    zero = base64.b64encode(bytes(30)).decode()
    assert _judged("SDES-16", _sdp("192.0.2.1", (4000, _line(zero))), ANSWER) == {"pass": 1, "fail": 1}


@pytest.mark.parametrize(
    ("raw", "weak"),
    [(bytes(30), True), (b"\xab\xcd" * 15, True), (bytes(range(30)), True), (b"correct horse battery staple!!", True),
     (base64.b64decode(ONE), False), (b"\x00", False)],
)  # fmt: skip
def test_what_looks_like_no_key(raw: bytes, weak: bool) -> None:
    assert looks_weak(Secret(raw)) is weak


@pytest.mark.parametrize(
    ("crypto", "tags", "mki", "life", "kdr"),
    [
        (f"1 {SUITE} inline:{ONE}|2^20|1:4;inline:{TWO}|2^20|2:4", True, True, True, True),
        (f"1 {SUITE} inline:{ONE};inline:{TWO}", True, False, True, True),
        (f"1 {SUITE} inline:{ONE}|1:4;inline:{TWO}|1:4", True, False, True, True),
        (f"1 {SUITE} inline:{ONE}|1:200", True, False, True, True),
        (f"1 {SUITE} inline:{ONE}|2^49", True, True, False, True),
        (f"1 {SUITE} inline:{ONE}|2^48", True, True, True, True),
        (f"1 {SUITE} inline:{ONE}|0", True, True, False, True),
        (f"1 {SUITE} inline:{ONE}|2^99999999999999999", True, True, False, True),
        (f"1 {SUITE} inline:{ONE} KDR=24", True, True, True, True),
        (f"1 {SUITE} inline:{ONE} KDR=25", True, True, True, False),
        (f"1 {SUITE} inline:{ONE} KDR=100", True, True, True, False),  # RFC 4568 9.2: one or two digits
        (f"1 {SUITE} inline:{ONE} KDR=all", True, True, True, False),
        (f"1 {SUITE} inline:{ONE}\r\na=crypto:1 {SUITE} inline:{TWO}", False, True, True, True),
    ],
)
def test_lines_of_rfc_4568(crypto: str, tags: bool, mki: bool, life: bool, kdr: bool) -> None:
    media = parse(_sdp("192.0.2.1", (4000, crypto)), (), Limits()).media[0]
    line = media.crypto[0]
    assert (tags_unique(media), mki_ok(line), lifetime_ok(line.keys), kdr_ok(line)) == (tags, mki, life, kdr)


def test_fingerprints_in_clear() -> None:
    print_ = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
    head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    body = f"{head}{print_}\r\nm=audio 4000 UDP/TLS/RTP/SAVP 0\r\n"
    assert _judged("DTLS-08", body.encode(), body.encode()) == {"fail": 2}


def test_one_key_on_two_m_lines() -> None:
    offer = _sdp("192.0.2.1", (4000, _line(ONE)), (4002, _line(ONE)))
    answer = _sdp("192.0.2.2", (5000, _line(TWO)), (5002, _line(THREE)))
    assert _judged("SDES-07", offer, answer) == {"pass": 3, "fail": 1}


def test_an_element_that_uses_one_key_on_both_its_hops() -> None:
    """It answers the caller with the key that it offers to the called: two hops, two directions, one key."""
    wire = Wire()
    called = "<sip:bob@ims.example>;tag=b"
    wire.udp(A, PROXY, request("INVITE", "sip:bob@ims.example", dialog("c", 1, "INVITE", via=["192.0.2.1"]), OFFER))
    via, own = ["192.0.2.9", "192.0.2.1"], _sdp("192.0.2.9", (6000, _line(THREE)))
    wire.udp(PROXY, B, request("INVITE", "sip:bob@ims.example", dialog("c", 1, "INVITE", via=via), own))
    wire.udp(B, PROXY, response(200, dialog("c", 1, "INVITE", via=via, called=called), ANSWER))
    wire.udp(PROXY, A, response(200, dialog("c", 1, "INVITE", via=["192.0.2.1"], called=called), own))
    assert _said(wire.run(rules=rules()), "SDES-07") == {"pass": 3, "fail": 1}


@pytest.mark.parametrize(("apart_s", "verdict"), [(60, {"pass": 3, "fail": 1}), (1, {"pass": 3, "open": 1})])
def test_one_key_in_two_calls(apart_s: int, verdict: dict[str, int]) -> None:
    """Two that begin together may be two legs of one call, which share a key legitimately."""
    wire = Wire()
    _call(wire, "one", OFFER, ANSWER)
    wire.now_ns += apart_s * 10**9
    other = _sdp("192.0.2.2", (5000, _line(THREE)))
    _call(wire, "two", OFFER, other)
    assert _said(wire.run(rules=rules()), "SDES-07") == verdict


def test_suites_that_nobody_registered() -> None:
    answer = _sdp("192.0.2.2", (5000, _line(TWO, suite="ROT13_80")))
    assert _judged("SDES-17", OFFER, answer) == {"fail": 1}
    assert _judged("SDES-17", OFFER, ANSWER) == {"pass": 1}


def test_an_answer_with_two_ways_of_keying() -> None:
    """RFC 4568 7.5."""
    print_ = f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\n".encode()
    assert _judged("SDES-18", OFFER + print_, ANSWER) == {"pass": 1}
    assert _judged("SDES-18", OFFER, ANSWER + print_) == {"fail": 1}


@pytest.mark.parametrize("place", ["t=0 0", "RTP/SAVP 0"])
def test_a_key_line(place: str) -> None:
    """RFC 8866 5.12: of the session, or of the m-line."""
    line = f"{place}\r\nk=clear:secret".encode()
    assert _judged("SDES-18.key-line", OFFER.replace(place.encode(), line), ANSWER) == {"pass": 1, "fail": 1}
