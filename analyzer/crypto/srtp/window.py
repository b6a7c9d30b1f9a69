"""The packet indices that a key has opened lately, each with a digest of its packet: to tell replay from reuse."""

from itertools import islice
from typing import Protocol

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
_SIZE = 4  # bytes kept of a digest

DIGEST_BYTES = 8
"""The last bytes of a packet without MKI stand for it: they are the authentication tag, or hold it."""


class Tally(Protocol):
    """What a window counts in; see `stream.Counts`."""

    authenticated: int
    distinct: int
    duplicates: int
    reused: int
    undecided: int


class _Run:
    """Indices that follow each other, and what is kept of the digests of their packets."""

    __slots__ = ("digests", "first")

    def __init__(self, first: int, digests: bytes) -> None:
        self.first = first
        self.digests = bytearray(digests)

    def __len__(self) -> int:
        return len(self.digests) // _SIZE

    def find(self, index: int) -> int | None:
        """The digest of an index, if it is in the run."""
        at = _SIZE * (index - self.first)
        return int.from_bytes(self.digests[at : at + _SIZE], "little") if 0 <= at < len(self.digests) else None


class Window:
    """The last indices in the order in which they were noted: `bound` to twice as many.

    Packets whose indices rise are kept as runs, those that come late one by one. What is known does not depend on how.
    """

    __slots__ = ("_bound", "_forgotten", "_held", "_parts", "highest")

    def __init__(self, bound: int) -> None:
        self._bound = max(1, bound)
        self._parts: list[dict[int, int] | _Run] = []
        self._held = 0
        self._forgotten = -1  # the highest index that is remembered no more
        self.highest = -1

    def note(self, index: int, digest: int, counts: Tally) -> bool:
        """Counts an authenticated packet as new, duplicate, reused or undecided; False where its index is reused."""
        counts.authenticated += 1
        digest = (digest ^ digest >> 32) & 0xFFFFFFFF
        before = self._find(index)
        if before is not None:
            if before == digest:
                counts.duplicates += 1
                return True
            counts.reused += 1
            return False
        if index <= self._forgotten:
            counts.undecided += 1
            return True
        counts.distinct += 1
        if index > self.highest:
            self.highest = index
            self._run(index, digest.to_bytes(_SIZE, "little"))
        else:
            self._late(index, digest)
        self._admit(1)
        return True

    def _late(self, index: int, digest: int) -> None:
        last = self._parts[-1]
        if not isinstance(last, dict):
            last = {}
            self._parts.append(last)
        last[index] = digest

    def extend(self, indices: I64, digests: U64) -> None:
        """Notes authenticated packets whose indices rise, all above `highest`: they are new."""
        halves = digests.astype("<u8").view("<u4")
        kept = (halves[::2] ^ halves[1::2]).tobytes()
        begin, count = 0, len(indices)
        self.highest = int(indices[-1])
        ends = () if self.highest - int(indices[0]) == count - 1 else np.flatnonzero(np.diff(indices) != 1) + 1
        for end in (*map(int, ends), count):
            self._run(int(indices[begin]), kept[_SIZE * begin : _SIZE * end])
            begin = end
        self._admit(count)

    def _run(self, first: int, digests: bytes) -> None:
        last = self._parts[-1] if self._parts else None
        if isinstance(last, _Run) and last.first + len(last) == first:
            last.digests += digests
        else:
            self._parts.append(_Run(first, digests))

    def _find(self, index: int) -> int | None:
        for part in reversed(self._parts):
            found = part.get(index) if isinstance(part, dict) else part.find(index)
            if found is not None:
                return found
        return None

    def _admit(self, count: int) -> None:
        """Forgets down to the bound each time there are more than twice as many, as if they had come one by one."""
        held, bound = self._held + count, self._bound
        if held <= 2 * bound:
            self._held = held
            return
        kept = bound + (held - 2 * bound - 1) % (bound + 1)
        self._forget(held - kept)
        self._held = kept

    def _forget(self, count: int) -> None:
        while count:
            part = self._parts[0]
            gone = min(count, len(part))
            count -= gone
            if isinstance(part, dict):
                self._forgotten = max(self._forgotten, *islice(part, gone))
                self._parts[0] = dict(islice(part.items(), gone, None))
            else:
                part.first += gone
                self._forgotten = max(self._forgotten, part.first - 1)
                del part.digests[: _SIZE * gone]
            if not self._parts[0]:
                del self._parts[0]
