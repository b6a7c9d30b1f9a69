"""Whether a datagram is STUN or TURN channel data."""

from analyzer.core.cursor import Cursor
from analyzer.protocols.stun.message import COOKIE, HEADER
from analyzer.protocols.stun.parser import FIRST_CHANNEL, LAST_CHANNEL, is_classic


def probe(data: bytes) -> int:
    """Negative: no. Positive: yes, and the surer the higher: 90 magic cookie, 40 RFC 3489, 20 channel data.

    A magic cookie whose lengths do not match is 60: it is read, and what is wrong named.
    """
    cursor = Cursor(data)
    kind, length, cookie = cursor.u16(), cursor.u16(), cursor.u32()
    if kind is None or length is None:
        return -1
    if FIRST_CHANNEL <= kind <= LAST_CHANNEL:
        return 20 if 0 <= len(data) - 4 - length <= 3 else -1
    if kind >= FIRST_CHANNEL or len(data) < HEADER or length % 4:
        return -1
    if cookie == COOKIE:
        return 90 if len(data) == HEADER + length else 60
    return 40 if is_classic(data) else -1
