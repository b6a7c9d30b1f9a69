"""One datagram as a STUN message or channel data. Total; what is wrong inside is named on the message."""

from zlib import crc32

from analyzer.core.anomalies import Anomaly, AnomalyKind, define
from analyzer.core.cites import Cite
from analyzer.core.cursor import Cursor
from analyzer.core.severity import Severity
from analyzer.protocols.stun.message import (
    ATTRIBUTES,
    COOKIE,
    FINGERPRINT,
    HEADER,
    MESSAGE_INTEGRITY,
    MESSAGE_INTEGRITY_SHA256,
    XOR_MAPPED_ADDRESS,
    XOR_PEER_ADDRESS,
    XOR_RELAYED_ADDRESS,
    Attribute,
    ChannelData,
    StunMessage,
    read_address,
)

MALFORMED = define("stun.malformed", Severity.LOW, "Bytes that are no STUN message or channel data", "RFC 8489 6.3")
CUT = define("stun.cut", Severity.INFO, "A STUN message or channel data shorter than its length field", "RFC 8489 5")
TRAILING = define("stun.trailing", Severity.LOW, "Bytes behind the end of a STUN message", "RFC 8489 5")
BAD_ATTRIBUTE = define(
    "stun.attribute_length", Severity.LOW, "A STUN attribute is longer than its message", "RFC 8489 14"
)
BAD_ADDRESS = define("stun.address", Severity.LOW, "A STUN address attribute cannot be read", "RFC 8489 14.1, 14.2")
BAD_FINGERPRINT = define("stun.fingerprint", Severity.MEDIUM, "FINGERPRINT does not match the message", "RFC 8489 14.7")
UNPROTECTED = define(
    "stun.after_integrity", Severity.MEDIUM, "Attributes that MESSAGE-INTEGRITY does not protect", "RFC 8489 14.5"
)
UNKNOWN_REQUIRED = define(
    "stun.unknown_attribute", Severity.INFO, "An attribute that must be understood is not registered", "RFC 8489 14"
)
FIRST_CHANNEL, LAST_CHANNEL = 0x4000, 0x4FFF
_CLASSIC_TYPES = frozenset((0x0001, 0x0101, 0x0111, 0x0002, 0x0102, 0x0112))
_ADDRESSES = (XOR_MAPPED_ADDRESS, XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS)


def parse(data: bytes, cites: tuple[Cite, ...]) -> StunMessage | ChannelData | Anomaly:
    """The datagram's message. Bytes behind a message's end are in its `raw` and named; a cut one is an anomaly."""
    cursor = Cursor(data)
    kind, length, cookie, rest = cursor.u16(), cursor.u16(), cursor.u32(), cursor.take(12)
    if kind is not None and length is not None and FIRST_CHANNEL <= kind <= LAST_CHANNEL:
        return _channel_data(data, kind, length, cites)
    if kind is None or length is None or cookie is None or rest is None or kind >= 0x4000 or length % 4:
        return Anomaly(MALFORMED, cites, f"{len(data)} bytes")
    classic = cookie != COOKIE
    if classic and not is_classic(data):
        return Anomaly(MALFORMED, cites, "no magic cookie")
    if HEADER + length > len(data):
        return Anomaly(CUT, cites, f"{len(data)} of {HEADER + length} bytes")
    attributes, problems = _attributes(data, HEADER + length)
    if len(data) > HEADER + length:
        problems.append((TRAILING, f"{len(data) - HEADER - length} bytes"))
    return StunMessage(
        method=(kind & 0x3E00) >> 2 | (kind & 0x00E0) >> 1 | kind & 0x000F,
        message_class=(kind & 0x0100) >> 7 | (kind & 0x0010) >> 4,
        transaction=data[4 if classic else 8 : HEADER],
        attributes=tuple(attributes),
        raw=data,
        cites=cites,
        anomalies=tuple(Anomaly(problem, cites, detail) for problem, detail in problems),
    )


def _channel_data(data: bytes, channel: int, length: int, cites: tuple[Cite, ...]) -> ChannelData | Anomaly:
    """RFC 8656 12.4 and 12.5: over UDP the padding to four bytes may be there."""
    extra = len(data) - 4 - length
    if extra < 0:
        return Anomaly(CUT, cites, f"{len(data)} of {4 + length} bytes")
    if extra > 3:
        return Anomaly(MALFORMED, cites, f"{extra} bytes behind channel data")
    return ChannelData(channel, data[4 : 4 + length], data, cites)


def _attributes(data: bytes, end: int) -> tuple[list[Attribute], list[tuple[AnomalyKind, str]]]:
    cursor = Cursor(data, HEADER, end)
    found: list[Attribute] = []
    problems: dict[AnomalyKind, str] = {}
    sealed = printed = False
    while cursor.left:
        at = cursor.pos
        kind, value = cursor.u16(), cursor.vector(2)
        if kind is None or value is None:
            problems[BAD_ATTRIBUTE] = f"at byte {at}"
            break
        cursor.take(min(-len(value) % 4, cursor.left))
        found.append(Attribute(kind, value))
        if sealed and kind not in (FINGERPRINT, MESSAGE_INTEGRITY_SHA256):
            problems.setdefault(UNPROTECTED, found[-1].name)
        sealed = sealed or kind in (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256)
        if kind in _ADDRESSES and read_address(value, data[4:HEADER]) is None:
            problems.setdefault(BAD_ADDRESS, found[-1].name)
        if kind == FINGERPRINT and not printed:
            printed = True
            if value != (crc32(data[:at]) ^ 0x5354554E).to_bytes(4, "big"):
                problems[BAD_FINGERPRINT] = f"at byte {at}"
        if kind < 0x8000 and kind not in ATTRIBUTES:
            problems.setdefault(UNKNOWN_REQUIRED, found[-1].name)
    return found, list(problems.items())


def is_classic(data: bytes) -> bool:
    """Whether this is a message of RFC 3489: a type of its own, and lengths that match to the byte."""
    cursor = Cursor(data)
    kind, length = cursor.u16(), cursor.u16()
    cursor.take(16)
    if kind not in _CLASSIC_TYPES or cursor.failed or length != cursor.left:
        return False
    while cursor.left:
        cursor.u16()
        value = cursor.vector(2)
        if value is None or len(value) % 4:
            return False
    return True
