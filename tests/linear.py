"""The one stopwatch of the tests: time that grows with the input and no faster, on a busy machine too."""

import gc
import time
from collections.abc import Callable
from typing import TypeVar

from analyzer.core.cites import Cite
from analyzer.transport.cited import Chunk
from analyzer.transport.parser import StreamParser

Clock = Callable[[], float]
T = TypeVar("T")

ROUNDS = 15
GROWTH = 3**3  # three doublings, each of which at most triples the time: linear work takes 8 times, quadratic 64 times
TICK_S = 0.005  # what the clock and a cold cache may add


def _seconds(work: Callable[[], object], clock: Clock) -> float:
    """What `work` takes, without the garbage of the tests before."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        began = clock()
        work()
        return clock() - began
    finally:
        if collecting:
            gc.enable()


def assert_linear(prepare: Callable[[int], Callable[[], object]], size: int, clock: Clock = time.thread_time) -> None:
    """The work that `prepare` makes for 2 * size takes at most 27 times as long as that for size / 4.

    Property 6 of a parser, over three doublings, so that noise cannot look like growth. What `prepare(n)` does is not
    timed, what it returns is, once. The two sizes take turns and the shortest time of each counts: a round that was
    disturbed costs another round, no failure; three small ones a round, so that a disturbed one hides no growth.
    `size` is to be so large that quadratic work would take a few milliseconds more than linear work.
    """
    small = large = float("inf")
    for _ in range(ROUNDS):
        small = min(small, *(_seconds(prepare(size // 4), clock) for _ in range(3)))
        large = min(large, _seconds(prepare(2 * size), clock))
        if large < GROWTH * small + TICK_S:
            return
    raise AssertionError(f"{large:.4f} s for {2 * size} is more than {GROWTH} times {small:.4f} s for {size // 4}")


def reading(stream: StreamParser, data: bytes, step: int) -> Callable[[], None]:
    """Gives a stream the data in segments, once more as a whole, and its end."""
    cite = Cite(0, 1, 0, len(data), 1)
    segments = [Chunk(data[start : start + step], cite) for start in range(0, len(data), step)]

    def work() -> None:
        for segment in (*segments, Chunk(data, cite)):
            stream.receive(segment)
        stream.close()

    return work


def within(seconds: float, work: Callable[[], T], clock: Clock = time.process_time) -> T:
    """What `work` returns in the first of three rounds that ends within these seconds of processor time.

    For a bound that is many times what the work takes: a hang exceeds it each time.
    """
    spent = []
    for _ in range(3):
        began = clock()
        result = work()
        spent.append(clock() - began)
        if spent[-1] < seconds:
            return result
    raise AssertionError(f"{min(spent):.1f} s, and {seconds} s are the bound")
