"""SIP over WebSocket (RFC 7118), in clear and inside TLS."""

import zlib
from pathlib import Path

import dpkt
import pytest

from analyzer.core.addresses import Address
from analyzer.pipeline.engine import Engine
from analyzer.session.keyring import Keyring
from analyzer.session.records import MessageRecord
from tests.pipeline.tls_wire import TlsWire
from tests.pipeline.wire import Wire, anomalies, at, call_of, flow, message

CLIENT, SERVER = at("192.0.2.1", 50_000), at("192.0.2.2", 443)
# The handshake of RFC 7118 4.1.
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: sip-ws.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://www.example.com\r\n"
    b"Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)
DEFLATE = RESPONSE[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n"
MASK = b"\x37\xfa\x21\x3d"


def frame(payload: bytes, *, masked: bool = False, first: int = 0x81) -> bytes:
    """RFC 6455 5.2: one frame, a text message by default."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    if not masked:
        return bytes([first]) + length + payload
    hidden = bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))
    return bytes([first, length[0] | 0x80]) + length[1:] + MASK + hidden


def deflated(payload: bytes) -> bytes:
    """RFC 7692 7.2.1."""
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def messages(engine: Engine, call_id: str) -> list[MessageRecord]:
    call = call_of(engine, call_id)
    return [] if call is None else [m for leg in call.legs.values() for m in leg.messages]


def upgraded(wire: Wire, response: bytes = RESPONSE) -> None:
    wire.connect(CLIENT, SERVER)
    wire.tcp(CLIENT, SERVER, REQUEST)
    wire.tcp(SERVER, CLIENT, response)


def test_sip_over_websocket_is_filed_with_the_frames_that_carried_it() -> None:
    wire = Wire()
    upgraded(wire)
    whole = frame(message("OPTIONS", "ws1", via="WS"), masked=True)
    first, second = wire.tcp(CLIENT, SERVER, whole[:40]), wire.tcp(CLIENT, SERVER, whole[40:])
    wire.tcp(SERVER, CLIENT, frame(message("OPTIONS", "ws1", status=200, via="WS"), first=0x82))
    engine = wire.run(finish=False)
    request, response = messages(engine, "ws1")
    assert [cite.frame for cite in request.cites] == [first, second]
    assert (request.carrier.transport, request.carrier.state) == ("ws", "ws_clear")
    assert (request.carrier.endpoints.src, response.carrier.endpoints.src) == (CLIENT, SERVER)
    connection = engine.connections.find(flow(CLIENT, SERVER, 6))
    assert connection is not None
    assert (connection.protocol, connection.inner) == ("websocket", "sip")
    assert anomalies(engine) == {}


def test_compressed_messages_are_inflated_where_the_handshake_agreed() -> None:
    wire = Wire()
    upgraded(wire, DEFLATE)
    for number in (1, 2):
        body = deflated(message("OPTIONS", f"ws{number}", via="WS"))
        wire.tcp(CLIENT, SERVER, frame(body, masked=True, first=0xC1))
    engine = wire.run(finish=False)
    assert engine.signalling.counts.requests == {"OPTIONS": 2}
    assert anomalies(engine) == {}


def test_what_the_response_agrees_is_told_to_the_clients_direction() -> None:
    """Without the extension a set RSV1 is an error (RFC 6455 5.2), and the payload is no compressed one."""
    wire = Wire()
    upgraded(wire)
    wire.tcp(CLIENT, SERVER, frame(message("OPTIONS", "ws1", via="WS"), masked=True, first=0xC1))
    engine = wire.run(finish=False)
    assert anomalies(engine) == {"websocket.reserved_bit": 1}
    assert len(messages(engine, "ws1")) == 1


def test_keepalives_and_other_content_are_no_sip() -> None:
    """RFC 7118 6 (CRLF keep-alive) and RFC 6455 5.5.2 (ping)."""
    wire = Wire()
    upgraded(wire)
    for content, first in ((b"\r\n\r\n", 0x81), (b"", 0x89), (b'{"json": true}', 0x81), (b"", 0x88)):
        wire.tcp(CLIENT, SERVER, frame(content, masked=True, first=first))
    engine = wire.run()
    assert engine.signalling.counts.messages == 0
    assert anomalies(engine) == {}
    connection = engine.connections.find(flow(CLIENT, SERVER, 6))
    assert connection is not None
    assert (connection.protocol, connection.inner) == ("websocket", "")


@pytest.mark.parametrize("masked", [True, False])
def test_a_stream_joined_in_the_middle_is_known_by_the_sip_in_it(masked: bool) -> None:
    wire = Wire()
    wire.tcp(CLIENT, SERVER, frame(b"\r\n\r\n", masked=masked))
    whole = frame(message("OPTIONS", "ws1", via="WS"), masked=masked)
    wire.tcp(CLIENT, SERVER, whole[:20])
    wire.tcp(CLIENT, SERVER, whole[20:])
    engine = wire.run()
    assert engine.signalling.counts.messages == 1
    assert anomalies(engine) == {}


def test_other_protocols_are_not_taken_for_frames() -> None:
    """Diameter (RFC 6733 3) starts 01 00: to WebSocket an empty first fragment, and a plausible one behind it."""
    wire = Wire()
    wire.connect(CLIENT, SERVER)
    for content in (bytes.fromhex("0100012c80000101") + bytes(292), b"\x81\x05Hello\x81\x05Hello", b"\x89\0\x89\0"):
        for _ in range(3):
            wire.tcp(CLIENT, SERVER, content)
    engine = wire.run()
    connection = engine.connections.find(flow(CLIENT, SERVER, 6))
    assert connection is not None
    assert connection.protocol == ""
    assert anomalies(engine) == {}


def _secure(tmp_path: Path, client: Address, server: Address) -> tuple[Wire, TlsWire, Keyring]:
    wire = Wire()
    tls = TlsWire(wire, client, server, tmp_path)
    tls.send(client, REQUEST)
    tls.send(server, RESPONSE)
    tls.send(client, frame(message("REGISTER", "wss1", via="WSS"), masked=True))
    tls.send(server, frame(message("REGISTER", "wss1", status=200, via="WSS")))
    keyring = Keyring()
    assert keyring.add_key_log(tls.key_log, "keys.txt") == []
    return wire, tls, keyring


def test_sip_over_secure_websocket(tmp_path: Path) -> None:
    wire, _, keyring = _secure(tmp_path, CLIENT, SERVER)
    engine = wire.run(finish=False, keyring=keyring)
    assert [m.carrier.state for m in messages(engine, "wss1")] == ["wss", "wss"]
    connection = engine.connections.find(flow(CLIENT, SERVER, 6))
    assert connection is not None
    assert (connection.protocol, connection.inner, connection.decrypted) == ("tls", "sip", True)


def test_tls_in_segments_out_of_order(tmp_path: Path) -> None:
    """Every record in three segments, the last first, the middle one twice: what is inside is the same."""
    wire, _, keyring = _secure(tmp_path, CLIENT, SERVER)
    mixed = Wire()
    for ts_ns, frame in wire.frames:
        packet = dpkt.ip.IP(frame)
        data, begin = bytes(packet.data.data), packet.data.seq
        pieces = []
        for first, last in ((0, len(data) // 3), (len(data) // 3, len(data) // 2), (len(data) // 2, len(data))):
            packet.data.data, packet.data.seq = data[first:last], begin + first & 0xFFFFFFFF
            packet.len = 20 + len(packet.data)
            pieces.append(bytes(packet))
        order = [2, 1, 0, 1] if len(data) > 6 else []
        mixed.frames += [(ts_ns + at_piece, pieces[piece]) for at_piece, piece in enumerate(order)] or [(ts_ns, frame)]
    plain, found = wire.run(finish=False, keyring=keyring), mixed.run(finish=False, keyring=keyring)
    for engine in (plain, found):
        assert [m.carrier.state for m in messages(engine, "wss1")] == ["wss", "wss"]
        assert anomalies(engine) == {}
    assert len(mixed.frames) > 2 * len(wire.frames)


def test_without_keys_it_stays_closed(tmp_path: Path) -> None:
    wire, _, _ = _secure(tmp_path, CLIENT, SERVER)
    engine = wire.run()
    assert engine.signalling.counts.messages == 0
