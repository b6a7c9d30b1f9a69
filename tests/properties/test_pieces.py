"""The six properties of what puts packets, fragments and chunks together."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from tests.linear import assert_linear
from tests.properties.harness import LIMITS, Pieces, inputs, leaves, tried, uncited, weight
from tests.properties.registry import PIECES

EACH = pytest.mark.parametrize("parser", PIECES, ids=[each.names[0].removeprefix("analyzer.") for each in PIECES])
FLOOD = 1_500


def cite(number: int) -> Cite:
    return Cite(0, number, 100 * number, 100, number * 1_000_000)


def fed(parser: Pieces, pieces: list[bytes], limits: Limits) -> tuple[Any, list[Any]]:
    """What was fed, and all that it gave."""
    made, events = parser.make(limits), []
    for number, piece in enumerate(pieces, 1):
        events.append(parser.feed(made, piece, cite(number)))
    events.append(parser.end(made))
    return made, events


@EACH
def test_valid(parser: Pieces) -> None:
    """What is valid is put together: the tests below do not stop at the door."""
    assert parser.good(fed(parser, list(parser.valid), LIMITS)[1])


@EACH
def test_total(parser: Pieces) -> None:
    """Any pieces in any order, and everything that can be asked of what they give."""

    @given(st.lists(inputs(parser.valid), max_size=8), st.booleans())
    def run(pieces: list[bytes], small: bool) -> None:
        for _ in leaves(fed(parser, pieces, parser.small if small else LIMITS)[1]):
            pass

    run()


@EACH
def test_bounded(parser: Pieces) -> None:
    """What is kept stays within the limits, whatever comes and however much."""

    @given(st.lists(inputs(parser.valid), max_size=8))
    @tried(0.6)
    def run(pieces: list[bytes]) -> None:
        made = parser.make(parser.small)
        for number, piece in enumerate(pieces, 1):
            parser.feed(made, piece, cite(number))
            assert weight(made) <= parser.kept

    run()
    made = parser.make(parser.small)
    for number in range(1, FLOOD):
        parser.feed(made, parser.counter(number), cite(number))
        if number % 250 == 0:
            assert weight(made) <= parser.kept


@EACH
def test_cited(parser: Pieces) -> None:
    """Whatever has frames has those its pieces were in."""

    @given(st.lists(inputs(parser.valid), max_size=8))
    @tried(0.6)
    def run(pieces: list[bytes]) -> None:
        assert uncited(fed(parser, pieces, LIMITS)[1], frozenset(map(cite, range(1, len(pieces) + 1)))) == []

    run()


@EACH
def test_linear(parser: Pieces) -> None:
    """A flood of pieces that have nothing to do with each other, under the limits as they are."""

    def prepare(count: int) -> Callable[[], object]:
        made, pieces = parser.make(LIMITS), [(parser.counter(number), cite(number)) for number in range(1, count + 1)]

        def work() -> None:
            for piece, where in pieces:
                parser.feed(made, piece, where)
            parser.end(made)

        return work

    assert_linear(prepare, 1_600)
