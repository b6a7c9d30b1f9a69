"""SIP over a stream: where one message ends and the next begins (RFC 3261 18.3, RFC 5626 4.4.1)."""

from analyzer.core.anomalies import Anomaly, AnomalyKind
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.text import safe
from analyzer.protocols.sip import anomalies as kinds
from analyzer.protocols.sip.message import Message
from analyzer.protocols.sip.parser import Event, Head, header_end
from analyzer.protocols.sip.probe import LINE_BYTES, is_start, probe, start_within
from analyzer.transport.cited import Gap
from analyzer.transport.framer import Framer

_UNTIL_NEXT = -1  # the body goes on to the next start line
_SAMPLE = 64


class SipStream(Framer[Message]):
    """One direction of a TCP, TLS or SCTP stream.

    Content-Length frames a message. Where it is missing or unreadable there is no body, unless Content-Type says that
    there is one: it then reaches to the next start line. Between messages line ends are keep-alives; anything else is
    passed over, up to the next plausible start line, and named once a run. A gap inside a body of known length keeps
    the stream in step; behind any other gap the search for a start line is silent.
    """

    __slots__ = (
        "_body", "_cut", "_dropped", "_head", "_inside", "_limits", "_line", "_owed", "_quiet", "_scan", "_total",
        "_window",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits
        self._line = min(LINE_BYTES, limits.header_bytes)
        self._window = self._line // 2
        self._scan = 0  # behind _pos, how far the search has come
        self._owed = 0  # bytes of a body that follow behind a gap
        self._dropped = self._quiet = False  # the line's beginning is gone; its garbage is named already
        self._reset()

    def _reset(self) -> None:
        self._inside = self._cut = False
        self._head: Head | None = None
        self._scan = self._body = self._total = 0

    def gap(self, gap: Gap) -> list[Event]:
        """Notes that bytes are missing here; the message they belong to is given as far as it came."""
        left = -1
        if gap.size is not None and self._head and self._total >= 0 and not self._cut:
            left = self._total - len(self._buffer) - gap.size
        elif gap.size is not None and self._owed:
            left = self._owed - gap.size
        events = self._finish(kinds.GAP, (gap.cite,))
        self._owed, self._quiet = max(left, 0), left < 0
        return events

    def close(self) -> list[Event]:
        """The stream has ended: a message that was begun is given as far as it came."""
        return self._finish(kinds.INCOMPLETE, ())

    def _step(self, events: list[Event]) -> bool:
        if self._owed:
            size = min(self._owed, len(self._buffer) - self._pos)
            self._owed -= size
            self._pos += size
            return size > 0
        if not self._inside:
            return self._seek(events)
        if self._head is None:
            return self._read_head()
        return self._read_body(events)

    def _seek(self, events: list[Event]) -> bool:
        data, pos, end = self._buffer.data, self._pos, len(self._buffer)
        while not self._dropped and pos < end and data[pos] in b"\r\n":
            pos += 1
        self._scan = max(0, self._scan - (pos - self._pos))
        self._pos = pos
        newline = data.find(b"\n", pos + self._scan)
        if newline < 0:
            self._scan = end - pos
            if self._scan > self._line:
                self._garbage(events, _SAMPLE)
                self._pos, self._scan, self._dropped = end - self._window, self._window, True
            return False
        size = newline + 1 - pos
        at = self._start_in(bytes(data[pos : newline + 1]))
        self._dropped, self._scan = False, 0
        if at != 0:
            self._garbage(events, min(_SAMPLE, size if at < 0 else at))
            self._pos += size if at < 0 else at
        if at >= 0:
            self._inside, self._quiet = True, False
        return True

    def _start_in(self, line: bytes) -> int:
        if not self._dropped and len(line) <= self._line:
            return 0 if is_start(line) else start_within(line)
        skip = max(0, len(line) - self._window)
        at = start_within(line[skip:])
        return at if at < 0 else at + skip

    def _garbage(self, events: list[Event], size: int) -> None:
        if not self._quiet:
            first, last = self._pos, self._pos + size
            sample = bytes(self._buffer.data[first:last])
            events.append(Anomaly(kinds.GARBAGE, self._buffer.cites(first, last), safe(sample)))
            self._quiet = True

    def _read_head(self) -> bool:
        data, pos, most = self._buffer.data, self._pos, self._limits.header_bytes
        found = header_end(data, pos + max(0, self._scan - 2), pos + most + 2)
        self._scan = len(data) - pos
        if found is None and self._scan <= most + 2:
            return False
        stop, self._body = (most, most) if found is None else (found[0] - pos, found[1] - pos)
        head = self._head = Head(bytes(data[pos : pos + stop]), self._buffer.cites(pos, pos + stop), self._limits)
        if found is None:
            head.note(kinds.TOO_LONG, f"header beyond {most}")
            self._cut, self._total = True, most
            return True
        size = head.content_length()
        if "content-length" not in head.first:
            head.note(kinds.LENGTH_MISSING)
        self._scan = self._body
        self._total = self._body + (size or 0)
        if size is None and "content-type" in head.first:
            self._total = _UNTIL_NEXT
        elif self._total > self._limits.message_bytes:
            head.note(kinds.TOO_LONG, str(self._total))
            self._cut, self._total = True, max(self._body, self._limits.message_bytes)
        return True

    def _read_body(self, events: list[Event]) -> bool:
        size = len(self._buffer) - self._pos
        total = self._next_start() if self._total == _UNTIL_NEXT else self._total
        if total < 0 or total > size:
            return False
        self._emit(events, total, not self._cut)
        return True

    def _next_start(self) -> int:
        data, pos, most = self._buffer.data, self._pos, max(self._limits.message_bytes, self._body)
        while (newline := data.find(b"\n", pos + self._scan, pos + most)) >= 0:
            if newline - pos - self._scan <= LINE_BYTES and is_start(bytes(data[pos + self._scan : newline + 1])):
                return self._scan
            self._scan = newline + 1 - pos
        if len(data) - pos < most:
            return _UNTIL_NEXT
        if self._head:
            self._head.note(kinds.TOO_LONG, f"no start line within {most}")
        self._cut = True
        return most

    def _emit(self, events: list[Event], size: int, complete: bool, lost: bool = False) -> None:
        self._flush(events)
        first, last = self._pos, self._pos + size
        raw, cites = bytes(self._buffer.data[first:last]), self._buffer.cites(first, last)
        if self._head is None:
            self._head, self._body = Head(raw[: self._limits.header_bytes], cites, self._limits, partial=lost), size
        events.append(self._head.message(raw, raw[self._body :], cites, complete, lost))
        self._pos = self._mark = last
        self._quiet = self._cut
        self._reset()

    def _finish(self, kind: AnomalyKind, cites: tuple[Cite, ...]) -> list[Event]:
        events: list[Event] = []
        size = len(self._buffer)
        rest = bytes(self._buffer.data) if not self._inside else b""
        self._inside = self._inside or (not self._dropped and is_start(rest))
        if self._inside:
            ended = self._head is not None and self._total == _UNTIL_NEXT and kind is kinds.INCOMPLETE
            if not ended:
                events.append(Anomaly(kind, cites or self._buffer.cites(0, size)))
            self._emit(events, size, ended, kind is kinds.GAP)
        else:
            if cites or (rest and not self._quiet and probe(rest) >= 0):
                events.append(Anomaly(kind, cites or self._buffer.cites(0, size)))
            elif rest:
                self._garbage(events, min(_SAMPLE, size))
            self._pos = size
            self._flush(events)
        self._buffer.clear()
        self._pos = self._mark = self._owed = 0
        self._dropped = self._quiet = False
        self._reset()
        return events
