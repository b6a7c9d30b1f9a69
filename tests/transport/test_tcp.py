"""TCP reassembly against a model: the bytes that were sent, and which frame carried them."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import SECOND_NS, Limits
from analyzer.net.packets import ACK, FIN, PSH, RST, SYN
from analyzer.transport.cited import Chunk, Closed, Gap, Opened
from analyzer.transport.tcp import TcpEvent, TcpReassembler
from analyzer.transport.tcp_direction import PIECE_COST
from tests.linear import assert_linear

A, B = Address(0xFFFF0A000001, 40_000), Address(0xFFFF0A000002, 5060)
UP, DOWN = Endpoints(A, B, 6), Endpoints(B, A, 6)
LIMITS = Limits()


class Capture:
    """Feeds segments, one a frame and a millisecond, and keeps the events."""

    def __init__(self, limits: Limits = LIMITS, isn: int = 1000) -> None:
        self.tcp = TcpReassembler(limits)
        self.events: list[TcpEvent] = []
        self.isn, self.frame = isn, 0

    def add(self, at, payload=b"", flags=ACK, ends=UP, ack=0, missing=0, vantage=0) -> list[TcpEvent]:
        """`at` counts from the initial sequence number."""
        self.frame += 1
        cite = Cite(0, self.frame, 0, 0, self.frame * 1_000_000)
        seq = (self.isn + at) % 2**32
        new = self.tcp.segment(vantage, ends, seq, ack % 2**32, flags, payload, missing, cite)
        self.events += new
        return new

    def finish(self) -> list[TcpEvent]:
        new = self.tcp.finish()
        self.events += new
        return new


def words(events: list[TcpEvent]) -> list[object]:
    """The events in short: bytes, the size of a gap, or a name."""
    out: list[object] = []
    for _, event in events:
        match event:
            case Chunk(data):
                out.append(data)
            case Gap(size):
                out.append(size)
            case Opened(_, syn):
                out.append("syn" if syn else "open")
            case Closed(_, reset):
                out.append("reset" if reset else "close")
            case Anomaly(kind):
                out.append(kind.code)
    return out


def stream(events: list[TcpEvent], ends: Endpoints = UP) -> bytes:
    return b"".join(event.data for (_, key), event in events if key == ends and isinstance(event, Chunk))


def span(events: list[TcpEvent]) -> int:
    return len(stream(events)) + sum(event.size for _, event in events if isinstance(event, Gap))


@st.composite
def shuffled(draw):
    """Bytes, and ranges that cover them at least once, in any order."""
    data = draw(st.binary(min_size=1, max_size=300))
    cuts = sorted({0, len(data), *draw(st.lists(st.integers(0, len(data)), max_size=12))})
    ranges = list(pairwise(cuts))
    edge = st.integers(0, len(data))
    ranges += [(min(pair), max(pair)) for pair in draw(st.lists(st.tuples(edge, edge), max_size=8))]
    return data, draw(st.permutations(ranges))


# properties


@given(shuffled(), st.integers(0, 2**32 - 1) | st.integers(2**32 - 300, 2**32 - 1))
def test_any_order_gives_the_same_bytes_each_from_a_frame_that_carried_it(case, isn):
    data, ranges = case
    capture = Capture(isn=isn)
    capture.add(0, flags=SYN)
    carried = {}
    for first, last in ranges:
        capture.add(1 + first, data[first:last])
        carried[capture.frame] = (first, last)
    capture.finish()
    assert stream(capture.events) == data
    assert [word for word in words(capture.events) if not isinstance(word, bytes)] == ["syn", "close"]
    at = 0
    for _, event in capture.events:
        if isinstance(event, Chunk):
            first, last = carried[event.cite.frame]
            assert first <= at <= at + len(event.data) <= last
            at += len(event.data)
    assert capture.tcp.held == 0


@given(shuffled(), st.data())
def test_bytes_and_gaps_add_up_to_the_span(case, data):
    sent, ranges = case
    kept = data.draw(st.lists(st.sampled_from(ranges)))
    held = data.draw(st.sampled_from([0, 200, 500, 262_144]))
    capture = Capture(replace(LIMITS, tcp_held_bytes=held))
    capture.add(0, flags=SYN)
    for first, last in kept:
        capture.add(1 + first, sent[first:last])
        assert capture.tcp.held <= held
    capture.finish()
    assert span(capture.events) == max((last for first, last in kept if first < last), default=0)


SEGMENTS = st.lists(
    st.tuples(
        st.integers(-5, 60) | st.integers(0, 2**32 - 1),
        st.binary(max_size=20),
        st.sampled_from([0, ACK, ACK, ACK, SYN, FIN | ACK, RST, SYN | FIN, 255]),
        st.sampled_from([UP, DOWN, Endpoints(A, A, 6), Endpoints(A, Address(7, 7), 6)]),
        st.integers(-5, 60) | st.integers(0, 2**32 - 1),
        st.sampled_from([0, 0, 0, 5, -1, 2**31]),
        st.integers(0, 1),
        st.sampled_from([0, 0, 1, 20, 400]),
    ),
    max_size=40,
)


@given(SEGMENTS, st.sampled_from([0, 1, 3, 100]), st.sampled_from([0, 300, 10_000]), st.integers(0, 400))
def test_any_segments_are_taken_within_the_bounds_and_the_same_each_time(segments, flows, held, recent):
    total = held + held // 2
    limits = replace(LIMITS, flows=flows, tcp_held_bytes=held, tcp_held_total=total, tcp_recent_total=recent)
    runs = []
    for _ in range(2):
        capture = Capture(limits)
        for at, payload, flags, ends, ack, missing, vantage, wait in segments:
            capture.add(at, payload, flags, ends, capture.isn + ack, missing, vantage)
            assert len(capture.tcp) <= max(flows, 1)
            assert capture.tcp.held <= limits.tcp_held_total
            assert capture.tcp.held == sum(each.cost for each in set(capture.tcp._directions.values()))
            for each in capture.tcp._directions.values():
                assert each.cost == sum(PIECE_COST + len(piece.data or b"") for piece in each.pieces)
                assert each.waiting == (each in capture.tcp._holed)
            if wait:
                capture.events += capture.tcp.tick(capture.frame * 1_000_000 + wait * SECOND_NS)
        capture.finish()
        assert (len(capture.tcp), capture.tcp.held, capture.tcp._directions) == (0, 0, {})
        runs.append(capture.events)
    assert runs[0] == runs[1]
    is_open: set[object] = set()
    for key, event in runs[0]:
        match event:
            case Opened():
                assert key not in is_open
                is_open.add(key)
            case Closed():
                is_open.remove(key)
            case Gap(size):
                assert key in is_open and size > 0
            case Chunk(data):
                assert key in is_open and data
    assert not is_open


@pytest.mark.parametrize(
    "order",
    [range, lambda size: range(size, 0, -1), lambda size: range(1, 2 * size, 2), lambda size: [5] * size],
    ids=["in order", "backwards", "every other byte", "the same byte"],
)
def test_time_is_linear_in_the_number_of_segments(order):
    def prepare(size: int) -> Callable[[], None]:
        capture = Capture()
        capture.add(0, flags=SYN)

        def work() -> None:
            for at in order(size):
                capture.add(1 + at, b"x")
            capture.finish()

        return work

    assert_linear(prepare, 10_000)


# behaviour


def test_in_order_data_passes_at_once():
    capture = Capture()
    assert words(capture.add(0, flags=SYN)) == ["syn"]
    assert words(capture.add(1, b"ab", ACK | PSH)) == [b"ab"]
    assert words(capture.add(3, b"c")) == [b"c"]


def test_pure_acks_and_resets_of_unknown_connections_leave_no_state():
    capture = Capture()
    for flags in (ACK, RST, RST | ACK, FIN | ACK, 0):
        assert capture.add(5, flags=flags) == []
    assert len(capture.tcp) == 0


def test_syn_may_carry_data():
    """RFC 7413: the data begins at the sequence number after the SYN's."""
    capture = Capture()
    assert words(capture.add(0, b"fast", SYN) + capture.add(5, b"open")) == ["syn", b"fast", b"open"]


def test_stream_captured_from_the_middle_starts_at_its_first_payload():
    assert words(Capture().add(77, b"mid")) == ["open", b"mid"]


def test_late_syn_of_a_stream_already_running_is_no_new_connection():
    capture = Capture()
    capture.add(1, b"first")
    assert capture.add(0, flags=SYN) == []
    assert words(capture.add(6, b"second")) == [b"second"]


def test_sequence_numbers_wrap():
    capture = Capture(isn=2**32 - 3)
    capture.add(0, flags=SYN)
    capture.add(5, b"efgh")
    assert words(capture.add(1, b"abcd")) == [b"abcd", b"efgh"]


def test_retransmissions_are_dropped_and_counted():
    capture = Capture()
    capture.add(0, flags=SYN)
    assert capture.add(0, flags=SYN) == []
    capture.add(1, b"abcd")
    assert capture.add(1, b"abcd") == []
    assert capture.add(2, b"bc") == []
    assert capture.tcp.retransmitted == 3


def test_first_copy_wins_and_a_different_one_is_announced():
    capture = Capture()
    capture.add(0, flags=SYN)
    capture.add(5, b"EF")
    events = capture.add(1, b"abcdxFg")
    assert words(events) == ["tcp.overlap_differs", b"abcd", b"EF", b"g"]
    assert [cite.frame for cite in events[0][1].cites] == [2, 3]


def test_different_bytes_for_what_was_just_delivered_are_announced():
    capture = Capture()
    capture.add(0, flags=SYN)
    capture.add(1, b"abcd")
    assert words(capture.add(3, b"XDef")) == ["tcp.overlap_differs", b"ef"]


def test_different_bytes_for_anything_delivered_lately_are_announced():
    """RFC 9293 3.10.7.4 trims what was received already: which copy a receiver read, nobody can tell. A copy that
    differs is named with the frame of the first, however many segments are between, and where it spans several."""
    capture = Capture()
    capture.add(0, flags=SYN)
    for at in range(0, 400, 4):
        capture.add(1 + at, b"%04d" % at)
    for at, payload, first in ((1, b"X000", 2), (201, b"0200020X02", 53), (398, b"96XX", 101)):
        (event,) = (event for _, event in capture.add(at, payload) if isinstance(event, Anomaly))
        assert (event.kind.code, [cite.frame for cite in event.cites]) == (
            "tcp.overlap_differs", [first, capture.frame],
        )  # fmt: skip
    assert capture.add(201, b"0200020402") == []


def test_what_was_held_is_compared_too_once_it_is_delivered():
    capture = Capture()
    capture.add(0, flags=SYN)
    capture.add(5, b"efgh")
    capture.add(9, b"ijkl")
    capture.add(1, b"abcd")
    (event,) = (event for _, event in capture.add(5, b"efXh") if isinstance(event, Anomaly))
    assert [cite.frame for cite in event.cites] == [2, 5]


def test_what_is_kept_to_compare_with_is_bounded_over_all_connections():
    """The oldest is forgotten first, whichever direction it is of; what is kept is still compared."""
    limits = replace(LIMITS, tcp_recent_total=10 * (4 + PIECE_COST))
    capture = Capture(limits)
    for ends in (UP, DOWN):
        capture.add(0, flags=SYN, ends=ends)
    for at in range(0, 400, 4):
        for ends in (UP, DOWN):
            capture.add(1 + at, b"%04d" % at, ends=ends)
            assert capture.tcp._recent_bytes <= limits.tcp_recent_total
    held = [len([p for p in each.recent._payloads if p]) for each in capture.tcp._directions.values()]
    assert held == [5, 5]
    assert len(capture.tcp._recent) == 10
    assert capture.add(1, b"XXXX") == []
    assert words(capture.add(397, b"XXXX")) == ["tcp.overlap_differs"]


def test_comparing_copies_is_linear_in_what_is_captured():
    def prepare(count: int) -> Callable[[], object]:
        def run() -> None:
            capture = Capture()
            capture.add(0, flags=SYN)
            for at in range(count):
                capture.add(1 + at, b"a")
            for at in range(count):
                capture.add(1 + at, b"b")

        return run

    assert_linear(prepare, 2_000)


def test_keepalives_are_no_data():
    """RFC 9293 3.8.4: the sequence number is one before the next, with no byte or a garbage one."""
    capture = Capture()
    capture.add(0, flags=SYN)
    capture.add(1, b"ab")
    assert capture.add(2) == []
    assert capture.add(2, b"\0") == []
    assert (capture.tcp.keepalives, capture.tcp.retransmitted) == (1, 0)


def test_fin_closes_when_it_is_reached():
    capture = Capture()
    capture.add(0, flags=SYN)
    assert capture.add(3, b"cd", FIN | ACK) == []
    assert words(capture.add(1, b"ab")) == [b"ab", b"cd", "close"]
    assert capture.add(5, b"behind") == []
    assert capture.tcp.after_end == 1


def test_fin_may_come_with_a_retransmission():
    capture = Capture()
    capture.add(0, flags=SYN)
    capture.add(1, b"ab")
    assert words(capture.add(1, b"ab", FIN | ACK)) == ["close"]
    assert capture.add(3, flags=FIN | ACK) == []


def test_reset_ends_both_directions_at_once():
    capture = Capture()
    capture.add(0, flags=SYN)
    capture.add(0, flags=SYN | ACK, ends=DOWN)
    capture.add(3, b"cd")
    events = capture.add(1, flags=RST, ends=DOWN)
    assert [key[1] for key, _ in events] == [DOWN, UP, UP, UP]
    assert words(events) == ["reset", 2, b"cd", "reset"]


def test_stream_that_goes_on_after_a_reset_is_still_read():
    """RFC 5961 3: a receiver does not believe every RST."""
    capture = Capture()
    capture.add(0, flags=SYN)
    capture.add(1, b"ab")
    capture.add(900, flags=RST, ends=DOWN)
    assert words(capture.add(3, b"cd")) == ["open", b"cd"]
    assert words(capture.add(5, b"ef")) == [b"ef"]


def test_new_syn_on_the_same_ports_is_a_new_stream():
    capture = Capture()
    capture.add(0, flags=SYN)
    capture.add(1, b"old")
    capture.add(10, b"held")
    assert words(capture.add(500_000, flags=SYN)) == [6, b"held", "close", "syn"]
    assert words(capture.add(500_001, b"new")) == [b"new"]
    assert len(capture.tcp) == 1


def test_ack_beyond_a_hole_gives_it_up():
    capture = Capture()
    capture.add(0, flags=SYN)
    capture.add(1, b"ab")
    capture.add(6, b"ef")
    assert capture.add(1, ends=DOWN, ack=capture.isn + 3) == []  # a duplicate ACK: still waiting for the hole
    events = capture.add(1, b"reply", ends=DOWN, ack=capture.isn + 8)
    assert words(events) == [3, b"ef", "open", b"reply"]
    assert [key[1] for key, _ in events] == [UP, UP, DOWN, DOWN]
    assert events[0][1].cite.frame == 3


def test_ack_at_another_vantage_says_nothing():
    capture = Capture()
    capture.add(0, flags=SYN)
    capture.add(6, b"ef")
    assert capture.add(1, ends=DOWN, ack=capture.isn + 8, vantage=1) == []


def test_holes_time_out_in_capture_time():
    capture = Capture()
    capture.add(0, flags=SYN)
    capture.add(3, b"cd")
    capture.add(7, b"gh")
    due = 2_000_000 + LIMITS.tcp_hole_timeout_ns
    assert capture.tcp.tick(due - 1) == []
    assert words(capture.tcp.tick(due)) == [2, b"cd"]
    assert words(capture.tcp.tick(due + LIMITS.tcp_hole_timeout_ns)) == [2, b"gh"]


def test_bytes_cut_by_the_snap_length_are_a_gap():
    capture = Capture()
    capture.add(0, flags=SYN)
    assert words(capture.add(1, b"ab", missing=8)) == [b"ab", 8]
    assert words(capture.add(11, b"", missing=4)) == [4]
    assert capture.add(17, b"q", missing=1) == []
    assert words(capture.add(15, b"op")) == [b"op", b"q", 1]


def test_held_bytes_of_all_directions_are_bounded_and_the_oldest_hole_goes_first():
    capture = Capture(replace(LIMITS, tcp_held_total=2 * (PIECE_COST + 10)))
    for vantage in (0, 1, 2):
        capture.add(0, flags=SYN, vantage=vantage)
    capture.add(5, b"1" * 10, vantage=1)
    capture.add(5, b"0" * 10, vantage=0)
    events = capture.add(5, b"2" * 10, vantage=2)
    assert words(events) == [4, b"1" * 10]
    assert events[0][0] == (1, UP)


def test_oldest_connection_makes_room():
    capture = Capture(replace(LIMITS, flows=2))
    for vantage in (0, 1):
        capture.add(0, flags=SYN, vantage=vantage)
        capture.add(0, flags=SYN | ACK, ends=DOWN, vantage=vantage)
    events = capture.add(0, flags=SYN, vantage=2)
    assert words(events) == ["tcp.flow_evicted", "close", "close", "syn"]
    assert [key for key, _ in events] == [(0, UP), (0, UP), (0, DOWN), (2, UP)]


def test_ended_connection_makes_room_in_silence():
    capture = Capture(replace(LIMITS, flows=1))
    capture.add(0, flags=SYN)
    capture.add(1, flags=RST)
    assert words(capture.add(0, flags=SYN, vantage=1)) == ["syn"]


def test_idle_connections_are_closed():
    capture = Capture()
    capture.add(0, flags=SYN)
    capture.add(0, flags=SYN | ACK, ends=DOWN)
    assert capture.tcp.tick(LIMITS.flow_idle_ns // 2) == []
    assert words(capture.tcp.tick(2_000_000 + LIMITS.flow_idle_ns)) == ["close", "close"]
    assert len(capture.tcp) == 0


def test_segment_out_of_any_window_is_dropped():
    """RFC 7323 2.3: no window is larger than 2**30."""
    capture = Capture()
    capture.add(0, flags=SYN)
    assert words(capture.add(2**30 + 10, b"far")) == ["tcp.out_of_window"]
    assert words(capture.add(1, b"ab")) == [b"ab"]
