"""One UDPTL packet, strictly: there is no mark by which to know one (T.38 9.1, aligned PER of Annex A). Total."""

from analyzer.core.cursor import Cursor
from analyzer.core.frozen import frozen

INDICATORS = (
    "no-signal", "cng", "ced", "v21-preamble", "v27-2400-training", "v27-4800-training", "v29-7200-training",
    "v29-9600-training", "v17-7200-short-training", "v17-7200-long-training", "v17-9600-short-training",
    "v17-9600-long-training", "v17-12000-short-training", "v17-12000-long-training", "v17-14400-short-training",
    "v17-14400-long-training",
)  # fmt: skip
DATA = ("v21", "v27-2400", "v27-4800", "v29-7200", "v29-9600", "v17-7200", "v17-9600", "v17-12000", "v17-14400")
_HAS_DATA, _IS_DATA, _EXTENDED = 0x80, 0x40, 0x20
_REDUNDANCY, _FEC = 0x00, 0x80
_MOST = 64  # packets repeated in one; T.38 has a handful


@frozen
class Udptl:
    """A packet: its sequence number, what its fax packet is (an indicator or a modulation), how it is protected."""

    sequence: int
    kind: str
    data: bool
    redundant: int
    fec: bool


def _open_type(cursor: Cursor) -> bytes | None:
    """Octets behind a length determinant of PER: one octet up to 127, two up to 16,383."""
    length = cursor.u8()
    if length is None:
        return None
    if length & 0x80:
        more = cursor.u8()
        if more is None or length & 0x40:
            return None
        length = (length & 0x3F) << 8 | more
    return cursor.take(length)


def _kind(packet: bytes) -> tuple[str, bool] | None:
    if not packet:
        return None
    first = packet[0]
    number = first >> 1 & 15
    if not first & _IS_DATA:
        extended = bool(first & _EXTENDED)
        sound = not first & _HAS_DATA and len(packet) == 1 + extended
        return (INDICATORS[number] if not extended else "v34", False) if sound else None
    if first & _EXTENDED:
        return "v34", True
    return (DATA[number], True) if number < len(DATA) else None


def parse(data: bytes) -> Udptl | None:
    """The packet that a datagram is, to its last byte; None if it is none."""
    cursor = Cursor(data)
    sequence = cursor.u16()
    primary = _open_type(cursor)
    recovery = cursor.u8()
    kind = _kind(primary) if primary is not None else None
    if sequence is None or kind is None or recovery not in (_REDUNDANCY, _FEC):
        return None
    if recovery == _FEC and _open_type(cursor) is None:  # how many packets the repair covers
        return None
    count = cursor.u8()
    if count is None or count > _MOST:
        return None
    for _ in range(count):
        if _open_type(cursor) is None:
            return None
    if cursor.left:
        return None
    return Udptl(sequence, *kind, redundant=count if recovery == _REDUNDANCY else 0, fec=recovery == _FEC)
