"""One piece of work for each of several items: in turn here, or shared out by whoever has processes for it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Each(Protocol):
    """Does the work for every item as the results are taken, in the order of the items, whoever does it."""

    def __call__(self, work: Callable[[T], R], items: Sequence[T], /) -> Iterator[R]:
        """`work` keeps nothing between items."""


def in_turn(work: Callable[[T], R], items: Sequence[T], /) -> Iterator[R]:
    """One item after the other."""
    return map(work, items)
