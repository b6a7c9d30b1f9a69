"""Identities followed hop by hop: a UE, its P-CSCF, an S-CSCF and a conference server, every message generated."""

from dataclasses import replace

import pytest

from analyzer.formats.yaml_file import FileProblem
from analyzer.pipeline.engine import Engine
from analyzer.session.topology import Topology, load
from tests.conftest import ROOT
from tests.golden.runs import rules
from tests.pipeline.sip_text import dialog, exchange, request, response
from tests.pipeline.wire import Wire, at

UE, EDGE, CORE_EDGE = at("10.1.0.2", 5060), at("10.1.0.1", 5060), at("10.0.0.11", 5060)
SCSCF, MRF = at("10.0.0.1", 5060), at("10.0.0.13", 5060)
VIAS = ["10.0.0.1", "10.0.0.11", "10.1.0.2"]
UE1, CHAIR = "<sip:ue1@ims.example>", "<sip:chair@ims.example>"
FROM = f"{UE1};tag=a"


def lab_topology() -> Topology:
    problems: list[FileProblem]
    topology, problems = load((ROOT / "samples" / "lab.topology.yaml").read_bytes(), "lab")
    assert not problems
    return topology


def _invite(
    hops: int, *headers: str, call_id: str = "i", caller: str = FROM, uri: str = "sip:conf@ims.example"
) -> bytes:
    head = dialog(call_id, 1, "INVITE", via=VIAS[-hops:], caller=caller, called="<sip:conf@ims.example>")
    return request("INVITE", uri, [*head, *headers])


def _ok(hops: int, *headers: str) -> bytes:
    head = dialog("i", 1, "INVITE", via=VIAS[-hops:], caller=FROM, called="<sip:conf@ims.example>;tag=b")
    return response(200, [*head, *headers])


def _registered(wire: Wire, *headers: str) -> None:
    head = dialog("r", 1, "REGISTER", via=["10.1.0.2"], caller=FROM, called=UE1)
    contact = "Contact: <sip:ue1@10.1.0.2>"
    exchange(wire, UE, EDGE, request("REGISTER", "sip:ims.example", [*head, contact]), response(200, [*head, *headers]))


def _run(first: tuple[str, ...], second: tuple[str, ...], *, register: bool = True, known: str = "") -> Engine:
    wire = Wire()
    if register:
        _registered(wire, *([known] if known else []))
    wire.udp(UE, EDGE, _invite(1, *first))
    wire.udp(CORE_EDGE, SCSCF, _invite(2, *second))
    return wire.run(rules=rules(), topology=lab_topology())


def _said(engine: Engine, rule: str) -> dict[str, int]:
    return {v.value: n for v, n in engine.judge.tallies[rule].counts.items() if n and v.value != "n/a"}


def _pai(value: str) -> str:
    return f"P-Asserted-Identity: {value}"


def test_a_claim_replaced_is_shown_and_was_not_believed() -> None:
    engine = _run((_pai(CHAIR),), (_pai(UE1),))
    assert _said(engine, "ID-02") == {"pass": 1}
    assert _said(engine, "ID-17") == {"pass": 1}
    note = next(note for note in engine.judge.notes if note.rule.id == "ID-02.changed")
    assert "pcscf-1 made [sip:chair@ims.example] into [sip:ue1@ims.example]" in note.message
    assert [cite.frame for cite in note.evidence] == [3, 4]


def test_a_claim_believed_fails() -> None:
    engine = _run((_pai(CHAIR),), (_pai(CHAIR),))
    assert _said(engine, "ID-02") == {"fail": 1}
    assert _said(engine, "ID-17") == {"fail": 1}


def test_a_claim_that_is_registered_may_go_on() -> None:
    engine = _run((_pai(CHAIR),), (_pai(CHAIR),), known=f"P-Associated-URI: {UE1}, {CHAIR}")
    assert _said(engine, "ID-02") == {"pass": 1}
    assert _said(engine, "ID-17") == {"pass": 1}


def test_without_the_registration_it_is_open() -> None:
    engine = _run((_pai(CHAIR),), (_pai(CHAIR),), register=False)
    assert _said(engine, "ID-02") == {"open": 1}
    assert _said(engine, "ID-17") == {"open": 1}
    assert _said(_run((_pai(CHAIR),), (_pai(UE1),), register=False), "ID-02") == {"pass": 1}


def test_one_side_alone_says_nothing_of_the_passage() -> None:
    wire = Wire()
    wire.udp(UE, EDGE, _invite(1, _pai(CHAIR)))
    assert _said(wire.run(rules=rules(), topology=lab_topology()), "ID-02") == {}


def test_privacy_none_keeps_the_identity() -> None:
    wire = Wire()
    wire.udp(CORE_EDGE, SCSCF, _invite(2, _pai(UE1), "Privacy: none"))
    wire.udp(SCSCF, MRF, _invite(3))
    assert _said(wire.run(rules=rules(), topology=lab_topology()), "ID-07") == {"fail": 1}


@pytest.mark.parametrize(("headers", "verdict"), [((_pai(UE1), "Privacy: id"), "fail"), (("Privacy: id",), "pass")])
def test_privacy_id_at_the_edge(headers: tuple[str, ...], verdict: str) -> None:
    wire = Wire()
    wire.udp(EDGE, UE, _invite(3, *headers))
    assert _said(wire.run(rules=rules(), topology=lab_topology()), "ID-06") == {verdict: 1}


def test_inside_the_core_privacy_id_keeps_the_identity() -> None:
    wire = Wire()
    wire.udp(CORE_EDGE, SCSCF, _invite(2, _pai(UE1), "Privacy: id"))
    assert _said(wire.run(rules=rules(), topology=lab_topology()), "ID-06") == {}


def test_an_anonymous_caller_is_named_nowhere() -> None:
    hidden = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=a'
    for contact, verdict in (("sip:ue1@10.1.0.2", "fail"), ("sip:x7@10.1.0.1", "pass")):
        wire = Wire()
        wire.udp(CORE_EDGE, SCSCF, _invite(2, _pai(UE1), "Privacy: id;user", caller=hidden))
        wire.udp(at("10.0.0.12", 5060), SCSCF, _invite(2))
        wire.udp(EDGE, UE, _invite(3, f"Contact: <{contact}>", caller=hidden))
        assert _said(wire.run(rules=rules(), topology=lab_topology()), "ID-08") == {verdict: 1}
    wire = Wire()
    wire.udp(EDGE, UE, _invite(3, "Contact: <sip:ue1@10.1.0.2>", caller=hidden))
    assert _said(wire.run(rules=rules(), topology=lab_topology()), "ID-08") == {"open": 1}


def test_a_signed_identity_removed_on_the_way() -> None:
    token = "Identity: e30.e30.AAAA;info=<https://a.example>"
    wire = Wire()
    wire.udp(CORE_EDGE, SCSCF, _invite(2, token))
    wire.udp(SCSCF, MRF, _invite(3))
    assert _said(wire.run(rules=rules(), topology=lab_topology()), "ID-14") == {"fail": 1}
    wire = Wire()
    wire.udp(CORE_EDGE, SCSCF, _invite(2, token))
    wire.udp(SCSCF, MRF, _invite(3, token))
    assert _said(wire.run(rules=rules(), topology=lab_topology()), "ID-14") == {"pass": 1}


def test_a_verstat_of_the_ue() -> None:
    forged = "<tel:+12155551212;verstat=TN-Validation-Passed>"
    assert _said(_run((_pai(forged),), (_pai(forged),)), "ID-20") == {"fail": 1}
    assert _said(_run((_pai(forged),), (_pai(UE1),)), "ID-20") == {"pass": 1}


def test_charging_and_location_stay_inside() -> None:
    wire = Wire()
    wire.udp(EDGE, UE, _invite(3, "P-Charging-Vector: icid-value=1", "P-Access-Network-Info: 3GPP-E-UTRAN-FDD"))
    engine = wire.run(rules=rules(), topology=lab_topology())
    assert _said(engine, "ID-19") == {"fail": 1}
    wire = Wire()
    wire.udp(UE, EDGE, _invite(1, "P-Access-Network-Info: 3GPP-E-UTRAN-FDD"))
    assert _said(wire.run(rules=rules(), topology=lab_topology()), "ID-19") == {}, "from the UE itself it is normal"


def test_responses_are_followed_back() -> None:
    wire = Wire()
    wire.udp(CORE_EDGE, SCSCF, _invite(2, _pai(UE1)))
    wire.udp(SCSCF, MRF, _invite(3, _pai(UE1)))
    wire.udp(MRF, SCSCF, _ok(3, _pai("<sip:conf@ims.example>")))
    wire.udp(SCSCF, CORE_EDGE, _ok(2))
    engine = wire.run(rules=rules(), topology=lab_topology())
    note = next(note for note in engine.judge.notes if note.rule.id == "ID-02.changed")
    assert [cite.frame for cite in note.evidence] == [3, 4]


def test_a_loop_through_one_element_is_bounded() -> None:
    wire = Wire()
    for number in range(200):
        wire.udp(SCSCF, SCSCF, _invite(2, _pai(UE1), call_id=f"loop{number % 3}"))
    wire.run(rules=rules(), topology=lab_topology())


@pytest.mark.parametrize(
    ("flag", "from_ue", "verdict"),
    [("yes", "", {"fail": 1}), ("tls-yes", "tls-yes", {"fail": 1}), ("no", "", {}), ("", "", {})],
)
def test_how_a_register_reached_the_edge(flag: str, from_ue: str, verdict: dict[str, int]) -> None:
    """TS 24.229 7.2A.2: the P-CSCF's word for a REGISTER that came in clear over UDP."""

    def credentials(word: str) -> str:
        more = f', integrity-protected="{word}"' if word else ""
        return f'Authorization: Digest username="ue1@ims.example", response="00"{more}'

    wire = Wire()
    for src, dst, hops, word in ((UE, EDGE, 1, from_ue), (CORE_EDGE, SCSCF, 2, flag)):
        head = dialog("r", 1, "REGISTER", via=VIAS[-hops:], caller=FROM, called=UE1)
        contact = "Contact: <sip:ue1@10.1.0.2>"
        wire.udp(src, dst, request("REGISTER", "sip:ims.example", [*head, contact, credentials(word)]))
    assert _said(wire.run(rules=rules(), topology=lab_topology()), "SIG-16") == verdict


@pytest.mark.parametrize(
    ("policy", "headers", "verdict"),
    [
        ({"inter_domain_identity": "required"}, (), {"fail": 1}),
        ({"inter_domain_identity": "required"}, ("Identity: a.b.c;info=<https://x>",), {"pass": 1}),
        ({"inter_domain_identity": "optional"}, (), {}),
        ({}, (), {}),
    ],
)
def test_signed_identities_between_operators(
    policy: dict[str, str], headers: tuple[str, ...], verdict: dict[str, int]
) -> None:
    loaded, _ = load(
        b"""
format: 1
zones: {core: {trust: inside, nets: [10.0.0.0/24]}, other: {trust: peer, nets: [192.0.2.0/24]}}
trust_domain: {zones: [core]}
""",
        "two operators",
    )
    wire = Wire()
    wire.udp(SCSCF, at("192.0.2.1", 5060), _invite(2, *headers))
    engine = wire.run(rules=rules(), topology=replace(loaded, policy=policy).indexed())
    assert _said(engine, "ID-10.required") == verdict


@pytest.mark.parametrize(
    ("value", "noted"),
    [
        ('"Alice" <sip:alice@ims.example>', False),
        ('"+49 30 123456" <tel:+4930123456>', False),
        ('"030-123456" <tel:+4930123456>', False),  # the national form of it
        ('"+49 30 999999" <tel:+4930123456>', True),
        ('"sip:bob@ims.example" <sip:alice@ims.example>', True),
        ('"bob@ims.example" <sip:alice@ims.example>', True),
        ('"alice@ims.example" <sip:alice@ims.example>', False),
        ('"112" <sip:alice@ims.example>', False),  # too short to be told from a name
    ],
)
def test_a_display_name_that_reads_as_another_identity(value: str, noted: bool) -> None:
    engine = _run((), (_pai(value),))
    assert engine.judge.tallies["ID-04.display"].notes == int(noted)


@pytest.mark.parametrize(
    ("first", "second", "altered"),
    [
        (("Privacy: id",), (), ["Privacy removed"]),
        ((), ("History-Info: <sip:a@b>;index=1",), ["History-Info inserted"]),
        (("Referred-By: <sip:a@b>",), ("Referred-By: <sip:c@d>",), ["Referred-By changed"]),
        (("P-Preferred-Identity: <sip:a@b>",), (_pai(UE1),), ["P-Preferred-Identity removed"]),
        (("Privacy: id", _pai(UE1)), ("Privacy: id", _pai(UE1)), []),
    ],
)
def test_headers_that_name_or_hide_are_followed(
    first: tuple[str, ...], second: tuple[str, ...], altered: list[str]
) -> None:
    engine = _run(first, second)
    assert engine.judge.tallies["ID-02.headers"].notes == bool(altered)
    for note in engine.judge.notes:
        if note.rule.id == "ID-02.headers":
            way = "in INVITE from ue1 to scscf (access > core, into the trust domain)"
            assert note.message.startswith(f"pcscf-1: {altered[0]} {way}")


def test_a_changed_from_is_followed() -> None:
    wire = Wire()
    wire.udp(UE, EDGE, _invite(1, "Privacy: user"))
    wire.udp(CORE_EDGE, SCSCF, _invite(2, "Privacy: user", caller="<sip:anonymous@anonymous.invalid>;tag=a"))
    engine = wire.run(rules=rules(), topology=lab_topology())
    (note,) = [note for note in engine.judge.notes if note.rule.id == "ID-02.headers"]
    assert "From changed" in note.message
