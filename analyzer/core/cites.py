"""Where a claim comes from: a frame of a capture that opens in Wireshark."""

import struct
from collections.abc import Iterable
from typing import NamedTuple

_PACKED = struct.Struct("<5q")
_TIME = struct.Struct("<q")
PACKED_BYTES = _PACKED.size
"""Of one frame."""


class Cite(NamedTuple):
    """One frame, as proof.

    `source` indexes the run's table of sources (a capture and one of its interfaces), `frame` is 1-based in its
    capture, `offset` and `length` locate the frame's captured bytes in the (expanded) file, `ts_ns` is its time in
    nanoseconds since the epoch.
    """

    source: int
    frame: int
    offset: int
    length: int
    ts_ns: int


def packed(cites: Iterable[Cite]) -> bytes:
    """Frames as numbers, for what is remembered by the hundred thousand."""
    return b"".join([_PACKED.pack(*cite) for cite in cites])


def unpacked_at(data: bytes, place: int) -> Cite:
    """One of the frames that were packed."""
    return Cite(*_PACKED.unpack_from(data, place * PACKED_BYTES))


def packed_ns(data: bytes, place: int) -> int:
    """The time of one of them, which is asked for most."""
    found: tuple[int] = _TIME.unpack_from(data, (place + 1) * PACKED_BYTES - _TIME.size)  # the last field
    return found[0]


def unpacked(data: bytes) -> tuple[Cite, ...]:
    """What was packed."""
    return tuple([Cite(*numbers) for numbers in _PACKED.iter_unpack(data)])
