"""Frame headers of RFC 6455 5.2, and whether bytes look like one."""

from typing import NamedTuple

from analyzer.core.cursor import Cursor
from analyzer.protocols.websocket.message import CLOSE, CONTINUATION, PONG

LONGEST_HEADER = 14


class Header(NamedTuple):
    """A frame header: `size` is its own length in bytes, `length` that of the payload, `rsv` the three bits."""

    fin: bool
    rsv: int
    opcode: int
    masked: bool
    mask: bytes
    length: int
    size: int

    @property
    def shortest(self) -> bool:
        """The length is in the shortest of its three forms."""
        form = self.size - 2 - len(self.mask)
        return {2: self.length > 125, 8: self.length > 0xFFFF}.get(form, True)


def read_header(data: bytes | bytearray, at: int) -> Header | None:
    """The header at `at`, or None where its bytes are not all here."""
    cursor = Cursor(bytes(data[at : at + LONGEST_HEADER]))
    first, second = cursor.u8(), cursor.u8()
    if first is None or second is None:
        return None
    short = second & 0x7F
    length = cursor.uint(2 if short == 126 else 8) if short > 125 else short
    mask = cursor.take(4) if second & 0x80 else b""
    if length is None or mask is None:
        return None
    return Header(first >= 0x80, first >> 4 & 7, first & 15, second >= 0x80, mask, length, cursor.pos)


def known_opcode(first: int) -> bool:
    """The opcode in a first header byte is one of RFC 6455 11.8."""
    return first & 15 <= 2 or CLOSE <= first & 15 <= PONG


def plausible(first: int, second: int, inside: bool | None = None) -> bool:
    """Whether two bytes may begin a frame that keeps every rule; `inside` a fragmented message, if known."""
    opcode = first & 15
    if not known_opcode(first) or first & 0x30:
        return False
    if opcode >= CLOSE:
        return first & 0xF0 == 0x80 and second & 0x7F <= 125
    if opcode == CONTINUATION and first & 0x40:
        return False
    return inside is None or inside == (opcode == CONTINUATION)


def follows(header: Header, first: int, second: int) -> bool:
    """Whether two bytes may begin the frame behind `header` in the same direction."""
    inside = None if header.opcode >= CLOSE else not header.fin
    return plausible(first, second, inside) and (second >= 0x80) == header.masked


def unmask(payload: bytes, mask: bytes) -> bytes:
    """RFC 6455 5.3."""
    if not mask or not payload:
        return payload
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
