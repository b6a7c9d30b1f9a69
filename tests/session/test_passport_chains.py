"""PASSporTs beside each other: diversions, several Identity headers, who may sign what, and who may use a token again
(RFC 8224, RFC 8946, RFC 8443)."""

import pytest

from analyzer.pipeline.engine import Engine
from analyzer.session.trust import Trust
from tests.golden.runs import rules
from tests.pipeline.sip_text import dialog, request
from tests.pipeline.wire import Wire, at
from tests.session.test_passports import ALICE, BOB, INFO, NOW, PEER, SBC, SIGNER, Signer
from tests.session.test_passports import _claims as claims
from tests.session.test_passports import _invite as invite
from tests.session.test_passports import _run as run
from tests.session.test_passports import _said as said

OLD = "12155551214"  # whom Alice called; Bob answers for it
ELSEWHERE = at("203.0.113.66", 5060)


def holds(number: str) -> bytes:
    """A TNAuthList of one number (RFC 8226 9)."""
    text = bytes([0x16, len(number)]) + number.encode()
    return bytes([0x30, len(text) + 2, 0xA2, len(text)]) + text


def div(signer: Signer) -> str:
    """A diversion from the old destination to Bob (RFC 8946 3)."""
    return signer.token({"dest": {"tn": [BOB]}, "div": {"tn": OLD}, "iat": NOW, "orig": {"tn": ALICE}}, {"ppt": "div"})


@pytest.mark.parametrize(("number", "verdict"), [(OLD, "pass"), (ALICE, "fail")])
def test_a_diversion_is_signed_by_who_was_called_first(number: str, verdict: str) -> None:
    """RFC 8946 3: the signer has authority over the number in div; the caller's owner diverts nobody."""
    signer = Signer("div", tn_auth_list=holds(number))
    engine = run(invite(div(signer), params=";ppt=div"), trust=(signer,))
    assert said(engine, "ID-11.authority") == {verdict: 1}


def test_a_priority_is_not_claimed_by_number() -> None:
    """RFC 8443: the authority is one over a namespace of Resource-Priority."""
    signer = Signer("rph", tn_auth_list=holds("12025550000"))
    token = signer.token(claims(rph={"auth": ["ets.0"]}), {"ppt": "rph"})
    assert said(run(invite(token, params=";ppt=rph"), trust=(signer,)), "ID-11.authority") == {"n/a": 1}


@pytest.mark.parametrize(
    ("trusted", "verdicts"),
    [("both", {"pass": 2}), ("original", {"pass": 1, "fail": 1}), ("neither", {"pass": 1, "open": 1})],
)
def test_a_signed_diversion_leads_from_the_destination_to_the_called(trusted: str, verdicts: dict[str, int]) -> None:
    """RFC 8946 4.2: an element that makes a call of its own writes the new destination into To as well."""
    diverting = Signer("diverting")
    original = SIGNER.token({"dest": {"tn": [OLD]}, "iat": NOW, "orig": {"tn": ALICE}})
    message = invite(original, f"Identity: {div(diverting)};info=<{INFO}>;ppt=div")
    trust = {"both": (SIGNER, diverting), "original": (SIGNER,), "neither": ()}[trusted]
    assert said(run(message, trust=trust), "ID-11.claims") == verdicts


def test_the_diversion_leads_nowhere_else() -> None:
    original = SIGNER.token({"dest": {"tn": ["12025550000"]}, "iat": NOW, "orig": {"tn": ALICE}})
    message = invite(original, f"Identity: {div(SIGNER)};info=<{INFO}>;ppt=div")
    assert said(run(message), "ID-11.claims") == {"pass": 1, "fail": 1}


@pytest.mark.parametrize(
    ("orig", "caller", "verdict"),
    [
        (f"sip:+{ALICE}@evil.example", f"sip:+{ALICE}@a.example;user=phone", "fail"),
        (f"sip:+{ALICE}@a.example", f"sip:+{ALICE}@a.example;user=phone", "pass"),
        (f"tel:+{ALICE}", f"sip:+{ALICE}@a.example;user=phone", "pass"),
        ("sip:alice@a.example", "sip:Alice@A.example:5061;transport=tls", "pass"),  # 8.5: all lower case
        ("sip:1234567@evil.example", "sip:1234567@a.example", "fail"),
        ("sips:alice@a.example", "sip:alice@a.example", "fail"),  # canon-uri has the scheme
    ],
)
def test_a_uri_names_its_user_at_its_host(orig: str, caller: str, verdict: str) -> None:
    """RFC 8224 8.5: a claim of kind uri is compared as a URI, though its user may look like a number."""
    token = SIGNER.token({"dest": {"tn": [BOB]}, "iat": NOW, "orig": {"uri": orig}})
    head = dialog("c", 1, "INVITE", via=["10.0.0.1"], caller=f"<{caller}>;tag=a", called=f"<tel:+{BOB}>")
    message = request("INVITE", f"tel:+{BOB}", [*head, f"Identity: {token};info=<{INFO}>"])
    assert said(run(message), "ID-11.claims") == {verdict: 1}


def test_two_tokens_in_one_header_are_two() -> None:
    """RFC 8224 4: the values of Identity may be joined by commas."""
    first, second = SIGNER.token(claims()), SIGNER.token(claims(iat=NOW - 600))
    engine = run(invite(f"{first};info=<{INFO}>, {second}"))
    assert said(engine, "ID-11.signature") == {"pass": 2}
    assert said(engine, "ID-12.fresh") == {"pass": 1, "fail": 1}


def _engine(wire: Wire) -> Engine:
    return wire.run(rules=rules(), trust=Trust([SIGNER.certificate]))


def test_a_token_from_somebody_who_was_not_seen_to_get_it() -> None:
    """A replay from elsewhere, or the same call over an element that was not captured: nobody can tell."""
    token = SIGNER.token(claims())
    wire = Wire()
    wire.udp(SBC, PEER, invite(token))
    wire.udp(ELSEWHERE, PEER, invite(token, call_id="d"))
    assert said(_engine(wire), "ID-12.replay") == {"pass": 1, "open": 1}
    wire = Wire()
    wire.udp(SBC, PEER, invite(token))
    wire.udp(SBC, ELSEWHERE, invite(token))
    wire.udp(ELSEWHERE, PEER, invite(token, call_id="d"))
    assert said(_engine(wire), "ID-12.replay") == {"pass": 3}


def test_an_application_server_that_is_asked_twice_replays_nothing() -> None:
    """Two services on one B2BUA: it hands the token back, and gets it again in the call it made."""
    token = SIGNER.token(claims())
    wire = Wire()
    wire.udp(SBC, PEER, invite(token))
    wire.udp(PEER, SBC, invite(token, call_id="d"))
    wire.udp(SBC, PEER, invite(token, call_id="d"))
    assert said(_engine(wire), "ID-12.replay") == {"pass": 3}
