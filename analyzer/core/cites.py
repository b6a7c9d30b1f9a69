"""Where a claim comes from: a frame of a capture that opens in Wireshark."""

from typing import NamedTuple


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
