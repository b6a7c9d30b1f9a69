"""The stopwatch itself, by a clock that the work moves: noise passes, quadratic work does not."""

import gc
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.linear import assert_linear, within

TESTS = Path(__file__).parent


class Machine:
    """A clock in seconds, and work that moves it by what `cost` says of its size, times a disturbance from 1 on."""

    def __init__(self, cost: Callable[[int], float], disturb: Callable[[], float] = lambda: 1.0) -> None:
        self.now, self.sizes = 0.0, list[int]()
        self.cost, self.disturb = cost, disturb

    def clock(self) -> float:
        return self.now

    def prepare(self, size: int) -> Callable[[], None]:
        self.now += 100 * size  # is not to be counted
        self.sizes.append(size)

        def work() -> None:
            assert not gc.isenabled()
            self.now += self.cost(size) * self.disturb()

        return work


def busy(seed: int, most: float) -> Callable[[], float]:
    """Four rounds of five take up to `most` times as long, the fifth up to 1.5 times."""
    chance = random.Random(seed)
    return lambda: chance.uniform(1, most) if chance.random() < 0.8 else chance.uniform(1, 1.5)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("per_unit", [1e-9, 1e-6, 1e-4])
def test_linear_work_passes_on_a_busy_machine(seed: int, per_unit: float) -> None:
    machine = Machine(lambda size: per_unit * size, busy(seed, 10))
    assert_linear(machine.prepare, 4_000, machine.clock)
    assert set(machine.sizes) == {1_000, 8_000}
    assert gc.isenabled()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("cost", [lambda n: 1e-9 * n * n, lambda n: 1e-7 * n + 1e-9 * n * n, lambda n: 1e-12 * n**3])
def test_quadratic_work_fails_on_a_busy_machine(cost: Callable[[int], float], seed: int) -> None:
    machine = Machine(cost, busy(seed, 2))
    with pytest.raises(AssertionError):
        assert_linear(machine.prepare, 4_000, machine.clock)
    assert gc.isenabled()


def test_a_failure_names_both_figures() -> None:
    machine = Machine(lambda size: 1e-9 * size * size)
    with pytest.raises(AssertionError, match=re.escape("0.0640 s for 8000 is more than 27 times 0.0010 s for 1000")):
        assert_linear(machine.prepare, 4_000, machine.clock)


def test_what_the_work_raises_is_raised() -> None:
    def prepare(_: int) -> Callable[[], None]:
        def work() -> None:
            raise ZeroDivisionError

        return work

    with pytest.raises(ZeroDivisionError):
        assert_linear(prepare, 4_000)
    assert gc.isenabled()


def test_within_takes_the_first_round_that_is_in_time() -> None:
    rounds = iter([5.0, 30.0, 2.0])
    machine = Machine(lambda _: 0)

    def work() -> float:
        machine.now += next(rounds)
        return machine.now

    assert within(3, work, machine.clock) == 37
    rounds = iter([5.0, 30.0, 4.0])
    with pytest.raises(AssertionError, match=re.escape("4.0 s, and 3 s are the bound")):
        within(3, work, machine.clock)


def test_there_is_no_other_stopwatch() -> None:
    """Speed is measured in tests/bench; a deadline that a test waits for is `time.monotonic`."""
    watch = re.compile(r"\b(process_time|perf_counter|thread_time|timeit)\b")
    files = [path for path in TESTS.rglob("*.py") if path.parent.name != "bench" and not path.match("*linear.py")]
    assert [str(path) for path in files if watch.search(path.read_text("utf-8"))] == []
