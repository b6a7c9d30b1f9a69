"""The six properties of parsers of a stream."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.transport.cited import Chunk, Gap
from tests.linear import assert_linear, reading
from tests.properties.harness import AMPLE, LIMITS, Stream, inputs, leaves, tried, weight
from tests.properties.registry import STREAMS
from tests.protocols.events import cuts, merged

EACH = pytest.mark.parametrize(
    "parser", [pytest.param(each, id=each.names[0].removeprefix("analyzer.")) for each in STREAMS]
)
ONE = Cite(0, 1, 0, 100, 1)
GAPS = st.sampled_from([None, 0, 3, 50])


def fed(parser: Stream, pieces: Sequence[bytes], limits: Limits) -> list[Any]:
    """All events of a stream, whose bytes come in these pieces from one frame."""
    stream, events, at = parser.make(limits), [], 0
    for piece in pieces:
        events += stream.receive(Chunk(piece, ONE, at))
        at += len(piece)
    return events + list(stream.close())


@EACH
def test_valid(parser: Stream) -> None:
    """What is valid is read: the tests below do not stop at the door."""
    for data in parser.valid:
        assert parser.good(fed(parser, [data], LIMITS)), data


@EACH
def test_blind(parser: Stream) -> None:
    """The same events whatever the segments, byte by byte among them."""

    @given(inputs(parser.valid, parser.odd), st.lists(st.integers(0, 5_000), max_size=8), st.booleans())
    def run(data: bytes, at: list[int], small: bool) -> None:
        limits = parser.small if small else LIMITS
        whole = merged(fed(parser, [data], limits))
        assert merged(fed(parser, cuts(data, at), limits)) == whole
        if len(data) < 200:
            assert merged(fed(parser, [data[i : i + 1] for i in range(len(data))], limits)) == whole

    run()


def _feed(parser: Stream, inputs_: list[bytes | int | None], limits: Limits, check: Any) -> list[Any]:
    """Bytes and gaps, each from its own frame; `check` sees the stream, what it gave and what it was given so far."""
    stream, events, given_bytes = parser.make(limits), [], 0
    for number, item in enumerate(inputs_, 1):
        cite = Cite(0, number, 0, 1, number)
        if isinstance(item, bytes):
            events += stream.receive(Chunk(item, cite, given_bytes))
            given_bytes += len(item)
        else:
            events += stream.gap(Gap(item, cite))
        check(stream, events, given_bytes)
    events += stream.close()
    check(stream, events, given_bytes)
    return events


def _sequences(parser: Stream) -> st.SearchStrategy[list[bytes | int | None]]:
    return st.lists(st.one_of(inputs(parser.valid, parser.odd), inputs(parser.valid, parser.odd), GAPS), max_size=7)


@EACH
def test_total(parser: Stream) -> None:
    """Any bytes and gaps, and everything that can be asked of what they give."""

    @given(_sequences(parser), st.booleans())
    def run(items: list[bytes | int | None], small: bool) -> None:
        for event in _feed(parser, items, parser.small if small else LIMITS, lambda *_: None):
            for _ in leaves(event):
                pass

    run()


@EACH
def test_bounded(parser: Stream) -> None:
    """What is held keeps the bound, and so does whatever the parser remembers beside it."""

    @given(_sequences(parser))
    def run(items: list[bytes | int | None]) -> None:
        def check(stream: Any, _events: list[Any], _given: int) -> None:
            assert stream.held <= parser.bound(parser.small)

        _feed(parser, items, parser.small, check)

    run()
    for unit in (*parser.units, *parser.valid):
        stream = parser.make(parser.small)
        for number in range(1, 600):
            stream.receive(Chunk(unit * (1 + 40 // len(unit)), Cite(0, number, 0, 1, number)))
            assert stream.held <= parser.bound(parser.small)
        assert weight(stream) <= AMPLE + 4 * parser.bound(parser.small), unit


@EACH
def test_accounted(parser: Stream) -> None:
    """Every byte is in a message, in a counted skip, or still held, at every moment."""

    @given(_sequences(parser), st.booleans())
    def run(items: list[bytes | int | None], small: bool) -> None:
        def check(stream: Any, events: list[Any], given_bytes: int) -> None:
            counted = sum(parser.size(event) for event in events if not isinstance(event, Anomaly))
            assert counted + parser.passed(stream) + stream.held == given_bytes

        _feed(parser, items, parser.small if small else LIMITS, check)

    run()


@EACH
def test_cited(parser: Stream) -> None:
    """Every event has frames, those in which its bytes were."""

    @given(_sequences(parser))
    @tried(0.6)
    def run(items: list[bytes | int | None]) -> None:
        for event in _feed(parser, items, LIMITS, lambda *_: None):
            assert event.cites, event
            assert all(1 <= cite.frame <= len(items) for cite in event.cites)

    run()


@EACH
def test_linear(parser: Stream) -> None:
    """Repetition of anything, alone and behind the beginning of something valid, in segments and at once."""
    half = parser.valid[0][: len(parser.valid[0]) // 2]
    for unit in (*parser.units, *parser.valid):
        for prefix in (b"", half, *parser.begun) if unit in parser.units else (b"",):
            assert_linear(
                lambda size, unit=unit, prefix=prefix: reading(
                    parser.make(LIMITS), prefix + unit * (size // len(unit)), parser.step
                ),
                parser.length,
            )
