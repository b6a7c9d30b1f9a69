"""A byte stream whose every byte knows its frame."""

from bisect import bisect_right
from dataclasses import dataclass

from analyzer.core.cites import Cite


@dataclass(frozen=True, slots=True)
class Chunk:
    """Stream bytes in order, all from one frame."""

    data: bytes
    cite: Cite


@dataclass(frozen=True, slots=True)
class Gap:
    """Stream bytes that were never captured: `size` of them, or None where the size cannot be known."""

    size: int | None
    cite: Cite


class CitedBuffer:
    """Unconsumed stream bytes. `data` is the bytes, `cites(first, last)` the frames that carried a range of them."""

    __slots__ = ("_cites", "_starts", "data")

    def __init__(self) -> None:
        self.data = bytearray()
        self._starts: list[int] = []
        self._cites: list[Cite] = []

    def __len__(self) -> int:
        return len(self.data)

    def append(self, data: bytes, cite: Cite) -> None:
        """Adds bytes behind what is held."""
        if data:
            self._starts.append(len(self.data))
            self._cites.append(cite)
            self.data += data

    def cites(self, first: int, last: int) -> tuple[Cite, ...]:
        """The frames of data[first:last], in stream order, each once in a row."""
        if first >= last or not self._starts:
            return ()
        if self._starts[-1] <= first:
            return (self._cites[-1],)
        low = bisect_right(self._starts, first) - 1
        high = bisect_right(self._starts, last - 1)
        return tuple(dict.fromkeys(self._cites[max(low, 0) : high]))

    def consume(self, size: int) -> None:
        """Drops the first `size` bytes."""
        if size >= len(self.data):
            self.clear()
            return
        del self.data[:size]
        keep = bisect_right(self._starts, size) - 1
        self._starts = [max(0, start - size) for start in self._starts[keep:]]
        self._cites = self._cites[keep:]

    def clear(self) -> None:
        """Drops everything."""
        self.data.clear()
        self._starts.clear()
        self._cites.clear()
