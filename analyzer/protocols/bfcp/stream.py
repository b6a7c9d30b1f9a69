"""BFCP over a stream: the header's Payload Length frames the messages (RFC 8855 6.1)."""

from typing import TypeAlias

from analyzer.core.anomalies import Anomaly, AnomalyKind
from analyzer.core.limits import Limits
from analyzer.protocols.bfcp import anomalies as kinds
from analyzer.protocols.bfcp.message import BfcpMessage
from analyzer.protocols.bfcp.parser import HEADER, TCP_VERSION, UDP_VERSION, WORD, read
from analyzer.protocols.bfcp.probe import HUNT, strict
from analyzer.transport.cited import Gap
from analyzer.transport.framer import Framer
from analyzer.transport.parser import Skipped

Event: TypeAlias = BfcpMessage | Anomaly | Skipped


class BfcpStream(Framer[BfcpMessage]):
    """One direction of a TCP or TLS connection. Holds at most one message of `message_bytes`; a longer one is skipped.

    In step, any header of version 1 or 2 with a primitive is believed. Otherwise bytes are passed over, up to a header
    that the strict rules of `probe` accept together with its payload. A gap of known size inside a message keeps step.
    """

    __slots__ = ("_hunting", "_limits", "_owed")

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits
        self._owed = 0  # bytes of a message that is not read, still to come
        self._hunting = False

    def gap(self, gap: Gap) -> list[Event]:
        """Gives the message that the gap cuts as far as it came, and keeps step where the gap's size allows it."""
        size, left = len(self._buffer), self._owed
        lost = self._hunting or gap.size is None or 0 < size < HEADER
        if not lost and size:
            left = self._size(0) - size
        events = self._end(kinds.GAP)
        events.append(Anomaly(kinds.GAP, (gap.cite,)))
        self._hunting = lost or (gap.size or 0) > left
        self._owed = 0 if self._hunting else left - (gap.size or 0)
        return events

    def close(self) -> list[Event]:
        """The stream has ended: a message that was begun is given as far as it came."""
        events = self._end(kinds.INCOMPLETE)
        self._hunting, self._owed = False, 0
        return events

    def _size(self, at: int) -> int:
        data = self._buffer.data
        return HEADER + WORD * (data[at + 2] << 8 | data[at + 3])

    def _step(self, events: list[Event]) -> bool:
        data, pos, have = self._buffer.data, self._pos, len(self._buffer)
        if pos >= have:
            return False
        if self._owed:
            size = min(self._owed, have - pos)
            self._owed -= size
            self._pos += size
            return True
        if self._hunting:
            return self._hunt()
        if data[pos] >> 5 not in (TCP_VERSION, UDP_VERSION) or data[pos + 1 : pos + 2] == b"\0":
            self._flush(events)
            events.append(Anomaly(kinds.GARBAGE, self._buffer.cites(pos, pos + 1)))
            self._hunting, self._pos = True, pos + 1
            return True
        if have - pos < HEADER:
            return False
        size = self._size(pos)
        if size > self._limits.message_bytes:
            self._flush(events)
            events.append(Anomaly(kinds.TOO_LONG, self._buffer.cites(pos, pos + HEADER), f"{size} bytes"))
            self._owed = size
            return True
        if have - pos < size:
            return False
        self._flush(events)
        cites = self._buffer.cites(pos, pos + size)
        events.append(read(bytes(data[pos : pos + size]), cites, self._limits, reliable=True))
        self._pos = self._mark = pos + size
        return True

    def _hunt(self) -> bool:
        data, have = self._buffer.data, len(self._buffer)
        at = self._pos
        while found := HUNT.search(data, at):
            at = found.start()
            if have - at < WORD or (strict(data, at) and self._size(at) > have - at):
                self._pos = at
                return False
            if strict(data, at):
                self._pos, self._hunting = at, False
                return True
            at += 1
        self._pos = max(self._pos, have - 2)
        return False

    def _end(self, note: AnomalyKind) -> list[Event]:
        """What is held, as an incomplete message or skipped."""
        events: list[Event] = []
        size = len(self._buffer)
        cites = self._buffer.cites(0, size)
        if size >= HEADER and not self._hunting:
            events.append(read(bytes(self._buffer.data), cites, self._limits, reliable=True, note=note))
        elif size:
            events.append(Skipped(size, cites))
            if note is kinds.INCOMPLETE and not self._hunting:
                events.append(Anomaly(note, cites))
        self._buffer.clear()
        self._pos = self._mark = 0
        return events
