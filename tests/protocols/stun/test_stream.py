"""STUN and channel data in TCP (RFC 8489 6.2.2, RFC 8656 12.5). The six properties: `tests/properties`."""

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.protocols.stun.stream import StunStream, probe
from analyzer.transport.cited import Chunk, Gap
from analyzer.transport.framed import Event, Frame
from tests.protocols.bfcp.writer import CITE
from tests.protocols.events import codes, cuts, merged
from tests.protocols.rtp.test_framing import BINDING, framed


def message(size: int) -> bytes:
    """RFC 8489 5, with so many words of attributes."""
    return struct.pack(">HH", 1, 4 * size) + b"\x21\x12\xa4\x42" + b"abcdefghijkl" + bytes(4 * size)


def channel(data: bytes) -> bytes:
    """RFC 8656 12.5: padded on TCP."""
    return struct.pack(">HH", 0x4001, len(data)) + data + bytes(-len(data) % 4)


MESSAGES = st.integers(0, 9).map(message) | st.binary(max_size=30).map(channel)


def run(pieces: Sequence[bytes]) -> list[Event]:
    stream, events, at = StunStream(), [], 5
    for piece in pieces:
        events += stream.receive(Chunk(piece, CITE, at))
        at += len(piece)
        assert stream.held <= 65_555
        assert accounted(events) + stream.held == at - 5
    return events + list(stream.close())


def accounted(events: Sequence[Event]) -> int:
    return sum(event.size for event in events if not isinstance(event, Anomaly))


@given(st.lists(MESSAGES, max_size=12), st.lists(st.integers(0, 500), max_size=8))
def test_every_message_comes_out(messages: list[bytes], at: list[int]) -> None:
    """Where it stands too."""
    stream = b"".join(messages)
    found = [event for event in run(cuts(stream, at)) if isinstance(event, Frame)]
    assert [event.payload for event in found] == messages
    assert all(stream[event.position - 5 :].startswith(event.payload) for event in found)


def test_the_rest_of_a_stream_is_let_go_once() -> None:
    """Behind a gap, and behind what is no message, nothing tells where one begins."""
    events = run([BINDING, b"\x80\0\0\0", BINDING])
    assert codes(events) == ["stun.stream_lost"]
    assert [isinstance(event, Frame) for event in merged(events)] == [True, False, False]
    stream = StunStream()
    lost = [
        *stream.receive(Chunk(BINDING[:9], CITE)),
        *stream.gap(Gap(3, Cite(0, 2, 0, 1, 2))),
        *stream.gap(Gap(3, CITE)),
    ]
    assert codes(lost) == ["stun.stream_lost"] and accounted(lost) == 9 and all(event.cites for event in lost)
    assert not stream.close()
    assert codes(run([BINDING[:9]])) == ["stun.stream_cut"]


@given(MESSAGES.filter(lambda each: each[0] < 4))
def test_what_is_recognised(stream: bytes) -> None:
    assert probe(stream) == 90
    assert all(probe(stream[:size]) == (90 if size >= 8 else 0) for size in range(len(stream)))


@pytest.mark.parametrize(
    "stream", [framed(BINDING), channel(b"data"), b"\0\1\0\1\x21\x12\xa4\x42", b"\0\1\0\0\x21\x13", b"SIP"]
)
def test_what_is_not(stream: bytes) -> None:
    assert probe(stream) < 0
