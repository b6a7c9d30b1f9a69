"""The first five seconds of a stream, packet by packet: number, timestamp, marker, size and time of arrival.

By these a stream is known again behind a relay that writes its headers anew, without a key (hops.md section 4). Twelve
bytes a packet while they come; then differences, those that are the same for every packet once.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
PACED = 250  # packets: five seconds of speech in packets of 20 ms
ROW = np.dtype([("size", ">u2"), ("number", ">u2"), ("stamp", ">u4"), ("us", ">u4")])
MARKER = 0x8000  # in `size`
LARGEST = MARKER - 1


@dataclass(frozen=True, slots=True)
class Paced:
    """Packets as columns, in the order of arrival, each number once: RTP sequence number and timestamp, size of the
    payload in bytes, whether the marker is set, arrival in microseconds (modulo 2**32, as timestamps are)."""

    number: I64
    stamp: I64
    size: I64
    marker: npt.NDArray[np.bool_]
    us: I64

    def __len__(self) -> int:
        return len(self.number)


class Pace:
    """What is kept of the first packets of one stream at one vantage point."""

    __slots__ = ("_bytes", "_full")

    def __init__(self) -> None:
        self._bytes = b""
        self._full = False

    @property
    def room(self) -> int:
        """How many packets more are wanted."""
        return 0 if self._full else PACED - len(self._bytes) // ROW.itemsize

    def add(self, rows: bytes) -> None:
        """Takes packets, no more than there is room for: a `ROW` each."""
        self._bytes += rows
        if not self.room:
            self._bytes = _packed(self._bytes)
            self._full = True

    def packets(self) -> Paced:
        """The packets that are kept."""
        rows = _unpacked(self._bytes) if self._full else np.frombuffer(self._bytes, ROW)
        _, first = np.unique(rows["number"], return_index=True)
        rows = rows[np.sort(first)]
        size = rows["size"].astype(np.int64)
        number, stamp, us = (rows[name].astype(np.int64) for name in ("number", "stamp", "us"))
        return Paced(number, stamp, size & LARGEST, size >= MARKER, us)


_WORDS = ROW.itemsize // 4
_CONSTANT, _SHORT, _LONG = range(3)  # how the steps of a column are kept: the first two, in 16 bits each, in 32 bits


def _packed(rows: bytes) -> bytes:
    """The first packet, and by what each word of the others differs from the one before; once where that is constant
    but for the second packet (the marker of the first one), as nearly always."""
    words = np.frombuffer(rows, ">u4").astype(np.uint32).reshape(-1, _WORDS)
    kinds, columns = [], []
    for steps in (words[1:] - words[:-1]).T:
        column = steps.tobytes()
        if column[8:] == column[4:-4]:
            kinds.append(_CONSTANT)
            column = column[:8]
        elif int(steps.max()) <= 0xFFFF:
            kinds.append(_SHORT)
            column = steps.astype(np.uint16).tobytes()
        else:
            kinds.append(_LONG)
        columns.append(column)
    return b"".join((bytes(kinds), rows[: ROW.itemsize], *columns))


def _unpacked(packed: bytes) -> npt.NDArray[np.void]:
    words = np.zeros((PACED, _WORDS), np.uint32)
    words[0] = np.frombuffer(packed, ">u4", _WORDS, _WORDS)
    at = _WORDS + ROW.itemsize
    for column, kind in enumerate(packed[:_WORDS]):
        if kind == _CONSTANT:
            first, rest = np.frombuffer(packed, np.uint32, 2, at)
            words[1, column], words[2:, column] = first, rest
        else:
            words[1:, column] = np.frombuffer(packed, np.uint16 if kind == _SHORT else np.uint32, PACED - 1, at)
        at += 8 if kind == _CONSTANT else (PACED - 1) * (2 if kind == _SHORT else 4)
    return np.cumsum(words, axis=0, dtype=np.uint32).astype(">u4").view(ROW).ravel()
