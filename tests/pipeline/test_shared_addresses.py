"""Many streams and many calls at one media address: what is looked at is bounded, and the rest is unknown, not fine."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from analyzer.core.limits import Limits
from analyzer.session.media.closed import ClosedStreams
from tests.linear import assert_linear
from tests.pipeline.sdp import invite_ok
from tests.pipeline.wire import Wire, at, rows, rtp

A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060)
MEDIA_A, MEDIA_B = at("192.0.2.1", 4000), at("192.0.2.2", 5000)
SECURE = {"proto": "RTP/SAVP"}


def noise(number: int) -> bytes:
    """20 ms of G.711 as ciphertext, and a tag of 80 bits (RFC 3711 3.1)."""
    return random.Random(number).randbytes(170)


def hop_of(streams: int, most: int, size: int = 32_768) -> tuple[dict[str, object], int]:
    wire = Wire()
    invite_ok(wire, A, B, MEDIA_A, MEDIA_B)
    for number in range(20):
        for ssrc in range(streams):
            wire.udp(MEDIA_A, MEDIA_B, rtp(number, ssrc=ssrc + 1))
    engine = wire.run(rows=size, limits=Limits(streams_per_address=most))
    (hop,) = [hop for hop in rows(engine.closer.hops) if hop["plane"] == "media"]
    return hop, engine.streams.evicted


@pytest.mark.parametrize("size", [1, 7, 32_768])
@pytest.mark.parametrize(("streams", "packets", "let_go"), [(3, 60, 0), (4, 60, 1)])
def test_streams_past_the_bound_are_named(streams: int, packets: int, let_go: int, size: int) -> None:
    hop, evicted = hop_of(streams, 3, size)
    assert (hop["packets"], hop["state"], bool(evicted)) == (packets, "clear", bool(let_go))


@pytest.mark.parametrize("sources", [2, 3])
def test_a_hop_is_as_unknown_as_the_streams_that_were_not_looked_at(sources: int) -> None:
    """Two streams have the shape of SRTP, and a third might have been clear (house rules, 4)."""
    wire = Wire()
    invite_ok(wire, A, B, MEDIA_A, MEDIA_B, **SECURE)
    for number in range(200):
        for ssrc in range(sources):
            wire.udp(MEDIA_A, MEDIA_B, rtp(number, noise(number + 1_000 * ssrc), ssrc=ssrc + 1))
    engine = wire.run(limits=Limits(streams_per_address=2))
    (hop,) = [hop for hop in rows(engine.closer.hops) if hop["plane"] == "media"]
    assert (hop["observed"] == "unknown") == (sources > 2)


def _taken_by_each(count: int) -> Callable[[], object]:
    """As many calls as streams at one address, all at the same time."""
    wire = Wire()
    wire.udp(MEDIA_A, MEDIA_B, rtp(1))
    (record,) = wire.run(finish=False).streams.take(MEDIA_B, 0, 1 << 62).records
    closed = ClosedStreams(Limits(streams_per_address=4))
    for ordinal in range(count):
        closed.add(replace(record, ordinal=ordinal))
    return lambda: [(closed.take(MEDIA_B, 0, 1 << 62), closed.last_activity(MEDIA_B)) for _ in range(count)]


def test_calls_that_share_an_address_take_linear_time() -> None:
    """Each was judged by the streams of all."""
    assert_linear(_taken_by_each, 800)
