"""What TURN relays, replaced: the same message around another payload, on request of the same length."""

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
_PADDING = 0x0026  # RFC 5780 7.6
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
    return _made(message, data, 0)


def with_data_in_stream(message: StunMessage | ChannelData, data: bytes) -> bytes | None:
    """As `with_data`, as long as the message was: in a stream, nothing behind it moves.

    Behind channel data there are empty ones of the same channel (RFC 8656 12.4: 0 is a valid length); an indication
    gets a PADDING attribute (RFC 5780 7.6).
    """
    made = with_data(message, data)
    spare = -1 if made is None else len(message.raw) - len(made)
    if spare <= 0 or made is None:
        return made if spare == 0 else None
    if isinstance(message, ChannelData):
        made += bytes(-len(made) % 4)
        return made + (message.raw[:2] + b"\0\0") * ((len(message.raw) - len(made)) // 4)
    return _made(message, data, spare)


def _made(message: StunMessage, data: bytes, spare: int) -> bytes | None:
    """The indication with other data, and `spare` bytes of PADDING, none or at least four."""
    end = HEADER + int.from_bytes(message.raw[2:4], "big")
    body, replaced, print_at = bytearray(), False, -1
    kept = list(_read(message))
    if spare:
        last = next((at for at, attribute in enumerate(kept) if attribute.kind == FINGERPRINT), len(kept))
        kept.insert(last, Attribute(_PADDING, bytes(spare - 4)))
    for attribute in kept:
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
