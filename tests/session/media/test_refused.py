"""Refused packets counted by their length: order makes no difference, and little is held."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.session.media.ranges import Ranges
from analyzer.session.media.refused import Lot, Refused, Shape, judge

FEW = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 5_000)), max_size=150)


def cite(frame: int) -> Cite:
    return Cite(0, frame, 0, 0, frame)


def counted(packets: Sequence[tuple[int, int]], opened: Ranges | None = None) -> tuple[Lot, ...]:
    refused = Refused(Limits())
    for size, number in packets:
        refused.add(Shape(size, size, cite(number)), number)
    return refused.close(opened or Ranges(8))


@given(FEW, st.randoms())
def test_the_order_makes_no_difference(packets: list[tuple[int, int]], draw: object) -> None:
    other = list(packets)
    draw.shuffle(other)  # type: ignore[attr-defined]  # a random.Random
    lots = counted(packets)
    assert lots == counted(other)
    assert sum(lot.sighted for lot in lots) == len(packets)
    assert len(lots) <= 65


@given(st.binary(max_size=300))
def test_any_packet_has_a_shape(data: bytes) -> None:
    packet = b"\x80\x00" + data.ljust(10, b"\0")
    shape = Shape.of(packet, cite(1))
    assert shape.size == len(packet) - 12
    assert shape.squares == sum(packet[12:].count(value) ** 2 for value in range(256))


@given(FEW, st.dictionaries(st.integers(0, 200), st.integers(1, 9)), st.sampled_from((0, 4, 10, 16)))
def test_each_packet_is_judged_once(packets: list[tuple[int, int]], sizes: dict[int, int], trailer: int) -> None:
    lots = counted(packets)
    found = judge(lots, sizes, trailer, encrypts=True)
    assert found.clear + found.undecided <= sum(lot.packets for lot in lots)
    assert (found.first is None) == (not found.clear)


def test_numbers_that_packets_have_which_were_opened_are_not_the_streams_own() -> None:
    opened = Ranges(8)
    opened.add(1, 10)
    (lot,) = counted([(20, number) for number in range(6, 16)], opened)
    assert (lot.packets, lot.own) == (10, 5)
