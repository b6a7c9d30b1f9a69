"""DTLS 1.2 with RSA key exchange, opened by the server's private key: the master secret from the premaster, with the
session hash of RFC 7627 or without. The handshake is written from RFC 5246, RFC 6347 and RFC 7627 alone."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pylibsrtp import Policy, Session

from analyzer.crypto import rsa_key
from analyzer.crypto.rsa_key import RsaKey
from analyzer.pipeline.engine import Engine
from analyzer.session.keyring import Keyring
from tests.pipeline.dtls_cid_writer import RSA_CBC, RSA_GCM, Sender, prf, senders
from tests.pipeline.test_associations import DTLS_1_0, certificate, handshake, record
from tests.pipeline.test_dtls_cid import TO_CLIENT, TO_SERVER, extension
from tests.pipeline.wire import Wire, anomalies, at, flow, rows, rtp

CLIENT, SERVER = at("10.0.0.1", 4000), at("10.0.0.2", 5000)
RANDOMS = bytes(range(32)), bytes(range(32, 64))
PREMASTER = b"\xfe\xfd" + bytes(range(46))  # RFC 5246 7.4.7.1: the version that the client offered
EMS, USE_SRTP = b"\0\x17\0\0", b"\0\x0e\0\5\0\2\0\1\0"
BFCP = bytes.fromhex("400b00000000000100020003")


@lru_cache(maxsize=1)
def server() -> tuple[rsa.RSAPrivateKey, bytes]:
    """A key with its self-signed certificate."""
    private = rsa.generate_private_key(65_537, 2_048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.example")])
    builder = x509.CertificateBuilder(name, name, private.public_key(), 7)
    builder = builder.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    signed = builder.not_valid_after(datetime(2027, 1, 1, tzinfo=UTC)).sign(private, hashes.SHA256())
    return private, signed.public_bytes(Encoding.DER)


def keyring(private: rsa.RSAPrivateKey) -> Keyring:
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    ring = Keyring()
    (found,) = rsa_key.parse(pem)
    assert isinstance(found, RsaKey)
    ring.add_private_key(found, "server.pem")
    return ring


@dataclass(frozen=True)
class Shape:
    """A handshake: `ems` (RFC 7627), a cookie exchange, fragments, flights sent twice, connection IDs, a session."""

    suite: int = RSA_GCM
    ems: bool = True
    cookie: bool = True
    fragments: bool = False
    twice: bool = False
    cids: bool = False
    session: bytes = b""  # the id that the server gives the session


def hello(client: bool, shape: Shape, cookie: bytes = b"") -> bytes:
    """RFC 5246 7.4.1, RFC 6347 4.2.1."""
    extensions = (EMS if shape.ems else b"") + USE_SRTP
    extensions += extension(TO_CLIENT if client else TO_SERVER) if shape.cids else b""
    tail = len(extensions).to_bytes(2, "big") + extensions
    suite = shape.suite.to_bytes(2, "big")
    if client:
        return b"\xfe\xfd" + RANDOMS[0] + b"\0" + bytes((len(cookie),)) + cookie + b"\0\2" + suite + b"\1\0" + tail
    return b"\xfe\xfd" + RANDOMS[1] + bytes((len(shape.session),)) + shape.session + suite + b"\0" + tail


def shake(wire: Wire, shape: Shape, der: bytes) -> tuple[Sender, Sender, bytes]:
    """RFC 6347 4.2.4; gives both ends' senders, and the master secret."""
    first = 1 if shape.cookie else 0
    if shape.cookie:
        wire.udp(CLIENT, SERVER, record(handshake(1, 0, hello(True, shape)), 0, version=DTLS_1_0))
        wire.udp(SERVER, CLIENT, record(handshake(3, 0, b"\xfe\xff\3abc"), 0, version=DTLS_1_0))
    exchange = server()[0].public_key().encrypt(PREMASTER, padding.PKCS1v15())
    chain = certificate(der)
    ours = [(1, first, hello(True, shape, b"abc" if shape.cookie else b""))]
    theirs = [(2, first, hello(False, shape)), (11, first + 1, chain), (14, first + 2, b"")]
    keyed = [(16, first + 1, len(exchange).to_bytes(2, "big") + exchange)]
    said = b"".join(handshake(kind, seq, body) for kind, seq, body in [*ours, *theirs, *keyed])
    if shape.ems:
        master = prf(PREMASTER, b"extended master secret", hashlib.sha256(said).digest(), 48)
    else:
        master = prf(PREMASTER, b"master secret", RANDOMS[0] + RANDOMS[1], 48)
    number = 1
    for flight, ends in ((ours, (CLIENT, SERVER)), (theirs, (SERVER, CLIENT)), (keyed, (CLIENT, SERVER))):
        for _ in range(1 + shape.twice):
            for kind, seq, body in flight:
                step = 100 if shape.fragments else max(1, len(body))
                for at_byte in range(0, max(1, len(body)), step):
                    piece = handshake(kind, seq, body, at_byte, min(at_byte + step, len(body)))
                    wire.udp(*ends, record(piece, number))
                    number += 1
    cids = (TO_SERVER, TO_CLIENT) if shape.cids else (b"", b"")
    both = senders(shape.suite, master, RANDOMS, cids)
    wire.udp(CLIENT, SERVER, record(b"\1", number, kind=20) + both[0].record(22, handshake(20, first + 2, bytes(12))))
    wire.udp(SERVER, CLIENT, record(b"\1", number, kind=20) + both[1].record(22, handshake(20, first + 3, bytes(12))))
    return *both, master


def run(shape: Shape, ring: Keyring, der: bytes) -> Engine:
    wire = Wire()
    client, back, master = shake(wire, shape, der)
    wire.udp(CLIENT, SERVER, client.record(23, BFCP))
    wire.udp(SERVER, CLIENT, back.record(23, BFCP[:1] + b"\x10" + BFCP[2:]))
    material = prf(master, b"EXTRACTOR-dtls_srtp", RANDOMS[0] + RANDOMS[1], 60)  # RFC 5705 4, RFC 5764 4.2
    policy = Policy(
        material[:16] + material[32:46], Policy.SSRC_ANY_OUTBOUND, srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80
    )
    sender = Session(policy)
    for number in range(1, 31):
        wire.udp(CLIENT, SERVER, sender.protect(rtp(number)))
    return wire.run(keyring=ring)


SHAPES = [
    Shape(), Shape(ems=False), Shape(cookie=False), Shape(fragments=True, twice=True), Shape(RSA_CBC),
    Shape(RSA_CBC, ems=False, fragments=True), Shape(cids=True), Shape(RSA_CBC, cids=True),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_servers_private_key_opens_records_and_media(shape: Shape) -> None:
    private, der = server()
    ring = keyring(private)
    engine = run(shape, ring, der)
    connection = engine.connections.find(flow(CLIENT, SERVER))
    assert connection is not None and (connection.decrypted, connection.failure) == (True, "")
    assert dict(engine.messaging.bfcp.primitives) == {"Hello": 1, "Goodbye": 1}
    (stream,) = rows(engine.closer.stream_rows)
    assert (stream["authenticated"], stream["auth_failed"], stream["packets"]) == (30, 0, 30)
    assert anomalies(engine) == {}
    assert (ring.sources[0].matched, ring.sources[0].opened >= 4) == (1, True)


def test_another_servers_key_opens_nothing() -> None:
    ring = keyring(rsa.generate_private_key(65_537, 2_048))
    engine = run(Shape(), ring, server()[1])
    connection = engine.connections.find(flow(CLIENT, SERVER))
    assert connection is not None and not connection.decrypted and connection.failure
    assert dict(engine.messaging.bfcp.primitives) == {}
    assert ring.sources[0].opened == 0
