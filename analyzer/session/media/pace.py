"""The first five seconds of a stream, packet by packet: number, timestamp, marker, size and time of arrival.

By these a stream is known again behind a relay that writes its headers anew, without a key (hops.md section 4). Twelve
bytes a packet while they come; then differences, as narrow as they fit: a byte or two a packet of most calls.
"""

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
        number, stamp, tick = (rows[name].astype(np.int64) for name in ("number", "stamp", "tick"))
        return Paced(number, stamp, size & LARGEST, size >= MARKER, tick)


_WORDS = ROW.itemsize // 4


def _packed(rows: bytes) -> bytes:
    """The first packet, and of each word by what the others differ from the one before: the first difference, then the
    least, and as narrow as it fits by how much each is above it. Mostly that is nothing."""
    words = np.frombuffer(rows, ">u4").astype(np.uint32).reshape(-1, _WORDS)
    widths, columns = [], []
    for steps in (words[1:] - words[:-1]).T:
        column = steps.tobytes()
        if column[8:] == column[4:-4]:  # all are the second one
            widths.append(0)
            columns.append(column[:8])
            continue
        least = steps[1:].min()
        above = steps[1:] - least
        most = int(above.max())
        widths.append(1 if most <= 0xFF else 2 if most <= 0xFFFF else 4)
        columns += [column[:4], least.tobytes(), above.astype(f"u{widths[-1]}").tobytes()]
    return b"".join((bytes(widths), rows[: ROW.itemsize], *columns))


def _unpacked(packed: bytes) -> npt.NDArray[np.void]:
    words = np.zeros((PACED, _WORDS), np.uint32)
    words[0] = np.frombuffer(packed, ">u4", _WORDS, _WORDS)
    at = _WORDS + ROW.itemsize
    for column, width in enumerate(packed[:_WORDS]):
        words[1, column], words[2:, column] = np.frombuffer(packed, np.uint32, 2, at)
        at += 8
        if width:
            words[2:, column] += np.frombuffer(packed, f"u{width}", PACED - 2, at)
        at += (PACED - 2) * width
    return np.cumsum(words, axis=0, dtype=np.uint32).astype(">u4").view(ROW).ravel()
