"""The rules of MSRP and BFCP that need more than one place of the evidence: who connects, who begins TLS, who speaks.

Every message is generated; what is right is RFC 4975 5.4, RFC 6135 4, RFC 8856 8, RFC 6714 and RFC 8855 5.2.13.
"""

import hashlib
from pathlib import Path

import pytest

from analyzer.core.addresses import Address
from analyzer.core.limits import SECOND_NS
from analyzer.pipeline.engine import Engine
from analyzer.session.keyring import Keyring
from tests.golden.runs import rules
from tests.pipeline.test_bound_sessions import GATEWAY, UA, UB, call, hello, msrp_line, said, sdp, send
from tests.pipeline.test_bound_sessions import SERVER as FLOORS
from tests.pipeline.tls_wire import TlsWire
from tests.pipeline.wire import Wire, at, message
from tests.session.test_conferences import ALICE, BOB, _dial_in, _pai, _topology

ONE, TWO = "msrp://192.0.2.1:7654/aaaa;tcp", "msrp://192.0.2.2:2855/bbbb;tcp"
OFFERER, ANSWERER = at("192.0.2.1", 7654), at("192.0.2.2", 2855)


def chat(wire: Wire, *answer: str) -> None:
    call(wire, sdp("192.0.2.1", *msrp_line(ONE, 7654)), sdp("192.0.2.2", *msrp_line(TWO, 2855, *answer)))


# -- MSRP-06 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setup", "by_offerer", "verdict"),
    [
        ((), True, "pass"),  # RFC 4975 5.4: the offerer
        ((), False, "fail"),
        (("a=setup:passive",), True, "pass"),  # RFC 6135 4.2: who answers passive is connected to
        (("a=setup:active",), False, "pass"),
        (("a=setup:active",), True, "fail"),
        (("a=setup:holdconn",), True, "open"),  # RFC 4145 4: no connection now
    ],
)
def test_who_connects(setup: tuple[str, ...], by_offerer: bool, verdict: str) -> None:
    wire = Wire()
    chat(wire, *setup)
    if by_offerer:
        send(wire, at("192.0.2.1", 50_000), ANSWERER, ONE, TWO)
    else:
        send(wire, at("192.0.2.2", 50_000), OFFERER, TWO, ONE)
    assert said(wire.run(rules=rules()), "MSRP-06") == {verdict: 1}


def test_who_connects_behind_a_nat() -> None:
    """The source is no address of the SDP: the end that it connects to tells."""
    wire = Wire()
    chat(wire)
    send(wire, at("203.0.113.9", 50_000), ANSWERER, ONE, TWO)
    assert said(wire.run(rules=rules()), "MSRP-06") == {"pass": 1}


def test_who_speaks_first() -> None:
    wire = Wire()
    chat(wire)
    wire.connect(at("192.0.2.1", 50_000), ANSWERER)
    wire.connect = lambda *_: None  # type: ignore[method-assign]  # the connection is there
    send(wire, ANSWERER, at("192.0.2.1", 50_000), TWO, ONE)
    assert said(wire.run(rules=rules()), "MSRP-06") == {"fail": 1}


def test_a_connection_whose_syn_was_not_captured() -> None:
    wire = Wire()
    chat(wire)
    wire.connect = lambda *_: None  # type: ignore[method-assign]  # the capture begins behind it
    send(wire, at("192.0.2.1", 50_000), ANSWERER, ONE, TWO)
    assert said(wire.run(rules=rules()), "MSRP-06") == {"open": 1}


def test_roles_outlive_a_new_offer() -> None:
    """The answerer offers again on the connection that stands (RFC 4145 4: existing)."""
    wire = Wire()
    chat(wire)
    send(wire, at("192.0.2.1", 50_000), ANSWERER, ONE, TWO)
    call(
        wire,
        sdp("192.0.2.1", *msrp_line(ONE, 7654, "a=setup:actpass")),
        sdp("192.0.2.2", *msrp_line(TWO, 2855, "a=setup:active")),
    )
    assert "fail" not in said(wire.run(rules=rules()), "MSRP-06")


# -- MSRP-07, BFCP-01, BFCP-06 ---------------------------------------------------------------------------------------


def chats(*ids: str, apart_ns: int = 20 * SECOND_NS, hang_up: bool = True) -> Engine:
    """Calls one after another, each with a session whose offerer has one of these ids."""
    wire = Wire()
    for number, identifier in enumerate(ids):
        one, two = f"msrp://192.0.2.1:7654/{identifier};tcp", f"msrp://192.0.2.2:2855/other{number};tcp"
        offer, answer = sdp("192.0.2.1", *msrp_line(one, 7654)), sdp("192.0.2.2", *msrp_line(two))
        call(wire, offer, answer, f"dialog{number}")
        send(wire, at("192.0.2.1", 50_000 + number), ANSWERER, one, two, f"t{number}xx")
        if hang_up:
            wire.udp(UA, UB, message("BYE", f"dialog{number}", cseq=2))
            wire.udp(UB, UA, message("BYE", f"dialog{number}", cseq=2, status=200))
        wire.now_ns += apart_ns
    return wire.run(rules=rules())


def test_session_ids_of_their_own() -> None:
    assert said(chats("k7Fq2LmZ", "p0QxT4sW"), "MSRP-07.known") == {"pass": 2}


@pytest.mark.parametrize("identifier", ["dialog0", "DIALOG0", "alice"])
def test_a_session_id_that_the_signalling_tells(identifier: str) -> None:
    """The Call-ID, and the user part of From."""
    assert said(chats(identifier), "MSRP-07.known") == {"fail": 1}


def test_a_session_id_that_is_used_again() -> None:
    assert said(chats("k7Fq2LmZ", "k7Fq2LmZ"), "MSRP-07.known") == {"pass": 1, "fail": 1}


def test_a_session_id_in_calls_that_may_be_one() -> None:
    """They begin within ten seconds, and none was hung up before the other: legs that nothing joins."""
    assert "fail" not in said(chats("k7Fq2LmZ", "k7Fq2LmZ", apart_ns=0, hang_up=False), "MSRP-07.known")


@pytest.mark.parametrize(("proto", "noted"), [("TCP/TLS/BFCP", []), ("TCP/BFCP", ["BFCP-01.e2ae"])])
def test_the_transport_of_bfcp_under_e2ae(proto: str, noted: list[str]) -> None:
    wire = Wire()
    lines = ("m=application {} " + proto + " *", "a=3ge2ae:requested", "a=confid:4711")
    call(wire, sdp("192.0.2.1", lines[0].format(9), *lines[1:]), sdp("192.0.2.2", lines[0].format(5070), lines[2]))
    engine = wire.run(rules=rules())
    assert [note.rule.id for note in engine.judge.notes if note.rule.id.startswith("BFCP")] == noted
    assert said(engine, "BFCP-01.e2ae") == ({} if noted else {"pass": 1})


@pytest.mark.parametrize(("line", "verdict"), [("a=bfcpver:1 2", "pass"), ("a=bfcpver:2", "fail"), ("", "pass")])
def test_versions_that_the_sdp_names(line: str, verdict: str) -> None:
    """RFC 8856 5.5; version 1 is on the wire."""
    wire = Wire()
    more = (line,) if line else ()
    ids = ("a=confid:4711", "a=userid:1", "a=floorid:1 mstrm:10")
    offer = sdp(GATEWAY, "m=application 9 TCP/BFCP *", "a=setup:active", *more)
    call(wire, offer, sdp(FLOORS, "m=application 5070 TCP/BFCP *", *ids, *more))
    hello(wire, at(GATEWAY, 50_001), 1)
    assert said(wire.run(rules=rules()), "BFCP-06") == {verdict: 1}


# -- MSRP-09 ---------------------------------------------------------------------------------------------------------

AUTH = (
    b"MSRP auth1 AUTH\r\nTo-Path: msrps://relay.example:2855;tcp\r\nFrom-Path: msrps://192.0.2.1:7654/aaaa;tcp\r\n"
    b"-------auth1$\r\n"
)
GIVEN = (
    b"MSRP auth1 200 OK\r\nTo-Path: msrps://192.0.2.1:7654/aaaa;tcp\r\nFrom-Path: msrps://relay.example:2855;tcp\r\n"
    b"Use-Path: msrps://relay.example:2855/xyz;tcp\r\nExpires: 600\r\n-------auth1$\r\n"
)
RELAY = at("192.0.2.9", 2855)


def keyring(tls: TlsWire) -> Keyring:
    ring = Keyring()
    ring.add_key_log(tls.key_log, "keys")
    return ring


def test_a_relay_in_clear() -> None:
    wire = Wire()
    wire.connect(OFFERER, RELAY)
    wire.tcp(OFFERER, RELAY, AUTH)
    wire.tcp(RELAY, OFFERER, GIVEN)
    assert said(wire.run(rules=rules()), "MSRP-09") == {"fail": 1}


def test_a_relay_over_tls(tmp_path: Path) -> None:
    wire = Wire()
    tls = TlsWire(wire, OFFERER, RELAY, tmp_path)
    tls.send(OFFERER, AUTH)
    tls.send(RELAY, GIVEN)
    assert said(wire.run(rules=rules(), keyring=keyring(tls)), "MSRP-09") == {"pass": 1}


def test_a_relay_behind_a_decrypting_element() -> None:
    wire = Wire()
    wire.connect(OFFERER, RELAY)
    wire.tcp(OFFERER, RELAY, AUTH)
    assert said(wire.run(rules=rules(), post_decrypt_taps=frozenset({"test.pcap"})), "MSRP-09") == {"open": 1}


# -- MSRP-10, BFCP-04 ------------------------------------------------------------------------------------------------


def secured(
    folder: Path,
    line: str,
    more: tuple[str, ...],
    *,
    by_offerer: bool = True,
    true_print: bool = True,
    keyed: bool = True,
    relay: str = "",
) -> Engine:
    """A medium over TLS whose server certificate the SDP of its end fingerprints, or does not."""
    wire = Wire()
    places = (at("192.0.2.1", 50_000), ANSWERER) if by_offerer else (at("192.0.2.2", 50_000), OFFERER)
    later = Wire(now_ns=wire.now_ns + 10**9)
    tls = TlsWire(later, *places, folder)
    digest = hashlib.sha256(tls.der if true_print else b"another").digest()
    mark = "a=fingerprint:SHA-256 " + ":".join(f"{byte:02X}" for byte in digest)
    call(
        wire,
        sdp("192.0.2.1", line.format(7654), f"a=path:{relay}{ONE.replace('msrp:', 'msrps:')}", *more, mark),
        sdp("192.0.2.2", line.format(2855), f"a=path:{TWO.replace('msrp:', 'msrps:')}", *more, mark),
    )
    wire.frames += later.frames
    return wire.run(rules=rules(), keyring=keyring(tls) if keyed else Keyring())


@pytest.mark.parametrize(
    ("true_print", "keyed", "verdict"), [(True, True, "pass"), (False, True, "fail"), (False, False, "open")]
)
def test_tls_through_a_middlebox(tmp_path: Path, true_print: bool, keyed: bool, verdict: str) -> None:
    """TLS 1.3 hides its certificates: without keys the verdict is open."""
    line = "m=message {} TCP/TLS/MSRP *"
    engine = secured(tmp_path, line, ("a=msrp-cema",), true_print=true_print, keyed=keyed)
    assert said(engine, "MSRP-10") == {verdict: 1}


def test_tls_to_a_relay(tmp_path: Path) -> None:
    """RFC 4976 9.2: its certificate is one of a CA's; no SDP fingerprints it."""
    relay = "msrps://192.0.2.9:2855/relay;tcp "
    engine = secured(tmp_path, "m=message {} TCP/TLS/MSRP *", ("a=msrp-cema",), true_print=False, relay=relay)
    assert said(engine, "MSRP-10") == {}


def test_tls_without_a_middlebox(tmp_path: Path) -> None:
    assert said(secured(tmp_path, "m=message {} TCP/TLS/MSRP *", (), true_print=False), "MSRP-10") == {}


@pytest.mark.parametrize(("by_offerer", "verdict"), [(True, "pass"), (False, "fail")])
def test_who_begins_tls_of_bfcp(tmp_path: Path, by_offerer: bool, verdict: str) -> None:
    engine = secured(tmp_path, "m=application {} TCP/TLS/BFCP *", ("a=confid:4711",), by_offerer=by_offerer)
    assert said(engine, "BFCP-04.role") == {verdict: 1}


# -- MSRP-12, BFCP-11 ------------------------------------------------------------------------------------------------

SCSCF_MEDIA, MRF_CHAT, MRF_FLOOR = at("10.0.0.11", 7654), at("10.0.0.13", 2855), at("10.0.0.13", 5070)
OURS, THEIRS = "msrp://10.0.0.11:7654/aaaa;tcp", "msrp://10.0.0.13:2855/bbbb;tcp"


def conference(*headers: str, asserted: str = ALICE, writer: str = "", back: str = "", uri: str = "") -> Engine:
    """A participant dials in; messages it writes, those the focus hands it, and USER-URI of its user id 1."""
    wire = Wire()
    floor = ("m=application 5070 TCP/BFCP *", "a=confid:4711", "a=userid:1", "a=floorid:1 mstrm:10")
    identity = [_pai(asserted)] if asserted else []
    offer = sdp("10.0.0.11", *msrp_line(OURS, 7654), "m=application 9 TCP/BFCP *")
    answer = sdp("10.0.0.13", *msrp_line(THEIRS), *floor)
    _dial_in(wire, "one", *identity, *headers, body=answer, offer=offer)
    src = at("10.0.0.11", 50_000)
    wire.connect(src, MRF_CHAT)
    for number, (text, ends) in enumerate(((writer, (src, MRF_CHAT)), (back, (MRF_CHAT, src)))):
        if text:
            wire.tcp(*ends, cpim(number, text, ends[0] == src))
    if uri:
        floors(wire, at("10.0.0.11", 50_001), uri.encode())
    return wire.run(rules=rules(), topology=_topology())


def cpim(number: int, writer: str, ours: bool) -> bytes:
    """RFC 3862 3.1."""
    body = f"From: Nick {writer}\r\nTo: <sip:conf7@10.0.0.13>\r\n\r\nContent-Type: text/plain\r\n\r\nhello"
    to, sender = (THEIRS, OURS) if ours else (OURS, THEIRS)
    head = f"MSRP t{number:04} SEND\r\nTo-Path: {to}\r\nFrom-Path: {sender}\r\nMessage-ID: mid{number}\r\n"
    reach = f"Byte-Range: 1-{len(body)}/{len(body)}\r\nContent-Type: message/cpim\r\n\r\n"
    return f"{head}{reach}{body}\r\n-------t{number:04}$\r\n".encode()


def floors(wire: Wire, client: Address, uri: bytes) -> None:
    """RFC 8855 5.3.5, 5.3.6: UserQuery, and UserStatus with BENEFICIARY-INFORMATION of user 1 with USER-URI."""
    head = (4711).to_bytes(4, "big") + b"\0\1\0\1"
    inner = bytes((13 << 1, 2 + len(uri))) + uri + bytes(-(2 + len(uri)) % 4)
    group = bytes((14 << 1, 4 + len(inner))) + b"\0\1" + inner
    wire.connect(client, MRF_FLOOR)
    wire.tcp(client, MRF_FLOOR, b"\x20\x05\0\0" + head)
    wire.tcp(MRF_FLOOR, client, b"\x20\x06" + (len(group) // 4).to_bytes(2, "big") + head + group)


@pytest.mark.parametrize(
    ("writer", "verdict"),
    [(ALICE, "pass"), (BOB, "fail"), ("<sip:anonymous@anonymous.invalid>", "pass")],
)
def test_who_writes(writer: str, verdict: str) -> None:
    assert said(conference(writer=writer), "MSRP-12") == {verdict: 1}


def test_what_the_focus_hands_on_is_not_the_participants() -> None:
    engine = conference(writer=ALICE, back=BOB)
    assert said(engine, "MSRP-12") == {"pass": 1}
    assert said(conference(back=BOB), "MSRP-12") == {}


@pytest.mark.parametrize(("uri", "verdict"), [("sip:alice@ims.example", "pass"), ("sip:bob@ims.example", "fail")])
def test_whom_floor_control_names(uri: str, verdict: str) -> None:
    engine = conference(uri=uri)
    assert said(engine, "BFCP-11") == {verdict: 1}
    assert said(engine, "BFCP-11.private") == {}


@pytest.mark.parametrize(
    ("uri", "verdict"), [("sip:alice@ims.example", "fail"), ("sip:anonymous@anonymous.invalid", "pass")]
)
def test_whom_floor_control_must_not_name(uri: str, verdict: str) -> None:
    engine = conference("Privacy: id", uri=uri)
    assert said(engine, "BFCP-11.private") == {verdict: 1}
    assert said(engine, "BFCP-11") == {"pass": 1}
