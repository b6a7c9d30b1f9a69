"""SCTP as RFC 9260 3 and 6.9 write it, data channels as RFC 8832 5.1 does."""

import random
import struct
from collections.abc import Callable
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.sctp.message import DCEP, Open, UserMessage
from analyzer.protocols.sctp.parser import HEADER, SctpDirection, parse_open, probe
from tests.linear import assert_linear

CITE = Cite(0, 1, 0, 100, 0)


def data(tsn: int, payload: bytes, flags: int = 3, stream: int = 1, ppid: int = 51) -> bytes:
    """A DATA chunk, padded."""
    body = struct.pack("!IHHI", tsn & 0xFFFFFFFF, stream, 0, ppid) + payload
    return struct.pack("!BBH", 0, flags, 4 + len(body)) + body + bytes(-len(body) % 4)


def packet(*chunks: bytes) -> bytes:
    """The common header: ports 5000, a tag, no checksum (DTLS protects it)."""
    return struct.pack("!HHII", 5000, 5000, 0x11223344, 0) + b"".join(chunks)


def opening(label: bytes = b"chat", protocol: bytes = b"msrp", kind: int = 0) -> bytes:
    """DATA_CHANNEL_OPEN."""
    return struct.pack("!BBHIHH", 3, kind, 0, 0, len(label), len(protocol)) + label + protocol


def messages(*packets: bytes, limits: Limits | None = None) -> list[UserMessage]:
    direction = SctpDirection(limits or Limits())
    found = [each for one in packets for each in direction.receive(one[HEADER:], (CITE,))]
    return [each for each in found if isinstance(each, UserMessage)]


def test_whole_messages_of_one_packet() -> None:
    found = messages(packet(data(1, b"one"), data(2, b"two!", stream=3, ppid=53)))
    assert [(m.stream, m.ppid, m.data) for m in found] == [(1, 51, b"one"), (3, 53, b"two!")]
    assert found[0].cites == (CITE,)


def test_fragments_in_any_order_and_over_the_wrap() -> None:
    """RFC 9260 6.9: B, middle and E have consecutive numbers, modulo 2^32."""
    first = 0xFFFFFFFE
    pieces = [data(first, b"a", 2), data(first + 1, b"b", 0), data(first + 2, b"c", 0), data(first + 3, b"d", 1)]
    for order in range(24):
        random.Random(order).shuffle(pieces)
        assert [m.data for m in messages(*map(packet, pieces))] == [b"abcd"]


def test_a_retransmitted_chunk_counts_once() -> None:
    assert [m.data for m in messages(packet(data(1, b"x")), packet(data(1, b"x")), packet(data(2, b"x")))] == [b"x"] * 2


def test_numbers_are_remembered_by_window_and_begin_anew_with_an_association() -> None:
    """Late chunks within the window are still told from repeats; INIT brings numbers of its own (RFC 9260 5.1)."""
    late = [data(5_000, b"a"), data(5_002, b"c"), data(5_001, b"b"), data(5_001, b"b"), data(5_000, b"a")]
    assert [m.data for m in messages(*map(packet, late))] == [b"a", b"c", b"b"]
    init = struct.pack("!BBHIIHHI", 1, 0, 20, 1, 65_535, 1, 1, 5_000)
    again = (packet(data(5_000, b"a")), packet(init), packet(data(5_000, b"d")))
    assert [m.data for m in messages(*again)] == [b"a", b"d"]


def test_a_capture_that_cuts_a_chunk_is_not_the_senders_fault() -> None:
    direction = SctpDirection(Limits())
    assert [e.kind.code for e in direction.receive(data(1, b"long text")[:-8], (CITE,)) if isinstance(e, Anomaly)] == [
        "sctp.chunk"
    ]
    assert not direction.receive(data(2, b"long text")[:-8], (CITE,), cut=True)


def test_what_waits_at_the_end_is_announced() -> None:
    direction = SctpDirection(Limits())
    assert not direction.receive(data(1, b"x", 2) + data(3, b"z", 1), (CITE,))
    assert [event.kind.code for event in direction.close()] == ["sctp.fragments_lost"] * 2
    assert direction.held == 0


def test_channels_are_named() -> None:
    (message,) = messages(packet(data(1, opening(kind=0x80), ppid=DCEP)))
    assert parse_open(message) == Open(False, "chat", "msrp")
    assert parse_open(UserMessage(1, DCEP, b"\2", (CITE,))) is None  # DATA_CHANNEL_ACK
    broken = parse_open(UserMessage(1, DCEP, opening()[:-1], (CITE,)))
    assert isinstance(broken, Anomaly)
    assert broken.kind.code == "sctp.dcep"


def test_the_probe_wants_chunks_that_fill_the_packet() -> None:
    assert probe(packet(data(1, b"x"))) > 0
    assert probe(packet(data(1, b"x"))[:-3]) > 0  # without the padding of its last chunk
    assert probe(packet(data(1, b"x"))[:-5]) < 0
    assert probe(b"\0\0" + packet(data(1, b"x"))[2:]) < 0
    assert probe(b"") < 0


def test_bounded() -> None:
    direction = SctpDirection(Limits(stream_held_bytes=1000, sequence_ranges=8))
    lost = 0
    for tsn in range(0, 4000, 2):
        events = direction.receive(data(tsn, b"y" * 100, 0), (CITE,))
        lost += sum(isinstance(event, Anomaly) for event in events)
        assert direction.held <= 1000
    assert lost >= 1990


def test_linear() -> None:
    def prepare(count: int) -> Callable[[], object]:
        return partial(messages, *(packet(data(tsn, b"z", 0 if tsn else 2)) for tsn in range(count)))

    assert_linear(prepare, 2_000)


@settings(max_examples=200)
@given(st.binary(max_size=120), st.integers(0, 80))
def test_total(tail: bytes, at: int) -> None:
    direction = SctpDirection(Limits())
    good = packet(data(1, opening(), ppid=DCEP))
    for bad in (tail, packet(tail), good[:at], good[:at] + tail):
        probe(bad)
        for event in direction.receive(bad[HEADER:], (CITE,)):
            assert event.cites
            if isinstance(event, UserMessage):
                parse_open(event)
