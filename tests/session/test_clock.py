"""Clocks of vantage points from what passed both."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.session import clock
from analyzer.session.clock import Offset, Passed, offsets

MS = 1_000_000
SKEW = 2_500 * MS


def point() -> Passed:
    return Passed()


def exchange(a: Passed, b: Passed, count: int = 9, way_ns: int = 3 * MS, skew: int = SKEW) -> None:
    """Requests from a to b and their answers; b's clock is ahead by `skew`."""
    for number in range(count):
        sent, at = number * 1_000 * MS, (f"call-{number}", "1 INVITE")
        a.sip(True, at, sent)
        b.sip(True, at, sent + way_ns + skew)
        b.sip(False, at, sent + 50 * MS + skew)
        a.sip(False, at, sent + 50 * MS + way_ns)


def test_what_the_way_takes_cancels() -> None:
    a, b = point(), point()
    exchange(a, b)
    assert offsets({"a": a, "b": b}) == {"a": Offset(0, 0), "b": Offset(-SKEW, 9)}
    assert offsets({"b": b, "a": a}) == {"b": Offset(0, 0), "a": Offset(SKEW, 9)}


def test_the_median_outlives_a_slow_element() -> None:
    a, b = point(), point()
    exchange(a, b)
    for number in range(4):
        b.responses[f"call-{number}", "1 INVITE"] -= 900 * MS
    found = offsets({"a": a, "b": b})["b"]
    assert found.add_ns == -SKEW


def test_two_transactions_are_not_enough() -> None:
    a, b = point(), point()
    exchange(a, b, count=2)
    assert "b" not in offsets({"a": a, "b": b})


def test_media_in_both_directions_where_signalling_cannot_be_read() -> None:
    a, b, way = point(), point(), MS // 2
    for number in range(20):
        a.rtp((1, number, number * 160), number * 20 * MS)
        b.rtp((1, number, number * 160), number * 20 * MS + way + SKEW)
        b.rtp((2, number, number * 160), number * 20 * MS + SKEW)
        a.rtp((2, number, number * 160), number * 20 * MS + way)
    assert offsets({"a": a, "b": b})["b"] == Offset(-SKEW, 40)


def test_a_few_packets_are_not_enough() -> None:
    a, b = point(), point()
    for number in range(7):
        a.rtp((1, number, 0), 0)
        b.rtp((1, number, 0), SKEW)
    assert "b" not in offsets({"a": a, "b": b})


def test_over_a_third_point() -> None:
    a, b, c = point(), point(), point()
    exchange(a, b)
    other = point()
    exchange(other, c, skew=SKEW)
    for transaction, ts_ns in other.requests.items():
        b.requests[transaction[0] + "x", "1"] = ts_ns + SKEW
        c.requests[transaction[0] + "x", "1"] = c.requests.pop(transaction) + SKEW
    for transaction, ts_ns in other.responses.items():
        b.responses[transaction[0] + "x", "1"] = ts_ns + SKEW
        c.responses[transaction[0] + "x", "1"] = c.responses.pop(transaction) + SKEW
    found = offsets({"a": a, "b": b, "c": c})
    assert found["c"].add_ns == -2 * SKEW


def test_strangers_keep_their_times() -> None:
    a, b = point(), point()
    exchange(a, point())
    exchange(point(), b)
    b.requests = {(f"other-{n}", "1"): n for n in range(5)}
    assert list(offsets({"a": a, "b": b})) == ["a"]
    assert offsets({}) == {}


# -- interfaces of one capture ---------------------------------------------------------------------------------------

ONE = {"a": "file", "b": "file"}


@pytest.mark.parametrize("skew", [0, MS // 2, 2 * MS, -2 * MS])
def test_interfaces_of_one_capture_have_one_clock_as_long_as_that_can_be(skew: int) -> None:
    """What goes out is seen later there, what comes back later here: no clock need be off. A skew within the way's time
    looks like a way that is longer in one direction, and one of half a millisecond is nobody's concern."""
    a, b = point(), point()
    exchange(a, b, skew=skew)
    assert offsets({"a": a, "b": b}, ONE) == {"a": Offset(0, 0), "b": Offset(0, 9)}
    assert offsets({"b": b, "a": a}, ONE) == {"b": Offset(0, 0), "a": Offset(0, 9)}


@pytest.mark.parametrize("skew", [4 * MS, -4 * MS, SKEW, -SKEW])
def test_interfaces_of_one_capture_that_cannot_have_one_clock(skew: int) -> None:
    a, b = point(), point()
    exchange(a, b, skew=skew)
    assert offsets({"a": a, "b": b}, ONE)["b"] == Offset(-skew, 9)
    assert offsets({"b": b, "a": a}, ONE)["a"] == Offset(skew, 9)


def test_a_few_odd_exchanges_do_not_move_the_clock_of_an_interface() -> None:
    """An element that answers a repeated request at once, as it answered the first."""
    a, b = point(), point()
    exchange(a, b, skew=0)
    for number in range(4):
        b.requests[f"call-{number}", "1 INVITE"] += 900 * MS
        b.responses[f"call-{number}", "1 INVITE"] += 900 * MS
    assert offsets({"a": a, "b": b}, ONE)["b"] == Offset(0, 9)


@pytest.mark.parametrize(("skew", "found"), [(0, 0), (400 * MS, -400 * MS)])
def test_interfaces_are_compared_by_streams_of_both_directions(skew: int, found: int) -> None:
    way, there, back = MS // 2, (1, 10, 2, 20), (2, 20, 1, 10)
    a, b = point(), point()
    for number in range(20):
        a.rtp((1, number, number * 160), number * 20 * MS, there)
        b.rtp((1, number, number * 160), number * 20 * MS + way + skew, there)
        b.rtp((2, number, number * 160), number * 20 * MS + skew, back)
        a.rtp((2, number, number * 160), number * 20 * MS + way, back)
    assert offsets({"a": a, "b": b}, ONE)["b"] == Offset(found, 40)


def test_streams_of_one_direction_do_not_move_the_clock_of_an_interface() -> None:
    """A way of 40 ms and a clock that is 40 ms off look the same."""
    a, b = point(), point()
    for ssrc in (1, 2):
        for number in range(20):
            a.rtp((ssrc, number, number * 160), number * 20 * MS, (1, ssrc, 2, ssrc))
            b.rtp((ssrc, number, number * 160), number * 20 * MS + 40 * MS, (1, ssrc, 2, ssrc))
    assert offsets({"a": a, "b": b}, ONE)["b"] == Offset(0, 0)


def test_an_interface_without_traffic_in_common_has_the_clock_of_its_machine() -> None:
    a, b, c = point(), point(), point()
    exchange(a, c)
    found = offsets({"a": a, "b": b, "c": c}, ONE | {"c": "other"})
    assert found == {"a": Offset(0, 0), "b": Offset(0, 0), "c": Offset(-SKEW, 9)}


def test_jitter_averages_out() -> None:
    draw = random.Random(5)
    a, b = point(), point()
    for number in range(200):
        at, sent = (f"call-{number}", "1 INVITE"), number * 1_000 * MS
        a.sip(True, at, sent)
        b.sip(True, at, sent + draw.randrange(5 * MS) + SKEW)
        b.sip(False, at, sent + 50 * MS + SKEW)
        a.sip(False, at, sent + 50 * MS + draw.randrange(5 * MS))
    assert abs(offsets({"a": a, "b": b})["b"].add_ns + SKEW) < MS


SEEN = st.lists(st.tuples(st.sampled_from(["request", "response", "media"]), st.integers(0, 9)), max_size=40)


def take(passed: Passed, seen: list[tuple[str, int]], begin: int) -> None:
    """Messages and packets, each at a time and on a way of its own; few differ, so that many come again."""
    for ts_ns, (kind, number) in enumerate(seen, begin):
        if kind == "media":
            passed.rtp((number % 3, number, 0), ts_ns, (ts_ns,))
        else:
            passed.sip(kind == "request", (f"call-{number}", "1 INVITE"), ts_ns)


@given(SEEN, SEEN, st.integers(0, 9))
def test_captures_looked_at_apart_are_as_if_one_after_the_other(
    before: list[tuple[str, int]], behind: list[tuple[str, int]], kept: int
) -> None:
    """Files of one vantage point, with a bound that is hit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "KEPT", kept)
        together, first, second = Passed(), Passed(), Passed()
        take(together, before, 0)
        take(together, behind, len(before))
        take(first, before, 0)
        take(second, behind, len(before))
        first.follow(second)
    assert first == together
