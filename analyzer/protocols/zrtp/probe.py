"""Whether a datagram is ZRTP."""

from analyzer.core.cursor import Cursor

MAGIC = 0x5A525450
_SHORTEST = 28  # header 12, the shortest message 12 (HelloACK), CRC 4


def probe(data: bytes) -> int:
    """Negative: no. 90: the magic cookie of RFC 6189 5 in a packet whose first byte RFC 7983 7 leaves to ZRTP."""
    if len(data) < _SHORTEST or not 16 <= data[0] <= 19:
        return -1
    return 90 if Cursor(data, 4).u32() == MAGIC else -1
