"""What a hostile end may make one TLS or DTLS connection hold, and how long it may keep us."""

import struct
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.formats import tls_handshake
from analyzer.formats.tls_handshake import parse_certificates
from analyzer.protocols.dtls.handshake import HandshakeAssembler
from analyzer.protocols.dtls.records import DtlsRecord
from analyzer.protocols.tls.records import Record
from analyzer.session.keyring import Keyring
from analyzer.session.tls import Side, TlsConnection

RANDOM = bytes(range(32))


def cite(number: int) -> tuple[Cite, ...]:
    return (Cite(0, number, 0, 100, number),)


def message(kind: int, body: bytes) -> bytes:
    """RFC 5246 7.4."""
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def hello(server: bool) -> bytes:
    """RFC 5246 7.4.1.2 and 7.4.1.3: TLS 1.2, TLS_RSA_WITH_AES_128_CBC_SHA."""
    suites = b"\x00\x2f\x00" if server else b"\x00\x02\x00\x2f\x01\x00"
    return message(2 if server else 1, b"\x03\x03" + RANDOM + b"\x00" + suites)


def certificates(count: int, size: int) -> bytes:
    """RFC 5246 7.4.2."""
    chain = (size.to_bytes(3, "big") + bytes(size)) * count
    return message(11, len(chain).to_bytes(3, "big") + chain)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def forever(*contents: tuple[int, bytes]) -> Iterator[tuple[int, bytes]]:
    while True:
        yield from contents


def without_end(size: int) -> Iterator[tuple[int, bytes]]:
    """Handshake messages that announce as much as is taken, and their bytes."""
    while True:
        yield from ((22, piece) for piece in pieces(message(11, bytes(262_100)), size))


FLOODS: dict[str, Callable[[], Iterator[tuple[int, bytes]]]] = {
    "hellos": lambda: forever((22, hello(True)), (22, hello(False))),
    "certificates": lambda: forever(*((22, piece) for piece in pieces(certificates(20_000, 9), 16_384))),
    "large-certificates": lambda: forever(*((22, piece) for piece in pieces(certificates(4, 60_000), 16_384))),
    "messages-without-end": lambda: without_end(16_384),
    "messages-too-long": lambda: forever((22, b"\x0b\xff\xff\xff" + bytes(16_000))),
    "no-messages": lambda: forever((22, b""), (21, b""), (20, b""), (24, bytes(9_000))),
    "alerts": lambda: forever((21, b"\x02\x28")),
    "protected": lambda: forever((22, hello(False)), (20, b"\1"), (23, bytes(16_000))),
    "protected-and-empty": lambda: forever((20, b"\1"), *[(23, b"")] * 100),
}
COUNTS = {"certificates": 48, "large-certificates": 400, "protected-and-empty": 20_000}


def flooded(kind: str, count: int) -> tuple[TlsConnection, int]:
    """A connection of a live run after so many records, and the bytes that it holds."""
    ring = Keyring()
    ring.growing = True
    tracemalloc.start()
    connection = TlsConnection(ring)
    for number, (content, fragment) in enumerate(islice(FLOODS[kind](), count)):
        side: Side = "client" if kind == "hellos" and number % 2 else "server"
        connection.record(side, Record(content, 0x0303, fragment, cite(number)))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return connection, held


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_of_records_is_held_in_bounds(kind: str) -> None:
    """Transcript, two messages under way, two chains and what waits, each of 256 KiB or less."""
    connection, held = flooded(kind, COUNTS.get(kind, 3_000))
    assert held < 6 * 262_144
    assert len(connection.certificates) + len(connection.client_certificates) <= 128


def test_a_message_in_small_records_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with each of its records: what is held of it would be copied as often."""
    read: list[int] = []
    original = tls_handshake.split_messages

    def counted(buffer: bytes) -> tuple[list[tuple[int, bytes, bytes]], int]:
        read.append(len(buffer))
        return original(buffer)

    monkeypatch.setattr(tls_handshake, "split_messages", counted)
    whole, connection = message(11, bytes(5_000)) + hello(True), TlsConnection(Keyring())
    for piece in pieces(whole, 1):
        connection.record("server", Record(22, 0x0303, piece, cite(1)))
    assert read == [5_004, len(hello(True))]
    assert connection.server_hello is not None


def test_a_chain_is_kept_as_far_as_anyone_needs_it() -> None:
    chain = certificates(1_000, 3)[4:]
    assert parse_certificates(chain, tls13=False) == (bytes(3),) * 64
    assert parse_certificates(chain[:-1], tls13=False) is None


def test_fragments_of_one_byte_hold_no_frame_each() -> None:
    """RFC 6347 4.2.3: a message may come in any pieces; what it cites is bounded."""
    assembler, limits = HandshakeAssembler(Limits()), Limits()
    size = 6_000
    tracemalloc.start()
    for at in range(size - 1):
        fragment = struct.pack(">B3sH3s3s", 11, size.to_bytes(3, "big"), 0, at.to_bytes(3, "big"), b"\0\0\1") + b"x"
        assert not assembler.receive(DtlsRecord(22, 0xFEFD, 0, at, fragment, cite(at), 38))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < size + 200 * limits.fragments_per_packet
    (unfinished,) = assembler.close()
    assert isinstance(unfinished, Anomaly) and len(unfinished.cites) == limits.fragments_per_packet
