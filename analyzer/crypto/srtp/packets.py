"""Where the parts of a protected packet are (RFC 3711 3.1 and 3.4, RFC 7714 8.2 and 9.2)."""

from typing import NamedTuple

from analyzer.crypto.srtp.reasons import Reason

RTP_FIXED = 12
RTCP_FIXED = 8
INDEX_WORD = 4


class RtpParts(NamedTuple):
    """One SRTP packet: `header` bytes are clear, `body` ends where MKI or tag begin."""

    packet: bytes
    header: int
    body_end: int
    mki: bytes
    tag: bytes
    seq: int
    ssrc: int


class RtcpParts(NamedTuple):
    """One SRTCP packet: `body_end` is the end of the compound packet, `word` the E bit and the 31-bit index."""

    packet: bytes
    body_end: int
    mki: bytes
    tag: bytes
    word: bytes
    encrypted: bool
    srtcp_index: int
    ssrc: int


def header_length(packet: bytes, end: int) -> int | None:
    """Length of the RTP header with CSRCs and extension (RFC 3550 5.1), or None where it passes `end`."""
    size = RTP_FIXED + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        if size + 4 > end:
            return None
        size += 4 + 4 * int.from_bytes(packet[size + 2 : size + 4], "big")
    return size if size <= end else None


def rtp_parts(packet: bytes, tag: int, mki: int, aead: bool) -> RtpParts | Reason:
    """Splits an SRTP packet with a tag of `tag` and an MKI of `mki` bytes; an AEAD tag stands before the MKI."""
    size = len(packet)
    end = size - tag - mki
    if end < RTP_FIXED:
        return Reason.TOO_SHORT
    header = header_length(packet, end)
    if header is None:
        return Reason.TRUNCATED
    tag_at, mki_at = (end, end + tag) if aead else (end + mki, end)
    return RtpParts(
        packet,
        header,
        end,
        packet[mki_at : mki_at + mki],
        packet[tag_at : tag_at + tag],
        int.from_bytes(packet[2:4], "big"),
        int.from_bytes(packet[8:12], "big"),
    )


def rtcp_parts(packet: bytes, tag: int, mki: int, aead: bool) -> RtcpParts | Reason:
    """Splits an SRTCP packet; an AEAD tag stands before the index word, an HMAC tag at the end."""
    end = len(packet) - tag - mki - INDEX_WORD
    if end < RTCP_FIXED:
        return Reason.TOO_SHORT
    word_at = end + tag if aead else end
    mki_at = word_at + INDEX_WORD
    tag_at = end if aead else mki_at + mki
    word = packet[word_at : word_at + INDEX_WORD]
    value = int.from_bytes(word, "big")
    return RtcpParts(
        packet,
        end,
        packet[mki_at : mki_at + mki],
        packet[tag_at : tag_at + tag],
        word,
        bool(value >> 31),
        value & 0x7FFFFFFF,
        int.from_bytes(packet[4:8], "big"),
    )


def extension_mask(packet: bytes, header: int, ids: frozenset[int]) -> list[tuple[int, int]]:
    """The byte ranges (start, end) of extension elements with an identifier in `ids` (RFC 6904 3.1, RFC 8285 4)."""
    start = RTP_FIXED + 4 * (packet[0] & 0x0F)
    profile = int.from_bytes(packet[start : start + 2], "big")
    long_form = profile & 0xFFF0 == 0x1000
    if not packet[0] & 0x10 or not (long_form or profile == 0xBEDE):
        return []
    at = start + 4
    ranges = []
    while at < header:
        if packet[at] == 0:
            at += 1
            continue
        if long_form:
            identifier, size, at = packet[at], packet[at + 1] if at + 1 < header else 0, at + 2
        else:
            identifier, size, at = packet[at] >> 4, (packet[at] & 0x0F) + 1, at + 1
            if identifier == 15:
                break
        if identifier in ids:
            ranges.append((at, min(at + size, header)))
        at += size
    return ranges
