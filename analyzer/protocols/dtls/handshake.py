"""Handshake messages of DTLS, put together from fragments (RFC 6347 4.2.2, 4.2.3). One direction of one association."""

from dataclasses import dataclass, field

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.cursor import Cursor
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.protocols.dtls.records import DtlsRecord

BAD_FRAGMENT = define(
    "dtls.bad_fragment", Severity.LOW, "A DTLS handshake fragment contradicts itself", "RFC 6347 4.2.2"
)
CONFLICT = define("dtls.fragment_conflict", Severity.MEDIUM, "Handshake fragments disagree", "RFC 6347 4.2.3")
HELD_LIMIT = define("dtls.handshake_limit", Severity.MEDIUM, "More of a DTLS handshake than is held", "")
UNFINISHED = define(
    "dtls.handshake_cut", Severity.INFO, "Fragments of a handshake message are missing", "RFC 6347 4.2.3"
)


@frozen
class HandshakeMessage:
    """A whole message: `raw` is in TLS form, type, 24-bit length, body, as formats.tls_handshake reads it."""

    kind: int
    message_seq: int
    body: bytes
    cites: tuple[Cite, ...]

    @property
    def raw(self) -> bytes:
        """The message with a TLS header."""
        return bytes([self.kind]) + len(self.body).to_bytes(3, "big") + self.body

    @property
    def dtls_raw(self) -> bytes:
        """The message as one fragment, which is what handshake hashes are taken over (RFC 6347 4.2.6)."""
        size = len(self.body).to_bytes(3, "big")
        return bytes([self.kind]) + size + self.message_seq.to_bytes(2, "big") + bytes(3) + size + self.body


@dataclass(slots=True)
class _Partial:
    kind: int
    body: bytearray
    ranges: list[tuple[int, int]] = field(default_factory=list)  # disjoint, ascending
    cites: dict[Cite, None] = field(default_factory=dict)


class HandshakeAssembler:
    """Gives each message once, as soon as its bytes are here; retransmissions of it are dropped.

    Messages come in the order they became whole, not by message_seq, as a capture may lack one. At most
    `Limits.message_bytes` are held, and `Limits.fragments_per_packet` separate ranges of one message; `Limits.headers`
    messages are known at all.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._partial: dict[int, _Partial] = {}
        self._done: dict[int, tuple[int, int]] = {}  # message_seq -> type and length

    @property
    def held(self) -> int:
        """Bytes set aside for messages that are not whole yet."""
        return sum(len(partial.body) for partial in self._partial.values())

    def receive(self, record: DtlsRecord) -> list[HandshakeMessage | Anomaly]:
        """Takes the fragments of a handshake record that is not, or no longer, protected."""
        events: list[HandshakeMessage | Anomaly] = []
        cursor = Cursor(record.fragment)
        while cursor.left:
            kind, length, seq, offset = cursor.u8(), cursor.u24(), cursor.u16(), cursor.u24()
            piece = cursor.vector(3)
            if kind is None or length is None or seq is None or offset is None or piece is None:
                events.append(Anomaly(BAD_FRAGMENT, record.cites, f"{len(record.fragment)} bytes"))
                break
            if offset + len(piece) > length:
                events.append(Anomaly(BAD_FRAGMENT, record.cites, f"message {seq} of {length} bytes"))
                continue
            events += self._add(kind, length, seq, offset, piece, record.cites)
        return events

    def _add(
        self, kind: int, length: int, seq: int, offset: int, piece: bytes, cites: tuple[Cite, ...]
    ) -> list[HandshakeMessage | Anomaly]:
        if seq in self._done:
            return [] if self._done[seq] == (kind, length) else [Anomaly(CONFLICT, cites, f"message {seq}")]
        partial = self._partial.get(seq)
        if partial is None:
            known = len(self._partial) + len(self._done)
            if self.held + length > self._limits.message_bytes or known >= self._limits.headers:
                return [Anomaly(HELD_LIMIT, cites, f"message {seq} of {length} bytes")]
            partial = self._partial[seq] = _Partial(kind, bytearray(length))
        if (partial.kind, len(partial.body)) != (kind, length):
            return [Anomaly(CONFLICT, cites, f"message {seq}")]
        events: list[HandshakeMessage | Anomaly] = []
        before = partial.ranges
        if _merge(partial, offset, piece):
            events.append(Anomaly(CONFLICT, cites, f"message {seq} at byte {offset}"))
        news = partial.ranges != before and len(partial.cites) < self._limits.fragments_per_packet
        if news or not partial.cites:
            partial.cites.update(dict.fromkeys(cites))
        if len(partial.ranges) > self._limits.fragments_per_packet:
            del self._partial[seq]
            events.append(Anomaly(HELD_LIMIT, cites, f"message {seq} in too many pieces"))
        elif partial.ranges == [(0, length)] or not length:
            del self._partial[seq]
            self._done[seq] = kind, length
            events.append(HandshakeMessage(kind, seq, bytes(partial.body), tuple(partial.cites)))
        return events

    def close(self) -> list[HandshakeMessage | Anomaly]:
        """The association ended: names each message that stayed in pieces."""
        events: list[HandshakeMessage | Anomaly] = [
            Anomaly(UNFINISHED, tuple(partial.cites), f"message {seq} of {len(partial.body)} bytes")
            for seq, partial in self._partial.items()
        ]
        self._partial.clear()
        return events


def _merge(partial: _Partial, first: int, piece: bytes) -> bool:
    """Adds a piece where nothing is yet, so the first copy of a byte wins; whether an overlap disagrees."""
    last = first + len(piece)
    conflict = False
    at = first
    low, high = first, last
    kept: list[tuple[int, int]] = []
    for start, end in partial.ranges:
        if end < first or start > last:
            kept.append((start, end))
            continue
        common_first, common_last = max(start, first), min(end, last)
        if common_first < common_last:
            held = partial.body[common_first:common_last]
            conflict = conflict or held != piece[common_first - first : common_last - first]
        if start > at:
            partial.body[at:start] = piece[at - first : start - first]
        at = max(at, end)
        low, high = min(low, start), max(high, end)
    if at < last:
        partial.body[at:last] = piece[at - first :]
    if low < high:
        kept.append((low, high))
    partial.ranges = sorted(kept)
    return conflict
