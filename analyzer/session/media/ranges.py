"""Sequence numbers seen, as a bounded set of runs."""

from bisect import bisect_left
from collections.abc import Iterator


class Ranges:
    """Disjoint runs [low, high] of extended sequence numbers, ascending.

    Past `limit` runs the two oldest are joined, so that memory is bounded; `approximate` then says so.
    """

    __slots__ = ("_highs", "_limit", "_lows", "approximate", "count")

    def __init__(self, limit: int) -> None:
        self._lows: list[int] = []
        self._highs: list[int] = []
        self._limit = max(limit, 2)
        self.approximate = False
        self.count = 0  # numbers in the set

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._lows, self._highs, strict=True))

    @property
    def low(self) -> int:
        """The lowest number."""
        return self._lows[0]

    @property
    def high(self) -> int:
        """The highest number."""
        return self._highs[-1]

    def add(self, low: int, high: int) -> int:
        """Adds a run; says how many of its numbers are new."""
        if not self._highs or low > self._highs[-1] + 1:
            self._lows.append(low)
            self._highs.append(high)
            new = high - low + 1
        elif low == self._highs[-1] + 1:
            self._highs[-1] = high
            new = high - low + 1
        else:
            new = self._insert(low, high)
        self.count += new
        if len(self._lows) > self._limit:
            self.approximate = True
            del self._lows[1]
            del self._highs[0]
        return new

    def first_in(self, low: int, high: int) -> int | None:
        """The lowest number of the set from `low` to `high`."""
        at = bisect_left(self._highs, low)
        found = max(self._lows[at], low) if at < len(self._lows) else high + 1
        return found if found <= high else None

    def _insert(self, low: int, high: int) -> int:
        first = bisect_left(self._highs, low - 1)
        last = first
        covered = 0
        new_low, new_high = low, high
        while last < len(self._lows) and self._lows[last] <= high + 1:
            covered += max(0, min(high, self._highs[last]) - max(low, self._lows[last]) + 1)
            new_low = min(new_low, self._lows[last])
            new_high = max(new_high, self._highs[last])
            last += 1
        self._lows[first:last] = [new_low]
        self._highs[first:last] = [new_high]
        return high - low + 1 - covered

    def gaps(self, dropout: int) -> tuple[int, int]:
        """Numbers missing between runs, and how many gaps are too wide to be loss (a restart)."""
        missing = restarts = 0
        for high, low in zip(self._highs[:-1], self._lows[1:], strict=True):
            width = low - high - 1
            if width < dropout:
                missing += width
            else:
                restarts += 1
        return missing, restarts
