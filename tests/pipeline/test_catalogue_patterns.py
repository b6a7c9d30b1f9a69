"""The patterns of hops.md section 8 as generated captures, with the verdicts that the catalogue has for each.

Two of its nine have places of their own: the two legs of e2ae and the leg that leaks its key (2), and the conference
with one clear leg (5), are in `test_paths`; the dial-out that somebody else answers, or nobody named (4), is in
`tests.session.test_conferences`.
"""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from analyzer.pipeline.engine import Engine
from analyzer.session.topology import load
from tests.crypto.srtp.writer import Sender
from tests.pipeline.registration import PROXY, PROXY_C, PROXY_S, UE, UE_C, UE_S, Registered
from tests.pipeline.test_bound_sessions import SERVER, bfcp_call, call, msrp_line, sessions
from tests.pipeline.test_bound_sessions import sdp as described
from tests.pipeline.test_dtls_srtp import cases, halves, keyring
from tests.pipeline.test_paths import KEYS, TOPOLOGY, crypto, rtp, rules, scopes, srtp
from tests.pipeline.tls_wire import TlsWire
from tests.pipeline.wire import Wire, anomalies, at, rows
from tests.session.dialogs import Leg, hang_up, sdp, setup

EDGE, INNER, FOCUS = "10.1.255.1", "10.0.0.11", "10.0.0.13"
ACCESS, _ = load(
    b"""
format: 1
zones: {access: {trust: outside, nets: [10.1.0.0/16]}, core: {trust: inside, nets: [10.0.0.0/24]}}
nodes: {edge: {role: p-cscf, addresses: [{ip: 10.1.0.1, zone: access}]}}
trust_domain: {zones: [core]}
""",
    "access",
)


def counted(engine: Engine, rule: str) -> dict[str, int]:
    """How often a rule reached each verdict."""
    return {
        verdict.value: n for verdict, n in engine.judge.tallies[rule].counts.items() if n and verdict.value != "n/a"
    }


def media(engine: Engine) -> list[dict[str, Any]]:
    """The media hops of the report."""
    return [hop for hop in rows(engine.closer.hops) if hop["plane"] == "media"]


# -- 1: keys under null encryption ------------------------------------------------------------------------------------

FINGERPRINT = "a=fingerprint:SHA-256 " + ":".join(["AB"] * 32)


def sip_with_body(method: str, status: int, body: bytes, call_id: str = "null-esp") -> bytes:
    """A message of the call inside the association (RFC 3261 8.1.1)."""
    start = f"SIP/2.0 {status} OK" if status else f"{method} sip:conf@ims.example SIP/2.0"
    to_tag = ";tag=b" if status or method == "ACK" else ""
    head = (
        f"{start}\r\nVia: SIP/2.0/UDP {UE}:{UE_S[0]};branch=z9hG4bK{call_id}{method}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:ue1@ims.example>;tag=a\r\nTo: <sip:conf@ims.example>{to_tag}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 1 {'INVITE' if status else method}\r\nContact: <sip:ue1@{UE}>\r\n"
    )
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return f"{head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body


def null_esp(announced: str) -> Engine:
    """A registration that agrees on ESP without encryption, and an INVITE with keys inside."""
    made = Registered("hmac-sha-1-96", "null")
    made.client += announced
    made.server += announced
    made.talk()
    lines = ("m=audio 4000 RTP/SAVP 0", *crypto(KEYS[0], "a=3ge2ae:requested"), "m=application 4002 TCP/TLS/BFCP *",
             FINGERPRINT, "a=setup:actpass", "a=3ge2ae:requested")  # fmt: skip
    back = ("m=audio 5000 RTP/SAVP 0", *crypto(KEYS[1], "a=3ge2ae:applied"), "m=application 5002 TCP/TLS/BFCP *",
            FINGERPRINT, "a=setup:passive", "a=3ge2ae:applied")  # fmt: skip
    there, home = (at(UE, UE_C[0]), at(PROXY, PROXY_S[0])), (at(PROXY, PROXY_C[0]), at(UE, UE_S[0]))
    made.datagram(*there, sip_with_body("INVITE", 0, described(UE, *lines)))
    made.datagram(*home, sip_with_body("INVITE", 200, described(PROXY, *back)))
    made.datagram(*there, sip_with_body("ACK", 0, b""))
    return made.wire.run(topology=ACCESS, rules=rules())


def test_1_keys_under_null_encryption() -> None:
    """TS 33.203 permits null encryption, RFC 4568 8.3 does not permit keys under it: SIG-19 critical, REG-05 pass."""
    engine = null_esp(",sdes-srtp;mediasec,bfcp-tls;mediasec")
    assert counted(engine, "SIG-19") == {"fail": 2}
    assert next(f.rule.severity.label for f in engine.judge.findings if f.rule.id == "SIG-19") == "critical"
    assert counted(engine, "SIG-06") == {"fail": 4}  # four associations, none encrypts
    assert counted(engine, "REG-05") == {"pass": 1}
    assert counted(engine, "MSEC-02") == {"pass": 2}
    assert counted(engine, "MSEC-13") == {"pass": 2}


def test_1_floor_control_that_nobody_announced() -> None:
    """REG-05: an msrp-tls indication does not count for BFCP."""
    assert counted(null_esp(",sdes-srtp;mediasec,msrp-tls;mediasec"), "REG-05") == {"fail": 1}


def test_1_sip_in_clear_on_the_protected_ports() -> None:
    """TS 33.203 7.1: what was agreed for ESP takes nothing else (SIG-10)."""
    made = Registered("hmac-sha-1-96", "null").talk()
    assert counted(made.wire.run(topology=ACCESS, rules=rules()), "SIG-10") == {"pass": 6}
    made.wire.udp(at(UE, 5060), at(PROXY, PROXY_S[0]), sip_with_body("INVITE", 0, b"", "clear"))
    assert counted(made.wire.run(topology=ACCESS, rules=rules()), "SIG-10") == {"pass": 6, "fail": 1}


# -- 3: floor control under another certificate -----------------------------------------------------------------------

HELLO = bytes.fromhex("200b00000000126700010002")  # RFC 8855 5.3.11: version 1, conference 4711, transaction 1, user 2


def take(wire: Wire) -> list[bytes]:
    """The frames so far, taken off the wire."""
    taken, wire.frames = [frame for _, frame in wire.frames], []
    return taken


def put(wire: Wire, frames: list[bytes]) -> None:
    """Frames a millisecond after each other."""
    for frame in frames:
        wire.now_ns += 1_000_000
        wire.frames.append((wire.now_ns, frame))


def floor_control(folder: Path, *, honest: bool) -> Engine:
    """BFCP over TLS from a UE to the edge, in clear from the edge to the focus, in one call of two legs."""
    wire = Wire()
    ue, edge, inner, focus = at("10.1.0.2", 50_000), at(EDGE, 5_002), at(INNER, 50_001), at(FOCUS, 7_002)
    tls = TlsWire(wire, ue, edge, folder)
    handshake = take(wire)
    digest = hashlib.sha256(tls.der).digest() if honest else bytes(32)
    line = f"a=fingerprint:SHA-256 {':'.join(f'{byte:02X}' for byte in digest)}"
    secure, clear = "m=application {} TCP/TLS/BFCP *", "m=application {} TCP/BFCP *"
    near = Leg(
        "10.1.0.2", EDGE, "near",
        offer=described("10.1.0.2", secure.format(9), "a=setup:active", FINGERPRINT, "a=3ge2ae:requested"),
        answer=described(EDGE, secure.format(5002), "a=setup:passive", line, "a=3ge2ae:applied"),
    )  # fmt: skip
    far = Leg(
        INNER, FOCUS, "far",
        offer=described(INNER, clear.format(9), "a=setup:active"),
        answer=described(FOCUS, clear.format(7002), "a=setup:passive"),
    )  # fmt: skip
    setup(wire, [near, far])
    put(wire, handshake)
    tls.send(ue, HELLO)
    wire.connect(inner, focus)
    wire.tcp(inner, focus, HELLO)
    return wire.run(topology=TOPOLOGY, rules=rules(), keyring=keyring(tls.key_log))


def test_3_floor_control_under_another_certificate(tmp_path: Path) -> None:
    """RFC 8122 6.2: a certificate that does not hash to the fingerprint: MSEC-07 and BFCP-03 critical."""
    engine = floor_control(tmp_path, honest=False)
    for rule in ("MSEC-07", "BFCP-03", "DTLS-02"):
        assert counted(engine, rule) == {"fail": 1}, rule
        assert next(f.rule.severity.label for f in engine.judge.findings if f.rule.id == rule) == "critical"
    assert media(engine)[0]["state"] == "tls_fp_mismatch"


def test_3_tls_on_the_access_and_clear_in_the_core(tmp_path: Path) -> None:
    """NOTE 3 of G.2: protected from the participant to the gateway although the server uses no TLS."""
    engine = floor_control(tmp_path, honest=True)
    near, far = media(engine)
    assert (near["state"], far["state"]) == ("tls_fp_ok", "clear_tcp")
    assert scopes([near, far]) == [("e2ae", "e2ae", near["termination"]), ("unknown", "none", "unknown")]
    assert near["termination"] in ("proven_by_payload", "proven_by_keys")
    assert counted(engine, "MSEC-07") == {"pass": 1}
    assert counted(engine, "REG-05") == {"open": 1}, "no registration was captured"


# -- 6: BFCP with the version and the primitives of the other transport ---------------------------------------------


def floor_messages(protocol: str, *messages: bytes) -> Engine:
    """A call with BFCP over one transport, and messages of its client."""
    wire = Wire()
    if protocol == "TCP":
        bfcp_call(wire, "192.0.2.1", 2, "floor")
        wire.connect(at("192.0.2.1", 50_000), at(SERVER, 5070))
    else:
        line = "m=application {} UDP/BFCP *"
        given = ("a=confid:4711", "a=userid:2", "a=floorid:1 mstrm:10")
        offer = described("192.0.2.1", line.format(50_000), "a=floorctrl:c-only")
        call(wire, offer, described(SERVER, line.format(5070), "a=floorctrl:s-only", *given), "floor")
    send = wire.tcp if protocol == "TCP" else wire.udp
    for message in messages:
        send(at("192.0.2.1", 50_000), at(SERVER, 5070), message)
    return wire.run(rules=rules())


QUERY_2 = (  # RFC 8855 5.1: F set, fragment offset and length in words; together a FloorQuery of floors 1 and 2
    bytes.fromhex("480700020000126700030002" "0000000105040001"),
    bytes.fromhex("480700020000126700030002" "0001000105040002"),
)  # fmt: skip
QUERY_1 = bytes.fromhex("20070001000012670005000205040001")  # version 1: for reliable transports


def test_6_fragments_over_udp_are_one_message() -> None:
    engine = floor_messages("UDP", *QUERY_2)
    assert counted(engine, "BFCP-06") == {"pass": 1}
    assert counted(engine, "BFCP-10") == {"pass": 1}


def test_6_version_1_over_udp() -> None:
    """Read where the SDP expects BFCP; alone, or behind messages of the right version."""
    assert counted(floor_messages("UDP", QUERY_1), "BFCP-06") == {"fail": 1}
    assert counted(floor_messages("UDP", *QUERY_2, QUERY_1), "BFCP-06") == {"fail": 1}


@pytest.mark.parametrize("primitive", [14, 15, 16, 17])
def test_6_primitives_of_unreliable_transports_over_tcp(primitive: int) -> None:
    """RFC 8855 5.1: FloorRequestStatusAck, FloorStatusAck, Goodbye, GoodbyeAck are for unreliable transports."""
    goodbye = bytes((0x20, primitive, 0, 0)) + bytes.fromhex("0000126700040002")
    assert counted(floor_messages("TCP", HELLO, goodbye), "BFCP-10") == {"fail": 1}


# -- 7: the two-time pad ----------------------------------------------------------------------------------------------


def two_calls(second: bytes, *, ssrc: int = 0x5566AABB, first: int = 0, packets: int = 60) -> Engine:
    """Two calls of one UE, the second a minute after the first, under a key of its own or the same."""
    wire = Wire()
    for name, key, ours in (("one", KEYS[0], 0x5566AABB), ("two", second, ssrc)):
        port = 4_000 if name == "one" else 4_100
        leg = Leg(
            "10.1.0.2", EDGE, name,
            offer=sdp("10.1.0.2", port, proto="RTP/SAVP", lines=crypto(key)),
            answer=sdp(EDGE, port + 1_000, proto="RTP/SAVP", lines=crypto(name.encode() * 10)),
        )  # fmt: skip
        setup(wire, [leg])
        protect = srtp(key)
        for number in range(packets):
            at_number = number + (first if name == "two" else 0)
            packet = rtp(at_number + (7_000 if name == "two" else 0))  # another speech, at the same numbers
            numbered = packet[:2] + (1_000 + at_number).to_bytes(2, "big") + packet[4:8] + ours.to_bytes(4, "big")
            wire.udp(at("10.1.0.2", port), at(EDGE, port + 1_000), protect(numbered + packet[12:]))
        hang_up(wire, [leg])
        wire.now_ns += 60_000_000_000
    return wire.run(topology=TOPOLOGY, rules=rules())


def test_7_one_key_ssrc_and_number_twice() -> None:
    """RFC 3711 9.1: the same key, SSRC and index with other bytes."""
    engine = two_calls(KEYS[0])
    assert counted(engine, "SRTP-05") == {"pass": 1, "fail": 1}
    assert counted(engine, "SDES-07")["fail"] == 1
    (found,) = [f for f in engine.judge.findings if f.rule.id == "SRTP-05"]
    assert found.rule.severity.label == "critical"
    assert len({cite.frame for cite in found.evidence}) == 2  # the first packets of both streams


def test_7_a_key_or_an_ssrc_of_its_own() -> None:
    assert counted(two_calls(KEYS[2]), "SRTP-05") == {"pass": 2}
    assert counted(two_calls(KEYS[0], ssrc=0x11223344), "SRTP-05") == {"pass": 2}  # SDES-07 says it all the same


def test_7_the_same_numbers_later_in_the_stream() -> None:
    """The second stream starts where the first is in its middle: numbers that both have are compared."""
    assert counted(two_calls(KEYS[0], first=150, packets=400), "SRTP-05") == {"pass": 1, "fail": 1}


def test_7_numbers_that_were_not_compared_leave_it_open() -> None:
    """The second stream starts where the first has not been: what was kept of both has no number in common."""
    assert counted(two_calls(KEYS[0], first=500), "SRTP-05") == {"pass": 1, "open": 1}


# -- 8: DTLS-SRTP that agrees on a profile without cipher -----------------------------------------------------------


def dtls_call(profile: int, cipher: str, *, keys: bool) -> Engine:
    """A recorded handshake whose hellos carry another profile, and the media that it keys (RFC 5764 4.1.2, 4.2)."""
    case = cases()["1.2-gcm"]  # SRTP_AES128_CM_SHA1_80 and no extension but use_srtp with these bytes
    ends = at("10.1.0.2", 4_000), at(EDGE, 5_000)
    wire = Wire()
    line = (FINGERPRINT, "a=setup:actpass")
    leg = Leg(
        "10.1.0.2", EDGE, "dtls",
        offer=sdp("10.1.0.2", 4_000, proto="UDP/TLS/RTP/SAVP", lines=line),
        answer=sdp(EDGE, 5_000, proto="UDP/TLS/RTP/SAVP", lines=(FINGERPRINT, "a=setup:passive")),
    )  # fmt: skip
    setup(wire, [leg])
    use_srtp = bytes.fromhex("000e0005 0002 0001 00")
    for from_client, data in case.datagrams:
        changed = data.replace(use_srtp, use_srtp[:6] + profile.to_bytes(2, "big") + b"\0")
        wire.udp(*(ends if from_client else ends[::-1]), changed)
    for end, key in zip((ends, ends[::-1]), halves(case), strict=True):
        sender = Sender(cipher, key[:16], key[16:], 10, 10)
        for number in range(1, 61):
            packet = rtp(number)
            wire.udp(*end, sender.rtp(packet[:12], packet[12:], 0))
    return wire.run(topology=TOPOLOGY, rules=rules(), **({"keyring": keyring(case.key_log)} if keys else {}))


@pytest.mark.parametrize("keys", [True, False])
def test_8_a_profile_without_cipher(keys: bool) -> None:
    """0x0005, SRTP_NULL_HMAC_SHA1_80: authenticated, and in clear."""
    engine = dtls_call(0x0005, "null", keys=keys)
    assert counted(engine, "DTLS-05") == {"fail": 1}
    (hop,) = media(engine)
    assert (hop["state"], hop["confidentiality"], hop["scope"]) == ("srtp_unencrypted", "no", "unknown")
    assert hop["integrity"] == ("yes" if keys else "unknown")
    assert counted(engine, "SRTP-01") == {"fail": 1}


def test_8_a_profile_with_cipher() -> None:
    engine = dtls_call(0x0001, "cm", keys=True)
    assert counted(engine, "DTLS-05") == {"pass": 1}
    (hop,) = media(engine)
    assert (hop["state"], hop["confidentiality"], hop["evidence"]) == ("srtp_dtls", "yes", "keyed_verified")
    assert counted(engine, "SRTP-03") == {"pass": 2}


# -- 9: chunks of MSRP, a body that looks like an end, a session that is nobody's -----------------------------------


def test_9_chunks_and_a_body_that_looks_like_an_end() -> None:
    """RFC 4975 7.1: `+` goes on, `#` is given up, `$` is the end; an end-line has the transaction's own id."""
    wire = Wire()
    one, two = "msrp://192.0.2.1:7654/aaaaaaaaaaaaaaaaaaaa;tcp", "msrp://192.0.2.2:2855/bbbbbbbbbbbbbbbbbbbb;tcp"
    call(wire, described("192.0.2.1", *msrp_line(one, 7654)), described("192.0.2.2", *msrp_line(two)))
    a, b = at("192.0.2.1", 7_654), at("192.0.2.2", 2_855)
    wire.connect(a, b)

    def send(tid: str, mid: str, reach: str, body: str, flag: str, to: str = two, status: str = "200 OK") -> None:
        head = f"MSRP {tid} SEND\r\nTo-Path: {to}\r\nFrom-Path: {one}\r\nMessage-ID: {mid}\r\nByte-Range: {reach}\r\n"
        wire.tcp(a, b, f"{head}Content-Type: text/plain\r\n\r\n{body}\r\n-------{tid}{flag}\r\n".encode())
        back = f"MSRP {tid} {status}\r\nTo-Path: {one}\r\nFrom-Path: {to}\r\n-------{tid}$\r\n"
        wire.tcp(b, a, back.encode())

    send("tid00001", "whole", "1-5/10", "hello", "+")
    send("tid00002", "whole", "6-10/10", "world", "$")
    send("tid00003", "given-up", "1-5/10", "hello", "#")
    look_alike = "-------othertid$"
    send("tid00004", "look-alike", f"1-{len(look_alike)}/{len(look_alike)}", look_alike, "$")
    send("tid00005", "foreign", "1-2/2", "hi", "$", two.replace("b" * 20, "c" * 20), "481 No such session")
    engine = wire.run(rules=rules())
    counts = engine.messaging.msrp
    assert dict(counts.requests) == {"SEND": 5}
    assert dict(counts.responses) == {"200": 4, "481": 1}
    found = [(s["ids_match"], s["messages"], s["aborted"], s["responses"]) for s in sessions(engine)[0]]
    assert found == [(True, 2, 1, {"200": 4}), (False, 1, 0, {"481": 1})]
    assert counted(engine, "MSRP-11") == {"pass": 2}, "nothing is wrong with the framing"
    assert counted(engine, "MSRP-04") == {"pass": 2}, "the foreign session was refused"
    assert anomalies(engine) == {"msrp.sdp_mismatch": 1, "msrp.aborted": 1}
