"""Frames as columns over one buffer: what every kind of capture delivers, and the engine consumes."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from analyzer.core.frozen import frozen

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Octets: TypeAlias = bytes | bytearray
"""A block of a capture."""


@frozen
class Source:
    """One interface of one capture. Its index in the run's table is what `Cite.source` and `FrameBatch.source` hold."""

    capture: int  # index of the capture in the run
    interface: int  # index of the interface in the capture, across its sections
    interface_name: str  # safe text; "" where the capture names none
    link_type: int  # LINKTYPE_ value
    snap_length: int  # 0: none
    vantage: str  # the vantage point this interface belongs to
    path: str = ""  # of the capture; "" where there is no file


@dataclass(slots=True)
class FrameBatch:
    """`len(start)` frames in file order over one buffer.

    The buffer is reused after `feed` returns: whoever keeps bytes copies them.

    buffer      uint8, the bytes; a frame lies at buffer[start : start + captured]
    start       int32, where each frame begins
    captured    int32, bytes captured
    wire        int32, bytes on the wire (>= captured; more means cut by the snap length)
    ts_ns       int64, time since the epoch, nanoseconds
    source      int32, index in the table of sources
    frame       int64, 1-based number in its capture
    offset      int64, where the frame's bytes lie in the (expanded) file
    """

    buffer: U8
    start: I32
    captured: I32
    wire: I32
    ts_ns: I64
    source: I32
    frame: I64
    offset: I64

    def __len__(self) -> int:
        return len(self.start)

    def take(self, at: I64) -> "FrameBatch":
        """The frames at some places, over the same buffer."""
        return FrameBatch(
            self.buffer, self.start[at], self.captured[at], self.wire[at],
            self.ts_ns[at], self.source[at], self.frame[at], self.offset[at],
        )  # fmt: skip

    def rows(self, first: int, last: int) -> "FrameBatch":
        """The frames first <= i < last, over the same buffer."""
        s = slice(first, last)
        return FrameBatch(
            self.buffer, self.start[s], self.captured[s], self.wire[s],
            self.ts_ns[s], self.source[s], self.frame[s], self.offset[s],
        )  # fmt: skip
