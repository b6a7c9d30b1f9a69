"""MSRP over a stream: there is no length, an end-line with the start line's own identifier ends a message."""

from typing import TypeAlias

from analyzer.core.anomalies import Anomaly, AnomalyKind
from analyzer.core.limits import Limits
from analyzer.protocols.msrp import anomalies as kinds
from analyzer.protocols.msrp.message import MsrpMessage, Start, read
from analyzer.protocols.msrp.probe import HUNT, HUNT_BYTES, LINE_BYTES, START
from analyzer.transport.cited import Gap
from analyzer.transport.framer import Framer
from analyzer.transport.parser import Skipped

Event: TypeAlias = MsrpMessage | Anomaly | Skipped
_PREFIX = b"MSRP "


class MsrpStream(Framer[MsrpMessage]):
    """One direction of a TCP or TLS connection. Holds at most one chunk of `message_bytes`.

    Of a longer chunk the first part is given as an incomplete message and the rest passed over up to its end-line.
    Behind a gap or foreign bytes a message begins where a start line of the strict grammar is followed by To-Path.
    Line ends between messages are passed over in silence.
    """

    __slots__ = ("_alike", "_draining", "_hunting", "_limits", "_most", "_scan", "_start")

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits
        self._most = max(limits.message_bytes, 2 * LINE_BYTES)
        self._scan = 0  # behind _pos, how far the search has come
        self._start: Start | None = None
        self._draining = self._hunting = self._alike = False

    def gap(self, gap: Gap) -> list[Event]:
        """Gives the message that the gap cuts as far as it came, and hunts behind it."""
        events = self._end(kinds.GAP)
        events.append(Anomaly(kinds.GAP, (gap.cite,)))
        self._hunting = True
        return events

    def close(self) -> list[Event]:
        """The stream has ended: a message that was begun is given as far as it came."""
        return self._end(kinds.INCOMPLETE)

    def _step(self, events: list[Event]) -> bool:
        if self._hunting:
            return self._hunt()
        start = self._start
        if start is None:
            return self._begin(events)
        if self._draining:
            return self._drain(start)
        data, pos, most = self._buffer.data, self._pos, self._most
        at, end, alike = start.end(data, pos + self._scan, pos + most)
        self._scan = at - pos
        self._alike = self._alike or alike
        if end:
            self._emit(events, end, at - pos, None)
            return True
        if len(data) - pos < most:
            return False
        self._emit(events, pos + most - len(start.marker) - 5, None, kinds.TOO_LONG)
        self._start, self._draining = start, True
        return True

    def _begin(self, events: list[Event]) -> bool:
        data, pos, size = self._buffer.data, self._pos, len(self._buffer)
        while pos < size and data[pos] in b"\r\n":
            pos += 1
        self._pos = pos
        if pos == size:
            return False
        if not _PREFIX.startswith(data[pos : pos + len(_PREFIX)]):
            return self._garbage(events, 1)
        found = START.match(data, pos, pos + LINE_BYTES)
        if found:
            self._start = Start(found[1], found[2], found[3], found.end() - pos, b"-------" + found[1])
            self._scan = self._start.size
            return True
        line = data.find(b"\n", pos, pos + LINE_BYTES)
        if line < 0 and size - pos < LINE_BYTES:
            return False
        return self._garbage(events, line + 1 - pos if line >= 0 else LINE_BYTES)

    def _garbage(self, events: list[Event], size: int) -> bool:
        self._flush(events)
        events.append(Anomaly(kinds.GARBAGE, self._buffer.cites(self._pos, self._pos + size)))
        self._pos += size
        self._hunting = True
        return True

    def _hunt(self) -> bool:
        found = HUNT.search(self._buffer.data, self._pos)
        if found:
            self._pos, self._hunting = found.start(), False
            return True
        self._pos = max(self._pos, len(self._buffer) - HUNT_BYTES)
        return False

    def _drain(self, start: Start) -> bool:
        at, end, _ = start.end(self._buffer.data, self._pos + self._scan, len(self._buffer))
        if end:
            self._pos, self._scan, self._start, self._draining = end, 0, None, False
            return True
        self._pos = max(self._pos, at - len(start.eol))
        self._scan = at - self._pos
        return False

    def _emit(self, events: list[Event], end: int, marker_at: int | None, note: AnomalyKind | None) -> None:
        start, pos = self._start, self._pos
        if start is None:
            return
        self._flush(events)
        raw, cites = bytes(self._buffer.data[pos:end]), self._buffer.cites(pos, end)
        events.append(read(start, raw, marker_at, cites, self._limits, note=note, alike=self._alike))
        self._pos = self._mark = end
        self._start, self._scan, self._alike = None, 0, False

    def _end(self, note: AnomalyKind) -> list[Event]:
        events: list[Event] = []
        size = len(self._buffer)
        if self._start and not self._draining:
            self._emit(events, size, None, note)
        elif size and note is kinds.INCOMPLETE and not self._hunting and not self._draining:
            events.append(Anomaly(note, self._buffer.cites(0, size)))
        self._pos = size
        self._flush(events)
        self._buffer.clear()
        self._pos = self._mark = self._scan = 0
        self._start, self._draining, self._hunting = None, False, False
        return events
