"""SIP over SCTP as far as a hop needs it: the user messages of whole DATA chunks (RFC 9260 3.3.1)."""

from analyzer.core.cursor import Cursor

_DATA = 0
_WHOLE = 3  # both the first and the last fragment


def user_messages(packet: bytes) -> list[bytes]:
    """The unfragmented user messages of one SCTP packet, common header included. Total: a lie ends the list."""
    messages: list[bytes] = []
    cursor = Cursor(packet, 12)
    while cursor.left >= 4:
        kind, flags, length = cursor.u8(), cursor.u8(), cursor.u16()
        if kind is None or flags is None or length is None or length < 4:
            break
        value = cursor.take(length - 4)
        if value is None:
            break
        if kind == _DATA and flags & _WHOLE == _WHOLE and len(value) >= 12:
            messages.append(value[12:])
        cursor.take(min(-length % 4, cursor.left))
    return messages
