"""The packet indices that a key has opened lately, each with a digest of its packet: to tell replay from reuse."""

from itertools import islice
from typing import Protocol

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
_Run = tuple[range | I64, U64]

DIGEST_BYTES = 8
"""The last bytes of a packet without MKI stand for it: they are the authentication tag, or hold it."""


class Tally(Protocol):
    """What a window counts in; see `stream.Counts`."""

    authenticated: int
    distinct: int
    duplicates: int
    reused: int
    undecided: int


class Window:
    """The last indices in the order in which they were noted: `bound` to twice as many.

    Packets in order come in bulk and are kept as arrays, others one by one. What is known does not depend on how.
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
        last = self._parts[-1] if self._parts else None
        if not isinstance(last, dict):
            last = {}
            self._parts.append(last)
        last[index] = digest
        self.highest = max(self.highest, index)
        self._admit(1)
        return True

    def extend(self, indices: I64, digests: U64) -> None:
        """Notes authenticated packets whose indices rise, all above `highest`: they are new."""
        first, last = int(indices[0]), int(indices[-1])
        whole = last - first == len(indices) - 1
        self._parts.append((range(first, last + 1) if whole else indices, digests.copy()))
        self.highest = int(indices[-1])
        self._admit(len(indices))

    def _find(self, index: int) -> int | None:
        for part in reversed(self._parts):
            if isinstance(part, dict):
                if index in part:
                    return part[index]
                continue
            indices, digests = part
            at = index - indices[0] if isinstance(indices, range) else int(np.searchsorted(indices, index))
            if 0 <= at < len(indices) and indices[at] == index:
                return int(digests[at])
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
            part = self._parts.pop(0)
            size = len(part) if isinstance(part, dict) else len(part[0])
            gone = min(count, size)
            count -= gone
            if isinstance(part, dict):
                self._forgotten = max(self._forgotten, *islice(part, gone))
                rest: dict[int, int] | _Run = dict(islice(part.items(), gone, None))
            else:
                self._forgotten = max(self._forgotten, int(part[0][gone - 1]))
                indices = part[0][gone:]
                rest = indices if isinstance(indices, range) else indices.copy(), part[1][gone:].copy()
            if gone < size:
                self._parts.insert(0, rest)
