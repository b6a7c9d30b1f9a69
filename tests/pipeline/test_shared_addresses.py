"""Many streams and many calls at one media address: what is looked at is bounded, and the rest is unknown, not fine."""

import random
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.sdp.parser import parse
from analyzer.session.connections import ConnectionTable
from analyzer.session.media.closed import ClosedStreams
from analyzer.session.media_beside import handshakes
from tests.linear import assert_linear
from tests.pipeline.sdp import audio, invite_ok
from tests.pipeline.wire import Wire, at, flow, rows, rtp

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


@pytest.mark.parametrize("early", [True, False])
def test_streams_between_two_addresses_are_those_of_both(early: bool) -> None:
    """However many there are towards one of them, before the first question or behind it; and until they are over."""
    wire = Wire()
    wire.udp(MEDIA_A, MEDIA_B, rtp(1))
    (record,) = wire.run(finish=False).streams.take(MEDIA_B, 0, 1 << 62).records
    closed = ClosedStreams(Limits(streams_per_address=2))
    sources = [at("192.0.2.1", 1_000 + number) for number in range(9)]
    if early:
        assert closed.take_between(sources[0], MEDIA_B, 0, 1 << 62).records == []
    for number in range(27):
        closed.add(replace(record, ordinal=number, endpoints=flow(sources[number % 9], MEDIA_B)))
        if early and number == 5:
            assert [each.ordinal for each in closed.take_between(sources[3], MEDIA_B, 0, 1 << 62).records] == [3]
    found = closed.take_between(sources[3], MEDIA_B, 0, 1 << 62)
    assert ([each.ordinal for each in found.records], found.whole) == ([3, 12], False)
    closed.claim(3)
    assert [each.ordinal for each in closed.purge(None)] == [number for number in range(27) if number != 3]
    assert closed.take_between(sources[3], MEDIA_B, 0, 1 << 62).records == []


def _taken_between_by_each(count: int) -> Callable[[], object]:
    """As many calls as streams at one address, each asking for its own."""
    wire = Wire()
    wire.udp(MEDIA_A, MEDIA_B, rtp(1))
    (record,) = wire.run(finish=False).streams.take(MEDIA_B, 0, 1 << 62).records
    closed, sources = ClosedStreams(Limits()), [at("192.0.2.1", 1_000 + number) for number in range(count)]
    for number, source in enumerate(sources):
        closed.add(replace(record, ordinal=number, endpoints=flow(source, MEDIA_B)))
    return lambda: [closed.take_between(source, MEDIA_B, 0, 1 << 62) for source in sources]


def test_calls_whose_flows_are_known_take_linear_time_at_one_address() -> None:
    assert_linear(_taken_between_by_each, 2_000)


def _handshakes_at_one_address(count: int) -> Callable[[], object]:
    """A call with as many streams as there are handshakes at its address."""
    table, cite = ConnectionTable(Limits()), Cite(0, 1, 0, 0, 0)
    wire = Wire()
    wire.udp(MEDIA_A, MEDIA_B, rtp(1))
    (record,) = wire.run(finish=False).streams.take(MEDIA_B, 0, 1 << 62).records
    records = [replace(record, endpoints=flow(at("192.0.2.1", 1_000 + number), MEDIA_B)) for number in range(count)]
    for each in records:
        table.touch(each.endpoints, 0, cite, 100).protocol = "dtls"
    last = SimpleNamespace(offer=parse(audio(MEDIA_B), (), Limits()).media[0], answer=None)
    assert len(handshakes(last, records, table.find)) == count
    return lambda: handshakes(last, records, table.find)


def test_handshakes_at_a_shared_address_take_linear_time() -> None:
    """Every pair of addresses was looked for among all handshakes of either address."""
    assert_linear(_handshakes_at_one_address, 400)
