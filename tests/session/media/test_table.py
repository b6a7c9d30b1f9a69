"""Streams past the bound: the oldest makes room at that very packet; a flood of SSRCs costs what its packets cost."""

import tracemalloc
from collections.abc import Callable

import pytest

from analyzer.core.limits import Limits
from analyzer.session.media import table
from analyzer.session.media.counts import Counts
from tests.linear import assert_linear
from tests.pipeline.wire import Wire, at, rows, rtp

SRC, DST = at("192.0.2.1", 4000), at("192.0.2.2", 5000)


def flood(ssrcs: list[int]) -> Wire:
    wire = Wire()
    for number, ssrc in enumerate(ssrcs):
        wire.udp(SRC, DST, rtp(number, ssrc=ssrc + 1))
    return wire


@pytest.mark.parametrize("size", [1, 7, 32_768])
def test_a_stream_that_was_let_go_begins_anew(size: int) -> None:
    """Five packets of A, room for two streams, B and C, five more of A: A was let go for C, and is two streams."""
    engine = flood([0] * 5 + [1] * 5 + [2] * 5 + [0] * 5).run(rows=size, limits=Limits(streams=2))
    seen = [(row["ssrc"], row["packets"]) for row in rows(engine.closer.stream_rows)]
    assert seen == [("0x00000001", 5), ("0x00000002", 5), ("0x00000003", 5), ("0x00000001", 5)]
    assert engine.streams.evicted == 2


@pytest.mark.parametrize("pattern", ["each new", "in turns"])
def test_rows_of_a_crowded_table_are_grouped_once_a_batch(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were halved down to single rows, each grouped by itself. Now once, and once more where room is made among
    them. The 40 s are a few batches: time goes on by ten, and blocks of a capture end."""
    done = {"group_rtp": 0, "recognise": 0}

    def counted(name: str) -> Callable[..., object]:
        real = getattr(table, name)

        def count(*args: object) -> object:
            done[name] += 1
            return real(*args)

        return count

    for name in done:
        monkeypatch.setattr(table, name, counted(name))
    ssrcs = [number if pattern == "each new" else number % 65 for number in range(2_000)]
    engine = flood(ssrcs).run(limits=Limits(streams=64))
    assert engine.streams.evicted == 2_000 - 64
    assert done["group_rtp"] <= 2 * done["recognise"] <= 40


def test_a_flood_of_streams_takes_linear_time() -> None:
    def prepare(count: int) -> Callable[[], object]:
        wire = flood(list(range(count)))
        return lambda: wire.run(limits=Limits(streams=count // 2))

    assert_linear(prepare, 1_000)


def test_a_stream_of_one_packet_is_small() -> None:
    """A flood of 200,000 SSRCs is to fit where 50,000 calls do: 4 KB for one that is open, with its last packets."""
    wire = flood(list(range(3_000)))
    tracemalloc.start()
    engine = wire.run(limits=Limits(streams=1_000))
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert engine.streams.evicted == 2_000
    assert held < 12_000_000  # the table, what was let go, and the engine itself


def test_counts_are_those_of_a_counter() -> None:
    counts = Counts()
    for number, times in ((5, 2), (3, 1), (5, 1), (3, 2), (9, 1)):
        counts.add(number, times, 2)
    assert counts.items() == ((3, 3), (5, 3))  # 9 would have been the third
    assert counts.commonest == 5  # of two, the one that came first
    assert (Counts().items(), Counts().commonest) == ((), None)


def test_many_streams_in_turns_are_told_apart() -> None:
    """Six packets of each of 800 SSRCs: of so many some share 16 bits of any hash, by which rows are sorted first."""
    wire = Wire()
    for number in range(6 * 800):
        wire.udp(SRC, DST, rtp(number // 800, ssrc=number % 800))
    found = rows(wire.run().closer.stream_rows)
    assert {row["ssrc"]: row["packets"] for row in found} == {f"0x{ssrc:08x}": 6 for ssrc in range(800)}


@pytest.mark.parametrize("size", [1, 7, 32_768])
def test_a_sample_is_weighed_by_the_type_that_is_commonest_at_the_end(size: int) -> None:
    """Twelve packets of PCMU fill the sample; behind them come more of PCMA, of which the sample has none."""
    wire = Wire()
    for number in range(12):
        wire.udp(SRC, DST, rtp(number))
    (early,) = wire.run(rows=size, finish=False).streams.take(DST, 0, 1 << 62).records
    for number in range(12, 40):
        wire.udp(SRC, DST, rtp(number, kind=8))
    (late,) = wire.run(rows=size, finish=False).streams.take(DST, 0, 1 << 62).records
    assert (early.statistics.payload_type, early.statistics.payloads) == (0, 12)
    assert (late.statistics.payload_type, late.statistics.payloads) == (8, 0)
