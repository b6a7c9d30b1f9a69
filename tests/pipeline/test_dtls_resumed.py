"""DTLS 1.2 that resumes a session (RFC 5246 7.3, RFC 6347 4.2.4, RFC 5077 3.1): opened by what opened the session.

The handshakes are written from the RFCs alone (test_dtls_rsa); a resumed one has no certificate and no key exchange.
"""

import pytest

from analyzer.pipeline.engine import Engine
from analyzer.session.keyring import Keyring
from tests.crypto.srtp.writer import Sender as SrtpSender
from tests.pipeline.dtls_cid_writer import RSA_GCM, prf, senders
from tests.pipeline.test_associations import handshake, record
from tests.pipeline.test_dtls_rsa import BFCP, EMS, USE_SRTP, Shape, keyring, server, shake
from tests.pipeline.wire import Wire, at, flow, rows, rtp

CLIENT, SERVER = at("10.0.0.1", 4002), at("10.0.0.2", 5002)
RANDOMS = bytes(range(64, 96)), bytes(range(96, 128))
SESSION = bytes(range(200, 232))
TICKET = bytes(range(100))


def hello(client: bool, ticket: bytes, session: bytes) -> bytes:
    """RFC 5246 7.4.1.2, 7.4.1.3: the server repeats the session id of a session that it resumes."""
    extensions = EMS + USE_SRTP
    if client:
        extensions += b"\0\x23" + len(ticket).to_bytes(2, "big") + ticket
    suites = b"\0\2" + RSA_GCM.to_bytes(2, "big") + b"\1\0" if client else RSA_GCM.to_bytes(2, "big") + b"\0"
    head = b"\xfe\xfd" + RANDOMS[not client] + bytes((len(session),)) + session + (b"\0" if client else b"")
    return head + suites + len(extensions).to_bytes(2, "big") + extensions


def resume(wire: Wire, master: bytes, ticket: bytes, session: bytes) -> None:
    """RFC 6347 4.2.4, figure 2, then a message of BFCP and thirty packets of media of the client."""
    client, back = senders(RSA_GCM, master, RANDOMS, (b"", b""))
    wire.udp(CLIENT, SERVER, record(handshake(1, 0, hello(True, ticket, session)), 0))
    wire.udp(SERVER, CLIENT, record(handshake(2, 0, hello(False, b"", session)), 0))
    wire.udp(SERVER, CLIENT, record(b"\1", 1, kind=20) + back.record(22, handshake(20, 1, bytes(12))))
    wire.udp(CLIENT, SERVER, record(b"\1", 1, kind=20) + client.record(22, handshake(20, 1, bytes(12))))
    wire.udp(CLIENT, SERVER, client.record(23, BFCP))
    material = prf(master, b"EXTRACTOR-dtls_srtp", RANDOMS[0] + RANDOMS[1], 60)
    by = SrtpSender("cm", material[:16], material[32:46], 10, 10)
    for number in range(1, 31):
        packet = rtp(number)
        wire.udp(CLIENT, SERVER, by.rtp(packet[:12], packet[12:], 0))


def found(engine: Engine) -> tuple[bool, str]:
    connection = engine.connections.find(flow(CLIENT, SERVER))
    assert connection is not None
    return connection.decrypted, connection.failure


@pytest.mark.parametrize("tickets", [False, True], ids=["by its id", "by a ticket"])
def test_the_servers_private_key_opens_a_resumed_session(tickets: bool) -> None:
    private, der = server()
    wire, shape = Wire(), Shape(session=b"" if tickets else SESSION)
    _, back, master = shake(wire, shape, der)
    if tickets:  # RFC 5077 3.3; here behind the Finished, which a reader must not mind
        body = bytes(4) + len(TICKET).to_bytes(2, "big") + TICKET
        wire.udp(at("10.0.0.2", 5000), at("10.0.0.1", 4000), back.record(22, handshake(4, 5, body)))
    resume(wire, master, TICKET if tickets else b"", SESSION)
    engine = wire.run(keyring=keyring(private))
    assert found(engine) == (True, "")
    assert dict(engine.messaging.bfcp.primitives) == {"Hello": 1}
    (stream,) = rows(engine.closer.stream_rows)
    assert (stream["authenticated"], stream["auth_failed"], stream["packets"]) == (30, 0, 30)


def test_a_session_that_nothing_opened_is_said_to_be_one() -> None:
    wire = Wire()
    resume(wire, bytes(48), b"", SESSION)
    engine = wire.run(keyring=keyring(server()[0]))
    words = "it resumes a session whose handshake is not in the captures, or is closed; a key log of either end would"
    assert found(engine) == (False, f"{words} open it")


def test_a_premaster_of_a_key_log() -> None:
    """As for TLS: PMS_CLIENT_RANDOM (NSS key log format), here of an ephemeral exchange."""
    wire, ring = Wire(), Keyring()
    premaster = bytes(range(32))
    suite = (0xC02F).to_bytes(2, "big")  # TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    ours = hello(True, b"", b"").replace(RSA_GCM.to_bytes(2, "big"), suite).replace(EMS, b"\0\x0b\0\0")
    theirs = hello(False, b"", b"").replace(RSA_GCM.to_bytes(2, "big"), suite).replace(EMS, b"\0\x0b\0\0")
    master = prf(premaster, b"master secret", RANDOMS[0] + RANDOMS[1], 48)
    client, back = senders(RSA_GCM, master, RANDOMS, (b"", b""))
    wire.udp(CLIENT, SERVER, record(handshake(1, 0, ours), 0))
    wire.udp(SERVER, CLIENT, record(handshake(2, 0, theirs) + handshake(14, 1, b""), 0))
    wire.udp(CLIENT, SERVER, record(handshake(16, 1, b"\x20" + bytes(32)), 1))
    wire.udp(CLIENT, SERVER, record(b"\1", 2, kind=20) + client.record(22, handshake(20, 2, bytes(12))))
    wire.udp(SERVER, CLIENT, record(b"\1", 1, kind=20) + back.record(22, handshake(20, 2, bytes(12))))
    wire.udp(CLIENT, SERVER, client.record(23, BFCP))
    assert not ring.add_key_log(f"PMS_CLIENT_RANDOM {RANDOMS[0].hex()} {premaster.hex()}\n".encode(), "log")
    assert found(wire.run(keyring=ring)) == (True, "")
