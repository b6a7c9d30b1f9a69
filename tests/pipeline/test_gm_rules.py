"""What goes around the security association of a UE, or through one that nobody agreed on (TS 33.203 6.3, 7.1)."""

import pytest

from analyzer.core.addresses import Address
from tests.crypto.esp_writer import Writer, expand
from tests.golden.runs import rules
from tests.pipeline.registration import CK, IK, PROXY, PROXY_S, UE, UE_C, Registered, udp
from tests.pipeline.sip_text import dialog, exchange, request, response
from tests.pipeline.test_catalogue_patterns import ACCESS, counted, sip_with_body
from tests.pipeline.wire import Wire, at


def _message(wire: Wire, src: Address, dst: Address, status: int, uri: str = "sip:bob@ims.example") -> None:
    ask = dialog("around", 1, "MESSAGE", via=[UE])
    say = dialog("around", 1, "MESSAGE", via=[UE], called="<sip:bob@ims.example>;tag=b")
    exchange(wire, src, dst, request("MESSAGE", uri, ask), *([response(status, say)] if status else []))


@pytest.mark.parametrize(
    ("uri", "status", "verdict"),
    [
        ("sip:bob@ims.example", 200, "fail"),
        ("sip:bob@ims.example", 202, "fail"),
        ("sip:bob@ims.example", 403, "pass"),
        ("sip:bob@ims.example", 0, "open"),
        ("urn:service:sos.fire", 200, ""),  # TS 33.203 7.1: emergency requests are taken
    ],
)
def test_a_request_around_the_association(uri: str, status: int, verdict: str) -> None:
    """SIG-01. Those of the registration's talk went through it."""
    made = Registered("hmac-sha-1-96", "null").talk()
    usual = counted(made.wire.run(topology=ACCESS, rules=rules()), "SIG-01")
    assert set(usual) == {"pass"}
    _message(made.wire, at(UE, 5060), at(PROXY, 5060), status, uri)
    found = counted(made.wire.run(topology=ACCESS, rules=rules()), "SIG-01")
    assert {word: n - usual.get(word, 0) for word, n in found.items() if n != usual.get(word, 0)} == (
        {verdict: 1} if verdict else {}
    )


def test_without_an_agreement_nothing_has_to_be_protected() -> None:
    """Other access security, such as SIP digest, has no association; an unseen registration leaves it open."""
    wire = Wire()
    head = dialog("r", 1, "REGISTER", via=[UE], called="<sip:alice@ims.example>")
    exchange(wire, at(UE, 5060), at(PROXY, 5060), request("REGISTER", "sip:ims.example", head), response(200, head))
    _message(wire, at(UE, 5060), at(PROXY, 5060), 200)
    assert counted(wire.run(topology=ACCESS, rules=rules()), "SIG-01") == {}
    wire = Wire()
    _message(wire, at(UE, 5060), at(PROXY, 5060), 200)
    assert counted(wire.run(topology=ACCESS, rules=rules()), "SIG-01") == {"open": 1}


def test_other_ports_inside_the_association() -> None:
    """SIG-10: inner selectors are the agreed ports."""
    made = Registered("hmac-sha-1-96", "null").talk()
    usual = counted(made.wire.run(topology=ACCESS, rules=rules()), "SIG-10.ports")
    assert set(usual) == {"pass"}
    src, dst = at(UE, 5_090), at(PROXY, 5_091)
    inner = udp(src, dst, (UE, PROXY), sip_with_body("OPTIONS", 0, b"", "elsewhere"))
    made.wire.esp(at(UE, 0), at(PROXY, 0), made.writers[PROXY_S[1]].packet(inner, 17))
    assert counted(made.wire.run(topology=ACCESS, rules=rules()), "SIG-10.ports") == usual | {"fail": 1}


@pytest.mark.parametrize("seen_from_start", [True, False])
def test_an_association_that_nobody_agreed_on(seen_from_start: bool) -> None:
    """SIG-10. What was agreed before the capture began may still be in use."""
    made = Registered("hmac-sha-1-96", "null")
    if seen_from_start:
        made.talk()
    else:
        made.talk()
        made.wire.frames = made.wire.frames[2:]  # without the first REGISTER and its 401
    usual = counted(made.wire.run(topology=ACCESS, rules=rules()), "SIG-10.spi")
    cipher, key, auth, auth_key = expand("hmac-sha-1-96", "null", CK, IK)
    other = Writer(0x7777, cipher, key, auth, auth_key)
    inner = udp(at(UE, UE_C[0]), at(PROXY, PROXY_S[0]), (UE, PROXY), sip_with_body("OPTIONS", 0, b"", "stray"))
    made.wire.esp(at(UE, 0), at(PROXY, 0), other.packet(inner, 17))
    found = counted(made.wire.run(topology=ACCESS, rules=rules()), "SIG-10.spi")
    if seen_from_start:
        assert usual == {"pass": 4}
        assert found == {"pass": 4, "fail": 1}
    else:
        assert "fail" not in found


@pytest.mark.parametrize(
    ("uri", "contact", "verdict"),
    [
        ("sips:bob@ims.example", "<sips:alice@10.1.0.10>", {"fail": 1}),  # over UDP
        ("SIPS:bob@ims.example", "<sip:alice@10.1.0.10>", {"fail": 1}),
        ("sip:bob@ims.example", "<sip:alice@10.1.0.10>", {}),
    ],
)
def test_sips_in_clear(uri: str, contact: str, verdict: dict[str, int]) -> None:
    """RFC 3261 8.1.1.8, 26.2.2."""
    wire = Wire()
    head = dialog("s", 1, "INVITE", via=[UE])
    wire.udp(at(UE, 5060), at(PROXY, 5060), request("INVITE", uri, [*head, f"Contact: {contact}"]))
    assert counted(wire.run(topology=ACCESS, rules=rules()), "SIG-17") == verdict


@pytest.mark.parametrize(
    ("kind", "verdict"), [("application/pkcs7-mime; smime-type=enveloped-data", {"fail": 1}), ("application/sdp", {})]
)
def test_a_sealed_body(kind: str, verdict: dict[str, int]) -> None:
    """TS 24.229 6.1.1."""
    wire = Wire()
    head = dialog("s", 1, "INVITE", via=[UE])
    wire.udp(at(UE, 5060), at(PROXY, 5060), request("INVITE", "sip:bob@ims.example", head, b"x", kind))
    assert counted(wire.run(topology=ACCESS, rules=rules()), "SIG-23") == verdict
