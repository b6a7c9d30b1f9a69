"""Ends, holes and memory of one direction."""

from dataclasses import replace

from analyzer.core.limits import Limits
from analyzer.net.packets import ACK, FIN, SYN
from tests.transport.test_tcp import DOWN, LIMITS, Capture, words


def _opened(limits: Limits = LIMITS) -> Capture:
    capture = Capture(limits)
    capture.add(0, flags=SYN)
    return capture


def test_nothing_behind_the_fin_is_delivered():
    """RFC 9293 3.10.7.4: text behind a FIN is ignored."""
    capture = _opened()
    capture.add(5, flags=FIN | ACK)
    assert capture.add(4, b"dXXX") == []
    assert words(capture.add(1, b"abc")) == [b"abc", b"d", "close"]


def test_first_fin_counts():
    capture = _opened()
    capture.add(3, flags=FIN | ACK)
    capture.add(9, flags=FIN | ACK)
    assert words(capture.add(1, b"ab")) == [b"ab", "close"]


def test_fin_before_captured_bytes_is_not_believed():
    capture = _opened()
    capture.add(5, b"ef")
    capture.add(3, flags=FIN | ACK)
    assert words(capture.add(1, b"abcd")) == [b"abcd", b"ef"]


def test_ack_of_the_last_byte_of_a_hole_is_enough():
    capture = _opened()
    capture.add(4, b"de")
    assert capture.add(1, ends=DOWN, ack=capture.isn + 3) == []
    assert words(capture.add(1, ends=DOWN, ack=capture.isn + 4)) == [3, b"de"]


def test_acknowledged_fin_gives_up_the_hole_before_it():
    capture = _opened()
    capture.add(4, flags=FIN | ACK)
    assert words(capture.add(1, ends=DOWN, ack=capture.isn + 5)) == [3, "close"]


def test_progress_renews_the_age_of_a_hole():
    capture = _opened()
    capture.add(9, b"ij")
    capture.add(1, b"ab")
    assert capture.tcp.tick(2_000_000 + LIMITS.tcp_hole_timeout_ns) == []
    assert words(capture.tcp.tick(3_000_000 + LIMITS.tcp_hole_timeout_ns)) == [6, b"ij"]


def test_what_is_remembered_for_comparison_is_bounded():
    capture = _opened(replace(LIMITS, tcp_recent_total=0))
    capture.add(1, b"abcd")
    assert words(capture.add(3, b"XDef")) == [b"ef"]
