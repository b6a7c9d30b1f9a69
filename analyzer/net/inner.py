"""Packets that came out of another packet, one at a time: IP, UDP, TCP and SCTP headers (see `decode` for frames)."""

from struct import Struct
from typing import NamedTuple

IPV4, IPV6 = 4, 41
_EXTENSIONS = (0, 43, 51, 60)
_FRAGMENT = 44
_MOST_EXTENSIONS = 8
_UDP = Struct(">HHH")
_MAPPED = 0xFFFF << 32


class InnerIp(NamedTuple):
    """An IP packet; `missing` bytes behind `payload` are not there."""

    src: int
    dst: int
    protocol: int
    payload: bytes
    missing: int
    ip_id: int


class InnerTransport(NamedTuple):
    """A UDP, TCP or SCTP packet; `seq`, `ack` and `flags` of TCP only."""

    sport: int
    dport: int
    payload: bytes
    missing: int
    seq: int = 0
    ack: int = 0
    flags: int = 0


class InnerFragment(NamedTuple):
    """A share of an IP packet: bytes `begin` to `end` of its payload; `header` is its IP header without the share."""

    src: int
    dst: int
    version: int
    id: int
    begin: int
    end: int
    more: bool
    header: bytes
    protocol: int
    payload: bytes


def _uint(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")


def read_ip(data: bytes, missing: int = 0) -> InnerIp | InnerFragment | str:
    """The packet, a share of one, or in a word why it is not read: "bad_ip_header", "short"."""
    version = data[0] >> 4 if data else 0
    if version == 4:
        return _ipv4(data, missing)
    return _ipv6(data, missing) if version == 6 else "bad_ip_header"


def _ipv4(data: bytes, missing: int) -> InnerIp | InnerFragment | str:
    header = (data[0] & 15) * 4
    if header < 20:
        return "bad_ip_header"
    if len(data) < header:
        return "short"
    total = _uint(data, 2, 2)
    stop = total if header <= total <= len(data) + missing else len(data) + missing
    payload = data[header:stop]
    src, dst, ident = _uint(data, 12, 4) | _MAPPED, _uint(data, 16, 4) | _MAPPED, _uint(data, 4, 2)
    share = _uint(data, 6, 2)
    if share & 0x3FFF:
        begin = (share & 0x1FFF) * 8
        return InnerFragment(
            src, dst, 4, ident, begin, begin + stop - header, bool(share & 0x2000), data[:header], data[9], payload
        )
    return InnerIp(src, dst, data[9], payload, stop - header - len(payload), ident)


def _ipv6(data: bytes, missing: int) -> InnerIp | InnerFragment | str:
    if len(data) < 40:
        return "short"
    length = _uint(data, 4, 2)
    stop = 40 + length if 0 < length <= len(data) + missing - 40 else len(data) + missing
    at, protocol = 40, data[6]
    for _ in range(_MOST_EXTENSIONS):
        if protocol not in _EXTENSIONS:
            break
        if len(data) < at + 8:
            return "short"
        size = (data[at + 1] + 2) * 4 if protocol == 51 else (data[at + 1] + 1) * 8
        protocol, at = data[at], at + size
    src, dst = _uint(data, 8, 16), _uint(data, 24, 16)
    if protocol == _FRAGMENT:
        if len(data) < at + 8:
            return "short"
        share, payload = _uint(data, at + 2, 2), data[at + 8 : stop]
        begin, header = share & 0xFFF8, data[:40]
        return InnerFragment(
            src, dst, 6, _uint(data, at + 4, 4), begin, begin + max(stop - at - 8, 0), bool(share & 1), header,
            data[at], payload,
        )  # fmt: skip
    payload = data[at:stop]
    return InnerIp(src, dst, protocol, payload, max(stop - at, 0) - len(payload), -1)


def read_udp(data: bytes, missing: int = 0) -> InnerTransport | None:
    """A UDP packet, None for less than its header. A length that lies is taken as the room there is (RFC 768)."""
    if len(data) < 8:
        return None
    sport, dport, length = _UDP.unpack_from(data)
    if not 8 <= length <= len(data) + missing:
        length = len(data) + missing
    payload = data[8:length]
    return InnerTransport(sport, dport, payload, length - 8 - len(payload))


def read_tcp(data: bytes, missing: int = 0) -> InnerTransport | None:
    """A TCP segment, None for less than its header (RFC 9293 3.1)."""
    if len(data) < 20:
        return None
    offset = (data[12] >> 4) * 4
    if not 20 <= offset <= len(data) + missing:
        offset = 20
    return InnerTransport(
        _uint(data, 0, 2), _uint(data, 2, 2), data[offset:], missing,
        _uint(data, 4, 4), _uint(data, 8, 4), data[13],
    )  # fmt: skip


def read_sctp(data: bytes, missing: int = 0) -> InnerTransport | None:
    """An SCTP packet without its common header, None for less than that (RFC 9260 3.1)."""
    return InnerTransport(_uint(data, 0, 2), _uint(data, 2, 2), data[12:], missing) if len(data) >= 12 else None
