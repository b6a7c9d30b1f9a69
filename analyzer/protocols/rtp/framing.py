"""Packets of datagram protocols in a TCP stream: RTP and RTCP, STUN, DTLS, each behind its length (RFC 4571 2)."""

from functools import partial

from analyzer.core.anomalies import define
from analyzer.core.severity import Severity
from analyzer.transport.framed import Measure, PacketStream

LOST = define(
    "rtp.framing_lost", Severity.INFO, "Bytes of a stream of packets are missing: where the next begins is not known",
    "RFC 4571 2", "capture",
)  # fmt: skip
CUT = define("rtp.framing_cut", Severity.INFO, "A stream of packets ended inside one", "RFC 4571 2")

_COOKIE = bytes.fromhex("2112a442")  # RFC 8489 5
_RTP_HEADER, _RTCP_HEADER, _STUN_HEADER, _DTLS_HEADER = 12, 8, 20, 13
_RTCP_FIRST, _RTCP_LAST = 200, 207


def probe(data: bytes) -> int:
    """Negative: no framed packets. 0: more bytes may tell. Positive: the higher the surer.

    STUN and DTLS have marks of their own; of RTP or RTCP two packets of one sender in a row are asked for.
    """
    size = int.from_bytes(data[:2], "big")
    if len(data) < 3:
        return 0 if len(data) < 2 or size >= _RTCP_HEADER else -1
    packet = data[2 : 2 + size]
    if size >= _STUN_HEADER and packet[0] <= 3:
        return _begins(packet[2:8], (size - _STUN_HEADER).to_bytes(2, "big") + _COOKIE, 90)
    if size >= _DTLS_HEADER and 20 <= packet[0] <= 25:
        return _begins(packet[1:2], b"\xfe", 80)
    if size < _RTCP_HEADER or packet[0] >> 6 != 2:
        return -1
    following = data[2 + size :]
    if len(following) < 2 + _RTP_HEADER:
        return 0
    one, two = _sender(packet), _sender(following[2:])
    return 70 if one is not None and one == two and int.from_bytes(following[:2], "big") >= _RTCP_HEADER else -1


def _begins(seen: bytes, mark: bytes, score: int) -> int:
    if len(seen) < len(mark):
        return 0 if mark.startswith(seen) else -1
    return score if seen == mark else -1


def _sender(packet: bytes) -> bytes | None:
    """The SSRC of what looks like RTP or RTCP (RFC 3550 5.1, 6.4.1)."""
    if len(packet) < _RTCP_HEADER or packet[0] >> 6 != 2:
        return None
    return packet[4:8] if _RTCP_FIRST <= packet[1] <= _RTCP_LAST else packet[8:12]


def _measure(data: bytearray, at: int) -> Measure | None:
    """LENGTH, then as many bytes."""
    return Measure(2, 2 + int.from_bytes(data[at : at + 2], "big")) if len(data) - at >= 2 else None


def with_null_packets(packet: bytes, size: int, *, media: bool) -> bytes | None:
    """A packet behind its length, with as many null packets behind it as make `size` bytes (RFC 4571 2).

    These have two bytes each. If the number is odd, RTP (`media`) gets a byte of padding (RFC 3550 5.1), and other
    packets are followed by one of a single zero. None where there is no room for that.
    """
    spare = size - 2 - len(packet)
    if spare % 2 and media:
        padding = packet[-1] if packet[0] & 0x20 else 0
        if padding == 0xFF:
            return None
        packet, spare = bytes((packet[0] | 0x20,)) + packet[1:] + bytes((padding + 1,)), spare - 1
    odd = b"\0\1\0" if spare % 2 else b""
    if spare < len(odd) or len(packet) > 0xFFFF:
        return None
    return len(packet).to_bytes(2, "big") + packet + odd + bytes(spare - len(odd))


FrameStream = partial(PacketStream, _measure, LOST, CUT)
"""One direction of a stream. Holds at most one packet of 65,535 bytes."""
