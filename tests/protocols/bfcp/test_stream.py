"""What RFC 8855 says of framing, and round trips. The six properties: `tests/properties`."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.bfcp.message import Attribute, BfcpMessage
from analyzer.protocols.bfcp.stream import BfcpStream, Event
from analyzer.transport.cited import Chunk, Gap
from tests.protocols.bfcp.writer import CITE, message, messages, write
from tests.protocols.events import codes

SMALL = Limits(message_bytes=60, bfcp_attributes=3, nesting=2)
HELLO = write(message(11))
REQUEST = write(message(1, Attribute(2, True, b"\0\1"), Attribute(8, False, b"may I speak")))
STATUS = bytes.fromhex("2004000400001267000300011f100001240800010a04030022040001")  # bfcp-tcp.pcapng, frame 21
PIECES = [
    HELLO,
    REQUEST,
    STATUS,
    REQUEST[:15],
    STATUS[9:],
    b"\x20",
    b"\x20\x0b\0\0",
    b"\0",
    b"\x20\x01\0\xff",
    b"\xff" * 9,
    b"\x20\x04\x0f\xff" + b"\0" * 8,
    b"\x40\x0b\0\0" + b"\0" * 8,
    b"\x20\x63\0\1" + b"\0" * 12,
]


def run(pieces: Sequence[bytes], limits: Limits) -> list[Event]:
    stream, events = BfcpStream(limits), []
    for piece in pieces:
        events += stream.receive(Chunk(piece, CITE))
        assert stream.held <= max(limits.message_bytes, 12 + 4 * 255)
        assert accounted(events) + stream.held <= sum(map(len, pieces))
    return events + list(stream.close())


def accounted(events: Sequence[Event]) -> int:
    return sum(event.size for event in events if not isinstance(event, Anomaly))


def found(events: Sequence[Event]) -> list[tuple[int, bool]]:
    return [(event.primitive, event.complete) for event in events if isinstance(event, BfcpMessage)]


@given(st.lists(messages(), min_size=1, max_size=5))
def test_what_is_written_is_read_back(written: list[BfcpMessage]) -> None:
    assert run([b"".join(map(write, written))], Limits()) == written


def test_messages_are_framed_by_their_length_and_cited() -> None:
    data, stream, events = HELLO + REQUEST + STATUS, BfcpStream(Limits()), []
    for at in range(0, len(data), 10):
        events += stream.receive(Chunk(data[at : at + 10], Cite(0, at // 10 + 1, 0, 10, at)))
    assert found(events) == [(11, True), (1, True), (4, True)]
    assert [cite.frame for cite in events[0].cites] == [1, 2]


def test_garbage_is_one_anomaly_and_the_next_message_is_found() -> None:
    events = run([b"\xff\0 \x01\0 garbage" + REQUEST + HELLO], Limits())
    assert codes(events) == ["bfcp.garbage"]
    assert found(events) == [(1, True), (11, True)]


def test_a_gap_of_known_size_in_a_message_keeps_step() -> None:
    stream = BfcpStream(Limits())
    events = [*stream.receive(Chunk(REQUEST[:16], CITE)), *stream.gap(Gap(8, CITE))]
    events += stream.receive(Chunk(REQUEST[24:] + b"\x20\x63\0\0" + b"\0" * 8, CITE))
    assert found(events) == [(1, False), (0x63, True)]
    assert [each.kind.code for each in events[0].anomalies] == ["bfcp.gap"]


def test_behind_any_other_gap_only_a_strict_message_is_believed() -> None:
    stream = BfcpStream(Limits())
    events = [*stream.receive(Chunk(REQUEST[:16], CITE)), *stream.gap(Gap(None, CITE))]
    events += stream.receive(Chunk(REQUEST[24:] + STATUS, CITE))
    assert found(events) == [(1, False), (4, True)]


def test_the_end_of_the_stream_gives_an_incomplete_message() -> None:
    events = run([REQUEST[:-1]], Limits())
    assert found(events) == [(1, False)]
    assert [each.kind.code for each in events[0].anomalies] == ["bfcp.incomplete"]
    assert codes(run([HELLO[:7]], Limits())) == ["bfcp.incomplete"]


def test_a_long_message_is_passed_over_in_step() -> None:
    events = run([b"\x20\x08\x00\xff" + b"\0" * (8 + 4 * 255), HELLO], SMALL)
    assert codes(events) == ["bfcp.message_too_long"]
    assert found(events) == [(11, True)]


def test_a_gap_of_no_bytes_does_not_end_a_search() -> None:
    stream = BfcpStream(Limits())
    events = [*stream.receive(Chunk(b"\xff" * 20, CITE)), *stream.gap(Gap(0, CITE))]
    events += stream.receive(Chunk(b"\x20\x63\0\0" + b"\1" * 8 + HELLO, CITE))
    assert found(events) == [(11, True)]
