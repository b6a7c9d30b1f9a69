"""Patterns of protection over two legs with nothing in common but the call (hops.md section 8), as generated captures.

A UE, an edge that makes a call of its own towards the core, a conference server. SRTP is made by libsrtp.
"""

import base64
import struct
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from pylibsrtp import Policy, Session

from analyzer.pipeline.engine import Engine
from analyzer.rules.evaluate import RuleSet
from analyzer.rules.load import load_rules
from analyzer.session.topology import load
from tests.conftest import ROOT
from tests.pipeline.wire import STEP_NS, Wire, at, rows
from tests.session.dialogs import PORT, Leg, say, sdp, send, setup

TOPOLOGY, _ = load(
    b"""
format: 1
zones: {access: {trust: outside, nets: [10.1.0.0/16]}, core: {trust: inside, nets: [10.0.0.0/24]}}
nodes:
  edge: {role: p-cscf, addresses: [{ip: 10.1.255.1, zone: access}, {ip: 10.0.0.11, zone: core}]}
  focus: {role: conference-server, addresses: [{ip: 10.0.0.13, zone: core}]}
trust_domain: {zones: [core]}
""",
    "lab",
)
UE, EDGE, INNER, FOCUS = "10.1.0.2", "10.1.255.1", "10.0.0.11", "10.0.0.13"
KEYS = [bytes([n]) * 16 + bytes(range(14)) for n in range(1, 5)]  # UE, edge to UE, edge, focus
Change = Callable[[bytes], bytes]


def crypto(key: bytes, *more: str) -> tuple[str, ...]:
    line = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(key).decode()}"
    return (line, *more)


def srtp(key: bytes) -> Change:
    session = Session(policy=Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
    return lambda packet: bytes(session.protect(packet))


def plain(packet: bytes) -> bytes:
    return packet


def rtp(number: int) -> bytes:
    speech = struct.pack(">I", number) + bytes((number * 37 + i * i) & 0xFF for i in range(156))
    return struct.pack(">BBHII", 0x80, 0, 1000 + number, number * 160, 0x5566AABB) + speech


def legs(near: tuple[tuple[str, ...], tuple[str, ...]], far: tuple[tuple[str, ...], tuple[str, ...]]) -> list[Leg]:
    """The two legs, by the lines of offer and answer; a profile follows from whether there are keys."""

    def described(host: str, port: int, lines: tuple[str, ...]) -> bytes:
        secure = any(line.startswith("a=crypto") for line in lines)
        return sdp(host, port, proto="RTP/SAVP" if secure else "RTP/AVP", lines=lines)

    return [
        Leg(UE, EDGE, "near", offer=described(UE, 4_000, near[0]), answer=described(EDGE, 5_000, near[1])),
        Leg(INNER, FOCUS, "far", offer=described(INNER, 6_000, far[0]), answer=described(FOCUS, 7_000, far[1])),
    ]


def talk(wire: Wire, out: tuple[Change, Change], back: tuple[Change, Change], count: int = 60) -> None:
    """The same speech on both hops, each way, as each hop carries it."""
    ue, edge, inner, focus = at(UE, 4_000), at(EDGE, 5_000), at(INNER, 6_000), at(FOCUS, 7_000)
    for number in range(count):
        wire.udp(ue, edge, out[0](rtp(number)))
        wire.udp(inner, focus, out[1](rtp(number)))
        wire.udp(focus, inner, back[1](rtp(number + 10_000)))
        wire.udp(edge, ue, back[0](rtp(number + 10_000)))


def rules() -> RuleSet:
    loaded, wrong = load_rules([ROOT / "rules"])
    assert not wrong
    return loaded


def judged(wire: Wire) -> tuple[list[dict[str, Any]], dict[str, tuple[int, int, int]], Engine]:
    """Media hops; pass, fail and open of each rule; the engine."""
    engine = wire.run(topology=TOPOLOGY, rules=rules())
    hops = [hop for hop in rows(engine.closer.hops) if hop["plane"] == "media"]
    counts = {
        rule: (_of(engine, rule, "pass"), _of(engine, rule, "fail"), _of(engine, rule, "open"))
        for rule in engine.judge.tallies
    }
    return hops, counts, engine


def _of(engine: Engine, rule: str, word: str) -> int:
    return next(count for verdict, count in engine.judge.tallies[rule].counts.items() if verdict.value == word)


def scopes(hops: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(hop["scope"], hop["scope_detail"], hop["termination"]) for hop in hops]


def e2ae(far_lines: tuple[str, ...] = ()) -> Wire:
    """Requested of the edge, which ends it; `far_lines` leak into the core."""
    wire = Wire()
    near = crypto(KEYS[0], "a=3ge2ae:requested"), crypto(KEYS[1], "a=3ge2ae:applied")
    setup(wire, legs(near, (far_lines, ())))
    talk(wire, (srtp(KEYS[0]), plain), (srtp(KEYS[1]), plain))
    return wire


def test_two_legs_of_e2ae() -> None:
    hops, counts, engine = judged(e2ae())
    (call,) = rows(engine.closer.calls)
    assert call["call_ids"] == ["near", "far"]
    assert scopes(hops) == [("e2ae", "e2ae", "proven_by_payload"), ("unknown", "none", "unknown")]
    for rule in ("MSEC-01", "MSEC-03.key", "MSEC-03.attribute", "MSEC-11"):
        assert counts[rule][0] > 0
        assert counts[rule][1:] == (0, 0), rule


def test_a_key_that_leaks_into_the_core() -> None:
    """The variant: the edge ends the protection, and yet hands its key on."""
    _, counts, engine = judged(e2ae(crypto(KEYS[0])))
    assert counts["MSEC-03.key"][1] == 1
    (found,) = [finding for finding in engine.judge.findings if finding.rule.id == "MSEC-03.key"]
    # how sure it is that the two legs are one call: persons, offer and time (90), and messages that keep step
    assert found.where["joined"] == "by likeness, 99 of 100"


def test_the_row_of_the_report_says_what_the_server_may_conclude() -> None:
    _, _, engine = judged(e2ae())
    (call,) = rows(engine.closer.calls)
    (audio,) = call["media"]  # type: ignore[misc]  # one row
    assert audio["path"] == ["hop-3", "hop-4"]
    assert audio["protection"] == "clear"
    assert audio["assurance"] == (
        "The conference server sees audio in clear on hop-4; it may not conclude that the access is protected, "
        "which it is on hop-3, up to the edge (proven by equal payloads on both sides); its keys were readable on "
        "hop-1: who read them there can open it."
    )
    # the key stood in SIP without protection on the access
    assert audio["exposed"] == [
        {"what": "content", "hop": "hop-4", "keys": []}, {"what": "key", "hop": "hop-1", "keys": ["key-1", "key-2"]}
    ]  # fmt: skip
    assert audio["caveats"] == [
        "NO_PARTICIPANT_TO_PARTICIPANT_ASSURANCE", "NO_ASSURANCE_BEYOND_HOP", "POLICY_NOT_OBSERVABLE"
    ]  # fmt: skip


def test_a_relay_of_the_same_bytes_is_end_to_end() -> None:
    keys = crypto(KEYS[0]), crypto(KEYS[1])
    wire = Wire()
    setup(wire, legs(keys, keys))
    talk(wire, (srtp(KEYS[0]), srtp(KEYS[0])), (srtp(KEYS[1]), srtp(KEYS[1])))
    hops, counts, _ = judged(wire)
    assert scopes(hops) == [("e2e", "e2e", "proven_by_payload")] * 2
    assert counts["CONF-08"] == (1, 0, 0)
    assert counts["SDES-07"][1:] == (0, 0)  # one description, seen on two legs


def test_the_same_bytes_although_the_edge_was_asked_to_end_them() -> None:
    keys = crypto(KEYS[0], "a=3ge2ae:requested"), crypto(KEYS[1])
    wire = Wire()
    setup(wire, legs(keys, (crypto(KEYS[0]), crypto(KEYS[1]))))
    talk(wire, (srtp(KEYS[0]), srtp(KEYS[0])), (srtp(KEYS[1]), srtp(KEYS[1])))
    hops, counts, _ = judged(wire)
    assert scopes(hops) == [("unknown", "inconsistent", "proven_by_payload")] * 2
    assert counts["MSEC-11"][1] == 1
    assert counts["MSEC-03.key"][1] > 0  # the key that was for the access alone is in the core


@pytest.mark.parametrize(("there", "expected"), [
    (lambda packet: renumbered(packet), ("hop_by_hop", "hop_by_hop_srtp", "proven_by_payload")),
    (lambda packet: renumbered(packet)[:-1] + b"!", ("unknown", "e2ae_or_e2e_ambiguous", "unknown")),
])  # fmt: skip
def test_one_key_on_both_hops_and_streams_of_their_own(there: Change, expected: tuple[str, str, str]) -> None:
    """The crypto lines are passed on and the packets are not (hops.md 5: identical bytes; 4: key and SSRCs are one
    stream): with equal payloads somebody between encrypts anew, with others it is not known what somebody does."""
    keys = crypto(KEYS[0]), crypto(KEYS[1])
    wire = Wire()
    setup(wire, legs(keys, keys))
    out, back = srtp(KEYS[0]), srtp(KEYS[1])
    inside = srtp(KEYS[0]), srtp(KEYS[1])
    talk(wire, (out, lambda packet: inside[0](there(packet))), (back, lambda packet: inside[1](there(packet))))
    assert scopes(judged(wire)[0]) == [expected] * 2


def test_two_keys_and_one_speech_is_hop_by_hop() -> None:
    wire = Wire()
    setup(wire, legs((crypto(KEYS[0]), crypto(KEYS[1])), (crypto(KEYS[2]), crypto(KEYS[3]))))
    talk(wire, (srtp(KEYS[0]), srtp(KEYS[2])), (srtp(KEYS[1]), srtp(KEYS[3])))
    hops, counts, _ = judged(wire)
    assert scopes(hops) == [("hop_by_hop", "hop_by_hop_srtp", "proven_by_payload")] * 2
    assert counts["CONF-08"] == (0, 1, 0)


def test_unannounced_end_of_protection_at_the_edge() -> None:
    wire = Wire()
    setup(wire, legs((crypto(KEYS[0]), crypto(KEYS[1])), ((), ())))
    talk(wire, (srtp(KEYS[0]), plain), (srtp(KEYS[1]), plain))
    assert scopes(judged(wire)[0])[0] == ("e2ae", "e2ae_like", "proven_by_payload")


def test_one_leg_alone_leaves_it_open() -> None:
    wire = Wire()
    (near, _) = legs((crypto(KEYS[0]), crypto(KEYS[1])), ((), ()))
    setup(wire, [near])
    talk(wire, (srtp(KEYS[0]), plain), (srtp(KEYS[1]), plain))
    hops, _, engine = judged(wire)
    assert scopes(hops) == [("unknown", "e2ae_or_e2e_ambiguous", "unknown")]
    (call,) = rows(engine.closer.calls)
    (audio,) = call["media"]  # type: ignore[misc]  # one row
    assert audio["assurance"] == (
        "Audio is protected on hop-2; how far that reaches is not known; no conference server is on the hops that were "
        "captured; its keys were readable on hop-1: who read them there can open it."
    )


@pytest.mark.parametrize(("apart_s", "expected"), [(60, "fail"), (2, "open")])
def test_one_key_in_two_calls(apart_s: int, expected: str) -> None:
    """The two-time pad: long after each other it is one; at the same time the two may be legs of one call."""
    wire = Wire()
    for name, ue in (("one", "10.1.0.2"), ("two", "10.1.0.3")):
        offer = sdp(ue, 4_000, proto="RTP/SAVP", lines=crypto(KEYS[0]))
        answer = sdp(EDGE, 5_000, proto="RTP/SAVP", lines=crypto(name.encode() * 10))
        setup(wire, [Leg(ue, EDGE, name, f"sip:{name}@ims.example", offer=offer, answer=answer)])
        wire.now_ns += apart_s * 1_000_000_000
    _, counts, _ = judged(wire)
    assert counts["SDES-07"][1:] == ((1, 0) if expected == "fail" else (0, 1))


def test_one_key_for_both_directions() -> None:
    wire = Wire()
    setup(wire, legs((crypto(KEYS[0]), crypto(KEYS[0])), ((), ())))
    assert judged(wire)[1]["SDES-07"][1] == 1


def test_an_offer_without_the_protection_that_was_agreed() -> None:
    (leg, _) = legs((crypto(KEYS[0]), crypto(KEYS[1])), ((), ()))
    wire = Wire()
    setup(wire, [leg])
    clear = sdp(UE, 4_000)
    again = say(leg, "INVITE", cseq=3).partition(b"\r\n\r\n")[0]
    head = again.replace(b"To: <sip:conf@ims.example>", b"To: <sip:conf@ims.example>;tag=tnear")
    head = head.replace(f"Content-Length: {len(leg.offer)}".encode(), f"Content-Length: {len(clear)}".encode())
    wire.udp(at(UE, PORT), at(EDGE, PORT), head + b"\r\n\r\n" + clear)
    _, counts, _ = judged(wire)
    assert counts["MSEC-14"] == (0, 1, 0)


def test_paths_do_not_show_batches() -> None:
    wire = e2ae()
    closers = [wire.run(topology=TOPOLOGY, rows=size).closer for size in (1, 13, 32_768)]
    said = [(list(closer.hops), list(closer.calls)) for closer in closers]
    assert said[0] == said[1] == said[2]


def test_hang_up_first() -> None:
    """The core leg ends long before the access leg: both are judged together, with all their media."""
    wire = e2ae()
    near, far = legs((crypto(KEYS[0], "a=3ge2ae:requested"), crypto(KEYS[1])), ((), ()))
    send(wire, far, "BYE", cseq=2)
    wire.now_ns += 90_000_000_000
    send(wire, near, "BYE", cseq=2)
    hops, _, _ = judged(wire)
    assert scopes(hops)[0] == ("e2ae", "e2ae", "proven_by_payload")


def test_keys_that_the_edge_takes_out() -> None:
    """Offered with keys on an unprotected profile (RFC 8643), handed on without, answered without."""
    offer = sdp(UE, 4_000, lines=crypto(KEYS[0]))
    near = Leg(UE, EDGE, "near", offer=offer, answer=sdp(EDGE, 5_000))
    far = Leg(INNER, FOCUS, "far", offer=sdp(INNER, 6_000), answer=sdp(FOCUS, 7_000))
    wire = Wire()
    setup(wire, [near, far])
    talk(wire, (plain, plain), (plain, plain))
    assert judged(wire)[1]["MSEC-10"] == (0, 1, 0)


def test_keys_that_reach_the_server() -> None:
    keys = crypto(KEYS[0]), crypto(KEYS[1])
    wire = Wire()
    setup(wire, legs(keys, keys))
    assert judged(wire)[1]["MSEC-10"] == (1, 0, 0)


@pytest.mark.parametrize("second", ["protected", "clear", "access not captured"])
def test_a_conference_is_as_good_as_its_weakest_leg(second: str) -> None:
    """One participant over e2ae; the other one likewise, in clear, or seen in the core alone."""
    wire = Wire()
    near, far = legs((crypto(KEYS[0], "a=3ge2ae:requested"), crypto(KEYS[1])), ((), ()))
    focus = ("Contact: <sip:conf@10.0.0.13>;isfocus",)
    setup(wire, [near, replace(far, response_headers=focus)])
    talk(wire, (srtp(KEYS[0]), plain), (srtp(KEYS[1]), plain))
    ue, bob = "10.1.0.3", "sip:bob@ims.example"
    keys = crypto(KEYS[2]) if second == "protected" else ()
    offer = sdp(ue, 4_000, proto="RTP/SAVP" if keys else "RTP/AVP", lines=keys)
    answer = sdp(EDGE, 5_002, proto="RTP/SAVP" if keys else "RTP/AVP", lines=crypto(KEYS[3]) if keys else ())
    access = Leg(ue, EDGE, "near-2", bob, offer=offer, answer=answer)
    core = Leg(INNER, FOCUS, "far-2", bob, offer=sdp(INNER, 6_002), answer=sdp(FOCUS, 7_002), response_headers=focus)
    setup(wire, [core] if second == "access not captured" else [access, core])
    change = srtp(KEYS[2]) if keys else plain
    for number in range(60):
        if second != "access not captured":
            wire.udp(at(ue, 4_000), at(EDGE, 5_002), change(rtp(number)))
        wire.udp(at(INNER, 6_002), at(FOCUS, 7_002), rtp(number))
    expected = {"protected": (1, 0, 0), "clear": (0, 1, 0), "access not captured": (0, 0, 1)}
    assert judged(wire)[1]["CONF-09"] == expected[second]


def test_the_access_of_one_participant_says_nothing_of_the_others() -> None:
    """Who else takes part shows at the focus alone; its Contact reaches the access and names it (RFC 4579 4.2)."""
    wire = Wire()
    near, _ = legs((crypto(KEYS[0], "a=3ge2ae:requested"), crypto(KEYS[1])), ((), ()))
    setup(wire, [replace(near, response_headers=("Contact: <sip:conf@10.0.0.13>;isfocus",))])
    there, back = srtp(KEYS[0]), srtp(KEYS[1])
    for number in range(60):
        wire.udp(at(UE, 4_000), at(EDGE, 5_000), there(rtp(number)))
        wire.udp(at(EDGE, 5_000), at(UE, 4_000), back(rtp(number)))
    _, counts, engine = judged(wire)
    assert counts["CONF-09"] == (0, 0, 1)
    assert [state.focus for state in engine.closer.conferences.all()] == ["focus"]


def test_a_relay_whose_keys_nobody_has() -> None:
    """SRTP on the access, agreed by DTLS that nobody opened; RTP in the core: one stream by headers and sizes."""
    wire = Wire()
    setup(wire, dtls_legs())
    talk(wire, (srtp(KEYS[0]), plain), (srtp(KEYS[1]), plain))
    assert scopes(judged(wire)[0])[0] == ("e2ae", "e2ae_dtls_srtp", "matched")
    wire = Wire()
    setup(wire, dtls_legs())
    talk(wire, (srtp(KEYS[0]), renumbered), (srtp(KEYS[1]), renumbered))
    assert scopes(judged(wire)[0])[0] == ("e2ae", "e2ae_dtls_srtp", "assumed")


def uneven_talk(wire: Wire, out: tuple[Change, Change], back: tuple[Change, Change], far: int = 0) -> None:
    """As `talk`, at the pace of two networks; `far`: what the core carries is another call's, which began elsewhere."""
    draw, frames = Random(1), []
    ue, edge, inner, focus = at(UE, 4_000), at(EDGE, 5_000), at(INNER, 6_000), at(FOCUS, 7_000)
    start = wire.now_ns
    for number in range(130):
        sent = [start + number * 20_000_000 + draw.randrange(4_000_000) for _ in range(4)]
        there, home, other, other_home = sent
        on, came = (other, other_home) if far else (there + 300_000 + draw.randrange(99_000), home - 300_000)
        frames += [
            (there, ue, edge, out[0](rtp(number))), (on, inner, focus, out[1](rtp(number + far))),
            (came, focus, inner, back[1](rtp(number + 10_000 + far))), (home, edge, ue, back[0](rtp(number + 10_000))),
        ]  # fmt: skip
    for ts_ns, src, dst, packet in sorted(frames, key=lambda frame: frame[0]):
        wire.now_ns = ts_ns - STEP_NS
        wire.udp(src, dst, packet)


@pytest.mark.parametrize("far", [0, 5_000])
def test_a_relay_that_writes_every_header_anew(far: int) -> None:
    """Nobody has its keys, SSRCs are new, numbers and timestamps shifted: known by constant offsets and matching times,
    which two streams that only resemble each other do not have (hops.md section 4)."""
    wire = Wire()
    setup(wire, dtls_legs())
    uneven_talk(wire, (srtp(KEYS[0]), renumbered), (srtp(KEYS[1]), renumbered), far)
    near, core = judged(wire)[0]
    if far:
        assert (near["termination"], near["continued"], core["continued"]) == ("assumed", [], [])
    else:
        assert (near["scope_detail"], near["termination"]) == ("e2ae_dtls_srtp", "matched")
        assert near["continued"] == [{"hop": core["id"], "by": "offsets", "score": 100}]
        assert core["continued"] == [{"hop": near["id"], "by": "offsets", "score": 100}]


def test_what_shows_that_one_hop_carries_on_the_media_of_another() -> None:
    """The strongest ground is named, on both hops."""
    keys, others = (crypto(KEYS[0]), crypto(KEYS[1])), (crypto(KEYS[2]), crypto(KEYS[3]))
    cases = [
        (legs(keys, keys), (srtp(KEYS[0]), srtp(KEYS[0])), (srtp(KEYS[1]), srtp(KEYS[1])), "ciphertext"),
        (legs(keys, others), (srtp(KEYS[0]), srtp(KEYS[2])), (srtp(KEYS[1]), srtp(KEYS[3])), "payload"),
        (dtls_legs(), (srtp(KEYS[0]), plain), (srtp(KEYS[1]), plain), "headers"),
    ]
    for described, out, back, by in cases:
        wire = Wire()
        setup(wire, described)
        talk(wire, out, back)
        near, core = judged(wire)[0]
        assert near["continued"] == [{"hop": core["id"], "by": by, "score": 100}]
        assert core["continued"] == [{"hop": near["id"], "by": by, "score": 100}]


def dtls_legs(*candidates: str) -> list[Leg]:
    """DTLS-SRTP on the access, plain RTP in the core."""
    print_ = f"a=fingerprint:SHA-256 {':'.join(['AB'] * 32)}"
    lines = (print_, "a=setup:actpass", *candidates)
    near = Leg(
        UE, EDGE, "near",
        offer=sdp(UE, 4_000, proto="UDP/TLS/RTP/SAVP", lines=lines),
        answer=sdp(EDGE, 5_000, proto="UDP/TLS/RTP/SAVP", lines=(print_, "a=setup:active")),
    )  # fmt: skip
    return [near, Leg(INNER, FOCUS, "far", offer=sdp(INNER, 6_000), answer=sdp(FOCUS, 7_000))]


def renumbered(packet: bytes) -> bytes:
    """The packet of a stream of another's making: SSRC, numbers and times anew."""
    number, time = struct.unpack_from(">HxxxxI", packet[2:])[0], int.from_bytes(packet[4:8], "big")
    return packet[:2] + struct.pack(">HII", number + 77 & 0xFFFF, time + 12_345, 0x99887766) + packet[12:]


def test_media_at_an_ice_candidate_is_the_hops() -> None:
    """RFC 8445: the pair that works need not be that of c= and m=; here the UE's reflexive candidate."""
    wire = Wire()
    line = "a=candidate:2 1 udp 1694498815 10.1.77.7 45664 typ srflx raddr 10.1.0.2 rport 4000"
    setup(wire, dtls_legs(line))
    protect = srtp(KEYS[0]), srtp(KEYS[1])
    for number in range(60):
        wire.udp(at("10.1.77.7", 45_664), at(EDGE, 5_000), protect[0](rtp(number)))
        wire.udp(at(EDGE, 5_000), at("10.1.77.7", 45_664), protect[1](rtp(number + 10_000)))
    hop = judged(wire)[0][0]
    assert (hop["state"], hop["packets"]) == ("srtp_dtls", 120)


@pytest.mark.parametrize(("ssrc", "name", "expected"), [
    (0x5566AABB, b"alice", "matched"), (0x01020304, b"alice", "matched"),
    (0x5566AABB, b"relay", "matched"), (0x01020304, b"relay", "assumed"),
])  # fmt: skip
def test_sender_reports_of_one_source_on_two_hops(ssrc: int, name: bytes, expected: str) -> None:
    """RFC 3550 6.4.1: SSRC, or where a relay gave it a new one CNAME, and NTP time of a report that passed both hops,
    beside SRTP that nobody opens."""
    wire = Wire()
    setup(wire, dtls_legs())
    talk(wire, (srtp(KEYS[0]), renumbered), (srtp(KEYS[1]), renumbered))
    for src, dst, source, called in (
        (at(UE, 4_001), at(EDGE, 5_001), 0x5566AABB, b"alice"), (at(INNER, 6_001), at(FOCUS, 7_001), ssrc, name)
    ):  # fmt: skip
        report = struct.pack(">BBHIQIII", 0x80, 200, 6, source, 0xE1234567_89ABCDEF, 1600, 10, 1600)
        wire.udp(src, dst, report + struct.pack(">BBHIBB", 0x81, 202, 3, source, 1, 5) + called + b"\0")
    near = judged(wire)[0][0]
    assert (near["scope_detail"], near["termination"]) == ("e2ae_dtls_srtp", expected)
    assert [found["by"] for found in near["continued"]] == ["reports"] * (expected == "matched")


@pytest.mark.parametrize(("ssrc", "last", "expected"), [
    (0x5566AABB, 0x456789AB, "matched"), (0x01020304, 0x456789AB, "assumed"), (0x5566AABB, 0x456789AC, "assumed"),
])  # fmt: skip
def test_a_report_of_one_hop_that_a_receiver_on_the_other_has_seen(ssrc: int, last: int, expected: str) -> None:
    """RFC 3550 6.4.1: a report block names the sender's report by SSRC and the middle of its NTP time (LSR)."""
    wire = Wire()
    setup(wire, dtls_legs())
    talk(wire, (srtp(KEYS[0]), renumbered), (srtp(KEYS[1]), renumbered))
    sent = struct.pack(">BBHIQIII", 0x80, 200, 6, 0x5566AABB, 0xE1234567_89ABCDEF, 1600, 10, 1600)
    block = struct.pack(">IIIIII", ssrc, 0, 1_010, 3, last, 65_536)
    wire.udp(at(UE, 4_001), at(EDGE, 5_001), sent)
    wire.udp(at(FOCUS, 7_001), at(INNER, 6_001), struct.pack(">BBHI", 0x81, 201, 7, 0x0A0B0C0D) + block)
    assert judged(wire)[0][0]["termination"] == expected


def test_media_of_a_ue_behind_a_nat_that_describes_no_address() -> None:
    """A browser's candidates are names (draft-ietf-mmusic-mdns-ice-candidates) and c=, m= say nothing (RFC 8839 4.2.1):
    what comes to the edge's address is the hop's, and what goes back to where it came from (RFC 4961)."""
    line = "a=candidate:1 1 udp 2122260223 0b1e6c9e-0000-4c51-a2b4-1c7cbf0e9c01.local 54321 typ host"
    near, far = dtls_legs(line)
    near = replace(
        near, offer=near.offer.replace(f"IN IP4 {UE}".encode(), b"IN IP4 0.0.0.0").replace(b" 4000 ", b" 9 ")
    )
    wire = Wire()
    setup(wire, [near, far])
    outside, protect = at("10.1.77.7", 45_664), (srtp(KEYS[0]), srtp(KEYS[1]))
    for number in range(60):
        wire.udp(outside, at(EDGE, 5_000), protect[0](rtp(number)))
        wire.udp(at(EDGE, 5_000), outside, protect[1](rtp(number + 10_000)))
    hop = judged(wire)[0][0]
    assert (hop["state"], hop["packets"]) == ("srtp_dtls", 120)


def test_keys_are_listed_with_every_hop_that_showed_them() -> None:
    """SDES-15 names the path; that a key was readable nowhere takes the whole of it."""
    keys = crypto(KEYS[0]), crypto(KEYS[1])
    wire = Wire()
    setup(wire, legs(keys, keys))
    _, counts, engine = judged(wire)
    assert counts["SDES-15"] == (0, 1, 0)
    (found,) = [finding for finding in engine.judge.findings if finding.rule.id == "SDES-15"]
    assert found.message == "SDES keys were readable on: 10.1.0.2 > edge, edge > focus"


@pytest.mark.parametrize(("second", "verdict"), [("none", (2, 0, 0)), ("same", (2, 0, 0)), ("other", (0, 2, 0))])
def test_a_forked_offer(second: str, verdict: tuple[int, int, int]) -> None:
    """RFC 4568 7.3: two ends answer one offer; the second gets nothing, the same packets, or others under its key."""
    leg = Leg(UE, EDGE, "fork", offer=sdp(UE, 4_000, proto="RTP/SAVP", lines=crypto(KEYS[0])))
    wire = Wire()
    send(wire, leg, "INVITE")
    for number, key in ((0, KEYS[1]), (1, KEYS[2])):
        branch = replace(leg, answer=sdp(EDGE, 5_000 + 2 * number, proto="RTP/SAVP", lines=crypto(key)))
        answer = say(branch, "INVITE", 200).replace(b"tag=tfork", f"tag=branch{number}".encode())
        wire.udp(at(EDGE, PORT), at(UE, PORT), answer)
    first, other = srtp(KEYS[0]), srtp(KEYS[0])
    for number in range(60):
        wire.udp(at(UE, 4_000), at(EDGE, 5_000), first(rtp(number)))
        if second != "none":
            packet = rtp(number)
            speech = packet[12:] if second == "same" else packet[:11:-1]
            wire.udp(at(UE, 4_000), at(EDGE, 5_002), other(packet[:12] + speech))
    assert judged(wire)[1]["SDES-14"] == verdict
