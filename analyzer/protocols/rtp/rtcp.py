"""RTCP compound packets (RFC 3550 6), and the shape of SRTCP (RFC 3711 3.4). Total."""

from analyzer.core.cursor import Cursor
from analyzer.core.frozen import frozen
from analyzer.core.text import decode, safe

SR, RR, SDES, BYE, APP, RTPFB, PSFB, XR = 200, 201, 202, 203, 204, 205, 206, 207
_CNAME = 1


@frozen
class SenderReport:
    """What a sender said of its clock: kept to correlate hops."""

    ssrc: int
    ntp: int
    rtp_ts: int
    packets: int
    octets: int


@frozen
class Rtcp:
    """One compound packet read as plain RTCP.

    `well_formed`: every length fits and the packets fill the datagram, and reports and descriptions read as such.
    `protected`: its first header is RTCP's but the rest does not read: SRTCP, or damage.
    """

    ssrc: int
    types: tuple[int, ...]
    well_formed: bool
    report: SenderReport | None = None
    names: tuple[tuple[int, str], ...] = ()  # SSRC, or CSRC of a mixer, with its CNAME
    bye: bool = False
    references: tuple[tuple[int, int], ...] = ()  # of report blocks: SSRC, and the middle of its last report's NTP time

    @property
    def cname(self) -> str:
        """The first CNAME: that of the sender."""
        return next((name for _, name in self.names if name), "")

    @property
    def protected(self) -> bool:
        """Has the shape of SRTCP: a report header followed by what is no RTCP."""
        return not self.well_formed


def _names(body: bytes, count: int) -> list[tuple[int, str]] | None:
    """SSRC or CSRC and CNAME of each chunk of an SDES packet that reads (RFC 3550 6.5); None if the first does not."""
    cursor = Cursor(body)
    found: list[tuple[int, str]] = []
    for _ in range(count):
        source, text = cursor.u32(), _cname(cursor)
        if source is None or text is None:
            break
        found.append((source, text))
        cursor.take(-cursor.pos % 4)
    return found or None


def _cname(cursor: Cursor) -> str | None:
    """The CNAME among the items of a chunk, up to the zero behind them; None if what comes up to it does not read."""
    name = ""
    while cursor.left > 1:
        kind = cursor.u8()
        if kind == 0:
            break
        text = cursor.vector(1)
        if kind is None or text is None or (kind > 8 and not name):
            return name or None
        if kind == _CNAME:
            name = name or safe(decode(text), 120)
    return name


def _references(body: bytes, at: int, count: int) -> list[tuple[int, int]]:
    """Whose report each report block has seen last, and which (RFC 3550 6.4.1: SSRC, LSR); those that have seen none
    left out."""
    blocks = (body[begin : begin + 24] for begin in range(at, at + 24 * count, 24))
    found = ((int.from_bytes(block[:4], "big"), int.from_bytes(block[16:20], "big")) for block in blocks)
    return [(ssrc, last) for ssrc, last in found if last]


def parse(data: bytes) -> Rtcp | None:
    """A datagram as RTCP, None if its first header is not one (version 2, type 192 to 223, length)."""
    if len(data) < 8 or data[0] >> 6 != 2 or not 192 <= data[1] <= 223:
        return None
    types: list[int] = []
    report: SenderReport | None = None
    names: list[tuple[int, str]] = []
    bye, well_formed = False, True
    references: list[tuple[int, int]] = []
    at = 0
    while at + 4 <= len(data) and len(types) < 32:
        length = 4 * (1 + (data[at + 2] << 8 | data[at + 3]))
        kind = data[at + 1]
        if data[at] >> 6 != 2 or not 192 <= kind <= 223 or at + length > len(data):
            well_formed = False
            break
        types.append(kind)
        body = data[at + 4 : at + length]
        count = data[at] & 31
        if (kind == SR and len(body) < 24 + 24 * count) or (kind == RR and len(body) < 4 + 24 * count):
            well_formed = False
            break
        if kind == SR:
            field = [int.from_bytes(body[i : i + 4], "big") for i in range(0, 24, 4)]
            report = SenderReport(field[0], field[1] << 32 | field[2], field[3], field[4], field[5])
        elif kind == SDES and count:
            described = _names(body, count)
            well_formed = well_formed and described is not None
            names += described or ()
        if kind in (SR, RR):
            references += _references(body, 24 if kind == SR else 4, count)
        bye = bye or kind == BYE
        at += length
    well_formed = well_formed and at == len(data)
    ssrc = int.from_bytes(data[4:8], "big")
    return Rtcp(ssrc, tuple(types), well_formed, report, tuple(names), bye, tuple(references))
