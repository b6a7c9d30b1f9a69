"""The rarer states of hops.md section 6: each made on the wire, and seen."""

import datetime as dt
import ipaddress
import struct
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from analyzer.core.addresses import Address
from analyzer.pipeline.engine import Engine
from analyzer.session.keyring import Keyring
from analyzer.session.trust import Trust, speaks_for
from tests.crypto.esp_writer import Writer
from tests.golden.runs import rules
from tests.pipeline.sdp import audio
from tests.pipeline.test_bound_sessions import SERVER, bfcp_call, call, chunk, msrp_line, sdp
from tests.pipeline.test_clear_among_srtp import crypto, protect
from tests.pipeline.test_dtls_13 import BFCP, keyring, secrets, shake
from tests.pipeline.test_dtls_13 import CLIENT as DTLS_CLIENT
from tests.pipeline.test_dtls_13 import SERVER as DTLS_SERVER
from tests.pipeline.tls_wire import Shown, TlsWire
from tests.pipeline.wire import Wire, at, message, rows, rtp
from tests.protocols.sctp.test_parser import data, opening, packet

ALICE, BOB, A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060), at("192.0.2.1", 4000), at("192.0.2.2", 5000)
BEGAN = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)  # the wire's captures are of November 2023


def issued(*names: x509.GeneralName, by: Shown | None = None, days: int = 3_650) -> Shown:
    """A key with its certificate; without names an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "end" if names else "root")])
    issuer_key, issuer = (key, subject) if by is None else (by[0], by[1].subject)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(BEGAN).not_valid_after(BEGAN + dt.timedelta(days=days))
    if names:
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    else:
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return key, made.sign(issuer_key, hashes.SHA256())


ROOT, STRANGER = issued(), issued()
HOST, ADDRESS = x509.DNSName("relay.example"), x509.IPAddress(ipaddress.ip_address("192.0.2.2"))


def found(engine: Engine, medium: str) -> dict[str, object]:
    (hop,) = [row for row in rows(engine.closer.hops) if row["medium"] == medium]
    return hop


def chat(folder: Path, shown: Shown, trusted: Shown | None, print_line: str = "") -> dict[str, object]:
    """The hop of MSRP over TLS to a server with a certificate; its a=path names relay.example."""
    wire, ring = Wire(), Keyring()
    one, two = "msrps://192.0.2.1:7654/aaaa;tcp", "msrps://relay.example:2855/bbbb;tcp"
    lines = [tuple(each.replace("TCP/MSRP", "TCP/TLS/MSRP") for each in msrp_line(*of)) for of in ((one, 7654), (two,))]
    call(wire, sdp("192.0.2.1", *lines[0]), sdp("192.0.2.2", *lines[1], *filter(None, (print_line,))))
    tls = TlsWire(wire, at("192.0.2.1", 50_000), at("192.0.2.2", 2855), folder, shown)
    tls.send(at("192.0.2.1", 50_000), chunk(11, "hello", "1-5/5", to=two, sender=one))
    ring.add_key_log(tls.key_log, "keys")
    return found(wire.run(keyring=ring, trust=Trust([trusted[1]] if trusted else [])), "message")


@pytest.mark.parametrize("name", [HOST, ADDRESS, x509.DNSName("*.example")], ids=["host", "address", "wildcard"])
def test_a_chain_to_a_trusted_root_and_a_name_that_fits(name: x509.GeneralName, tmp_path: Path) -> None:
    """RFC 4975 14.2, RFC 6125: what no fingerprint binds, an authority may."""
    hop = chat(tmp_path, issued(name, by=ROOT), ROOT)
    assert (hop["state"], hop["confidentiality"], hop["peer_auth"]) == ("tls_ca_cert", "yes", "yes")


@pytest.mark.parametrize(
    ("shown", "trusted"),
    [
        (issued(x509.DNSName("other.example"), by=ROOT), ROOT),
        (issued(x509.DNSName("*.relay.example"), by=ROOT), ROOT),
        (issued(HOST, by=ROOT), STRANGER),
        (issued(HOST, by=ROOT), None),
        (issued(HOST, by=ROOT, days=30), ROOT),
        (issued(HOST), ROOT),
    ],
    ids=["another name", "a name above", "another root", "no root", "expired at the time", "signed by itself"],
)
def test_what_does_not_fit_stays_unverified(shown: Shown, trusted: Shown | None, tmp_path: Path) -> None:
    hop = chat(tmp_path, shown, trusted)
    assert (hop["state"], hop["confidentiality"], hop["peer_auth"]) == ("tls_unverified_cert", "yes", "unknown")


def test_a_fingerprint_that_differs_outweighs_the_authority(tmp_path: Path) -> None:
    """RFC 8122 6.2: a certificate that does not match is refused, whoever issued it."""
    mark = "a=fingerprint:SHA-256 " + ":".join(["AB"] * 32)
    hop = chat(tmp_path, issued(HOST, by=ROOT), ROOT, mark)
    assert (hop["state"], hop["peer_auth"]) == ("tls_fp_mismatch", "no")


def test_names_of_a_certificate_without_any() -> None:
    assert not speaks_for(ROOT[1], ["root", ""])
    assert not speaks_for(issued(x509.DNSName(""), by=ROOT)[1], [""])


def over_dtls(trust: Trust, shown: Shown) -> dict[str, object]:
    """The hop of BFCP over DTLS whose descriptions have no fingerprint."""
    wire = Wire()
    lines = [f"m=application {end.port} UDP/TLS/BFCP *" for end in (DTLS_CLIENT, DTLS_SERVER)]
    call(wire, sdp("10.0.0.1", lines[0], "a=setup:active"), sdp("10.0.0.2", lines[1], "a=setup:passive"))
    client, _ = shake(wire, der=shown[1].public_bytes(serialization.Encoding.DER))
    wire.udp(DTLS_CLIENT, DTLS_SERVER, client.record(23, BFCP))
    return found(wire.run(keyring=keyring(secrets(0x1301)), trust=trust), "bfcp")


def test_dtls_with_a_certificate_of_an_authority() -> None:
    shown = issued(x509.IPAddress(ipaddress.ip_address("10.0.0.2")), by=ROOT)
    assert over_dtls(Trust([ROOT[1]]), shown)["state"] == "dtls_ca_cert"
    assert over_dtls(Trust(), shown)["state"] == "dtls_unverified_cert"


@pytest.mark.parametrize("code", [9, 11])
def test_floor_control_that_was_refused_in_clear(code: int) -> None:
    """RFC 8855 5.2.6: Error 9 asks for TLS, 11 for DTLS; the client goes."""
    wire = Wire()
    talk(wire, code)
    hop = found(wire.run(), "bfcp")
    assert (hop["state"], hop["confidentiality"]) == (f"refused_clear_error{code}", "no")


def test_floor_control_that_is_served_all_the_same_is_clear() -> None:
    wire = Wire()
    talk(wire, 9, served=True)
    assert found(wire.run(), "bfcp")["state"] == "clear_tcp"
    other = Wire()
    talk(other, 4)  # Unauthorized Operation: no word of protection
    assert found(other.run(), "bfcp")["state"] == "clear_tcp"


def talk(wire: Wire, code: int, served: bool = False) -> None:
    """Hello, Error (RFC 8855 5.3.13); where it is served, a HelloAck to another Hello."""
    client, server = at("192.0.2.1", 50_000), at(SERVER, 5070)
    bfcp_call(wire, "192.0.2.1", 1, "call1")
    wire.connect(client, server)
    ids = (4_711).to_bytes(4, "big")
    wire.tcp(client, server, b"\x20\x0b\0\0" + ids + b"\0\1\0\1")
    wire.tcp(server, client, b"\x20\x0d\0\1" + ids + b"\0\1\0\1" + bytes((6 << 1 | 1, 3, code, 0)))
    if served:
        wire.tcp(client, server, b"\x20\x0b\0\0" + ids + b"\0\2\0\1")
        wire.tcp(server, client, b"\x20\x0c\0\2" + ids + b"\0\2\0\1" + b"\x17\3\x0b\0\x15\3\x0a\0")


def sealed(wire: Wire, src: Address, dst: Address, count: int = 20) -> None:
    """ESP that no key opens."""
    writer = Writer(0x2001, "aes-cbc", bytes(range(16)), "hmac-sha-1-96", bytes(20))
    for number in range(count):
        wire.esp(src, dst, writer.packet(struct.pack(">HHHH", src.port, dst.port, 180, 0) + rtp(number), 17))


def test_esp_between_the_media_addresses_that_stays_closed() -> None:
    """What runs inside it is not known; that something may is more than nothing."""
    wire = Wire()
    setup(wire, "RTP/AVP")
    sealed(wire, A, B)
    hop = found(wire.run(), "audio")
    assert (hop["state"], hop["confidentiality"], hop["evidence"]) == ("tunnel_opaque", "unknown", "structural_only")


def test_esp_elsewhere_or_media_beside_it_is_no_tunnel() -> None:
    elsewhere = Wire()
    setup(elsewhere, "RTP/AVP")
    sealed(elsewhere, A, at("192.0.2.9", 5000))
    assert found(elsewhere.run(), "audio")["state"] == "unknown"
    beside = Wire()
    setup(beside, "RTP/AVP")
    sealed(beside, A, B)
    for number in range(20):
        beside.udp(A, B, rtp(number))
    assert found(beside.run(), "audio")["state"] == "clear"


def setup(wire: Wire, proto: str, *lines: str) -> None:
    text = "".join(lines)
    wire.udp(ALICE, BOB, message("INVITE", "call", audio(A, proto, text)))
    wire.udp(BOB, ALICE, message("INVITE", "call", audio(B, proto, text), status=200))
    wire.udp(ALICE, BOB, message("ACK", "call"))


def test_fax_in_srtp() -> None:
    """T.38 in RTP (RFC 4612), its RTP protected as any other (hops.md 6)."""
    wire = Wire()
    line = ("m=image {} RTP/SAVP 98", "a=rtpmap:98 t38/8000", crypto(bytes(range(30))).strip())
    call(wire, *(sdp(host, line[0].format(end.port), *line[1:]) for host, end in (("192.0.2.1", A), ("192.0.2.2", B))))
    for number in range(1, 21):
        wire.udp(A, B, protect(rtp(number, bytes(40), kind=98)))
    hop = found(wire.run(), "image")
    assert (hop["state"], hop["confidentiality"], hop["evidence"]) == ("rtp_encapsulated_srtp", "yes", "keyed_verified")


def test_data_channels_without_dtls() -> None:
    """RFC 8831 5: SCTP of data channels is inside DTLS, always; here it is not."""
    wire = Wire()
    lines = ("m=application {} UDP/DTLS/SCTP webrtc-datachannel", "a=fingerprint:SHA-256 AA", "a=sctp-port:5000")
    ends = (("192.0.2.1", A), ("192.0.2.2", B))
    call(wire, *(sdp(host, lines[0].format(end.port), *lines[1:]) for host, end in ends))
    wire.udp(A, B, packet(data(1, opening(b"room", b"msrp"), ppid=50)))
    hop = found(wire.run(rules=rules()), "application")
    assert (hop["state"], hop["confidentiality"]) == ("clear_sctp", "no")
