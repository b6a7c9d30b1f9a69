"""Clocks of vantage points from what passed both."""

import random

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
