"""The first five seconds of a stream, packet by packet: number, timestamp, marker, size and time of arrival.

By these a stream is known again behind a relay that writes its headers anew, without a key (hops.md section 4). Twelve
bytes a packet while they come; then differences, as narrow as they fit: a byte or two a packet of most calls.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from analyzer.core.frozen import frozen

I64 = npt.NDArray[np.int64]
TICK_NS = 16_000  # the unit of arrival: differences of evenly sent packets fit in a byte, and relays are less even
PACED = 250  # packets: five seconds of speech in packets of 20 ms
ROW = np.dtype([("size", ">u2"), ("number", ">u2"), ("stamp", ">u4"), ("tick", ">u4")])
MARKER = 0x8000  # in `size`
LARGEST = MARKER - 1


@frozen
class Paced:
    """Packets as columns, in the order of arrival, each number once: RTP sequence number and timestamp, size of the
    payload in bytes, whether the marker is set, arrival in ticks of 16 us (modulo 2**32, as timestamps are)."""

    number: I64
    stamp: I64
    size: I64
    marker: npt.NDArray[np.bool_]
    tick: I64

    def __len__(self) -> int:
        return len(self.number)


class Pace:
    """What is kept of the first packets of one stream at one vantage point. `room`: how many more are wanted."""

    __slots__ = ("_packed", "held", "room")

    def __init__(self) -> None:
        self.held = b""  # a `ROW` for each; once it was packed, what it was packed to
        self._packed = False
        self.room = PACED

    def add(self, rows: bytes) -> None:
        """Takes packets, no more than there is room for: a `ROW` each. What is full then waits for `pack`."""
        self.held += rows
        self.room -= len(rows) // ROW.itemsize

    def packets(self) -> Paced:
        """The packets that are kept."""
        rows = _unpacked(self.held) if self._packed else np.frombuffer(self.held, ROW)
        _, first = np.unique(rows["number"], return_index=True)
        rows = rows[np.sort(first)]
        size = rows["size"].astype(np.int64)
        number, stamp, tick = (rows[name].astype(np.int64) for name in ("number", "stamp", "tick"))
        return Paced(number, stamp, size & LARGEST, size >= MARKER, tick)

    def replace(self, packed: bytes) -> None:
        """Takes what a full one was packed to."""
        self.held, self._packed = packed, True


_WORDS = ROW.itemsize // 4
_AT_ONCE = 64  # half a megabyte, with what they are worked out of
_WIDTHS = np.array((0, 1, 2, 4), np.uint8)  # bytes
_HEAD = _WORDS + ROW.itemsize + 8 * _WORDS


def pack(full: Sequence[Pace]) -> None:
    """Holds full ones as differences: all at once, since array operations cost as much for one as for many."""
    for at in range(0, len(full), _AT_ONCE):
        some = full[at : at + _AT_ONCE]
        for pace, packed in zip(some, _packed([pace.held for pace in some]), strict=True):
            pace.replace(packed)


def _packed(paces: Sequence[bytes]) -> Iterator[bytes]:
    """Of each the first packet, and of each word by what the others differ from the one before: the first difference,
    then the least, and as narrow as it fits by how much each is above it. Mostly that is nothing."""
    rows = np.frombuffer(b"".join(paces), ">u4").reshape(len(paces), PACED, _WORDS)
    words = np.array(rows.transpose(0, 2, 1), np.uint32, order="C")
    steps = words[..., 1:] - words[..., :-1]
    least = steps[..., 1:].min(axis=-1)
    above = steps[..., 1:] - least[..., np.newaxis]
    most = above.max(axis=-1)
    widths = _WIDTHS[np.searchsorted((1, 0x100, 0x10000), most, "right")]
    pairs = np.stack((steps[..., 0], least), axis=-1).reshape(len(paces), -1).view(np.uint8)
    heads = np.concatenate((widths, rows[:, 0].view(np.uint8), pairs), axis=1)
    for place, columns in enumerate(widths.tolist()):
        narrow = [above[place, at].astype(f"u{width}").tobytes() for at, width in enumerate(columns) if width]
        yield b"".join((heads[place].tobytes(), *narrow))


def _unpacked(packed: bytes) -> npt.NDArray[np.void]:
    words = np.zeros((PACED, _WORDS), np.uint32)
    words[0] = np.frombuffer(packed, ">u4", _WORDS, _WORDS)
    words[1], words[2:] = np.frombuffer(packed, np.uint32, 2 * _WORDS, _WORDS + ROW.itemsize).reshape(_WORDS, 2).T
    at = _HEAD
    for column, width in enumerate(packed[:_WORDS]):
        if width:
            words[2:, column] += np.frombuffer(packed, f"u{width}", PACED - 2, at)
        at += (PACED - 2) * width
    return np.cumsum(words, axis=0, dtype=np.uint32).astype(">u4").view(ROW).ravel()
