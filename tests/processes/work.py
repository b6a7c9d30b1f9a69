"""What children are told to do in tests: importable without the test libraries, so that they start quickly."""

import os
import signal
import time
from collections.abc import Generator, Iterator
from itertools import islice

from analyzer.app.clocks import Clocks
from analyzer.app.reading import Captures, Part, read
from analyzer.capture import reader
from analyzer.processes.child import _AHEAD

_WAITING = _AHEAD + 1  # the one on its way


def count(first: int, last: int) -> Iterator[int]:
    """Numbers."""
    yield from range(first, last)


def square(number: int) -> int:
    """Of a number."""
    return number * number


def fail(after: int) -> Iterator[int]:
    """A fault of ours, with a text that no one may see."""
    yield from range(after)
    raise ValueError("what-it-read")


def die(after: int) -> Iterator[int]:
    """An end by somebody else's hand. All but the last few numbers have been given by then: few may wait."""
    yield from range(after + _WAITING)
    os.kill(os.getpid(), signal.SIGKILL)


def unsendable() -> Iterator[object]:
    """What cannot be given to another process."""
    yield lambda: None


def surroundings() -> Iterator[tuple[list[str], int]]:
    """The names in the environment, the process group."""
    yield sorted(os.environ), os.getpgid(0)


def idle(_: int) -> Iterator[int]:
    """The process's own number, and then nothing for longer than any test."""
    yield os.getpid()
    time.sleep(3_600)


def read_in_blocks(size: int, captures: Captures, clocks: Clocks) -> Generator[Part, None, None]:
    """`read` with so many bytes at a time, so that a small capture is several parts."""
    usual, reader._BLOCK = reader._BLOCK, size
    try:
        yield from read(captures, clocks)
    finally:
        reader._BLOCK = usual


def read_and_die(captures: Captures, clocks: Clocks) -> Generator[Part, None, None]:
    """`read`, and death when its first parts have been given."""
    yield from islice(read_in_blocks(65_536, captures, clocks), 1 + _WAITING)
    os.kill(os.getpid(), signal.SIGKILL)


def read_and_fail(captures: Captures, clocks: Clocks) -> Generator[Part, None, None]:
    """`read`, and a fault behind the first part."""
    yield next(read_in_blocks(65_536, captures, clocks))
    raise ValueError("what-it-read")
