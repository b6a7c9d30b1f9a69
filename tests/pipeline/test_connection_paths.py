"""MSRP and BFCP over the hops of one call: the rows of the decision table (hops.md section 5) that have connections.

A UE, an edge that makes a call of its own towards the core, a conference server. What is expected of each row is the
table's; TLS is that of the standard library.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from analyzer.core.addresses import Address
from analyzer.session.keyring import Keyring
from tests.pipeline.test_bound_sessions import sdp as described
from tests.pipeline.test_catalogue_patterns import EDGE, FINGERPRINT, FOCUS, INNER, media, put, take
from tests.pipeline.test_paths import TOPOLOGY, UE, rules
from tests.pipeline.tls_wire import TlsWire
from tests.pipeline.wire import Wire, at
from tests.session.dialogs import Leg, setup

NEAR, FAR = (at(UE, 50_000), at(EDGE, 2855)), (at(INNER, 50_001), at(FOCUS, 2856))
QUERY = bytes.fromhex("20070001000012670001000205040001")  # RFC 8855 5.3.7: conference 4711, transaction 1, user 2
STATUS = bytes.fromhex("20080001000012670001000205040001")  # 5.3.8
MEDIA = ("message", "bfcp")


def msrp(tid: str, body: str, to: str, sender: str, size: int | None = None) -> bytes:
    """A SEND (RFC 4975 7.1); a relay or a gateway may give it another transaction and other paths."""
    reach = len(body) if size is None else size
    head = f"MSRP {tid} SEND\r\nTo-Path: {to}\r\nFrom-Path: {sender}\r\nMessage-ID: m{tid}\r\n"
    return (
        f"{head}Byte-Range: 1-{reach}/{reach}\r\nContent-Type: text/plain\r\n\r\n{body}\r\n-------{tid}$\r\n".encode()
    )


@dataclass
class Relaying(Wire):
    """What goes between two ends also goes, byte for byte, between two others, for as long as `on` says so."""

    on: dict[tuple[Address, Address], tuple[Address, Address]] = field(default_factory=dict)

    def tcp(self, src: Address, dst: Address, payload: bytes) -> int:
        number = super().tcp(src, dst, payload)
        if (src, dst) in self.on:
            super().tcp(*self.on[src, dst], payload)
        return number


def line(der: bytes) -> str:
    digest = hashlib.sha256(der).digest()
    return f"a=fingerprint:SHA-256 {':'.join(f'{byte:02X}' for byte in digest)}"


def m_line(medium: str, secure: bool, port: int, path: str, *lines: str) -> tuple[str, ...]:
    proto = {"message": "MSRP", "bfcp": "BFCP"}[medium]
    kind = {"message": "message", "bfcp": "application"}[medium]
    paths = (f"a=path:{path}", "a=accept-types:text/plain") if medium == "message" else ()
    return (f"m={kind} {port} TCP{'/TLS' * secure}/{proto} *", *paths, *lines)


def paths_of(leg: int, secure: bool) -> tuple[str, str]:
    """The MSRP URIs of a leg's two ends; an edge that makes a call of its own has its own on each side."""
    client, server = (NEAR, FAR)[leg]
    scheme = "msrps" if secure else "msrp"
    hosts = ((UE, EDGE), (INNER, FOCUS))[leg]
    ids = ("near", "far")[leg]
    return f"{scheme}://{hosts[0]}:{client.port}/c{ids};tcp", f"{scheme}://{hosts[1]}:{server.port}/s{ids};tcp"


def legs(
    medium: str,
    secure: tuple[bool, bool],
    prints: tuple[str, str],
    mark: str = "",
    client: tuple[str, str] | None = None,
) -> list[Leg]:
    """The two legs: which are secure, under which certificates, and whether the UE asks the edge to end it."""
    made = []
    clients = client or (FINGERPRINT, FINGERPRINT.replace("AB", "CD"))
    for leg, (src, dst, name) in enumerate(((UE, EDGE, "near"), (INNER, FOCUS, "far"))):
        ours, theirs = paths_of(leg, secure[leg])
        end = (NEAR, FAR)[leg][1].port
        marked = (mark,) if mark and not leg else ()
        offer = ("a=setup:active", *((clients[leg],) if secure[leg] else ()), *marked)
        answer = ("a=setup:passive", *((prints[leg],) if secure[leg] else ()))
        made.append(
            Leg(
                src,
                dst,
                name,
                offer=described(src, *m_line(medium, secure[leg], 9, ours, *offer)),
                answer=described(dst, *m_line(medium, secure[leg], end, theirs, *answer)),
            )
        )
    return made


def spoken(medium: str, leg: int, secure: bool, text: str) -> list[tuple[bool, bytes]]:
    """What both ends say on a leg: whether the client does, and the message."""
    if medium == "bfcp":
        return [(True, QUERY), (False, STATUS)]
    ours, theirs = paths_of(leg, secure)
    sent = [f"{text}, number {number}" for number in range(3)]
    return [(True, msrp(f"t{leg}{number}abc", body, theirs, ours)) for number, body in enumerate(sent)]


def talk(
    folder: Path,
    medium: str,
    secure: tuple[bool, bool],
    mark: str = "",
    *,
    known: bool = True,
    text: tuple[str, str] = ("Who wants the floor", "Who wants the floor"),
) -> list[dict[str, Any]]:
    """A call whose hops have connections of their own, with TLS where `secure` says so; `known`: to somebody's key log.
    The media hops of the report."""
    wire, ring, prints = Wire(), Keyring(), ["", ""]
    lines: list[TlsWire | None] = [None, None]
    for leg, ends in enumerate((NEAR, FAR)):
        if secure[leg]:
            (folder / str(leg)).mkdir()
            tls = lines[leg] = TlsWire(wire, *ends, folder / str(leg))
            prints[leg] = line(tls.der)
            if known:
                ring.add_key_log(tls.key_log, "keys")
        else:
            wire.connect(*ends)
    early = take(wire)
    setup(wire, legs(medium, secure, (prints[0], prints[1]), mark))
    put(wire, early)
    for leg, ends in enumerate((NEAR, FAR)):
        for by_client, message in spoken(medium, leg, secure[leg], text[leg]):
            src, dst = ends if by_client else ends[::-1]
            tls = lines[leg]
            if tls is not None:
                tls.send(src, message)
            else:
                wire.tcp(src, dst, message)
    return media(wire.run(topology=TOPOLOGY, rules=rules(), keyring=ring))


def seen(hop: dict[str, Any]) -> tuple[str, str, str]:
    return hop["scope"], hop["scope_detail"], hop["termination"]


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize(("mark", "detail"), [("a=3ge2ae:requested", "e2ae"), ("", "edge_terminated_tls")])
def test_tls_that_the_edge_ends(tmp_path: Path, medium: str, mark: str, detail: str) -> None:
    """TCP/TLS on the access, TCP in the core, equal messages: that is proof, by whatever transaction and path."""
    near, far = talk(tmp_path, medium, (True, False), mark)
    assert seen(near) == ("e2ae", detail, "proven_by_payload")
    assert seen(far) == ("unknown", "none", "unknown")
    assert near["continued"] == [{"hop": far["id"], "by": "messages", "score": 100}]
    assert far["continued"] == [{"hop": near["id"], "by": "messages", "score": 100}]


@pytest.mark.parametrize("medium", MEDIA)
def test_tls_that_the_edge_ends_and_nobody_opens(tmp_path: Path, medium: str) -> None:
    near, _ = talk(tmp_path, medium, (True, False), "a=3ge2ae:requested", known=False)
    assert seen(near)[:2] == ("e2ae", "e2ae")
    assert not seen(near)[2].startswith("proven")


def test_other_messages_prove_nothing(tmp_path: Path) -> None:
    """Two chats of the same kind: one body differs, or all."""
    near, far = talk(tmp_path, "message", (True, False), text=("Who wants the floor", "Nobody wants the floor"))
    assert seen(near)[:2] == ("e2ae", "edge_terminated_tls")
    assert near["termination"] != "proven_by_payload"
    assert near["continued"] == far["continued"] == []


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("known", [True, False])
def test_tls_on_both_sides_under_different_certificates(tmp_path: Path, medium: str, known: bool) -> None:
    near, far = talk(tmp_path, medium, (True, True), known=known)
    assert {seen(near)[:2], seen(far)[:2]} == {("hop_by_hop", "hop_by_hop_tls")}
    assert {near["state"], far["state"]} == {"tls_fp_ok" if known else "tls_unverified_cert"}  # TLS 1.3 hides it
    assert seen(near)[2] == ("proven_by_payload" if known else "assumed")


def test_a_relay_that_cuts_messages_otherwise_passes_them_on(tmp_path: Path) -> None:
    """RFC 4975 5.1: whoever is between may cut a message into other chunks; what is said is the whole of it."""
    wire, ring = Wire(), Keyring()
    (tmp_path / "0").mkdir()
    tls = TlsWire(wire, *NEAR, tmp_path / "0")
    ring.add_key_log(tls.key_log, "keys")
    wire.connect(*FAR)
    early = take(wire)
    setup(wire, legs("message", (True, False), (line(tls.der), "")))
    put(wire, early)
    (ours, theirs), (inner, focus) = paths_of(0, True), paths_of(1, False)
    for number in range(3):
        text = f"Who wants the floor, number {number}"
        tls.send(NEAR[0], msrp(f"t0{number}abc", text, theirs, ours))
        for at_byte, part in ((0, text[:7]), (7, text[7:])):
            flag, tid = "$" if at_byte else "+", f"t1{number}{at_byte}abc"
            head = f"MSRP {tid} SEND\r\nTo-Path: {focus}\r\nFrom-Path: {inner}\r\nMessage-ID: n{number}\r\n"
            reach = f"Byte-Range: {at_byte + 1}-{at_byte + len(part)}/{len(text)}\r\nContent-Type: text/plain\r\n\r\n"
            wire.tcp(*FAR, f"{head}{reach}{part}\r\n-------{tid}{flag}\r\n".encode())
    near, far = media(wire.run(topology=TOPOLOGY, rules=rules(), keyring=ring))
    assert seen(near) == ("e2ae", "edge_terminated_tls", "proven_by_payload")
    assert near["continued"] == [{"hop": far["id"], "by": "messages", "score": 100}]


def chat(folder: Path, secure: tuple[bool, bool], passed_on: bool, size: int = 32_768) -> list[dict[str, Any]]:
    """A chat of 15 messages over an edge that ends TLS, which nobody opens: on both hops at once, or (else) two chats
    that have nothing to do with each other."""
    wire, prints, lines = Wire(), ["", ""], []
    for leg, ends in enumerate((NEAR, FAR)):
        (folder / str(leg)).mkdir()
        tls = TlsWire(wire, *ends, folder / str(leg)) if secure[leg] else None
        if tls is None:
            wire.connect(*ends)
        prints[leg] = line(tls.der) if tls is not None else ""
        lines.append(tls)
    early = take(wire)
    setup(wire, legs("message", secure, (prints[0], prints[1])))
    put(wire, early)
    draw = Random(3)
    for number in range(15):
        wire.now_ns += draw.randrange(1_000, 5_000) * 1_000_000
        text = "word " * draw.randrange(1, 40)
        for leg, ends in enumerate((NEAR, FAR)):
            ours, theirs = paths_of(leg, secure[leg])
            if leg and not passed_on:
                wire.now_ns += draw.randrange(1_000, 3_000) * 1_000_000
                text = "word " * draw.randrange(1, 40)
            message, tls = msrp(f"t{leg}{number:02d}abc", text, theirs, ours), lines[leg]
            if tls is not None:
                tls.send(ends[0], message)
            else:
                wire.tcp(*ends, message)
    return media(wire.run(rows=size, topology=TOPOLOGY, rules=rules()))


@pytest.mark.parametrize("size", [1, 32_768])
@pytest.mark.parametrize("secure", [(True, False), (True, True)])
def test_a_chat_that_nobody_opens_is_known_by_sizes_and_times(
    tmp_path: Path, secure: tuple[bool, bool], size: int
) -> None:
    """hops.md section 4: MSRP, medium by size. It is matched, and nothing is proven."""
    near, far = chat(tmp_path, secure, passed_on=True, size=size)
    assert seen(near) == (
        *(("hop_by_hop", "hop_by_hop_tls") if secure[1] else ("e2ae", "edge_terminated_tls")),
        "matched",
    )
    ((found,), (back,)) = near["continued"], far["continued"]
    assert (found["hop"], found["by"], back["hop"]) == (far["id"], "shape", near["id"])
    assert 95 <= found["score"] <= 100


@pytest.mark.parametrize("secure", [(True, False), (True, True)])
def test_two_chats_that_nobody_opens_are_not_alike(tmp_path: Path, secure: tuple[bool, bool]) -> None:
    near, far = chat(tmp_path, secure, passed_on=False)
    assert near["termination"] == "assumed"
    assert near["continued"] == far["continued"] == []


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("mark", ["", "a=3ge2ae:requested"])
def test_tls_records_that_the_edge_passes_on(tmp_path: Path, medium: str, known: bool, mark: str) -> None:
    """The same fingerprints on both legs, the same records on both hops: end to end, whoever has a key or none. Where
    the edge was asked to end it, it did not do as it said."""
    there, back = NEAR, NEAR[::-1]
    wire = Relaying(on={there: FAR, back: FAR[::-1]})
    wire.connect(*FAR)
    tls = TlsWire(wire, *NEAR, tmp_path)
    early = take(wire)
    made = legs(medium, (True, True), (line(tls.der),) * 2, mark, client=(FINGERPRINT, FINGERPRINT))
    setup(wire, made)
    put(wire, early)
    for by_client, message in spoken(medium, 0, True, "Who wants the floor"):
        tls.send(NEAR[0] if by_client else NEAR[1], message)
    ring = Keyring()
    if known:
        ring.add_key_log(tls.key_log, "keys")
    near, far = media(wire.run(topology=TOPOLOGY, rules=rules(), keyring=ring))
    expected = ("unknown", "inconsistent") if mark else ("e2e", "e2e_tls")
    assert seen(near) == seen(far) == (*expected, "proven_by_payload")
    assert near["continued"] == [{"hop": far["id"], "by": "ciphertext", "score": 100}]


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("known", [True, False])
def test_one_fingerprint_and_two_handshakes_are_two_protections(tmp_path: Path, medium: str, known: bool) -> None:
    """An edge that hands the focus's fingerprint on and ends TLS all the same is found by its own handshake."""
    wire, ring, prints = Wire(), Keyring(), []
    for leg, ends in enumerate((NEAR, FAR)):
        (tmp_path / str(leg)).mkdir()
        tls = TlsWire(wire, *ends, tmp_path / str(leg))
        prints.append(line(tls.der))
        if known:
            ring.add_key_log(tls.key_log, "keys")
    early = take(wire)
    setup(wire, legs(medium, (True, True), (prints[1], prints[1]), client=(FINGERPRINT, FINGERPRINT)))
    put(wire, early)
    near, far = media(wire.run(topology=TOPOLOGY, rules=rules(), keyring=ring))
    seen_as = ("tls_fp_mismatch", "tls_fp_ok") if known else ("tls_unverified_cert", "tls_unverified_cert")
    assert (near["state"], far["state"]) == seen_as
    assert {seen(near)[:2], seen(far)[:2]} == {("hop_by_hop", "hop_by_hop_tls")}
