"""The DTLS records of one datagram. Total: each byte is in a record or in a named rest."""

from collections.abc import Iterable
from dataclasses import replace

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.cursor import Cursor
from analyzer.core.frozen import frozen
from analyzer.core.severity import Severity

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA, HEARTBEAT, CID, ACK = 20, 21, 22, 23, 24, 25, 26
VERSIONS = (0xFEFF, 0xFEFD, 0xFEFC)
MAX_FRAGMENT = (1 << 14) + 2048
_C = 0x10  # RFC 9147 4: a connection ID is there

BAD_RECORD = define("dtls.bad_record", Severity.LOW, "Bytes of a DTLS datagram that are no record", "RFC 6347 4.1")
CUT_RECORD = define("dtls.cut_record", Severity.INFO, "A DTLS record longer than its datagram", "RFC 6347 4.1.1")


@frozen
class DtlsRecord:
    """One record as it was on the wire; `fragment` is still protected where the epoch is.

    `unified`: a DTLS 1.3 ciphertext (RFC 9147 4). Its `content_type` is the first byte, `version` 0xFEFC, `epoch` the
    two low bits, and `sequence` the 8 or 16 bits shown, which are encrypted. `size` counts header and fragment.
    The length of a connection ID is not in a record (RFC 9146 4): one that has it is taken to fill the datagram, and
    its `fragment` starts with the connection ID, until `with_connection_id` tells them apart; `cid` is b"" so long.
    """

    content_type: int
    version: int
    epoch: int
    sequence: int
    fragment: bytes
    cites: tuple[Cite, ...]
    size: int
    unified: bool = False
    cid: bytes = b""

    @property
    def unread(self) -> bool:
        """Whether it has a connection ID that is not told apart yet."""
        return not self.cid and (bool(self.content_type & _C) if self.unified else self.content_type == CID)


def _plain(data: bytes, at: int, cites: tuple[Cite, ...]) -> DtlsRecord | Anomaly:
    """RFC 6347 4.1."""
    cursor = Cursor(data, at)
    kind, version, epoch, sequence = cursor.u8(), cursor.u16(), cursor.u16(), cursor.uint(6)
    if kind == CID and version == 0xFEFD and epoch is not None and sequence is not None:
        return DtlsRecord(kind, version, epoch, sequence, cursor.rest(), cites, len(data) - at)
    length = cursor.u16()
    if kind is None or version is None or epoch is None or sequence is None or length is None:
        return Anomaly(CUT_RECORD, cites, f"{len(data) - at} bytes")
    if not CHANGE_CIPHER_SPEC <= kind <= ACK or version not in VERSIONS or length > MAX_FRAGMENT:
        return Anomaly(BAD_RECORD, cites, f"{len(data) - at} bytes")
    fragment = cursor.take(length)
    if fragment is None:
        return Anomaly(CUT_RECORD, cites, f"{cursor.left} of {length} bytes")
    return DtlsRecord(kind, version, epoch, sequence, fragment, cites, cursor.pos - at)


def _unified(data: bytes, at: int, cites: tuple[Cite, ...]) -> DtlsRecord | Anomaly:
    """RFC 9147 4: 001CSLEE. With a connection ID (C) the record is taken to fill the datagram."""
    cursor = Cursor(data, at)
    first = cursor.u8() or 0
    if first & _C:
        return DtlsRecord(first, 0xFEFC, first & 3, 0, cursor.rest(), cites, len(data) - at, unified=True)
    sequence = cursor.uint(2 if first & 8 else 1)
    fragment = cursor.vector(2) if first & 4 else cursor.rest()
    if sequence is None or fragment is None:
        return Anomaly(CUT_RECORD, cites, f"{len(data) - at} bytes")
    return DtlsRecord(first, 0xFEFC, first & 3, sequence, fragment, cites, cursor.pos - at, unified=True)


def with_connection_id(record: DtlsRecord, cids: Iterable[bytes]) -> tuple[DtlsRecord, bytes] | None:
    """The record with whichever of these connection IDs it begins with told apart, and what stands behind it in the
    datagram. None where it begins with none of them, or is cut."""
    cid = next((each for each in cids if each and record.fragment.startswith(each)), None)
    if cid is None:
        return None
    cursor = Cursor(record.fragment, len(cid))
    sequence: int | None = record.sequence
    if record.unified:
        sequence = cursor.uint(2 if record.content_type & 8 else 1)
    counted = not record.unified or record.content_type & 4
    fragment = cursor.vector(2) if counted else cursor.rest()
    if sequence is None or fragment is None:
        return None
    rest = cursor.rest()
    told = replace(record, sequence=sequence, fragment=fragment, cid=cid, size=record.size - len(rest))
    return told, rest


def parse_datagram(data: bytes, cites: tuple[Cite, ...]) -> list[DtlsRecord | Anomaly]:
    """The records of a datagram in order. An anomaly is the last event: what stands behind it is not read."""
    events: list[DtlsRecord | Anomaly] = []
    at = 0
    while at < len(data):
        event = _unified(data, at, cites) if data[at] >> 5 == 1 else _plain(data, at, cites)
        events.append(event)
        if isinstance(event, Anomaly):
            break
        at += event.size
    return events


def probe(data: bytes) -> int:
    """Negative: no DTLS. 90: whole records with a version; 60: the first one is cut; 5: perhaps DTLS 1.3 ciphertext."""
    if not data:
        return -1
    if data[0] >> 5 == 1:  # RFC 9147 4.2.3: at least 16 bytes are protected
        events = parse_datagram(data, ())
        whole = all(isinstance(e, DtlsRecord) and (not e.unified or len(e.fragment) >= 16) for e in events)
        return 5 if whole else -1
    first = _plain(data, 0, ())
    if isinstance(first, DtlsRecord):
        return 90
    return 60 if first.kind == CUT_RECORD and data[1:3] in (b"\xfe\xff", b"\xfe\xfd") and 20 <= data[0] <= 26 else -1
