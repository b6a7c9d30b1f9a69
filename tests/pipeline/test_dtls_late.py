"""A key log that grows while DTLS runs: what came before its secret is read once that is there, media too.

The handshakes are those of the openssl program (dtls_recorded), and of the writer of DTLS 1.3 from RFC 9147.
"""

import io

import pytest

from analyzer.capture.reader import CaptureReader
from analyzer.capture.sources import SourceTable
from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine, Setup
from analyzer.session.keyring import Keyring
from tests.crypto.srtp.writer import Sender
from tests.pipeline import test_dtls_13 as dtls13
from tests.pipeline.dtls_recorded import load
from tests.pipeline.wire import Wire, at, flow, rows, rtp

CLIENT, SERVER = at("192.0.2.1", 4000), at("192.0.2.2", 5000)
COUNT = 30
(CASE,) = [case for case in load() if case.name == "1.2-gcm"]


def talk() -> Wire:
    """Handshake and application data, then media of both ends (RFC 5764 4.2)."""
    wire, material = Wire(), CASE.material
    for from_client, data in CASE.datagrams:
        wire.udp(*(CLIENT, SERVER) if from_client else (SERVER, CLIENT), data)
    for ends, key, salt in (((CLIENT, SERVER), 0, 32), ((SERVER, CLIENT), 16, 46)):
        by = Sender("cm", material[key : key + 16], material[salt : salt + 14], 10, 10)
        for number in range(1, COUNT + 1):
            packet = rtp(number, ssrc=key + 1)
            wire.udp(*ends, by.rtp(packet[:12], packet[12:], 0))
    return wire


def watched(wire: Wire, when: int, log: bytes) -> Engine:
    """The engine, frame by frame; the key log is written before frame `when`, counted from 0."""
    ring, sources = Keyring(), SourceTable()
    ring.growing = True
    reader = CaptureReader(io.BytesIO(wire.pcap()), "test.pcap", 0, sources, Limits(), "")
    engine = Engine(sources, Setup(contain=False, reveal_identities=True, keyring=ring))
    for number in range(len(wire.frames)):
        if number == when:
            assert not ring.add_key_log(log, "log")
        batch = reader.read_batch(1)
        assert batch is not None
        engine.feed(batch)
    engine.finish()
    return engine


def media(engine: Engine) -> list[tuple[object, ...]]:
    return [(row["authenticated"], row["auth_failed"], row["failure"]) for row in rows(engine.closer.stream_rows)]


@pytest.mark.parametrize("when", [0, 3, 11, 12, 14, len(CASE.datagrams), len(CASE.datagrams) + 20])
def test_all_is_read_whenever_the_secret_comes(when: int) -> None:
    engine = watched(talk(), when, CASE.key_log)
    connection = engine.connections.find(flow(CLIENT, SERVER))
    assert connection is not None and (connection.decrypted, connection.failure) == (True, "")
    assert dict(engine.messaging.bfcp.primitives) == {"Hello": 1, "Goodbye": 1}
    assert media(engine) == [(COUNT, 0, None)] * 2


def test_without_its_secret_it_says_so() -> None:
    engine = watched(talk(), len(CASE.datagrams), b"CLIENT_RANDOM " + b"ab" * 32 + b" " + b"cd" * 48)
    connection = engine.connections.find(flow(CLIENT, SERVER))
    assert connection is not None and connection.failure.startswith("no secret for its client random")
    assert [failure for *_, failure in media(engine)] == ["no_key", "no_key"]


@pytest.mark.parametrize("when", [3, 5, 6, 20])
def test_the_secrets_of_dtls_1_3(when: int) -> None:
    suite, wire = 0x1301, Wire()
    dtls13.shake(wire, suite)
    dtls13.media(wire, suite)
    lines = (f"{name} {dtls13.RANDOM.hex()} {value.hex()}\n" for name, value in dtls13.secrets(suite).items())
    engine = watched(wire, when, "".join(lines).encode())
    connection = engine.connections.find(flow(dtls13.CLIENT, dtls13.SERVER))
    assert connection is not None and (connection.failure, len(connection.server_certificates)) == ("", 1)
    assert media(engine) == [(30, 0, None)]
