"""The six properties of the BFCP stream parser, round trips, and what RFC 8855 says of framing."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.bfcp.message import Attribute, BfcpMessage
from analyzer.protocols.bfcp.stream import BfcpStream, Event
from analyzer.transport.cited import Chunk, Gap
from tests.linear import assert_linear, reading
from tests.protocols.bfcp.writer import CITE, message, messages, write
from tests.protocols.events import codes, cuts, merged

SMALL = Limits(message_bytes=60, bfcp_attributes=3, nesting=2)
HELLO = write(message(11))
REQUEST = write(message(1, Attribute(2, True, b"\0\1"), Attribute(8, False, b"may I speak")))
STATUS = bytes.fromhex("2004000400001267000300011f100001240800010a04030022040001")  # bfcp-tcp.pcapng, frame 21
PIECES = st.sampled_from(
    [HELLO, REQUEST, STATUS, REQUEST[:15], STATUS[9:], b"\x20", b"\x20\x0b\0\0", b"\0", b"\x20\x01\0\xff", b"\xff" * 9,
     b"\x20\x04\x0f\xff" + b"\0" * 8, b"\x40\x0b\0\0" + b"\0" * 8, b"\x20\x63\0\1" + b"\0" * 12]
)  # fmt: skip
STREAMS = st.lists(st.one_of(PIECES, st.binary(max_size=9)), max_size=14).map(b"".join)


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


@given(STREAMS, st.lists(st.integers(0, 5000), max_size=8), st.sampled_from([SMALL, Limits()]))
def test_the_events_do_not_depend_on_the_segments(data: bytes, at: list[int], limits: Limits) -> None:
    whole = merged(run([data], limits))
    assert merged(run(cuts(data, at), limits)) == whole
    assert accounted(whole) == len(data)


@given(STREAMS)
@settings(max_examples=25)
def test_byte_by_byte_is_the_same(data: bytes) -> None:
    assert merged(run([data[i : i + 1] for i in range(len(data))], SMALL)) == merged(run([data], SMALL))


@given(st.lists(st.one_of(STREAMS, st.sampled_from([None, 0, 3, 50])), max_size=9), st.booleans())
def test_gaps_anywhere_lose_nothing_and_every_event_has_a_frame(inputs: list[bytes | int | None], small: bool) -> None:
    stream, events, given_bytes = BfcpStream(SMALL if small else Limits()), [], 0
    for number, item in enumerate(inputs, 1):
        cite = Cite(0, number, 0, 1, number)
        if isinstance(item, bytes):
            given_bytes += len(item)
            events += stream.receive(Chunk(item, cite))
        else:
            events += stream.gap(Gap(item, cite))
        assert accounted(events) + stream.held == given_bytes
    events += stream.close()
    assert accounted(events) == given_bytes
    assert all(event.cites for event in events)


@pytest.mark.parametrize(
    "unit",
    [b"\x20", b"\x20\x0b\0\0", b"\x20\x0c\0\xff" + b"\0" * 8, b"\x04\x04\0\1", HELLO, b"\x20\x04\xff\xff", b"\xff"],
)
@pytest.mark.parametrize("prefix", [b"", b"\xff", b"\xff\x20\x05\0\xff" + b"\0" * 8, b"\x20\x05\x7f\xff" + b"\0" * 8])
def test_time_is_linear(unit: bytes, prefix: bytes) -> None:
    assert_linear(lambda size: reading(BfcpStream(Limits()), prefix + unit * (size // len(unit)), 700), 30_000)


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
