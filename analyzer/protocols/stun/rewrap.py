"""What TURN relays, replaced: the same message around another payload."""

from collections.abc import Iterator
from zlib import crc32

from analyzer.protocols.stun.message import (
    DATA,
    FINGERPRINT,
    HEADER,
    MESSAGE_INTEGRITY,
    MESSAGE_INTEGRITY_SHA256,
    Attribute,
    ChannelData,
    StunMessage,
)
from analyzer.protocols.stun.parser import BAD_ATTRIBUTE

_PRINT = 0x5354554E  # RFC 8489 14.7
_LARGEST = 0xFFFF


def with_data(message: StunMessage | ChannelData, data: bytes) -> bytes | None:
    """The datagram with other relayed data; a fingerprint is put right (RFC 8489 14.7).

    MESSAGE-INTEGRITY of either kind goes: it is of the data that was there, and its key alone could make another. So
    does what stands behind it, FINGERPRINT apart: no receiver reads that (14.5). None where the message is malformed or
    has no data before that.
    """
    if isinstance(message, ChannelData):
        padded = len(message.raw) > 4 + len(message.data)
        return message.raw[:2] + len(data).to_bytes(2, "big") + data + bytes(-len(data) % 4 if padded else 0)
    if any(a.kind is BAD_ATTRIBUTE for a in message.anomalies):
        return None
    end = HEADER + int.from_bytes(message.raw[2:4], "big")
    body, replaced, print_at = bytearray(), False, -1
    for attribute in _read(message):
        value = attribute.value
        if attribute.kind == DATA and not replaced:
            value, replaced = data, True
        if attribute.kind == FINGERPRINT and print_at < 0:
            print_at = HEADER + len(body)
        body += attribute.kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)
    if len(body) > _LARGEST or not replaced:
        return None
    made = bytearray(message.raw[:2] + len(body).to_bytes(2, "big") + message.raw[4:HEADER] + body)
    if print_at >= 0:
        made[print_at + 4 : print_at + 8] = (crc32(made[:print_at]) ^ _PRINT).to_bytes(4, "big")
    return bytes(made) + message.raw[end:]


def _read(message: StunMessage) -> Iterator[Attribute]:
    """The attributes that a receiver reads, without those of integrity."""
    sealed = False
    for attribute in message.attributes:
        if attribute.kind in (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256):
            sealed = True
        elif not sealed or attribute.kind == FINGERPRINT:
            yield attribute
