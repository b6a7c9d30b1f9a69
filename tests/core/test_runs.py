"""Runs of positions against a set of them."""

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.runs import Runs

PIECES = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), max_size=25)


@given(PIECES, st.integers(1, 60))
def test_runs_are_a_set(pieces: list[tuple[int, int]], end: int) -> None:
    runs, known, twice = Runs(), set[int](), False
    for first, size in pieces:
        fresh = set(range(first, first + size))
        twice = twice or bool(known & fresh)
        known |= fresh
        runs.cover(first, first + size)
        assert {n for a, b in zip(runs.starts, runs.ends, strict=True) for n in range(a, b)} == known
        assert all(b < a for b, a in zip(runs.ends, runs.starts[1:], strict=False))  # apart, and in order
    assert runs.overlaps == twice
    assert len(runs) == len(runs.starts)
    assert runs.reach(end) == (set(range(1, end)) <= known and (not known or runs.starts == [1]))
    missing = {n for a, b in runs.holes(end) for n in range(a, b + 1)}
    last = max(known, default=0)
    assert missing == set(range(1, max(end, last + 1))) - known
