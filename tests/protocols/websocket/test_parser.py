"""One direction of a WebSocket by RFC 6455 and RFC 7692, with wsproto as the oracle.

The six properties: `tests/properties`.
"""

import itertools
import zlib
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import FrameProtocol, Opcode

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.websocket.message import Upgrade, WebSocketMessage
from analyzer.protocols.websocket.parser import Event, WebSocketStream
from analyzer.protocols.websocket.probe import probe
from analyzer.transport.cited import Chunk, Gap
from analyzer.transport.parser import Skipped

LIMITS = Limits()
SMALL = Limits(stream_held_bytes=256, header_bytes=200, inflated_bytes=64)
# RFC 6455 1.2, with the subprotocol of RFC 7118 and the offer of RFC 7692 5.
REQUEST = (
    b"GET /chat HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip, msrp\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)
DEFLATE = RESPONSE[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
# RFC 6455 5.7 and RFC 7692 7.2.3.1.
HELLO = bytes.fromhex("810548656c6c6f")
MASKED = bytes.fromhex("818537fa213d7f9f4d5158")
FRAGMENTED = bytes.fromhex("010348656c80026c6f")
PING = bytes.fromhex("890548656c6c6f")
DEFLATED = bytes.fromhex("c107f248cdc9c90700")
PIECES = [
    REQUEST,
    RESPONSE,
    DEFLATE,
    HELLO,
    MASKED,
    FRAGMENTED,
    PING,
    DEFLATED,
    FRAGMENTED[:5],
    b"GET ",
    b"\xc1\x05\xf2",
]


def cite(frame: int) -> Cite:
    return Cite(0, frame, 0, 100, 7)


def run(data: bytes, cuts: Sequence[int] = (), limits: Limits = LIMITS, *, one_frame: bool = True) -> list[Event]:
    """Every event of the stream, cut at these positions, and the bound checked on the way."""
    stream = WebSocketStream(limits)
    events: list[Event] = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for frame, (first, last) in enumerate(itertools.pairwise(edges), 1):
        events += stream.receive(Chunk(data[first:last], cite(1 if one_frame else frame)))
        assert stream.held <= limits.stream_held_bytes
    events += stream.close()
    assert stream.held == 0
    return events


def size(events: Sequence[Event]) -> int:
    return sum(event.size for event in events if not isinstance(event, Anomaly))


def messages(events: Sequence[Event]) -> list[tuple[int, bytes, bool]]:
    return [(event.opcode, event.data, event.complete) for event in events if isinstance(event, WebSocketMessage)]


def codes(events: Sequence[Event]) -> list[str]:
    return [event.kind.code for event in events if isinstance(event, Anomaly)]


def test_the_handshake_is_told() -> None:
    (request,) = run(REQUEST)
    assert isinstance(request, Upgrade)
    assert (request.request, request.subprotocol, request.deflate) == (True, "sip, msrp", True)
    (response,) = run(RESPONSE)
    assert isinstance(response, Upgrade)
    assert (response.request, response.subprotocol, response.deflate, response.extensions) == (False, "sip", False, ())
    options = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    (agreed,) = run(DEFLATE.replace(b"permessage-deflate", options))
    assert isinstance(agreed, Upgrade)
    assert (agreed.deflate, agreed.no_context_takeover) == (True, True)
    assert (probe(REQUEST), probe(RESPONSE), probe(REQUEST[:40])) == (90, 90, 0)
    assert probe(RESPONSE.replace(b"101", b"400")) == -1


def test_a_refused_upgrade_is_followed_by_another() -> None:
    """RFC 6455 4.2.2: 401 is an ordinary HTTP answer, with its body."""
    refused = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 7\r\n\r\n\x81\x01a\x81\x01b."
    assert [type(event) for event in run(refused + RESPONSE + HELLO)] == [Skipped, Upgrade, WebSocketMessage]


def test_the_examples_of_rfc_6455() -> None:
    """5.7: unmasked, masked, fragmented with a ping between, 256 bytes and 64 KiB."""
    split = FRAGMENTED[:5] + PING + FRAGMENTED[5:]
    assert messages(run(RESPONSE + HELLO + split)) == [(1, b"Hello", True), (9, b"Hello", True), (1, b"Hello", True)]
    assert messages(run(REQUEST + MASKED)) == [(1, b"Hello", True)]
    long = b"\x82\x7e\x01\x00" + bytes(256) + b"\x82\x7f" + (65_536).to_bytes(8, "big") + bytes(65_536)
    assert messages(run(RESPONSE + long)) == [(2, bytes(256), True), (2, bytes(65_536), True)]


def test_the_examples_of_rfc_7692() -> None:
    """7.2.3: one frame, fragments, a shared window, no compression, a final block, two blocks."""
    for text in (
        "c107f248cdc9c90700", "4103f248cd8004c9c90700", "c107f248cdc9c90700c105f200110000",
        "c10b000500faff48656c6c6f00",
        "c108f348cdc9c9070000", "c10df24805000000ffffcac9c90700",
    ):  # fmt: skip
        found = messages(run(DEFLATE + bytes.fromhex(text)))
        assert found
        assert all(message == (1, b"Hello", True) for message in found), text


def wsproto_stream(parts: list[bytes], *, client: bool, takeover: bool, deflate: bool) -> bytes:
    option = PerMessageDeflate(client_no_context_takeover=not takeover, server_no_context_takeover=not takeover)
    if deflate:
        option._enabled = True
    writer = FrameProtocol(client=client, extensions=[option] if deflate else [])
    out = b""
    for index, part in enumerate(parts):
        out += writer.send_data(part[:3], fin=False) + writer.ping(b"p") + writer.send_data(part[3:], fin=True)
        out += writer.pong(bytes([index]))
    return out


@given(st.lists(st.binary(max_size=70), max_size=6), st.booleans(), st.booleans(), st.booleans())
def test_what_wsproto_writes_is_read(parts: list[bytes], client: bool, takeover: bool, deflate: bool) -> None:
    stream = WebSocketStream(LIMITS)
    events = list(stream.receive(Chunk(REQUEST if client else DEFLATE if deflate else RESPONSE, cite(1))))
    stream.negotiated(deflate, not takeover)
    data = wsproto_stream(parts, client=client, takeover=takeover, deflate=deflate)
    events += stream.receive(Chunk(data, cite(2)))
    events += stream.close()
    assert codes(events) == []
    assert [m for m in messages(events) if m[0] == int(Opcode.BINARY)] == [(2, part, True) for part in parts]


def test_a_stream_is_joined_in_the_middle() -> None:
    events = run(b"llo" + MASKED + MASKED)
    assert messages(events) == [(1, b"Hello", True)] * 2
    assert codes(events) == ["websocket.garbage"]
    assert (probe(MASKED + MASKED), probe(MASKED), probe(b"INVITE sip:a@b SIP/2.0\r\n")) == (10, 5, -1)


def test_a_gap_inside_a_frame_is_crossed() -> None:
    """The length of the frame tells where the next one starts."""
    stream = WebSocketStream(LIMITS)
    events = [*stream.receive(Chunk(RESPONSE + HELLO[:4], cite(1))), *stream.gap(Gap(2, cite(2)))]
    events += [*stream.receive(Chunk(HELLO[6:] + HELLO, cite(3))), *stream.close()]
    assert messages(events) == [(1, b"He", False), (1, b"Hello", True)]
    assert codes(events) == ["websocket.gap"]


def test_a_gap_in_a_continuation_of_nothing_is_cited() -> None:
    """What is skipped of it has the frame that it came in, as everything has."""
    stream = WebSocketStream(LIMITS)
    stream.receive(Chunk(RESPONSE, cite(1)))
    stream.receive(Chunk(b"\x00\x05he", cite(2)))
    events = [*stream.gap(Gap(3, cite(3))), *stream.receive(Chunk(HELLO, cite(4))), *stream.close()]
    (skipped,) = [event for event in events if isinstance(event, Skipped)]
    assert (skipped.size, skipped.cites) == (4, (cite(2),))
    assert messages(events) == [(1, b"Hello", True)]


def compressed(*texts: bytes) -> list[bytes]:
    writer = zlib.compressobj(wbits=-15)
    bodies = [(writer.compress(text) + writer.flush(zlib.Z_SYNC_FLUSH))[:-4] for text in texts]
    return [bytes([0xC1, len(body)]) + body for body in bodies]


def test_what_refers_to_lost_bytes_is_named_undecodable() -> None:
    """RFC 7692 7.2.2: with context takeover a message may refer to an earlier one."""
    first, second = compressed(b"REGISTER sip:ims.example", b"REGISTER sip:ims.example")
    stream = WebSocketStream(LIMITS)
    events = [*stream.receive(Chunk(DEFLATE, cite(1))), *stream.gap(Gap(len(first), cite(2)))]
    events += [*stream.receive(Chunk(second + HELLO, cite(3))), *stream.close()]
    assert messages(events) == [(1, b"", False), (1, b"Hello", True)]
    assert codes(events) == ["websocket.gap", "websocket.undecodable"]


def test_inflation_is_bounded() -> None:
    bomb, second = compressed(bytes(65_000), bytes(100))
    events = run(DEFLATE + bomb + second, (), Limits(inflated_bytes=1000))
    assert messages(events) == [(1, bytes(1000), False), (1, b"", False)]
    assert codes(events) == ["websocket.inflated_limit", "websocket.undecodable"]


def test_a_message_too_long_is_passed_over() -> None:
    long = b"\x02\x7e\x01\x00" + bytes(256) + b"\x80\x01x"
    events = run(RESPONSE + long + HELLO, (), SMALL)
    assert (messages(events), codes(events)) == ([(1, b"Hello", True)], ["websocket.message_too_long"])


def test_broken_rules_are_named_behind_a_handshake() -> None:
    cases = (
        (REQUEST + HELLO, "websocket.unmasked"),
        (RESPONSE + MASKED, "websocket.masked"),
        (RESPONSE + b"\x81\x7e\x00\x01a", "websocket.length_form"),
        (RESPONSE + DEFLATED, "websocket.reserved_bit"),
        (RESPONSE + b"\x09\x00", "websocket.control_frame"),
        (RESPONSE + b"\x80\x00", "websocket.orphan"),
        (RESPONSE + b"\x01\x00" + HELLO, "websocket.interleaved"),
        (RESPONSE + b"\x83\x00", "websocket.garbage"),
        (RESPONSE + HELLO[:4], "websocket.incomplete"),
    )
    for data, code in cases:
        assert codes(run(data)) == [code]
