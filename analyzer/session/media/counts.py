"""How often each of a few numbers came: sizes, payload types."""

Counted = tuple[tuple[int, int], ...]  # number, how often; ascending


class Counts:
    """Counts of numbers; no dict before the second one: most streams have one payload type and one size."""

    __slots__ = ("_more", "_number", "_times")

    def __init__(self) -> None:
        self._number = 0
        self._times = 0
        self._more: dict[int, int] | None = None

    def add(self, number: int, times: int, most: int) -> None:
        """Counts a number, unless `most` others are counted."""
        if not self._times:
            self._number = number
        if number == self._number:
            self._times += times
            return
        if self._more is None:
            self._more = {}
        if number in self._more or len(self._more) + 1 < most:
            self._more[number] = self._more.get(number, 0) + times

    def items(self) -> Counted:
        """What was counted, by number."""
        if not self._times:
            return ()
        if self._more is None:
            return ((self._number, self._times),)
        return tuple(sorted([(self._number, self._times), *self._more.items()]))

    @property
    def commonest(self) -> int | None:
        """The number that came most often, of several the one that came first; None where none did."""
        if not self._times:
            return None
        if self._more is None:
            return self._number
        times = {self._number: self._times} | self._more
        return max(times, key=times.__getitem__)
