"""DTLS: version, cipher and certificates from the handshake in clear. Built from RFC 6347 4, then against tshark."""

import subprocess
from pathlib import Path

import pytest

from analyzer.core.addresses import Address
from analyzer.core.limits import SECOND_NS, Limits
from analyzer.pipeline.engine import Engine
from analyzer.session.connections import Connection
from tests.golden.runs import rules
from tests.pipeline.wire import Wire, anomalies, at, flow, run_capture

CLIENT, SERVER = at("10.0.0.1", 4000), at("10.0.0.2", 5000)
DTLS_1_0, DTLS_1_2 = 0xFEFF, 0xFEFD
CLIENT_CERT, SERVER_CERT = b"client certificate", b"server certificate" * 100


def record(fragment: bytes, sequence: int, *, kind: int = 22, epoch: int = 0, version: int = DTLS_1_2) -> bytes:
    """RFC 6347 4.1."""
    numbers = epoch.to_bytes(2, "big") + sequence.to_bytes(6, "big")
    return bytes([kind]) + version.to_bytes(2, "big") + numbers + len(fragment).to_bytes(2, "big") + fragment


def handshake(kind: int, seq: int, body: bytes, first: int = 0, last: int | None = None) -> bytes:
    """RFC 6347 4.2.2, one fragment."""
    last = len(body) if last is None else last
    sizes = len(body).to_bytes(3, "big") + seq.to_bytes(2, "big") + first.to_bytes(3, "big")
    return bytes([kind]) + sizes + (last - first).to_bytes(3, "big") + body[first:last]


def client_hello(version: int = DTLS_1_2, cookie: bytes = b"") -> bytes:
    """RFC 6347 4.2.1."""
    head = version.to_bytes(2, "big") + bytes(32) + b"\0" + bytes([len(cookie)]) + cookie
    return head + b"\0\2\xc0\x2b" + b"\1\0"


def server_hello(version: int = DTLS_1_2, suite: int = 0xC02B, extensions: bytes = b"") -> bytes:
    """RFC 5246 7.4.1.3."""
    tail = len(extensions).to_bytes(2, "big") + extensions if extensions else b""
    return version.to_bytes(2, "big") + bytes(32) + b"\0" + suite.to_bytes(2, "big") + b"\0" + tail


def certificate(der: bytes) -> bytes:
    """RFC 5246 7.4.2."""
    one = len(der).to_bytes(3, "big") + der
    return len(one).to_bytes(3, "big") + one


def full(wire: Wire, client: Address = CLIENT, server: Address = SERVER, extensions: bytes = b"") -> None:
    """The flights of RFC 6347 4.2.4, with cookie exchange, client authentication and a certificate in fragments."""
    wire.udp(client, server, record(handshake(1, 0, client_hello()), 0, version=DTLS_1_0))
    wire.udp(server, client, record(handshake(3, 0, b"\xfe\xff\2ab"), 0, version=DTLS_1_0))
    wire.udp(client, server, record(handshake(1, 1, client_hello(cookie=b"ab")), 1, version=DTLS_1_0))
    der = certificate(SERVER_CERT)
    hello = handshake(2, 1, server_hello(extensions=extensions))
    flight = [hello, handshake(11, 2, der, 0, 900), handshake(11, 2, der, 900)]
    for sequence, fragment in enumerate(flight, 1):
        wire.udp(server, client, record(fragment, sequence))
    wire.udp(server, client, record(handshake(14, 3, b""), 4))
    wire.udp(client, server, record(handshake(11, 2, certificate(CLIENT_CERT)), 2) + record(b"\1", 3, kind=20))


def protected(wire: Wire) -> None:
    """Finished of both sides, encrypted."""
    wire.udp(CLIENT, SERVER, record(bytes(40), 0, epoch=1))
    wire.udp(SERVER, CLIENT, record(bytes(40), 0, epoch=1))


def found(engine: Engine) -> Connection:
    connection = engine.connections.find(flow(CLIENT, SERVER))
    assert connection is not None
    return connection


def test_a_handshake_tells_version_cipher_and_certificates() -> None:
    wire = Wire()
    full(wire)
    protected(wire)
    engine = wire.run(finish=False)
    connection = found(engine)
    assert (connection.protocol, connection.src, connection.dst) == ("dtls", CLIENT, SERVER)
    # The registry of RFC 5289: 0xC02B.
    assert (connection.tls_version, connection.tls_cipher) == ("DTLS 1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
    assert (connection.server_certificates, connection.client_certificates) == ([SERVER_CERT], [CLIENT_CERT])
    assert anomalies(engine) == {}
    assert len(engine.datagrams.dtls) == 0


@pytest.mark.parametrize(("extensions", "verdict"), [(b"", "fail"), (b"\xff\x01\0\1\0", "pass")])
def test_renegotiation_is_secure_where_the_server_says_so(extensions: bytes, verdict: str) -> None:
    """RFC 5746 3.6: an empty renegotiation_info. Certificates that cannot be read leave TLS-03 open."""
    wire = Wire()
    full(wire, extensions=extensions)
    tallies = wire.run(rules=rules()).judge.tallies
    said = {id_: [v.value for v, count in tallies[id_].counts.items() if count] for id_ in tallies if "TLS-0" in id_}
    assert said["TLS-04.renegotiation"] == [verdict]
    assert said["TLS-04.compression"] == ["pass"]
    assert said["TLS-03"] == ["open"]


def test_flights_sent_again_change_nothing() -> None:
    """RFC 6347 4.2.4: retransmission, with fresh record numbers."""
    wire = Wire()
    full(wire)
    full(wire)
    engine = wire.run()
    assert found(engine).server_certificates == [SERVER_CERT]
    assert anomalies(engine) == {}


def test_a_new_association_of_the_same_addresses_is_followed() -> None:
    """RFC 6347 4.2.8."""
    wire = Wire()
    full(wire)
    wire.udp(CLIENT, SERVER, record(handshake(1, 0, client_hello() + bytes(2)), 0))
    wire.udp(SERVER, CLIENT, record(handshake(2, 0, server_hello(DTLS_1_0, 0xC014)), 0))
    engine = wire.run()
    assert (found(engine).tls_version, found(engine).tls_cipher) == ("DTLS 1.0", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA")
    assert anomalies(engine) == {}


def test_dtls_1_3_says_so_in_an_extension_and_shows_no_certificate() -> None:
    """RFC 9147 5.4; ciphertext in unified headers counts once a handshake was seen."""
    unified = b"\x2f\0\1\0\x20" + bytes(32)
    wire = Wire()
    wire.udp(SERVER, CLIENT, unified)
    assert wire.run().connections.all() == []
    wire.udp(CLIENT, SERVER, record(handshake(1, 0, client_hello()), 0))
    wire.udp(SERVER, CLIENT, record(handshake(2, 0, server_hello(suite=0x1301, extensions=b"\0\x2b\0\2\xfe\xfc")), 0))
    wire.udp(SERVER, CLIENT, unified)
    engine = wire.run()
    connection = found(engine)
    assert (connection.tls_version, connection.tls_cipher) == ("DTLS 1.3", "TLS_AES_128_GCM_SHA256")
    assert (connection.server_certificates, connection.packets) == ((), 3)


def test_ice_checks_on_the_flow_do_not_hide_dtls() -> None:
    wire = Wire()
    binding = b"\0\1\0\0\x21\x12\xa4\x42abcdefghijkl"
    wire.udp(SERVER, CLIENT, binding)
    full(wire)
    wire.udp(SERVER, CLIENT, binding)
    assert found(wire.run()).protocol == "dtls"


def test_broken_handshakes_are_named() -> None:
    wire = Wire()
    wire.udp(CLIENT, SERVER, record(handshake(1, 0, b"short"), 0))
    wire.udp(SERVER, CLIENT, record(handshake(2, 0, b"short"), 0))
    wire.udp(SERVER, CLIENT, record(handshake(11, 1, b"\0\0\5abc"), 1))
    wire.udp(SERVER, CLIENT, record(handshake(11, 2, certificate(SERVER_CERT), 0, 100), 2))
    assert anomalies(wire.run()) == {"tls.bad_handshake": 3, "dtls.handshake_cut": 1}


def test_handshakes_under_way_are_bounded_and_let_go_when_idle() -> None:
    wire = Wire()
    for port in range(5):
        wire.udp(at("10.0.0.1", 4000 + port), SERVER, record(handshake(1, 0, client_hello()), 0))
    engine = wire.run(limits=Limits(dtls_handshakes=3), finish=False)
    assert anomalies(engine) == {"dtls.handshakes_limit": 2}
    assert len(engine.datagrams.dtls) == 3
    engine.tick(wire.now_ns + 400 * SECOND_NS)
    assert len(engine.datagrams.dtls) == 0


def test_a_handshake_without_end_is_not_followed_for_ever() -> None:
    wire = Wire()
    for seq in range(200):
        wire.udp(CLIENT, SERVER, record(handshake(20, seq, b""), seq))
    assert anomalies(wire.run()) == {"dtls.handshake_limit": 1}


# -- against tshark ----------------------------------------------------------------------------------------------------

CAPTURES = (
    "public/C044-cloudshark-dtls1.pcap", "public/C074-stun_dtls_rtp.pcapng", "public/C083-dtls2.pcap",
    "public/C084-dtls_certificate_fragments.pcap", "public/C155-dtls1_0.pcap", "public/C156-dtls1_2.pcap",
    "public/C157-webrtc-stun.pcap", "lab/e2e-dtls.pcapng", "lab/e2ae-dtls.pcapng",
)  # fmt: skip
NAMES = {"0xfeff": "DTLS 1.0", "0xfefd": "DTLS 1.2"}


def _tshark(path: Path) -> tuple[dict[str, str], set[str]]:
    """Of each server address the version that it chose, and all certificates in hexadecimal."""
    fields = ("ip.src", "udp.srcport", "dtls.handshake.version", "dtls.handshake.certificate", "dtls.handshake.type")
    command = ["tshark", "-r", str(path), "-Y", "dtls.handshake.type && !icmp", "-T", "fields"]
    command += [part for name in fields for part in ("-e", name)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    versions: dict[str, str] = {}
    certificates: set[str] = set()
    for line in run.stdout.splitlines():
        host, port, version, listed, kinds = line.split("\t")
        if "2" in kinds.split(","):
            versions[f"{host}:{port}"] = NAMES[version.split(",")[0]]
        certificates.update(listed.replace(":", "").split(",") if listed else ())
    return versions, certificates


def _relayed(path: Path) -> tuple[dict[str, str], set[str]]:
    """The same of what TURN on TCP relays: tshark shows its bytes; messages are whole here."""
    command = ["tshark", "-r", str(path), "-Y", "tcp && stun.att.type == 0x13", "-T", "fields"]
    command += ["-e", "_ws.col.Info", "-e", "stun.value"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    versions: dict[str, str] = {}
    certificates: set[str] = set()
    for line in run.stdout.splitlines():
        info, value = line.split("\t")
        data = bytes.fromhex(value.split(",")[-1])
        while data[:1] == b"\x16" and data[3:5] == b"\0\0":
            message, data = (
                data[13 : 13 + int.from_bytes(data[11:13], "big")],
                data[13 + int.from_bytes(data[11:13], "big") :],
            )
            if message[0] == 2:
                versions[info.split("XOR-PEER-ADDRESS: ")[1].split()[0]] = NAMES[f"0x{message[12:14].hex()}"]
            if message[0] == 11:
                certificates.add(message[18 : 18 + int.from_bytes(message[15:18], "big")].hex())
    return versions, certificates


@pytest.mark.tshark
@pytest.mark.parametrize("name", CAPTURES)
def test_real_handshakes_read_as_tshark_reads_them(shared: Path, name: str) -> None:
    (versions, certificates), relayed = _tshark(shared / name), _relayed(shared / name)
    versions, certificates = versions | relayed[0], certificates | relayed[1]
    assert bool(relayed[0]) == ("C074" in name)
    engine = run_capture(shared / name)
    connections = [c for c in engine.connections.all() if c.protocol == "dtls"]
    assert {str(c.dst): c.tls_version for c in connections} == versions
    seen = {der.hex() for c in connections for der in (*c.server_certificates, *c.client_certificates)}
    assert seen == certificates
