"""The six properties of parsers that are given all they read at once."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.linear import assert_linear
from tests.properties.harness import AMPLE, CITES, FACTOR, LIMITS, Whole, inputs, leaves, tried, uncited, weight
from tests.properties.registry import WHOLE

EACH = pytest.mark.parametrize(
    "parser", [pytest.param(each, id=each.names[0].removeprefix("analyzer.")) for each in WHOLE]
)


@EACH
def test_valid(parser: Whole) -> None:
    """What is valid is read: the tests below do not stop at the door."""
    for data in parser.valid:
        assert parser.good(parser.read(data, LIMITS)), data


@EACH
def test_total(parser: Whole) -> None:
    """Any bytes, and everything that can be asked of what they give."""

    @given(inputs(parser.valid), st.booleans())
    @tried(parser.share)
    def run(data: bytes, small: bool) -> None:
        for _ in leaves(parser.read(data, parser.small if small else LIMITS)):
            pass

    run()


@EACH
def test_blind(parser: Whole) -> None:
    """What was read before, and what caches keep of it, changes nothing."""

    @given(inputs(parser.valid), inputs(parser.valid))
    @tried(0.4 * parser.share)
    def run(data: bytes, other: bytes) -> None:
        first = list(leaves(parser.read(data, LIMITS)))
        parser.read(other, LIMITS)
        assert list(leaves(parser.read(bytes(bytearray(data)), LIMITS))) == first

    run()


@EACH
def test_bounded(parser: Whole) -> None:
    """An answer is no larger than a constant times what was read, and keeps limits that are small."""

    @given(inputs(parser.valid))
    @tried(parser.share)
    def run(data: bytes) -> None:
        found = parser.read(data, parser.small)
        assert weight(found) <= AMPLE + FACTOR * len(data)
        assert parser.within(found, parser.small)

    run()
    for unit in parser.units:
        data = (parser.begun or b"") + unit * (min(parser.size, 4_000) // len(unit))
        assert weight(parser.read(data, LIMITS)) <= AMPLE + FACTOR * len(data)
        assert parser.within(parser.read(data, parser.small), parser.small)


@pytest.mark.parametrize(
    "parser",
    [pytest.param(each, id=each.names[0].removeprefix("analyzer.")) for each in WHOLE if callable(each.accounted)],
)
def test_accounted(parser: Whole) -> None:
    """Every byte is in the answer."""

    @given(inputs(parser.valid), st.booleans())
    @tried(parser.share)
    def run(data: bytes, small: bool) -> None:
        assert callable(parser.accounted)
        assert parser.accounted(data, parser.read(data, parser.small if small else LIMITS))

    run()


@pytest.mark.parametrize(
    "parser", [pytest.param(each, id=each.names[0].removeprefix("analyzer.")) for each in WHOLE if each.cited is None]
)
def test_cited(parser: Whole) -> None:
    """Whatever has frames has those it was read from."""

    @given(inputs(parser.valid))
    @tried(parser.share)
    def run(data: bytes) -> None:
        assert uncited(parser.read(data, LIMITS), frozenset(CITES)) == []

    run()


@EACH
def test_linear(parser: Whole) -> None:
    """Repetition of anything, alone and behind the beginning of something valid."""
    half = parser.valid[0][: len(parser.valid[0]) // 2]
    prefixes = (b"", half) if parser.begun is None else (parser.begun,)
    for unit in (*parser.units, *parser.valid):
        for prefix in prefixes if unit in parser.units else (b"",):
            assert_linear(
                lambda size, unit=unit, prefix=prefix: partial(
                    parser.read, prefix + unit * max(1, size // len(unit)), LIMITS
                ),
                parser.size,
            )
