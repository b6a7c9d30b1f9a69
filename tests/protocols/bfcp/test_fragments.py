"""Fragmented BFCP messages (RFC 8855 6.2.3)."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.bfcp.fragments import FragmentAssembler
from analyzer.protocols.bfcp.message import Attribute, BfcpMessage
from analyzer.protocols.bfcp.parser import parse_datagram
from tests.protocols.bfcp.writer import CITE, message, messages, write

LONG = message(8, *(Attribute(2, True, bytes((0, n))) for n in range(12)), version=2)


def split(whole: BfcpMessage, words: int, cite: Cite = CITE) -> list[BfcpMessage]:
    """The fragments of a message, read from their bytes."""
    payload = write(whole)[12:]
    found = []
    for at in range(0, len(payload), 4 * words):
        piece = payload[at : at + 4 * words]
        data = write(replace(whole, fragment=(at // 4, len(piece) // 4), payload=piece))
        fragment = parse_datagram(data, (cite,), Limits())
        assert isinstance(fragment, BfcpMessage)
        assert fragment.anomalies == ()
        found.append(fragment)
    return found


def codes(events: list) -> list[str]:
    return [event.kind.code for event in events if isinstance(event, Anomaly)]


@given(messages(version=2).filter(lambda each: each.length > 1), st.integers(1, 4), st.randoms())
def test_fragments_in_any_order_are_the_message(whole: BfcpMessage, words: int, random) -> None:
    pieces = split(whole, words)
    random.shuffle(pieces)
    assembler, events = FragmentAssembler(Limits()), []
    for piece in [*pieces[:1], *pieces]:  # the first twice
        events += assembler.add(piece)
    assert events[0] == whole
    assert assembler.held == 0 or len(pieces) == 1


def test_a_message_that_is_not_fragmented_passes() -> None:
    assert FragmentAssembler(Limits()).add(LONG) == (LONG,)


def test_overlapping_fragments_discard_the_message() -> None:
    """5.1: fragments that together exceed the Payload Length."""
    assembler = FragmentAssembler(Limits())
    events = [event for piece in (split(LONG, 8)[0], split(LONG, 6)[1]) for event in assembler.add(piece)]
    assert codes(events) == ["bfcp.fragment"]
    assert assembler.held == 0


def test_missing_fragments_are_named_after_their_time() -> None:
    assembler = FragmentAssembler(Limits(fragment_timeout_ns=10))
    late = split(replace(LONG, transaction_id=9), 6, Cite(0, 2, 0, 0, 100))[0]
    assert codes([*assembler.add(split(LONG, 6)[0]), *assembler.add(late)]) == ["bfcp.fragments_lost"]
    assert codes(list(assembler.close())) == ["bfcp.fragments_lost"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(1, 9)), max_size=20))
def test_whatever_comes_is_bounded_and_cited(draws: list[tuple[int, int, int]]) -> None:
    limits = Limits(bfcp_fragmented=2, fragment_bytes=64, fragments_per_packet=3)
    assembler, events = FragmentAssembler(limits), []
    for transaction, at, words in draws:
        pieces = split(replace(LONG, transaction_id=transaction), words)
        events += assembler.add(pieces[at % len(pieces)])
        assert assembler.held <= 64
    events += assembler.close()
    assert assembler.held == 0
    assert all(event.cites for event in events)
