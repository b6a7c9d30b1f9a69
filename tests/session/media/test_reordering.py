"""Packets out of order, by the definition of RFC 4737 3.3: a new packet below the highest number before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.wire import Wire, at, rows, rtp

SRC, DST = at("192.0.2.1", 4000), at("192.0.2.2", 5000)
SIZES = (1, 3, 32_768)


def told(numbers: list[int], size: int = 32_768) -> tuple[int, int, int]:
    """Reordered, lost and repeated packets."""
    wire = Wire()
    for number in [*range(numbers[0] - 40, numbers[0]), *numbers]:
        wire.udp(SRC, DST, rtp(number + 1_000))
    (record,) = wire.run(rows=size, finish=False).streams.finish()
    return record.reordered, record.lost, record.duplicates


def test_the_report_has_it() -> None:
    wire = Wire()
    for number in [*range(40), 41, 40, *range(42, 60)]:
        wire.udp(SRC, DST, rtp(number))
    assert [row["reordered"] for row in rows(wire.run().closer.stream_rows)] == [1]


def defined(numbers: list[int]) -> int:
    """RFC 4737 3.3, packet by packet: NextExp is one above the highest number that has come; as far back as RFC 3550
    A.1 takes for late (100), and anew from there where a number is further back."""
    expected, seen, found = 0, set[int](), 0
    for number in numbers:
        late = 0 < expected - number <= 100
        found += late and number not in seen
        seen.add(number)
        expected = expected if late else number + 1
    return found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (list(range(10)), (0, 0, 0)),
        ([0, 1, 3, 2, 4, 5, 6, 7], (1, 0, 0)),  # two swapped
        ([0, 1, 5, 2, 3, 4, 6, 7], (3, 0, 0)),  # one early: three late
        ([0, 1, 2, 2, 3, 3, 4, 5], (0, 0, 2)),  # repeats are not reordered
        ([0, 1, 2, 3, 1, 4, 5, 6], (0, 0, 1)),  # nor is a late repeat
        ([64_534, 64_536, 64_535, 64_537, 64_538, 64_539], (1, 0, 0)),  # over the wrap
        ([0, 1, 4, 5, 6, 7], (0, 2, 0)),
        ([500, 501, 502, 503, *range(10)], (0, None, 0)),  # RFC 3550 A.1: that far back the sequence began anew
    ],
)
def test_told(numbers: list[int], expected: tuple[object, ...], size: int) -> None:
    reordered, lost, duplicates = told(numbers, size)
    assert (reordered, duplicates) == (expected[0], expected[2])
    assert expected[1] is None or lost == expected[1]


@given(st.lists(st.integers(0, 150), min_size=8, max_size=40), st.sampled_from(SIZES))
def test_equal_to_the_definition_whatever_the_batches(numbers: list[int], size: int) -> None:
    wire = Wire()
    for number in [*range(60), *numbers]:
        wire.udp(SRC, DST, rtp(number))
    (record,) = wire.run(rows=size, finish=False).streams.finish()
    assert record.reordered == defined([*range(60), *numbers])
