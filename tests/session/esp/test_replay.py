"""Sequence numbers: new, copies, replays, the window, the counter begun anew (RFC 4303 3.4.3)."""

from hypothesis import given
from hypothesis import strategies as st

from analyzer.session.esp.replay import COPY_NS, WINDOW, Window

SECOND = 1_000_000_000


def _see(window: Window, sequence: int, vantage: int = 0, ts_ns: int = 0, packet: bytes = b"") -> str:
    body = packet or sequence.to_bytes(4, "big")
    said = window.place(sequence, body, vantage, ts_ns)
    if said in ("new", "old"):
        window.take(sequence, vantage, ts_ns)
    return said


def test_copies_and_replays() -> None:
    """Another vantage point is a copy whenever; the same one at once is; later it is a replay; other bytes are told."""
    window = Window()
    assert _see(window, 1) == "new"
    assert _see(window, 1, vantage=1, ts_ns=3 * SECOND) == "copy"
    assert _see(window, 1, ts_ns=COPY_NS) == "same_place"
    assert _see(window, 1, ts_ns=COPY_NS + 1) == "repeated"
    assert _see(window, 1, packet=b"other") == "reused"


def test_order_within_the_window() -> None:
    """Late packets are new as long as the window holds their number."""
    window = Window()
    assert [_see(window, n) for n in (100, 99, 100 - WINDOW + 1, 100 - WINDOW)] == ["new", "new", "new", "old"]


def test_a_vantage_point_that_lags() -> None:
    """A tap far behind another shows the packets again: copies, no replays."""
    window = Window()
    for number in range(1, 500):
        assert _see(window, number) == "new"
    said = []
    for number in range(1, 500):
        place = window.place(number, number.to_bytes(4, "big"), 1, 0)
        said.append(place)
        if place == "new":
            assert not window.take(number, 1, 0)
    assert set(said) == {"new", "copy"}
    assert _see(window, 300, vantage=1) == "old"


def test_begun_anew() -> None:
    """Three packets behind the window that rise are the counter begun anew; the fourth is new."""
    window = Window()
    for number in range(1000, 1010):
        _see(window, number)
    assert [_see(window, n) for n in (1, 2, 3, 4)] == ["old", "old", "old", "new"]
    assert window.restarts == 1


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1) | st.integers(0, 200), st.integers(0, 3)), max_size=300))
def test_bounded(seen: list[tuple[int, int]]) -> None:
    """Whatever comes, no more numbers are remembered than the window has; each is new once in it."""
    window = Window()
    for sequence, vantage in seen:
        _see(window, sequence, vantage)
        assert len(window._seen) <= WINDOW
        assert all(window.top - WINDOW < number <= window.top for number in window._seen)
