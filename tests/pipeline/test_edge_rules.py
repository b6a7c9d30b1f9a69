"""The access edge and the conference server against what was announced, offered and described (TS 33.328 G.2)."""

import base64
from dataclasses import replace

import pytest

from analyzer.session.topology import load
from tests.pipeline.sip_text import dialog, request, response
from tests.pipeline.test_catalogue_patterns import counted
from tests.pipeline.test_paths import (
    EDGE,
    FOCUS,
    INNER,
    KEYS,
    TOPOLOGY,
    UE,
    crypto,
    e2ae,
    judged,
    legs,
    plain,
    rtp,
    rules,
    srtp,
    talk,
)
from tests.pipeline.wire import Wire, at
from tests.session.dialogs import Leg, sdp, setup

MARKED = crypto(KEYS[0], "a=3ge2ae:requested"), crypto(KEYS[1], "a=3ge2ae:applied")


def test_the_core_side_is_described_as_it_is_sent() -> None:
    """MSEC-04: the edge ends the protection and describes plain RTP; or it keeps the profile, and sends in clear."""
    _, counts, _ = judged(e2ae())
    assert counts["MSEC-04"] == (1, 0, 0)
    wire = Wire()
    setup(wire, legs(MARKED, (crypto(KEYS[2]), crypto(KEYS[3]))))
    talk(wire, (srtp(KEYS[0]), plain), (srtp(KEYS[1]), plain))
    _, counts, _ = judged(wire)
    assert counts["MSEC-04"] == (0, 1, 0)
    wire = Wire()
    setup(wire, legs(MARKED, (crypto(KEYS[2]), crypto(KEYS[3]))))
    talk(wire, (srtp(KEYS[0]), srtp(KEYS[2])), (srtp(KEYS[1]), srtp(KEYS[3])))
    _, counts, _ = judged(wire)
    assert counts["MSEC-04"] == (1, 0, 0), "protection of its own in the core is legal"


def test_the_core_side_was_not_captured() -> None:
    wire = Wire()
    near = legs(MARKED, ((), ()))[0]
    setup(wire, [near])
    for number in range(60):
        wire.udp(at(UE, 4_000), at(EDGE, 5_000), srtp(KEYS[0])(rtp(number)))
    _, counts, _ = judged(wire)
    assert counts["MSEC-04"] == (0, 0, 1)
    assert counts["MSEC-11.scope"] == (0, 0, 1)


def test_media_that_the_network_says_it_protects() -> None:
    """MSEC-02: applied, and in clear on the access."""
    _, counts, _ = judged(e2ae())
    assert counts["MSEC-02.media"] == (1, 0, 0)
    wire = Wire()
    setup(wire, legs(MARKED, ((), ())))
    talk(wire, (plain, plain), (plain, plain))
    _, counts, engine = judged(wire)
    assert counts["MSEC-02.media"] == (0, 1, 0)
    assert next(f for f in engine.judge.findings if f.rule.id == "MSEC-02.media").rule.severity.label == "critical"


def test_how_far_protection_reaches_is_noted() -> None:
    """G-01, and the clear media in the core of G-09."""
    _, _, engine = judged(e2ae())
    notes = {note.rule.id: note.message for note in engine.judge.notes}
    assert "(e2ae, proven_by_payload)" in notes["MSEC-11.scope"]
    assert notes["G-09"] == "audio from edge to focus is readable in the core"


@pytest.mark.parametrize(("role", "noted"), [("gateway", 1), ("proxy", 0)])
def test_protected_media_with_the_telephone_network(role: str, noted: int) -> None:
    """TS 24.229 4.2B.2: the gateway has no media security."""
    topology, problems = load(
        f"""
format: 1
zones: {{access: {{trust: outside, nets: [10.1.0.0/16]}}, core: {{trust: inside, nets: [10.0.0.0/24]}}}}
nodes:
  edge: {{role: p-cscf, addresses: [{{ip: 10.1.255.1, zone: access}}, {{ip: 10.0.0.11, zone: core}}]}}
  mgw: {{role: {role}, addresses: [{{ip: 10.0.0.13, zone: core}}]}}
""".encode(),
        "gateway",
    )
    assert not problems
    wire = Wire()
    setup(wire, [Leg(INNER, FOCUS, "c", offer=sdp(INNER, 6_000, proto="RTP/SAVP", lines=crypto(KEYS[2])),
                     answer=sdp(FOCUS, 7_000, proto="RTP/SAVP", lines=crypto(KEYS[3])))])  # fmt: skip
    for number in range(60):
        wire.udp(at(INNER, 6_000), at(FOCUS, 7_000), srtp(KEYS[2])(rtp(number)))
    assert wire.run(topology=topology, rules=rules()).judge.tallies["MSEC-17"].notes == noted


@pytest.mark.parametrize(
    ("answer", "policy", "noted", "verdict"),
    [
        (crypto(KEYS[3]), "", 0, {}),
        (crypto(KEYS[3]), "accept", 0, {"pass": 1}),
        (crypto(KEYS[3]), "refuse", 0, {"fail": 1}),
        ((), "", 1, {}),
        ((), "refuse", 1, {"pass": 1}),
        ((), "accept", 1, {"fail": 1}),
    ],
)
def test_what_the_server_makes_of_keys_end_to_end(
    answer: tuple[str, ...], policy: str, noted: int, verdict: dict[str, int]
) -> None:
    """G-10, G-11: the decision is noted; held against the operator's policy where that is told."""
    wire = Wire()
    back = sdp(FOCUS, 7_000, proto="RTP/SAVP" if answer else "RTP/AVP", lines=answer)
    setup(wire, [Leg(INNER, FOCUS, "c", offer=sdp(INNER, 6_000, proto="RTP/SAVP", lines=crypto(KEYS[2])), answer=back)])
    told = replace(TOPOLOGY, policy={"server_e2e": policy} if policy else {}).indexed()
    engine = wire.run(topology=told, rules=rules())
    assert engine.judge.tallies["CONF-08.taken"].notes == noted
    assert counted(engine, "CONF-08.policy") == verdict


@pytest.mark.parametrize(
    ("status", "verdict"), [(488, {"fail": 1}), (606, {"fail": 1}), (486, {"open": 1}), (0, {"open": 1})]
)
def test_e2ae_refused_as_a_whole(status: int, verdict: dict[str, int]) -> None:
    """MSEC-13: 488 and 606 refuse the media that was offered (RFC 3261 21.4.26, 21.6.4); a busy user refuses none."""
    wire = Wire()
    lists = "sdes-srtp;mediasec"
    head = dialog("r", 1, "REGISTER", via=[UE], called="<sip:alice@ims.example>")
    wire.udp(at(UE, 5060), at(EDGE, 5060), request("REGISTER", "sip:x", [*head, f"Security-Client: {lists}"]))
    wire.udp(at(EDGE, 5060), at(UE, 5060), response(200, [*head, f"Security-Server: {lists}"]))
    offer = sdp(UE, 4_000, proto="RTP/SAVP", lines=MARKED[0])
    wire.udp(at(UE, 5060), at(EDGE, 5060), request("INVITE", "sip:x", dialog("c", 1, "INVITE", via=[UE]), offer))
    if status:
        say = dialog("c", 1, "INVITE", via=[UE], called="<sip:bob@ims.example>;tag=b")
        wire.udp(at(EDGE, 5060), at(UE, 5060), response(status, say))
    assert counted(wire.run(topology=TOPOLOGY, rules=rules()), "MSEC-13") == verdict


# RFC 6043 4.1.1, RFC 3830 6.1: version 1, TRANSFER_INIT (14) and TRANSFER_RESP (15), no payload behind the header
TICKETS = [f"a=key-mgmt:mikey {base64.b64encode(bytes((1, kind, 0, 0)) + bytes(6)).decode()}" for kind in (14, 15)]


@pytest.mark.parametrize(
    ("back", "port", "verdict"),
    [((TICKETS[1],), 7_000, {"pass": 1}), ((), 7_000, {"fail": 1}), ((), 0, {})],
)
def test_tickets_are_answered(back: tuple[str, ...], port: int, verdict: dict[str, int]) -> None:
    """MSEC-12: an answer without key management takes the medium without keys; one that refuses it needs none."""
    wire = Wire()
    answer = sdp(FOCUS, port, proto="RTP/SAVP" if back else "RTP/AVP", lines=back)
    leg = Leg(INNER, FOCUS, "c", offer=sdp(INNER, 6_000, proto="RTP/SAVP", lines=(TICKETS[0],)), answer=answer)
    setup(wire, [leg])
    assert counted(wire.run(topology=TOPOLOGY, rules=rules()), "MSEC-12.answer") == verdict
