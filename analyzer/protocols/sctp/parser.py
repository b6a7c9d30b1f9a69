"""One direction of an SCTP association: user messages from the chunks of packets (RFC 9260 3, 6.9; RFC 8260). Total."""

from collections import OrderedDict
from collections.abc import Sequence

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.cursor import Cursor
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.core.text import decode
from analyzer.protocols.sctp.message import Open, UserMessage

CHUNK = define("sctp.chunk", Severity.LOW, "A chunk's length cannot be", "RFC 9260 3.2")
LOST = define(
    "sctp.fragments_lost", Severity.INFO, "Fragments of a user message are missing", "RFC 9260 6.9", "capture"
)
DCEP_FORM = define("sctp.dcep", Severity.LOW, "A data channel message that cannot be read", "RFC 8832 5")

HEADER = 12
"""Octets of the common header (RFC 9260 3.1)."""

_DATA, _I_DATA = 0, 64
_INIT, _INIT_ACK = 1, 2
_BEGIN, _END = 2, 1
_KNOWN = frozenset({*range(15), 64, 128, 129, 130, 132, 192, 193, 194})
_SEEN = 4_096  # transmission sequence numbers behind the highest, remembered to know a retransmission
_SEEN_MASK = (1 << _SEEN) - 1
_OPEN_TYPE = 3
_UNORDERED = 0x80

Event = UserMessage | Anomaly


@frozen
class _Piece:
    flags: int
    stream: int
    ppid: int
    data: bytes
    cites: tuple[Cite, ...]


def probe(data: bytes) -> int:
    """Negative: not SCTP. Positive: a common header and chunks of known types that fill the packet."""
    if len(data) < HEADER + 4 or not int.from_bytes(data[:2], "big") or not int.from_bytes(data[2:4], "big"):
        return -1
    at, chunks = HEADER, 0
    while at + 4 <= len(data):
        length = data[at + 2] << 8 | data[at + 3]
        if data[at] not in _KNOWN or length < 4 or at + length > len(data):
            return -1
        at += length + (-length & 3)
        chunks += 1
    return 80 if chunks and at >= len(data) else -1


class SctpDirection:
    """Holds at most `stream_held_bytes` of messages whose fragments are not all here; past that the oldest goes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pieces: OrderedDict[int, _Piece] = OrderedDict()  # by transmission sequence number
        self._highest = 0
        self._seen = 0  # a bit for each number: that of the highest is the lowest bit
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes of fragments that wait for others."""
        return self._held

    def receive(self, chunks: bytes, cites: tuple[Cite, ...], cut: bool = False) -> Sequence[Event]:
        """Takes the chunks of a packet; gives the user messages it completes, each once however often it is sent.

        `cut`: the end of the packet was not captured, so a chunk that runs over it is no lie.
        """
        events: list[Event] = []
        cursor = Cursor(chunks)
        while cursor.left >= 4:
            kind, flags, length = cursor.u8(), cursor.u8(), cursor.u16()
            value = cursor.take(length - 4) if length is not None and length >= 4 else None
            if kind is None or flags is None or value is None:
                if not cut:
                    events.append(Anomaly(CHUNK, cites))
                break
            if kind in (_DATA, _I_DATA):
                self._data(kind, flags, value, cites, events)
            elif kind in (_INIT, _INIT_ACK):
                events.extend(self.close())  # an association begins: its numbers are its own (RFC 9260 5.1)
            cursor.take(min(-len(value) & 3, cursor.left))
        return events

    def close(self) -> Sequence[Anomaly]:
        """The association has ended; gives what still waits for fragments as anomalies."""
        lost = [Anomaly(LOST, piece.cites) for piece in self._pieces.values()]
        self._pieces.clear()
        self._seen = self._held = 0
        return lost

    def _repeated(self, tsn: int) -> bool:
        """Whether a chunk with this number came before; remembers it. A number far off begins the memory anew."""
        ahead = tsn - self._highest & 0xFFFFFFFF
        behind = -ahead & 0xFFFFFFFF
        if behind < _SEEN:
            again = bool(self._seen >> behind & 1)
            self._seen |= 1 << behind
            return again
        self._seen = (self._seen << ahead | 1) & _SEEN_MASK if ahead < _SEEN else 1
        self._highest = tsn
        return False

    def _data(self, kind: int, flags: int, value: bytes, cites: tuple[Cite, ...], events: list[Event]) -> None:
        cursor = Cursor(value)
        tsn, stream = cursor.u32(), cursor.u16()
        cursor.take(6 if kind == _I_DATA else 2)
        ppid = cursor.u32()
        if tsn is None or stream is None or ppid is None:
            events.append(Anomaly(CHUNK, cites))
            return
        if self._repeated(tsn):
            return
        piece = _Piece(flags, stream, ppid, cursor.rest(), cites)
        if flags & _BEGIN and flags & _END:
            events.append(UserMessage(stream, ppid, piece.data, cites))
            return
        self._replace(tsn, piece)
        self._join(tsn, events)
        while self._held > self._limits.stream_held_bytes or len(self._pieces) > self._limits.sequence_ranges:
            _, dropped = self._pieces.popitem(last=False)
            self._held -= len(dropped.data)
            events.append(Anomaly(LOST, dropped.cites))

    def _replace(self, tsn: int, piece: _Piece) -> None:
        """Files a fragment. One left over with the same number, older than what is remembered, is forgotten."""
        old = self._pieces.pop(tsn, None)
        self._held += len(piece.data) - (len(old.data) if old is not None else 0)
        self._pieces[tsn] = piece

    def _join(self, tsn: int, events: list[Event]) -> None:
        first, pieces = tsn, self._pieces
        while not pieces[first].flags & _BEGIN:
            first = first - 1 & 0xFFFFFFFF
            if first not in pieces or pieces[first].flags & _END:
                return
        last = tsn
        while not pieces[last].flags & _END:
            last = last + 1 & 0xFFFFFFFF
            if last not in pieces or pieces[last].flags & _BEGIN:
                return
        whole = [pieces.pop(number & 0xFFFFFFFF) for number in range(first, first + (last - first & 0xFFFFFFFF) + 1)]
        data = b"".join(piece.data for piece in whole)
        self._held -= len(data)
        cites = tuple(dict.fromkeys(cite for piece in whole for cite in piece.cites))
        events.append(UserMessage(whole[0].stream, whole[0].ppid, data, cites))


def parse_open(message: UserMessage) -> Open | Anomaly | None:
    """The DATA_CHANNEL_OPEN in a message of DCEP; None for its acknowledgement."""
    cursor = Cursor(message.data)
    kind = cursor.u8()
    if kind == 2:
        return None
    channel = cursor.u8()
    cursor.take(6)
    label_size, protocol_size = cursor.u16(), cursor.u16()
    if kind != _OPEN_TYPE or channel is None or label_size is None or protocol_size is None:
        return Anomaly(DCEP_FORM, message.cites)
    label, protocol = cursor.take(label_size), cursor.take(protocol_size)
    if label is None or protocol is None:
        return Anomaly(DCEP_FORM, message.cites)
    return Open(not channel & _UNORDERED, decode(label), decode(protocol))
