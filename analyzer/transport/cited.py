"""A byte stream whose every byte knows its frame."""

from bisect import bisect_right

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen


@frozen
class Chunk:
    """Stream bytes in order, all from one frame.

    `position` is the sequence number of the first in its TCP stream, counted on where those wrap; 0 in streams of other
    kinds.
    """

    data: bytes
    cite: Cite
    position: int = 0


@frozen
class Gap:
    """Stream bytes that were never captured: `size` of them, or None where the size cannot be known."""

    size: int | None
    cite: Cite


@frozen
class Opened:
    """A direction of a connection begins: with its SYN, or (`syn` false) in the middle of a stream."""

    cite: Cite
    syn: bool


@frozen
class Closed:
    """A direction of a connection has ended; `reset` tells an abort from an end. `cite` is the last frame of it."""

    cite: Cite
    reset: bool


class CitedBuffer:
    """Unconsumed stream bytes. `data` is the bytes, `cites(first, last)` the frames that carried a range of them.

    Every byte is moved a bounded number of times, whatever the sizes consumed.
    """

    __slots__ = ("_cites", "_consumed", "_live", "_starts", "data")

    def __init__(self) -> None:
        self.data = bytearray()
        self._starts: list[int] = []  # in bytes since the last clear
        self._cites: list[Cite] = []
        self._consumed = 0
        self._live = 0  # the first entry that still has bytes in `data`

    def __len__(self) -> int:
        return len(self.data)

    def append(self, data: bytes, cite: Cite) -> None:
        """Adds bytes behind what is held."""
        if data:
            self._starts.append(self._consumed + len(self.data))
            self._cites.append(cite)
            self.data += data

    def cites(self, first: int, last: int) -> tuple[Cite, ...]:
        """The frames of data[first:last], in stream order, each once in a row."""
        if first >= last or not self._starts:
            return ()
        low = bisect_right(self._starts, self._consumed + first, self._live) - 1
        high = bisect_right(self._starts, self._consumed + last - 1, self._live)
        return tuple(dict.fromkeys(self._cites[max(low, self._live) : high]))

    def consume(self, size: int) -> None:
        """Drops the first `size` bytes."""
        if size >= len(self.data):
            self.clear()
            return
        del self.data[:size]
        self._consumed += size
        self._live = bisect_right(self._starts, self._consumed, self._live) - 1
        if self._live > len(self._starts) // 2:
            del self._starts[: self._live]
            del self._cites[: self._live]
            self._live = 0

    def clear(self) -> None:
        """Drops everything."""
        self.data.clear()
        self._starts.clear()
        self._cites.clear()
        self._consumed = self._live = 0
