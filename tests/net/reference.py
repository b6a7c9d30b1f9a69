"""A second decoder, one frame at a time with struct, written from the RFCs: what the columns are compared with.

It enters no tunnel and puts nothing together; frames that need either give None, and are compared elsewhere.
"""

import struct
from typing import NamedTuple


class Packet(NamedTuple):
    """What a frame carries; `begin` and `length` locate the captured payload in the frame."""

    protocol: int
    source: bytes
    destination: bytes
    sport: int
    dport: int
    begin: int
    length: int
    missing: int
    seq: int
    flags: int


class NotDecodedError(Exception):
    """The frame has no packet."""


def _need(data: bytes, at: int, size: int) -> None:
    if at + size > len(data):
        raise NotDecodedError("short")


def _u16(data: bytes, at: int) -> int:
    _need(data, at, 2)
    return int.from_bytes(data[at : at + 2], "big")


def _link(data: bytes, link: int) -> tuple[int | None, int]:
    """EtherType (None: the IP version tells) and where it leads."""
    sizes = {0: 4, 1: 14, 12: 0, 14: 0, 101: 0, 108: 4, 113: 16, 228: 0, 229: 0, 276: 20}
    if link not in sizes:
        raise NotDecodedError("link")
    _need(data, 0, max(sizes[link], 1))
    kinds = {1: 12, 113: 14, 276: 0}
    kind = _u16(data, kinds[link]) if link in kinds else None
    return kind, sizes[link]


def _shims(data: bytes, kind: int | None, at: int, wire: int) -> tuple[int | None, int, bytes, int]:
    while kind in (0x8100, 0x88A8, 0x9100, 0x8847, 0x8848, 0x8864):
        if kind in (0x8847, 0x8848):
            bottom = False
            while not bottom:
                _need(data, at, 4)
                bottom = bool(data[at + 2] & 1)
                at += 4
            _need(data, at, 1)
            kind = {4: 0x0800, 6: 0x86DD}.get(data[at] >> 4)
            if kind is None:
                raise NotDecodedError("mpls")
        elif kind == 0x8864:
            _need(data, at, 8)
            version, code, _, length, ppp = struct.unpack_from(">BBHHH", data, at)
            kind = {0x21: 0x0800, 0x57: 0x86DD}.get(ppp)
            if (version, code) != (0x11, 0) or kind is None:
                raise NotDecodedError("ppp")
            wire = min(wire, at + 6 + length)
            data = data[:wire]
            at += 8
        else:
            _need(data, at, 4)
            kind, at = _u16(data, at + 2), at + 4
    return kind, at, data, wire


def _ip4(data: bytes, at: int, wire: int) -> tuple[int, int, int, bytes, bytes]:
    _need(data, at, 20)
    first, _, total, _, fragment, _, protocol, _, source, destination = struct.unpack_from(">BBHHHBBH4s4s", data, at)
    header = (first & 15) * 4
    if header < 20:
        raise NotDecodedError("header")
    _need(data, at, header)
    if fragment & 0x3FFF:
        raise NotDecodedError("fragment")
    stop = wire if total < header or at + total > wire else at + total
    return protocol, at + header, stop, source, destination


def _ip6(data: bytes, at: int, wire: int) -> tuple[int, int, int, bytes, bytes]:
    _need(data, at, 40)
    _, length, protocol, _, source, destination = struct.unpack_from(">IHBB16s16s", data, at)
    stop = wire if length == 0 or at + 40 + length > wire else at + 40 + length
    return protocol, at + 40, stop, source, destination


def read(data: bytes, link: int, wire: int) -> Packet | None:
    """The packet of a frame of `wire` bytes, of which `data` was captured; None where a tunnel may be.

    Raises:
        NotDecodedError: the frame has no packet.
    """
    kind, at = _link(data, link)
    kind, at, data, wire = _shims(data, kind, at, wire)
    if kind not in (None, 0x0800, 0x86DD):
        raise NotDecodedError("kind")
    _need(data, at, 1)
    version = data[at] >> 4
    if version not in (4, 6) or version != {None: version, 0x0800: 4, 0x86DD: 6}[kind]:
        raise NotDecodedError("version")
    protocol, at, stop, source, destination = (_ip4 if version == 4 else _ip6)(data, at, wire)
    for _ in range(8):
        if protocol not in ((51,) if version == 4 else (0, 43, 44, 51, 60)):
            break
        _need(data, at, 8)
        if protocol == 44 and _u16(data, at + 2) & 0xFFF9:
            raise NotDecodedError("fragment")
        size = {44: 8, 51: (data[at + 1] + 2) * 4}.get(protocol, (data[at + 1] + 1) * 8)
        protocol, at = data[at], at + size
    if protocol in (4, 41, 47):
        return None
    return _transport(data, protocol, at, stop, source, destination)


def _transport(data: bytes, protocol: int, at: int, stop: int, source: bytes, destination: bytes) -> Packet | None:
    data = data[:stop] if stop < len(data) else data
    size = {6: 20, 17: 8, 50: 8, 132: 12}.get(protocol)
    if size is None:
        raise NotDecodedError("protocol")
    _need(data, at, size)
    sport, dport = (0, 0) if protocol == 50 else struct.unpack_from(">HH", data, at)
    seq, flags = 0, 0
    if protocol == 17:
        length = _u16(data, at + 4)
        stop = at + length if 8 <= length <= stop - at else stop
        if {sport, dport} & {2152, 4500, 4789, 6081}:
            return None
    elif protocol == 6:
        seq, offset, flags = *struct.unpack_from(">I", data, at + 4), (data[at + 12] >> 4) * 4, data[at + 13]
        size = offset if 20 <= offset <= stop - at else 20
    elif protocol == 50:
        size = 0
    end = min(stop, len(data))
    begin = at + size
    captured = max(end - begin, 0)
    missing = max(stop - begin, 0) - captured
    return Packet(protocol, source, destination, sport, dport, min(begin, end), captured, missing, seq, flags)
