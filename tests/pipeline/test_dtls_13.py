"""DTLS 1.3 in the pipeline: recognised without secrets, opened with them, its SRTP keyed by the exporter."""

import pytest
from pylibsrtp import Policy, Session

from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine
from analyzer.session.keyring import Keyring
from tests.pipeline.dtls13_writer import HASHES, Epoch, export
from tests.pipeline.test_associations import certificate, client_hello, handshake, record, server_hello
from tests.pipeline.wire import Wire, anomalies, at, flow, rows, rtp

CLIENT, SERVER = at("10.0.0.1", 4000), at("10.0.0.2", 5000)
RANDOM = bytes(32)  # of the ClientHello that `client_hello` makes
USE_SRTP = b"\0\x0e\0\5\0\2\0\1\0"  # RFC 5764 4.1.1: AES128_CM_HMAC_SHA1_80, no MKI
OFFER = b"\0\x0e\0\7\0\4\0\1\0\7\0"  # that and AEAD_AES_128_GCM
BFCP = bytes.fromhex("400b00000000000100020003")
NAMES = (
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
    "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET",
)  # fmt: skip


def secrets(suite: int) -> dict[str, bytes]:
    """Five secrets; how they come about is not a reader's affair."""
    size = HASHES[suite].digest_size
    return {name: bytes([number]) * size for number, name in enumerate(NAMES, 1)}


def keyring(found: dict[str, bytes]) -> Keyring:
    ring = Keyring()
    log = "".join(f"{name} {RANDOM.hex()} {value.hex()}\n" for name, value in found.items())
    assert not ring.add_key_log(log.encode(), "log")
    return ring


def shake(wire: Wire, suite: int = 0x1301, der: bytes = b"the server's certificate") -> tuple[Epoch, Epoch]:
    """RFC 9147 6, figure 8 in one flight each; gives both ends' application epochs. `der` is the certificate shown."""
    hello = client_hello()
    hello = hello[:-2] + b"\1\0" + (len(OFFER) + 7).to_bytes(2, "big") + OFFER + b"\0\x2b\0\3\2\xfe\xfc"
    wire.udp(CLIENT, SERVER, record(handshake(1, 0, hello), 0))
    wire.udp(SERVER, CLIENT, record(handshake(2, 0, server_hello(suite=suite, extensions=b"\0\x2b\0\2\xfe\xfc")), 0))
    of = secrets(suite)
    server = Epoch(suite, of["SERVER_HANDSHAKE_TRAFFIC_SECRET"], 2)
    chain = certificate(der)
    # RFC 8446 4.4.2: no request context; the entry's extensions follow it
    flight = b"\0" + (len(chain) - 3 + 2).to_bytes(3, "big") + chain[3:] + b"\0\0"
    extensions = len(USE_SRTP).to_bytes(2, "big") + USE_SRTP
    for content in (handshake(8, 1, extensions), handshake(11, 2, flight), handshake(20, 3, bytes(32))):
        wire.udp(SERVER, CLIENT, server.record(22, content, pad=3))
    client = Epoch(suite, of["CLIENT_HANDSHAKE_TRAFFIC_SECRET"], 2)
    wire.udp(CLIENT, SERVER, client.record(22, handshake(20, 1, bytes(32))))
    return Epoch(suite, of["CLIENT_TRAFFIC_SECRET_0"], 3), Epoch(suite, of["SERVER_TRAFFIC_SECRET_0"], 3)


def media(wire: Wire, suite: int) -> None:
    """Thirty packets of the client under the exporter's key (RFC 5764 4.2)."""
    material = export(suite, secrets(suite)["EXPORTER_SECRET"], b"EXTRACTOR-dtls_srtp", 60)
    policy = Policy(
        material[:16] + material[32:46], Policy.SSRC_ANY_OUTBOUND, srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80
    )
    sender = Session(policy)
    for number in range(1, 31):
        wire.udp(CLIENT, SERVER, sender.protect(rtp(number)))


def stream(engine: Engine) -> tuple[object, ...]:
    (row,) = rows(engine.closer.stream_rows)
    return row["suite"], row["authenticated"], row["auth_failed"]


@pytest.mark.parametrize("suite", sorted(HASHES))
def test_everything_opens_under_its_secrets(suite: int) -> None:
    wire = Wire()
    client, server = shake(wire, suite)
    wire.udp(CLIENT, SERVER, client.record(23, BFCP))
    wire.udp(SERVER, CLIENT, server.record(23, BFCP[:1] + b"\x10" + BFCP[2:], long=False, length=False))
    media(wire, suite)
    engine = wire.run(keyring=keyring(secrets(suite)))
    connection = engine.connections.find(flow(CLIENT, SERVER))
    assert connection is not None
    assert (connection.tls_version, connection.decrypted, connection.failure) == ("DTLS 1.3", True, "")
    assert connection.server_certificates == [b"the server's certificate"]
    assert sum(engine.messaging.bfcp.primitives.values()) == 2
    assert stream(engine) == ("AES_CM_128_HMAC_SHA1_80", 30, 0)
    assert anomalies(engine) == {}


def test_the_exporter_secret_alone_keys_the_media() -> None:
    """EncryptedExtensions stay closed: each profile that was offered is tried."""
    wire = Wire()
    shake(wire)
    media(wire, 0x1301)
    only = {"EXPORTER_SECRET": secrets(0x1301)["EXPORTER_SECRET"]}
    assert stream(wire.run(keyring=keyring(only))) == ("AES_CM_128_HMAC_SHA1_80", 30, 0)


def test_key_updates_and_records_out_of_order() -> None:
    """RFC 9147 8 and 4.2.2: the next epoch's keys, and numbers of which only eight bits show."""
    wire = Wire()
    client, _ = shake(wire)
    sent = [client.record(23, BFCP[:9] + bytes([number & 255]) + BFCP[10:], long=False) for number in range(300)]
    for at_number in (0, 1, 3, 2, *range(4, 300)):
        wire.udp(CLIENT, SERVER, sent[at_number])
    later = client.updated()
    wire.udp(CLIENT, SERVER, later.record(23, BFCP))
    wire.udp(CLIENT, SERVER, later.updated().record(23, BFCP[:9] + b"\xff" + BFCP[10:]))
    ring = keyring(secrets(0x1301))
    engine = wire.run(keyring=ring)
    assert "dtls.record_refused" not in anomalies(engine)
    assert ring.sources[0].opened == 4 + 300 + 2  # of the handshake, of its epoch, of the two that follow


def test_without_secrets_it_is_recognised() -> None:
    wire = Wire()
    client, _ = shake(wire)
    wire.udp(CLIENT, SERVER, client.record(23, BFCP))
    engine = wire.run(limits=Limits())
    connection = engine.connections.find(flow(CLIENT, SERVER))
    assert connection is not None
    assert (connection.tls_version, connection.decrypted) == ("DTLS 1.3", False)
    assert connection.failure.startswith("no secret for ")
    assert anomalies(engine) == {}


@pytest.mark.parametrize("known", ["CLIENT", "SERVER"])
def test_secrets_of_one_side_alone(known: str) -> None:
    wire, of = Wire(), secrets(0x1301)
    client, server = shake(wire)
    wire.udp(CLIENT, SERVER, client.record(23, b"one"))
    wire.udp(SERVER, CLIENT, server.record(23, b"two"))
    ring = keyring({name: value for name, value in of.items() if name.startswith(known)})
    connection = wire.run(keyring=ring).connections.find(flow(CLIENT, SERVER))
    assert connection is not None and connection.decrypted
    assert connection.failure == f"the keys given have the secrets of the {known.lower()}'s direction only"
