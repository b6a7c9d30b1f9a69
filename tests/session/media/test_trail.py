"""A stream known again on another hop: by payloads, by headers, never by what any two streams share."""

import struct
from collections.abc import Callable

import pytest

from analyzer.core.limits import Limits
from analyzer.session.media.record import StreamRecord
from analyzer.session.media.trail import DRAWN, Match, match
from tests.pipeline.wire import Wire, at

UE, EDGE, INNER, FAR = at("10.1.0.2", 20_000), at("10.1.0.1", 30_000), at("10.0.0.11", 30_000), at("10.0.0.13", 21_000)
Speech = Callable[[int], bytes]


def voice(number: int) -> bytes:
    """20 ms of something, never the same."""
    return struct.pack(">I", number) + bytes((number * 37 + i * i) & 0xFF for i in range(156))


def silence(number: int) -> bytes:
    return b"\xd5" * 160


def packet(
    number: int, payload: bytes, *, ssrc: int = 0x5566AABB, seq: int = 0, later: int = 0, extension: bool = False
) -> bytes:
    first = 0x90 if extension else 0x80
    head = struct.pack(">BBHII", first, 0, number + seq & 0xFFFF, number * 160 + later & 0xFFFFFFFF, ssrc)
    return head + (struct.pack(">HHI", 0xBEDE, 1, 7) if extension else b"") + payload


def relay(say: Speech, count: int = 60, lost: int = 0, **changed: int) -> list[StreamRecord]:
    """A stream on two hops: the second as a relay sends it on."""
    wire = Wire()
    for number in range(count):
        wire.udp(UE, EDGE, packet(number, say(number)))
        if number >= lost:
            wire.udp(INNER, FAR, packet(number, say(number), **changed))
    engine = wire.run(finish=False)
    return engine.streams.take(EDGE, 0, 1 << 62).records + engine.streams.take(FAR, 0, 1 << 62).records


def compared(records: list[StreamRecord]) -> Match:
    one, other = records
    return match(one.trail.wire(), other.trail.wire(), one.ssrc == other.ssrc)


def test_equal_payloads_are_one_stream() -> None:
    found = compared(relay(voice))
    assert found.same_content
    assert found.same_stream
    assert found.equal >= 12


def test_ssrc_numbers_and_timestamps_may_be_rewritten() -> None:
    found = compared(relay(voice, ssrc=0x01020304, seq=65_000, later=4_000_000_000))
    assert found.same_content
    assert not found.same_stream


def test_a_header_extension_is_not_payload() -> None:
    assert compared(relay(voice, extension=True)).same_content


def test_a_relay_that_starts_late_is_found() -> None:
    assert compared(relay(voice, count=6_000, lost=3_000)).same_content


def test_payloads_that_differ_are_not_equal_content() -> None:
    wire = Wire()
    for number in range(60):
        wire.udp(UE, EDGE, packet(number, voice(number)))
        wire.udp(INNER, FAR, packet(number, voice(number) if number % 8 else voice(number + 1)))
    engine = wire.run(finish=False)
    found = compared(engine.streams.take(EDGE, 0, 1 << 62).records + engine.streams.take(FAR, 0, 1 << 62).records)
    assert found.different
    assert not found.same_content
    assert found.same_stream


def test_silence_proves_nothing_but_in_one_numbered_stream() -> None:
    assert not compared(relay(silence, ssrc=1, seq=5)).same_content
    assert compared(relay(silence)).same_content


def test_few_packets_prove_nothing() -> None:
    assert not compared(relay(voice, count=5)).same_content


def test_strangers_have_nothing_in_common() -> None:
    wire = Wire()
    for number in range(60):
        wire.udp(UE, EDGE, packet(number, voice(number)))
        wire.udp(INNER, FAR, packet(number, voice(number + 10_000), ssrc=9))
    engine = wire.run(finish=False)
    assert (
        compared(engine.streams.take(EDGE, 0, 1 << 62).records + engine.streams.take(FAR, 0, 1 << 62).records)
        == Match()
    )


@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("snap", [262_144, 150])
def test_batches_do_not_show_and_little_is_kept(rows: int, snap: int) -> None:
    wire = Wire(snap=snap)
    for number in range(6_000):
        wire.udp(UE, EDGE, packet(number, voice(number)[: 160 - 40 * (number % 3)]))
    kept = []
    for size in (rows, 32_768):
        (record,) = wire.run(rows=size, finish=False, limits=Limits()).streams.take(EDGE, 0, 1 << 62).records
        kept.append(record.trail.wire())
    assert kept[0] == kept[1]
    assert DRAWN // 2 < len(kept[0]) <= 12 + DRAWN
