"""TLS record framing: total, resynchronises after gaps and garbage, every record cites its frames.

A record header is plausible when its type is one of 20 to 24, its version 0x0300 to 0x0304 and its length within
RFC 5246 6.2.3 (2^14 + 2048). After a gap or garbage, a plausible header counts only if the record it announces ends
where the next plausible header starts, or where the stream ends.
"""

import re
from collections.abc import Sequence

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.transport.cited import Chunk, CitedBuffer, Gap
from analyzer.transport.parser import Skipped

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA, HEARTBEAT = 20, 21, 22, 23, 24
HEADER = 5
MAX_FRAGMENT = (1 << 14) + 2048

BAD_RECORD = define("tls.bad_record", Severity.LOW, "Bytes of a TLS connection that are no record", "RFC 8446 5.1")
CUT_RECORD = define(
    "tls.cut_record", Severity.INFO, "A TLS record that was not captured whole", "RFC 8446 5.1", "capture"
)

_HEADER_START = re.compile(rb"[\x14-\x18]\x03[\x00-\x04]")


@frozen
class Record:
    """One record as it was on the wire: `fragment` is still protected where the connection is."""

    content_type: int
    version: int
    fragment: bytes
    cites: tuple[Cite, ...]


def _plausible(data: bytes | bytearray, at: int) -> bool:
    """Whether a record header stands at `at`; a header that is cut by the end counts as far as it goes."""
    head = data[at : at + HEADER]
    if head[:1] and not CHANGE_CIPHER_SPEC <= head[0] <= HEARTBEAT:
        return False
    if len(head) > 1 and head[1] != 3:
        return False
    if len(head) > 2 and head[2] > 4:
        return False
    if len(head) < HEADER:
        return True
    length = head[3] << 8 | head[4]
    return length <= MAX_FRAGMENT and (length > 0 or head[0] == APPLICATION_DATA)


def probe(data: bytes) -> int:
    """Negative: no TLS; 0: more bytes needed; positive: TLS. A handshake start is surer than other records."""
    if not _plausible(data, 0):
        return -1
    if len(data) < HEADER + 1:
        return 0
    length = data[3] << 8 | data[4]
    if data[0] == HANDSHAKE:
        return 90 if data[5] in (1, 2, 11, 14, 16) or data[2] >= 1 else -1
    if data[0] == CHANGE_CIPHER_SPEC:
        return 60 if length == 1 else -1
    following = HEADER + length
    if len(data) > following:
        return 50 if _plausible(data, following) else -1
    return 0 if len(data) < following and len(data) < 4_000 else 40


class RecordStream:
    """One direction of a TLS connection. Holds at most one record and the header behind it.

    Bytes that are no record are passed over, up to a header that the next one confirms, and named once a run.
    """

    def __init__(self, limits: Limits) -> None:
        del limits  # one record bounds what is held
        self._buffer = CitedBuffer()
        self._lost = False  # hunting for a record start
        self._named = False  # what is passed over

    @property
    def held(self) -> int:
        """Bytes held for a record that is not whole yet."""
        return len(self._buffer)

    def receive(self, chunk: Chunk) -> Sequence[Record | Anomaly | Skipped]:
        """Takes the next bytes; gives the records they complete."""
        self._buffer.append(chunk.data, chunk.cite)
        return self._read(ended=False)

    def _read(self, *, ended: bool) -> list[Record | Anomaly | Skipped]:
        events: list[Record | Anomaly | Skipped] = []
        at = 0
        data = self._buffer.data
        while len(data) - at >= HEADER:
            if self._lost or not _plausible(data, at):
                found, confirmed = self._hunt(at, ended=ended)
                at = self._skip(events, at, found)
                self._lost = not confirmed
                if not confirmed:
                    break
            end = at + HEADER + (data[at + 3] << 8 | data[at + 4])
            if end > len(data):
                break
            fragment = bytes(data[at + HEADER : end])
            cites = self._buffer.cites(at, end)
            events.append(Record(data[at], data[at + 1] << 8 | data[at + 2], fragment, cites))
            self._named = False
            at = end
        self._buffer.consume(at)
        return events

    def _hunt(self, at: int, *, ended: bool) -> tuple[int, bool]:
        """The next position where a record may start, and whether it is confirmed by the whole header behind it."""
        data = self._buffer.data
        for match in _HEADER_START.finditer(data, at):
            start = match.start()
            if not _plausible(data, start):
                continue
            if len(data) - start < HEADER:
                return start, False
            end = start + HEADER + (data[start + 3] << 8 | data[start + 4])
            if end + HEADER > len(data) and not ended:
                return start, False
            if end <= len(data) and _plausible(data, end):
                return start, True
        return max(at, len(data) - 2), False

    def _skip(self, events: list[Record | Anomaly | Skipped], first: int, last: int) -> int:
        if last > first:
            if not self._named:
                events.append(Anomaly(BAD_RECORD, self._buffer.cites(first, first + 1)))
            self._named = True
            events.append(Skipped(last - first, self._buffer.cites(first, last)))
        return last

    def gap(self, gap: Gap) -> Sequence[Record | Anomaly | Skipped]:
        """Drops a record that the gap cuts, and hunts behind it."""
        del gap
        events = self._read(ended=True) + self._drop()
        self._lost, self._named = True, False
        return events

    def close(self) -> Sequence[Record | Anomaly | Skipped]:
        """The connection ended: what was waiting for its successor counts; a held record stays incomplete."""
        return self._read(ended=True) + self._drop()

    def _drop(self) -> list[Record | Anomaly | Skipped]:
        """Lets go what is held: what may begin a record is one that was cut."""
        events: list[Record | Anomaly | Skipped] = []
        data = self._buffer.data
        start = next((at for at in range(len(data)) if _plausible(data, at)), len(data))
        self._skip(events, 0, start)
        if start < len(data):
            cites = self._buffer.cites(start, len(data))
            size = len(data) - start
            events += [Anomaly(CUT_RECORD, cites, f"{size} bytes"), Skipped(size, cites)]
        self._buffer.clear()
        return events
