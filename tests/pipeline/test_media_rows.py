"""Media in columns and signalling row by row: what is seen of streams does not depend on the batch."""

import pytest

from analyzer.core.limits import SECOND_NS, Limits
from tests.pipeline.sdp import invite_ok
from tests.pipeline.wire import Wire, at, message, rows, rtp

A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060)
MEDIA_A, MEDIA_B = at("192.0.2.1", 4000), at("192.0.2.2", 5000)


@pytest.mark.parametrize("size", [1, 3, 32_768])
def test_an_evicted_call_has_the_packets_before_its_eviction(size: int) -> None:
    wire = Wire()
    invite_ok(wire, A, B, MEDIA_A, MEDIA_B, "first")
    for number in range(10):
        wire.udp(MEDIA_A, MEDIA_B, rtp(number))
    wire.udp(A, B, message("OPTIONS", "second"))
    for number in range(10, 20):
        wire.udp(MEDIA_A, MEDIA_B, rtp(number))
    engine = wire.run(rows=size, limits=Limits(calls=1))
    (hop,) = [hop for hop in rows(engine.closer.hops) if hop["plane"] == "media"]
    assert hop["packets"] == 10


def _unended(pause_ns: int) -> Wire:
    wire = Wire()
    invite_ok(wire, A, B, MEDIA_A, MEDIA_B)
    for number in range(10):
        wire.udp(MEDIA_A, MEDIA_B, rtp(number))
    wire.now_ns += pause_ns
    wire.udp(A, B, message("OPTIONS", "other"))
    return wire


@pytest.mark.parametrize("pause_s", [0, 100, 400, 2_000])
def test_a_call_whose_end_was_not_captured_has_the_media_behind_its_last_message(pause_s: int) -> None:
    """At the end of the capture, after its stream has gone idle, and after the call itself has gone quiet."""
    engine = _unended(pause_s * SECOND_NS).run()
    (hop,) = [hop for hop in rows(engine.closer.hops) if hop["plane"] == "media"]
    assert hop["packets"] == 10
