"""ESP without encryption, recognised without a key by what stands in it (RFC 5879).

A packet is read as if it had each check value and IV that NULL ciphers have; what fits by chance fits in few bits.
Bits are summed over packets, and one packet that contradicts ends a reading: so NULL is claimed on consistent ground.
"""

from dataclasses import dataclass, field

from analyzer.crypto.esp import HEADER, TRAILER, Opened, Reason, unpad

LAYOUTS = ((12, 0), (16, 0), (16, 8), (24, 0), (32, 0))
"""Bytes of check value and IV, shortest check value first (RFC 5879 8.1, 8.2); the IV is that of AES-GMAC."""
ENOUGH_BITS = 40  # that fit: RFC 5879 8 finds 32 to 64 to be enough
PACKETS = 16  # looked at until one reading has enough; then the association is left alone
RESTARTS = 3  # packets that no reading fits, before it is taken as encrypted
_IPV4, _TCP, _UDP, _IPV6, _SCTP, _ICMP, _ICMPV6, _NOTHING = 4, 6, 17, 41, 132, 1, 58, 59
_NEXT_HEADER_BITS = 5  # one of eight values of 256
_MOST_PADDING_BITS = 32
_PADDING = 2  # bytes of it that count up from one by chance once in 2**24 packets
_SENSIBLE_BITS = 16  # beside next header and padding


@dataclass(slots=True)
class Readings:
    """The layouts that the packets of one association still allow, each with the bits that fit."""

    bits: dict[tuple[int, int], int] = field(default_factory=lambda: dict.fromkeys(LAYOUTS, 0))
    packets: int = 0
    restarts: int = 0

    @property
    def over(self) -> bool:
        """Nothing more is to be learnt: too many packets, or none fits."""
        return self.packets >= PACKETS or self.restarts >= RESTARTS

    def take(self, packet: bytes, src: int, dst: int) -> tuple[int, int] | None:
        """Looks at a packet, whole from its SPI; the layout once it is found."""
        self.packets += 1
        for layout in list(self.bits):
            found = fits(packet, layout, src, dst)
            if found is None:
                del self.bits[layout]
            else:
                self.bits[layout] += found
        if not self.bits:
            self.restarts += 1
            self.bits = dict.fromkeys(LAYOUTS, 0)
            return None
        best = max(self.bits, key=lambda layout: self.bits[layout])  # of equals the first, as RFC 5879 8.2 wants it
        return best if self.bits[best] >= ENOUGH_BITS else None


def read(packet: bytes, layout: tuple[int, int]) -> Opened | Reason:
    """The packet as NULL ESP of the layout."""
    tag, iv = layout
    body = packet[HEADER + iv : len(packet) - tag]
    return Reason.TOO_SHORT if len(body) < TRAILER else unpad(body, False)


def fits(packet: bytes, layout: tuple[int, int], src: int, dst: int) -> int | None:
    """How many bits a reading explains; None if the packet contradicts it, 0 if it says nothing."""
    if (len(packet) - layout[0]) % 4:
        return None
    opened = read(packet, layout)
    if isinstance(opened, Reason):
        return None
    payload = opened.payload
    padding = len(packet) - sum(layout) - HEADER - TRAILER - len(payload)
    judge = _JUDGES.get(opened.next_header)
    if judge is None:
        return 0
    inside = judge(payload, src, dst)
    if inside is None:
        return None
    return min(8 * (padding + 1), _MOST_PADDING_BITS) + _NEXT_HEADER_BITS + inside


def _udp(data: bytes, src: int, dst: int) -> int | None:
    if len(data) < 8 or not any(data[:2]) or not any(data[2:4]):
        return None
    length = data[4] << 8 | data[5]
    if not 8 <= length <= len(data):
        return None
    if length < len(data):  # padded against traffic analysis (RFC 4303 2.7)
        return 0
    return 16 + (16 if any(data[6:8]) and checksum(data, src, dst, _UDP) == 0 else 0)


def _tcp(data: bytes, src: int, dst: int) -> int | None:
    if len(data) < 20 or not any(data[:2]) or not any(data[2:4]):
        return None
    offset, flags = (data[12] >> 4) * 4, data[13]
    if not 20 <= offset <= len(data) or data[12] & 14 or flags & 3 == 3 or flags & 6 == 6:
        return None
    urgent = bool(flags & 0x20)
    if not urgent and any(data[18:20]):
        return 0
    return 4 + (0 if urgent else 16) + (16 if checksum(data, src, dst, _TCP) == 0 else 0)


def _sctp(data: bytes, src: int, dst: int) -> int | None:
    del src, dst
    return None if len(data) < 12 or len(data) % 4 or not any(data[:2]) or not any(data[2:4]) else 2


def _icmp(data: bytes, src: int, dst: int) -> int | None:
    del src, dst
    return None if len(data) < 8 else 16 if _sum(data) == 0 else 0


def _icmpv6(data: bytes, src: int, dst: int) -> int | None:
    return None if len(data) < 8 else 16 if checksum(data, src, dst, _ICMPV6) == 0 else 0


def _ipv4(data: bytes, src: int, dst: int) -> int | None:
    del src, dst
    header = (data[0] & 15) * 4 if data else 0
    if len(data) < 20 or data[0] >> 4 != 4 or not 20 <= header <= len(data):
        return None
    total = data[2] << 8 | data[3]
    if not header <= total <= len(data):
        return None
    return 8 + (16 if total == len(data) else 0) + (16 if _sum(data[:header]) == 0 else 0)


def _ipv6(data: bytes, src: int, dst: int) -> int | None:
    del src, dst
    if len(data) < 40 or data[0] >> 4 != 6:
        return None
    length = 40 + (data[4] << 8 | data[5])
    if length > len(data):
        return None
    return 4 + (16 if length == len(data) else 0) + (12 if data[6] in _JUDGES else 0)


def _nothing(data: bytes, src: int, dst: int) -> int | None:
    del data, src, dst
    return 0


_JUDGES = {
    _UDP: _udp, _TCP: _tcp, _SCTP: _sctp, _ICMP: _icmp, _ICMPV6: _icmpv6, _IPV4: _ipv4, _IPV6: _ipv6,
    _NOTHING: _nothing,
}  # fmt: skip


def checksum(data: bytes, src: int, dst: int, protocol: int) -> int:
    """The Internet checksum over a transport packet with its pseudo header: 0 where it is right (RFC 9293 3.1)."""
    size = 4 if src >> 32 == 0xFFFF and dst >> 32 == 0xFFFF else 16
    mask = (1 << 8 * size) - 1
    pseudo = (src & mask).to_bytes(size, "big") + (dst & mask).to_bytes(size, "big")
    return _sum(pseudo + protocol.to_bytes(4, "big") + len(data).to_bytes(4, "big") + data)


def _sum(data: bytes) -> int:
    """The one's complement of the one's complement sum of 16-bit words: 2**16 is 1 modulo 0xffff (RFC 1071)."""
    value = int.from_bytes(data + b"\0" * (len(data) & 1), "big")
    return 0xFFFF - (value % 0xFFFF or (0xFFFF if value else 0))


def credible(opened: Opened, padding: int | None, src: int, dst: int) -> bool:
    """Whether a packet whose check value is right was deciphered by its own key too: by its padding, or its content."""
    counted = padding is not None and (padding >= _PADDING or opened.next_header in _JUDGES)
    return counted or sensible(opened, src, dst)


def sensible(opened: Opened, src: int, dst: int) -> bool:
    """Whether what came out of a packet is one of the protocols known here, with enough bits that fit."""
    judge = _JUDGES.get(opened.next_header)
    inside = judge(opened.payload, src, dst) if judge is not None else None
    return inside is not None and inside >= _SENSIBLE_BITS
