"""Numbers as they come at one vantage point: what is new, late, repeated at once, repeated late (RFC 3711 3.3.2)."""

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.cites import Cite, packed
from analyzer.session.media.open_view import OpenView
from analyzer.session.media.ranges import Ranges

CITE = packed((Cite(0, 1, 0, 0, 0),))


def opened() -> OpenView:
    return OpenView(0, Ranges(64), CITE, CITE, 0, 0, 0, 0, -1, -1)


def after(*runs: tuple[int, int]) -> OpenView:
    view = opened()
    for low, high in runs:
        view.follow(low, high)
    return view


def test_what_comes_again_at_once_is_no_replay() -> None:
    assert after((0, 99), (69, 99)).replayed == 0


def test_what_comes_again_late_is() -> None:
    view = after((0, 99), (60, 69))
    assert (view.replayed, view.late_repeat) == (8, 60), "60 to 67 are 32 or more behind 99"


def test_what_comes_late_for_the_first_time_is_not() -> None:
    view = after((0, 9), (20, 99), (10, 19))
    assert (view.replayed, view.late_repeat, view.ranges.count) == (0, None, 100)
    view.follow(5, 14)
    assert (view.replayed, view.late_repeat) == (10, 5)


RUNS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 80)).map(lambda r: (r[0], r[0] + r[1])), max_size=12)


@given(RUNS, st.integers(1, 40))
def test_where_a_run_is_cut_does_not_show(runs: list[tuple[int, int]], size: int) -> None:
    """Batches end anywhere."""
    pieces = [(at, min(at + size - 1, high)) for low, high in runs for at in range(low, high + 1, size)]
    whole, cut = after(*runs), after(*pieces)
    assert (whole.replayed, whole.late_repeat) == (cut.replayed, cut.late_repeat)
    assert list(whole.ranges) == list(cut.ranges)


@given(RUNS)
def test_as_counted_one_by_one(runs: list[tuple[int, int]]) -> None:
    seen: set[int] = set()
    again = 0
    for number in (number for low, high in runs for number in range(low, high + 1)):
        again += number in seen and number <= max(seen) - 32
        seen.add(number)
    assert after(*runs).replayed == again
