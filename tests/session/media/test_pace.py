"""The first packets of a stream come back as they were put in, in whatever form they are held."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.session.media.pace import PACED, ROW, Pace, pack
from tests.pipeline.wire import Wire, at
from tests.session.media.paces import Sent, paced, rows

UE, EDGE = at("10.1.0.2", 20_000), at("10.1.0.1", 30_000)
packets = st.builds(
    Sent,
    us=st.integers(0, 0xFFFFFFFF), number=st.integers(0, 0xFFFF), stamp=st.integers(0, 0xFFFFFFFF),
    size=st.integers(0, 0x7FFF), marker=st.booleans(),
)  # fmt: skip


@given(st.lists(packets, max_size=20))
def test_any_packets_come_back_those_of_one_number_once(sent: list[Sent]) -> None:
    first = {one.number: one for one in reversed(sent)}
    found = paced(sent)
    assert sorted(zip(found.number.tolist(), found.stamp.tolist(), found.size.tolist(), found.tick.tolist(),
                      found.marker.tolist(), strict=True)) == sorted(
        (one.number, one.stamp, one.size, one.us // 16, one.marker) for one in first.values()
    )  # fmt: skip


@pytest.mark.parametrize("odd", [None, 0, 1, 100, PACED - 1])
@pytest.mark.parametrize("change", ["size", "stamp", "marker"])
def test_a_full_one_is_held_as_differences_and_loses_nothing(odd: int | None, change: str) -> None:
    """A packet that departs from the others, wherever it is; numbers and timestamps wrap, arrivals are uneven."""
    sent = [Sent(5_000 + n * 20_000 + n * n % 97, 65_400 + n & 0xFFFF, 2**32 - 800 + n * 160 & 0xFFFFFFFF)
            for n in range(PACED)]  # fmt: skip
    if odd is not None:
        was = sent[odd]
        sent[odd] = Sent(was.us, was.number, was.stamp + 70_000 * (change == "stamp") & 0xFFFFFFFF,
                         33 if change == "size" else 160, change == "marker")  # fmt: skip
    found = paced(sent)
    assert found.number.tolist() == [one.number for one in sent]
    assert found.stamp.tolist() == [one.stamp for one in sent]
    assert found.tick.tolist() == [one.us // 16 for one in sent]
    assert (found.size.tolist(), found.marker.tolist()) == ([s.size for s in sent], [s.marker for s in sent])


def test_there_is_room_for_five_seconds_and_no_more() -> None:
    pace = Pace()
    sent = [Sent(n * 20_000, n, n * 160) for n in range(PACED)]
    pace.add(rows(sent[:100]))
    assert pace.room == 150
    pace.add(rows(sent[100:]))
    assert pace.room == 0
    assert len(pace.packets()) == PACED


@pytest.mark.parametrize("size", [1, 7, 32_768])
def test_the_batch_edge_does_not_show(size: int) -> None:
    """Sizes are those of payloads: without CSRCs and header extension (RFC 3550 5.1), with the tag."""
    wire = Wire(snap=60)
    for number in range(300):
        extension = number % 5 == 0
        head = struct.pack(">BBHII", 0x91 if extension else 0x80, 0x80 * (number % 50 == 0), number, number * 160, 7)
        more = struct.pack(">IHHI", 1, 0xBEDE, 1, 7) if extension else b""
        wire.udp(UE, EDGE, head + more + bytes(100 + number % 3))
    (record,) = wire.run(rows=size, finish=False).streams.take(EDGE, 0, 1 << 62).records
    found = record.trail.pace.packets()
    assert found.number.tolist() == list(range(PACED))
    assert found.stamp.tolist() == [number * 160 for number in range(PACED)]
    assert found.size.tolist() == [100 + number % 3 for number in range(PACED)]
    assert found.marker.tolist() == [number % 50 == 0 for number in range(PACED)]
    assert set((found.tick[1:] - found.tick[:-1] & 0xFFFFFFFF).tolist()) == {1_250}  # 20 ms
    assert ROW.itemsize == 12


def test_full_ones_are_packed_together_each_as_if_alone() -> None:
    """Three whose sizes differ by nothing, by less than 2**8 and by more than 2**16 between packets, with 100 more."""
    steps = (0, 1, 3, *range(100))
    sent = [[Sent(n * 20_000 * s, n, n * n * s & 0xFFFFFFFF, size=n * s & 0x7FFF) for n in range(PACED)] for s in steps]
    together = [Pace() for _ in sent]
    for pace, one in zip(together, sent, strict=True):
        pace.add(rows(one))
    pack(together)
    for pace, one in zip(together, sent, strict=True):
        found, alone = pace.packets(), paced(one)
        assert found.stamp.tolist() == alone.stamp.tolist() == [each.stamp for each in one]
        assert found.size.tolist() == alone.size.tolist() == [each.size for each in one]
        assert found.tick.tolist() == [each.us // 16 & 0xFFFFFFFF for each in one]
