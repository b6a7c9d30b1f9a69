"""A frame with another payload in it: every length and checksum around the payload put right.

The walk from the link layer to the payload knows the same layers as the decoder. An AH header around what changes goes,
since its check value (RFC 4302 2.6) is of what stood there before, and only its key could make another. What cannot be
put right (fragments inside fragments) is not rewritten: then None is given.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from analyzer.core.frozen import frozen
from analyzer.net.link import KIND_AT, LINK_BYTES
from analyzer.net.packets import TCP, UDP
from analyzer.net.tunnels import GENEVE_PORT, GTPU_PORT, VXLAN_PORT

Kind = Literal["ipv4", "ipv6", "ah", "gre", "udp", "tcp", "gtpu", "pppoe"]
_LAYERS = 32
_VLAN, _MPLS, _PPPOE, _BRIDGED = (0x8100, 0x88A8, 0x9100), (0x8847, 0x8848), 0x8864, 0x6558
_AH = 51
_PPP = {0x0021: 0x0800, 0x0057: 0x86DD, 0x0281: 0x8847}
_ETHER_BYTES = 14
_TO_FRAGMENT = -1  # where a walk goes that looks for a fragment's header
_V4_SHARE, _V6_SHARE = 0x3FFF, 0xFFF9  # more fragments, and the offset


@frozen
class _Layer:
    kind: Kind
    at: int
    end: int  # behind the header: where what it carries begins
    protocol_at: int = 0  # IP and AH: where the number of the protocol carried stands
    share_at: int = 0  # of a fragment: where its offset and mark stand


class _UnknownError(Exception):
    """The walk met what it does not know; never leaves this module."""


def with_payload(frame: bytes, link: int, at: int, size: int, payload: bytes) -> bytes | None:
    """The frame with the payload of UDP or TCP at `at` of `size` bytes replaced. That of TCP keeps its size: what
    follows in the stream has its numbers."""
    try:
        layers = _walk(frame, link, at)
    except (_UnknownError, IndexError):
        return None
    if layers[-1].kind not in ("udp", "tcp") or (layers[-1].kind == "tcp" and size != len(payload)):
        return None
    return _rebuilt(frame, layers, at, size, payload)


def with_protocol(frame: bytes, link: int, at: int, size: int, protocol: int, payload: bytes) -> bytes | None:
    """The frame with the ESP packet at `at` of `size` bytes replaced by what it carried; UDP around it goes too."""
    try:
        layers = _walk(frame, link, at)
    except (_UnknownError, IndexError):
        return None
    if layers[-1].kind == "udp":
        at, size = layers[-1].at, size + at - layers[-1].at
        layers.pop()
    if layers[-1].kind not in ("ipv4", "ipv6", "ah"):
        return None
    marked = bytearray(frame)
    marked[layers[-1].protocol_at] = protocol
    return _rebuilt(bytes(marked), layers, at, size, payload)


@frozen
class Share:
    """What a fragment carries anew: bytes of a packet of `protocol`, from `begin` on."""

    protocol: int
    begin: int
    content: bytes


@frozen
class _Piece:
    """A frame with a fragment: `size` bytes of it, at `at`, are those of its packet from `begin` on."""

    frame: bytes
    layers: list[_Layer]
    begin: int
    at: int
    size: int
    more: bool

    @property
    def content(self) -> bytes:
        return self.frame[self.at : self.at + self.size]

    @property
    def identity(self) -> bytes:
        """What is the same in every copy of the fragment: its IP header but for what routers change, and its bytes."""
        ip = self.layers[-1]
        header = bytearray(self.frame[ip.at : ip.end])
        for at in (8, 10, 11) if ip.kind == "ipv4" else (7,):
            header[at] = 0
        return bytes(header) + self.content


def new_shares(
    frames: Sequence[tuple[bytes, int]], change: Callable[[bytes], bytes | None]
) -> dict[bytes, Share] | None:
    """What each fragment carries, by its identity, after `change` made another packet of the one that they make.

    `frames` come with their link types; several may be copies of one fragment. `change` is given the packet from its IP
    header on, and gives it with a header of the same length. As many fragments as there were carry the new packet, with
    the old offsets as far as it reaches. None where the shares do not make a packet without gap or overlap, or where
    the new one is too short for so many fragments.
    """
    try:
        found = {piece.identity: piece for piece in (_piece(frame, link) for frame, link in frames)}
    except (_UnknownError, IndexError):
        return None
    pieces = sorted(found.values(), key=lambda piece: piece.begin)
    old = _together(pieces)
    new = None if old is None else change(old)
    if new is None:
        return None
    ip = pieces[0].layers[-1]
    header = ip.end - ip.at
    edges = _edges([piece.begin for piece in pieces], len(new) - header)
    if not edges:
        return None
    protocol = new[ip.protocol_at - ip.at]
    return {
        piece.identity: Share(protocol, begin, new[header + begin : header + end])
        for piece, (begin, end) in zip(pieces, pairwise(edges), strict=True)
    }


def with_share(frame: bytes, link: int, shares: Mapping[bytes, Share]) -> bytes | None:
    """The frame with its fragment, or the copy of one, as `shares` says; None where it is none of those."""
    try:
        piece = _piece(frame, link)
    except (_UnknownError, IndexError):
        return None
    share = shares.get(piece.identity)
    if share is None:
        return None
    ip = piece.layers[-1]
    marked = bytearray(frame)
    marked[ip.protocol_at] = share.protocol
    old = _be16(frame, ip.share_at)
    new = (old & ~0x1FFF) | share.begin // 8 if ip.kind == "ipv4" else (old & ~0xFFF8) | share.begin
    marked[ip.share_at : ip.share_at + 2] = new.to_bytes(2, "big")
    return _rebuilt(bytes(marked), piece.layers, piece.at, piece.size, share.content)


def _piece(frame: bytes, link: int) -> _Piece:
    layers = _walk(frame, link, _TO_FRAGMENT)
    ip = layers[-1]
    share = _be16(frame, ip.share_at)
    if ip.kind == "ipv4":
        begin, more, end = (share & 0x1FFF) * 8, bool(share & 0x2000), ip.at + _be16(frame, ip.at + 2)
    else:
        begin, more, end = share & 0xFFF8, bool(share & 1), ip.at + 40 + _be16(frame, ip.at + 4)
    if not ip.end < end <= len(frame):
        raise _UnknownError
    return _Piece(frame, layers, begin, ip.end, end - ip.end, more)


def _together(pieces: list[_Piece]) -> bytes | None:
    """The packet of these shares, ascending, None where they make none. An IPv6 one keeps its fragment header, which
    then says that this is all (RFC 6946)."""
    whole = all(a.more and a.begin + a.size == b.begin for a, b in pairwise(pieces))
    if not pieces or pieces[0].begin or pieces[-1].more or not whole:
        return None
    ip, first = pieces[0].layers[-1], pieces[0].frame
    made = bytearray(first[ip.at : ip.end])
    for piece in pieces:
        made += piece.content
    length = len(made) if ip.kind == "ipv4" else len(made) - 40
    if length > 0xFFFF:
        return None
    where = 2 if ip.kind == "ipv4" else 4
    made[where : where + 2] = length.to_bytes(2, "big")
    made[ip.share_at - ip.at : ip.share_at - ip.at + 2] = b"\0\0"
    return bytes(made)


def _edges(begins: list[int], size: int) -> list[int]:
    """Where each share begins in a packet of `size` bytes, and its end: the old places, or earlier ones by eights.
    Empty where there is not enough for all."""
    edges = [size]
    for begin in reversed(begins):
        edges.append(min(begin, (edges[-1] - 1) // 8 * 8))
    return [] if edges[-1] else edges[::-1]


# -- the walk ---------------------------------------------------------------------------------------------------------


def _be16(frame: bytes | bytearray, at: int) -> int:
    return frame[at] << 8 | frame[at + 1]


def _walk(frame: bytes, link: int, target: int) -> list[_Layer]:
    if link not in LINK_BYTES:
        raise _UnknownError
    at = LINK_BYTES[link]
    kind = _be16(frame, KIND_AT[link]) if link in KIND_AT else 0
    layers: list[_Layer] = []
    while len(layers) < _LAYERS:
        kind, at = _shims(frame, kind, at, layers)
        at, protocol = _internet(frame, at, kind, layers)
        if layers[-1].share_at:
            if target == _TO_FRAGMENT:
                return layers
            raise _UnknownError
        at, protocol = _authenticated(frame, at, protocol, layers)
        if at == target:
            return layers
        if protocol in (UDP, TCP):
            layers.append(_transport(frame, at, protocol))
            if layers[-1].end == target:
                return layers
        if protocol == UDP:
            kind, at = _over_udp(frame, at, layers)
        elif protocol in (4, 41):
            kind = 0x0800 if protocol == 4 else 0x86DD
        elif protocol == 47:
            kind, at = _gre(frame, at, layers)
        else:
            raise _UnknownError
        if target != _TO_FRAGMENT and at >= target:
            raise _UnknownError
    raise _UnknownError


def _shims(frame: bytes, kind: int, at: int, layers: list[_Layer]) -> tuple[int, int]:
    for _ in range(_LAYERS):
        if kind in _VLAN:
            kind, at = _be16(frame, at + 2), at + 4
        elif kind == _PPPOE:
            layers.append(_Layer("pppoe", at, at + 6))
            kind, at = _PPP.get(_be16(frame, at + 6), -1), at + 8
        elif kind in _MPLS:
            while not frame[at + 2] & 1:
                at += 4
            at += 4
            if frame[at] >> 4 not in (4, 6):
                raise _UnknownError  # a pseudowire
            kind = 0
        else:
            return kind, at
    raise _UnknownError


def _internet(frame: bytes, at: int, kind: int, layers: list[_Layer]) -> tuple[int, int]:
    """Steps over an IP header with its extensions; gives where what it carries begins, and its protocol."""
    version = frame[at] >> 4
    if kind not in (0, 0x0800, 0x86DD) or (kind == 0x0800 and version != 4) or (kind == 0x86DD and version != 6):
        raise _UnknownError
    if version == 4:
        end = at + (frame[at] & 15) * 4
        if end < at + 20:
            raise _UnknownError
        layers.append(_Layer("ipv4", at, end, at + 9, at + 6 if _be16(frame, at + 6) & _V4_SHARE else 0))
        return end, frame[at + 9]
    if version != 6:
        raise _UnknownError
    start, end, protocol_at = at, at + 40, at + 6
    while frame[protocol_at] in (0, 60):
        protocol_at, end = end, end + (frame[end + 1] + 1) * 8
    share_at = 0
    if frame[protocol_at] == 44:
        share_at = end + 2 if _be16(frame, end + 2) & _V6_SHARE else 0
        protocol_at, end = end, end + 8
    layers.append(_Layer("ipv6", start, end, protocol_at, share_at))
    return end, frame[protocol_at]


def _authenticated(frame: bytes, at: int, protocol: int, layers: list[_Layer]) -> tuple[int, int]:
    """Steps over AH (RFC 4302 2.2)."""
    while protocol == _AH:
        end = at + (frame[at + 1] + 2) * 4
        layers.append(_Layer("ah", at, end, at))
        at, protocol = end, frame[at]
    return at, protocol


def _transport(frame: bytes, at: int, protocol: int) -> _Layer:
    if protocol == UDP:
        return _Layer("udp", at, at + 8)
    return _Layer("tcp", at, at + (frame[at + 12] >> 4) * 4)


def _over_udp(frame: bytes, at: int, layers: list[_Layer]) -> tuple[int, int]:
    ports = (_be16(frame, at), _be16(frame, at + 2))
    inside = at + 8
    if GTPU_PORT in ports:
        layers.append(_Layer("gtpu", inside, inside + 8))
        end = inside + (12 if frame[inside] & 7 else 8)
        following = frame[inside + 11] if frame[inside] & 4 else 0
        while following:
            if not frame[end]:
                raise _UnknownError
            end += frame[end] * 4
            following = frame[end - 1]
        return 0, end
    if VXLAN_PORT in ports:
        return _be16(frame, inside + 20), inside + 8 + _ETHER_BYTES
    if GENEVE_PORT in ports:
        return _bridged(frame, _be16(frame, inside + 2), inside + 8 + (frame[inside] & 63) * 4)
    raise _UnknownError


def _gre(frame: bytes, at: int, layers: list[_Layer]) -> tuple[int, int]:
    flags = _be16(frame, at)
    if flags & 0x4007:  # routing, another version
        raise _UnknownError
    end = at + 4 + sum(4 for bit in (0x8000, 0x2000, 0x1000) if flags & bit)
    if flags & 0x8000:
        layers.append(_Layer("gre", at, end))
    return _bridged(frame, _be16(frame, at + 2), end)


def _bridged(frame: bytes, kind: int, at: int) -> tuple[int, int]:
    return (_be16(frame, at + 12), at + _ETHER_BYTES) if kind == _BRIDGED else (kind, at)


# -- the repair -------------------------------------------------------------------------------------------------------


def _rebuilt(frame: bytes, layers: list[_Layer], at: int, size: int, payload: bytes) -> bytes | None:
    if at > len(frame):  # the capture ends inside the headers
        return None
    made = bytearray(frame[:at] + payload + frame[at + size :])
    grown = len(payload) - size
    for index in range(len(layers) - 1, -1, -1):
        layer = layers[index]
        if layer.kind == "ah":
            made[layers[index - 1].protocol_at] = made[layer.at]
            del made[layer.at : layer.end]
            grown -= layer.end - layer.at
            continue
        if not _resized(made, layer, grown):
            return None
        if layer.kind in ("udp", "tcp", "gre"):
            ip = next(outer for outer in reversed(layers[:index]) if outer.kind in ("ipv4", "ipv6"))
            _checksum(made, layer, ip, grown)
    return bytes(made)


_LENGTH_AT: dict[Kind, int] = {"ipv4": 2, "ipv6": 4, "udp": 4, "gtpu": 2, "pppoe": 4}


def _resized(made: bytearray, layer: _Layer, grown: int) -> bool:
    """Puts the length of a header right; a length of 0 stands for the frame's (segmentation offload) and stays."""
    if layer.kind in _LENGTH_AT:
        where = _LENGTH_AT[layer.kind] + layer.at
        old = _be16(made, where)
        if old:
            if not 0 < old + grown <= 0xFFFF:
                return False
            made[where : where + 2] = (old + grown).to_bytes(2, "big")
    if layer.kind == "ipv4":
        made[layer.at + 10 : layer.at + 12] = b"\0\0"
        made[layer.at + 10 : layer.at + 12] = _sum(bytes(made[layer.at : layer.end])).to_bytes(2, "big")
    return True


def _checksum(made: bytearray, layer: _Layer, ip: _Layer, grown: int) -> None:
    """RFC 768, RFC 9293 3.1 and RFC 2784 2.5; `grown` is what the IP header does not count yet. Over IPv4, no checksum
    of UDP stays none."""
    at = layer.at
    where = at + {"udp": 6, "tcp": 16, "gre": 4}[layer.kind]
    if layer.kind == "udp" and ip.kind == "ipv4" and not _be16(made, where):
        return
    counted = _be16(made, ip.at + _LENGTH_AT[ip.kind])
    end = ip.at + (0 if ip.kind == "ipv4" else 40) + counted + grown if counted else len(made)
    if layer.kind == "udp":
        end = at + (_be16(made, at + 4) or end - at)
    made[where : where + 2] = b"\0\0"
    total = _sum(_pseudo(made, layer, ip, end - at) + bytes(made[at:end]))
    if layer.kind == "udp":
        total = total or 0xFFFF
    made[where : where + 2] = total.to_bytes(2, "big")


def _pseudo(made: bytearray, layer: _Layer, ip: _Layer, size: int) -> bytes:
    """The pseudo-header of UDP and TCP; GRE has none."""
    if layer.kind == "gre":
        return b""
    ends = made[ip.at + 12 : ip.at + 20] if ip.kind == "ipv4" else made[ip.at + 8 : ip.at + 40]
    return bytes(ends) + bytes((0, UDP if layer.kind == "udp" else TCP)) + size.to_bytes(4, "big")[2:]


def _sum(data: bytes) -> int:
    """The Internet checksum (RFC 1071): the number modulo 0xFFFF, since 2**16 is 1 there."""
    if len(data) % 2:
        data += b"\0"
    number = int.from_bytes(data, "big")
    folded = number % 0xFFFF
    return 0xFFFF ^ (folded or (0xFFFF if number else 0))
