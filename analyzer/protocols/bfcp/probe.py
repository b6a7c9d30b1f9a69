"""Whether bytes are BFCP: version, primitive, reserved bits, lengths and the walk over the attributes must agree."""

import re

from analyzer.protocols.bfcp.names import ATTRIBUTES, PRIMITIVES, REQUIRED

HEADER, WORD = 12, 4
STRICT_WORDS = 255  # of a payload, where a header is not known by its place
HUNT = re.compile(rb"\x20[\x01-\x11]\x00")


def walks(data: bytes | bytearray, at: int, end: int) -> bool:
    """Whether known attributes, zero padded, fill data[at:end] as far as it is there."""
    have = len(data)
    while at < end:
        if at >= have:
            return True
        if data[at] >> 1 not in ATTRIBUTES:
            return False
        if at + 1 >= have:
            return True
        length = data[at + 1]
        stop = at + length + (-length & 3)
        if length < 2 or stop > end or (stop <= have and any(data[at + length : stop])):
            return False
        at = stop
    return True


def strict(data: bytes | bytearray, at: int) -> bool:
    """Whether a version 1 message stands at `at`, as far as it is there."""
    head = data[at : at + WORD]
    if (head[:1] and head[0] != 0x20) or (len(head) > 1 and head[1] not in PRIMITIVES):
        return False
    if (len(head) > 2 and head[2]) or len(head) < WORD:
        return len(head) < WORD and not (len(head) > 2 and head[2])
    if not head[3] and head[1] in REQUIRED:
        return False
    return walks(data, at + HEADER, at + HEADER + WORD * head[3])


def probe(data: bytes, datagram: bool) -> int:
    """Negative: not BFCP. 0: more bytes may tell, never for a datagram. Positive: BFCP, the higher the surer."""
    if datagram:
        return _datagram(data)
    if not strict(data, 0):
        return -1
    if len(data) < HEADER:
        return 0
    end = HEADER + WORD * data[3]
    if len(data) < end:
        return 0
    return (80 if data[3] else 60) if strict(data, end) else -1


def _datagram(data: bytes) -> int:
    if len(data) < HEADER or data[0] not in (0x40, 0x48, 0x50, 0x58) or data[1] not in PRIMITIVES:
        return -1
    words = data[2] << 8 | data[3]
    if data[0] & 8:
        if len(data) <= HEADER + WORD:
            return -1
        offset, length = data[12] << 8 | data[13], data[14] << 8 | data[15]
        return 60 if len(data) == HEADER + WORD + WORD * length and offset + length <= words else -1
    if len(data) != HEADER + WORD * words or not walks(data, HEADER, len(data)):
        return -1
    if not words and data[1] in REQUIRED:
        return -1
    return 80 if words else 60
