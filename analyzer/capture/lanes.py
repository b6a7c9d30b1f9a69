"""Many records at a time: a block of a capture is walked from several of its records at once, with array operations.

Where a record begins is known only from the one before it, so all starts but the first are guesses. None is believed:
a lane counts if the lane before it, which counts, ends exactly where it began. So what comes out is the chain that a
walk record by record finds, whatever the guesses were; a wrong one costs the records behind it, which are walked again.
"""

import struct
from collections.abc import Callable

import numpy as np

from analyzer.capture.batch import I64, Octets

_SPAN = 16_384  # bytes of a lane
_MOST = 256  # lanes
_FEWEST = 64  # lanes worth the while
_STRIDE = 8  # steps between two looks at how many lanes go on
_MANY = 4_096  # records asked for at least: a walk is not done for a few
_LONGEST_REST = 64  # calls
_SHARE = 8  # once fewer than one lane in so many goes on, those go on one by one

Guess = Callable[[Octets, int, int], int]
"""Where a record seems to begin in data[at:stop], -1 if nowhere."""


class Chain:
    """How records follow each other: each is `extra` bytes and what its length field says, from `least` to `most`.

    Where guesses turn out wrong, lanes rest for a number of calls that doubles: captures that carry captures, or were
    made to deceive, cost little more than record by record.
    """

    def __init__(self, order: str, length_at: int, extra: int, least: int, most: int) -> None:
        self._number = np.dtype(order + "u4")
        self._read = struct.Struct(order + "I").unpack_from
        self._length_at = length_at
        self._extra = extra
        self._least = np.uint32(least)
        self._span = np.uint32(most - least)  # a length below the least wraps around to one above it
        self._rest = 0
        self._penalty = 1

    def walk(self, data: Octets, at: int, rows: int, guess: Guess) -> tuple[I64, int]:
        """Where at most `rows` whole records begin from data[at] on, and where the next begins.

        None where this would not pay, or where there is none.
        """
        nothing = np.empty(0, np.int64), at
        if self._rest or rows < _MANY:
            self._rest = max(self._rest - 1, 0)
            return nothing
        starts = self._starts(data, at, guess)
        if len(starts) < _FEWEST:
            return nothing
        found, end = self._follow(data, np.array(starts, np.int64))
        if (end - at) * 2 < len(data) - at:
            self.disappoint()
        else:
            self._penalty = 1
        return (found, end) if len(found) <= rows else (found[:rows], int(found[rows]))

    def disappoint(self) -> None:
        """Notes that what was found was of little use."""
        self._rest = self._penalty = min(2 * self._penalty, _LONGEST_REST)

    @staticmethod
    def _starts(data: Octets, at: int, guess: Guess) -> list[int]:
        span = max(_SPAN, (len(data) - at) // _MOST)
        starts = [at]
        for begin in range(at + span, len(data) - _SPAN // 2, span):
            found = guess(data, begin, begin + _SPAN // 2)
            if found > starts[-1]:
                starts.append(found)
        return starts

    def _follow(self, data: Octets, first: I64) -> tuple[I64, int]:
        """The chain through all lanes up to the first that does not fit the next, and where it ends."""
        size, limits = len(data), np.append(first[1:], len(data))
        last = size - self._length_at - 4
        stop = np.minimum(limits, last + 1)
        words = np.ndarray((last + 1,), "V4", buffer=data, offset=self._length_at, strides=(1,))
        columns = [first]
        at, going = first, len(first)
        while going * _SHARE > len(first):
            for _ in range(_STRIDE):
                length = words[np.minimum(at, last)].view(self._number)
                following = at + length + self._extra
                live = (at < stop) & (length - self._least <= self._span) & (following <= size)
                at = np.where(live, following, at)
                columns.append(at)
            going = int(np.count_nonzero(live))
        table = np.array(columns, np.int64).T
        counts = np.count_nonzero(table[:, 1:] != table[:, :-1], axis=1).tolist()
        found, end = [], 0
        for lane, (count, end, limit) in enumerate(zip(counts, at.tolist(), limits.tolist(), strict=True)):
            found.append(table[lane, :count])
            if end < limit:
                rest, end = self._alone(data, end, limit)
                found.append(rest)
            if end != limit:
                break
        return np.concatenate(found), end

    def _alone(self, data: Octets, at: int, limit: int) -> tuple[I64, int]:
        """The rest of a lane of many small records, record by record."""
        size, least, span, extra = len(data), int(self._least), int(self._span), self._extra
        read, length_at = self._read, self._length_at
        starts: list[int] = []
        while at < limit and at + length_at + 4 <= size:
            (length,) = read(data, at + length_at)
            if not 0 <= length - least <= span or at + length + extra > size:
                break
            starts.append(at)
            at += length + extra
        return np.array(starts, np.int64), at
