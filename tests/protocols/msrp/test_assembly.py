"""Messages from chunks (RFC 4975 5.1, 7.3.1)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.msrp.assembly import Event, MessageAssembler, WholeMessage
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.protocols.msrp.stream import MsrpStream
from analyzer.transport.cited import Chunk
from tests.linear import assert_linear
from tests.protocols.msrp.writer import chunk, response

TEXT = b"abcdEFGHijklMNOP"


def part(
    start: int, body: bytes, total: str = "*", flag: str = "+", name: str = "12339sdqwer", frame: int = 1
) -> MsrpMessage:
    data = chunk(tid=f"dkei{start:04d}", body=body, flag=flag, message_id=name, reach=f"{start}-*/{total}")
    (message,) = MsrpStream(Limits()).receive(Chunk(data, Cite(0, frame, 0, 0, 0)))
    assert isinstance(message, MsrpMessage)
    return message


def fed(*parts: MsrpMessage, limits: Limits | None = None, close: bool = True) -> list[Event]:
    assembler, events = MessageAssembler(limits or Limits()), []
    for each in parts:
        events += assembler.add(each)
    return events + (list(assembler.close()) if close else [])


def whole(events: list[Event]) -> list[tuple[bytes, bool]]:
    return [(event.body, event.complete) for event in events if isinstance(event, WholeMessage)]


def codes(events: list[Event]) -> list[str]:
    return [event.kind.code for event in events if isinstance(event, Anomaly)]


def test_the_two_chunks_of_the_rfc() -> None:
    """RFC 4975 5.1: "abcd", then "EFGH", of 8 bytes."""
    events = fed(part(1, b"abcd", "8", frame=3), part(5, b"EFGH", "8", "$", frame=5))
    (message,) = events
    assert isinstance(message, WholeMessage)
    assert (message.body, message.complete, message.content_type) == (b"abcdEFGH", True, "text/plain")
    assert [cite.frame for cite in message.cites] == [3, 5]
    assert message.from_uri == "msrp://alice.example.com:7777/iau39soe2843z;tcp"


@given(st.permutations(range(4)), st.sampled_from(["*", "16"]))
def test_the_order_of_chunks_does_not_matter(order: list[int], total: str) -> None:
    parts = [part(4 * at + 1, TEXT[4 * at : 4 * at + 4], total, "$" if at == 3 else "+") for at in range(4)]
    assert fed(*(parts[at] for at in order)) == [
        WholeMessage("12339sdqwer", parts[0].from_path[-1], "text/plain", TEXT, (parts[0].cites), True)
    ]


def test_messages_interleave() -> None:
    events = fed(part(1, b"ab", name="one1"), part(1, b"12", name="two2"), part(3, b"cd", flag="$", name="one1"),
                 part(3, b"34", flag="$", name="two2"))  # fmt: skip
    assert whole(events) == [(b"abcd", True), (b"1234", True)]


def test_the_envelope_of_a_chat_room_is_opened() -> None:
    """RFC 3862: From and To around a text; other types have no envelope."""
    body = b"From: <sip:ue1@ims.example>\r\nTo: <sip:conf@ims.example>\r\n\r\nContent-Type: text/plain\r\n\r\nhello"
    (event,) = fed(part(1, body, flag="$"))
    assert isinstance(event, WholeMessage)
    assert event.cpim(Limits()) is None
    cpim = replace(event, content_type="Message/CPIM").cpim(Limits())
    assert cpim is not None
    assert (cpim.from_uri, cpim.to, cpim.body) == ("sip:ue1@ims.example", ("<sip:conf@ims.example>",), b"hello")


def test_one_chunk_is_a_message() -> None:
    assert whole(fed(part(1, b"hello", flag="$"))) == [(b"hello", True)]


def test_the_last_chunk_wins_where_two_overlap() -> None:
    """RFC 4975 7.3.1: bytes 1 to 100, then 50 to 150: the second overwrites."""
    same = fed(part(1, b"abcd"), part(3, b"cdef", flag="$"))
    other = fed(part(1, b"abcd"), part(3, b"XYef", flag="$"))
    assert (whole(same), codes(same)) == ([(b"abcdef", True)], ["msrp.range_repeated"])
    assert (whole(other), codes(other)) == ([(b"abXYef", True)], ["msrp.range_conflict"])


def test_filling_a_hole_exactly_is_no_overlap() -> None:
    events = fed(part(1, b"ab"), part(5, b"ef", flag="$"), part(3, b"cd"))
    assert (whole(events), codes(events)) == ([(b"abcdef", True)], [])


def test_holes_are_named_at_the_end() -> None:
    events = fed(part(1, b"ab", "9"), part(6, b"fg", "9"))
    assert whole(events) == [(b"abfg", False)]
    assert [event.detail for event in events if isinstance(event, Anomaly)] == ["12339sdqwer; missing 3-5, 8-9"]


def test_a_hash_gives_the_message_up() -> None:
    events = fed(part(1, b"ab"), part(3, b"cd", flag="#"), close=False)
    assert (whole(events), codes(events)) == ([(b"abcd", False)], ["msrp.aborted"])


def test_a_total_that_is_not_reached_is_named() -> None:
    """RFC 4975 7.3.1: the chunk with "$" defines the length."""
    events = fed(part(1, b"abcd", "9", "$"))
    assert (whole(events), codes(events)) == ([(b"abcd", True)], ["msrp.total_mismatch"])


def test_responses_reports_and_empty_chunks_are_passed_over() -> None:
    data = response() + chunk(body=None) + chunk(method="REPORT")
    events = MsrpStream(Limits()).receive(Chunk(data, Cite(0, 1, 0, 0, 0)))
    parts = [each for each in events if isinstance(each, MsrpMessage)]
    assert (len(parts), fed(*parts)) == (3, [])


def test_what_is_pending_is_bounded_and_late_chunks_are_dropped() -> None:
    limits = Limits(stream_held_bytes=400)
    events = fed(part(1, b"x" * 300), part(301, b"y" * 300), part(601, b"z", flag="$"), limits=limits)
    assert (whole(events), codes(events)) == ([(b"x" * 300 + b"y" * 300, False)], ["msrp.assembly_limit"])


def test_the_number_of_messages_and_of_holes_is_bounded() -> None:
    many = fed(*(part(1, b"x", name=f"name{n}") for n in range(4)), limits=Limits(msrp_messages=2), close=False)
    holes = fed(*(part(1 + 2 * n, b"x") for n in range(4)), limits=Limits(sequence_ranges=3), close=False)
    assert codes(many) == ["msrp.assembly_limit"] * 2
    assert codes(holes) == ["msrp.assembly_limit"]


PARTS = st.builds(
    part, st.integers(1, 12), st.binary(min_size=1, max_size=6), st.sampled_from(["*", "3", "9"]),
    st.sampled_from("++$#"), st.sampled_from(["one1", "two2"]), st.integers(1, 9),
)  # fmt: skip


@given(st.lists(PARTS, max_size=12), st.integers(64, 600))
def test_any_chunks_are_total_bounded_and_cited(parts: list[MsrpMessage], held: int) -> None:
    limits = Limits(stream_held_bytes=held, msrp_messages=2, sequence_ranges=2)
    assembler, events = MessageAssembler(limits), []
    for each in parts:
        events += assembler.add(each)
        assert assembler.held <= held
    events += assembler.close()
    assert assembler.held == 0
    assert all(event.cites for event in events)
    assert sum(len(body) for body, _ in whole(events)) <= sum(len(each.body) for each in parts)


@pytest.mark.parametrize("step", [1, -1, 0, 3])
def test_time_is_linear(step: int) -> None:
    def prepare(count: int) -> Callable[[], object]:
        base = part(1, b"ab")
        values = {name: getattr(base, name) for name in base.__slots__}
        first = 3 * count if step < 0 else 1
        parts = [MsrpMessage(**values | {"byte_range": (first + step * n, None, None)}) for n in range(count)]
        return partial(fed, *parts)

    assert_linear(prepare, 1_500)
