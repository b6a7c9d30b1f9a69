"""TCP reassembly: segments as they were captured in, streams whose every byte knows its frame out.

The capture is not the receiver: segments may be missing from it that were delivered, so a hole is given up as soon as
it can no longer be filled, and what follows it goes on. Of two copies of a byte the first one captured wins.
"""

from collections import OrderedDict, deque

from analyzer.core.addresses import Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.net.packets import ACK, FIN, RST, SYN
from analyzer.transport.cited import Chunk, Closed, Gap, Opened
from analyzer.transport.tcp_direction import MASK, PIECE_COST, Direction, Piece, Recent, StreamKey, TcpEvent, distance

__all__ = ["Chunk", "Closed", "Gap", "Opened", "StreamKey", "TcpEvent", "TcpReassembler"]

OVERLAP_DIFFERS = define(
    "tcp.overlap_differs",
    Severity.HIGH,
    "Two copies of the same stream bytes differ: receivers may read either",
    "RFC 9293 3.10.7.4",
)
OUT_OF_WINDOW = define(
    "tcp.out_of_window", Severity.LOW, "A segment is farther away than any window; it was dropped", "RFC 7323 2.3"
)
FLOW_EVICTED = define(
    "tcp.flow_evicted",
    Severity.MEDIUM,
    "The oldest TCP connection was forgotten to make room for a new one",
    origin="capture",
)

_CONTROL = SYN | FIN | RST
_WINDOW = 1 << 30  # the largest there is (RFC 7323 2.3)
_REORDERED = 1 << 16  # a SYN this close before the first byte seen belongs to it


class TcpReassembler:
    """All TCP connections of a run. Total; what it holds is bounded by `limits`; its output depends on its input only.

    Every direction that yields an `Opened` yields one `Closed`, and its chunks and gaps in between.

    retransmitted   segments that brought nothing new, dropped
    keepalives      segments of one byte that probe an idle connection (RFC 9293 3.8.4), dropped
    after_end       segments behind the FIN, dropped
    held            bytes out of order now, with a fixed cost for each piece
    """

    def __init__(self, limits: Limits) -> None:
        self.retransmitted = self.keepalives = self.after_end = self.held = 0
        self._limits = limits
        self._directions: dict[StreamKey, Direction] = {}
        self._connections: OrderedDict[Direction, None] = OrderedDict()  # one direction of each, oldest first
        self._holed: OrderedDict[Direction, None] = OrderedDict()  # oldest hole first
        self._recent: deque[Recent] = deque()  # whose oldest payload is the next to be forgotten
        self._recent_bytes = 0
        self._swept_ns: int | None = None

    def __len__(self) -> int:
        """Connections known now."""
        return len(self._connections)

    def position(self, key: StreamKey) -> int:
        """Where a direction stands: the sequence number of the first byte not delivered, counted on where those wrap.
        0 for one that is not known."""
        direction = self._directions.get(key)
        return 0 if direction is None else direction.next

    def segment(
        self,
        vantage: int,
        endpoints: Endpoints,
        seq: int,
        ack: int,
        flags: int,
        payload: bytes,
        missing: int,
        cite: Cite,
    ) -> list[TcpEvent]:
        """Takes one segment, as captured: `missing` payload bytes behind `payload` were cut off by the snap length."""
        events: list[TcpEvent] = []
        direction = self._directions.get((vantage, endpoints))
        if direction is None:
            if flags & RST or not (payload or missing > 0 or flags & SYN):
                return events
            direction = self._connect((vantage, endpoints), cite, events)
        direction.last = cite
        if flags & ACK and direction.peer.waiting:
            self._acknowledge(direction.peer, ack, cite, events)
        if not flags & _CONTROL and missing <= 0:
            if not payload:
                return events
            if direction.flowing and seq == direction.next & MASK:
                events.append((direction.key, Chunk(payload, cite, direction.next)))
                self._remember(direction, direction.next, payload, cite)
                direction.next += len(payload)
                return events
        self._irregular(direction, seq & MASK, flags, payload, min(max(missing, 0), _WINDOW), cite, events)
        return events

    def tick(self, now_ns: int) -> list[TcpEvent]:
        """Gives up what has waited too long at `now_ns`, in capture time: holes, and idle connections."""
        events: list[TcpEvent] = []
        timeout = self._limits.tcp_hole_timeout_ns
        for direction in [each for each in self._holed if now_ns - each.since >= timeout]:
            self._give_up(direction, now_ns, events)
            while direction.waiting and now_ns - direction.hole()[1].ts_ns >= timeout:
                self._give_up(direction, now_ns, events)
        interval = min(self._limits.flow_idle_ns // 10, timeout)
        if self._swept_ns is None or abs(now_ns - self._swept_ns) >= interval:
            self._swept_ns = now_ns
            for direction in list(self._connections):
                idle = now_ns - max(direction.last.ts_ns, direction.peer.last.ts_ns)
                if idle >= self._limits.flow_idle_ns or (idle >= timeout and _ended(direction)):
                    self._drop(direction, events)
        return events

    def finish(self) -> list[TcpEvent]:
        """Ends every connection."""
        events: list[TcpEvent] = []
        for direction in list(self._connections):
            self._drop(direction, events)
        return events

    def _connect(self, key: StreamKey, cite: Cite, events: list[TcpEvent]) -> Direction:
        while self._connections and len(self._connections) >= self._limits.flows:
            oldest = next(iter(self._connections))
            if not _ended(oldest):
                cites = tuple(dict.fromkeys((oldest.last, oldest.peer.last)))
                events.append((oldest.key, Anomaly(FLOW_EVICTED, cites)))
            self._drop(oldest, events)
        direction = self._directions[key] = Direction(key, cite)
        back = (key[0], key[1].reverse)
        if back != key:
            direction.peer = self._directions[back] = Direction(back, cite)
            direction.peer.peer = direction
        self._connections[direction] = None
        return direction

    def _drop(self, direction: Direction, events: list[TcpEvent]) -> None:
        for each in (direction, direction.peer):
            self._close(each, each.last, False, events)
            self._directions.pop(each.key, None)
            self._connections.pop(each, None)

    def _close(self, direction: Direction, cite: Cite, reset: bool, events: list[TcpEvent]) -> None:
        cost = direction.cost
        direction.close(cite, reset, events)
        self.held += direction.cost - cost
        self._holed.pop(direction, None)

    def _irregular(
        self,
        direction: Direction,
        seq: int,
        flags: int,
        payload: bytes,
        missing: int,
        cite: Cite,
        events: list[TcpEvent],
    ) -> None:
        """Everything but the next bytes of an open stream."""
        if flags & RST:
            for each in (direction, direction.peer):
                self._close(each, cite, True, events)
            return
        if flags & SYN:
            direction = self._synchronise(direction, seq, cite, events)
            seq = seq + 1 & MASK
        size = len(payload) + missing
        if not direction.opened:
            if not size:
                return
            direction.open(seq, cite, False, events)
        start = direction.next + distance(seq, direction.next)
        if abs(start - direction.next) > _WINDOW:
            events.append((direction.key, Anomaly(OUT_OF_WINDOW, (cite,))))
            return
        cost, before = direction.cost, direction.next
        if size:
            self._hold(direction, start, payload, missing, cite, events)
        if flags & FIN and not direction.closed:
            direction.end_at(start + size, cite)
        self._delivered(direction, direction.drain(events))
        self._settle(direction, cost, before, cite.ts_ns)
        while direction.cost > self._limits.tcp_held_bytes:
            self._give_up(direction, cite.ts_ns, events)
        while self.held > self._limits.tcp_held_total:
            self._give_up(next(iter(self._holed)), cite.ts_ns, events)

    def _synchronise(self, direction: Direction, seq: int, cite: Cite, events: list[TcpEvent]) -> Direction:
        """Takes a SYN. Returns the direction it belongs to: a new one, where the old connection is over."""
        if direction.opened:
            if direction.isn == seq and not _ended(direction):
                self.retransmitted += 1
                return direction
            if direction.isn is None and 0 <= distance(direction.start, seq + 1) < _REORDERED:
                direction.isn = seq
                return direction
            self._drop(direction, events)
            direction = self._connect(direction.key, cite, events)
        direction.isn = seq
        direction.open(seq + 1, cite, True, events)
        return direction

    def _hold(
        self, direction: Direction, start: int, payload: bytes, missing: int, cite: Cite, events: list[TcpEvent]
    ) -> None:
        """Takes the payload at position `start`."""
        size = len(payload)
        end = start + size + missing
        if size == 1 and not missing and end == direction.next:
            self.keepalives += 1
            return
        earlier = direction.recent.differs(start, payload) if start < direction.next else None
        if earlier is not None:
            events.append((direction.key, Anomaly(OVERLAP_DIFFERS, (earlier, cite), "with bytes already delivered")))
        if end <= direction.next:
            self.retransmitted += 1
            return
        if direction.closed:
            if not direction.reset:
                self.after_end += 1
                return
            direction.reopen(cite, events)
        cost = direction.cost
        differs = direction.hold(start, size, payload, cite) if size else None
        if missing:
            direction.hold(start + size, missing, None, cite)
        if differs is not None:
            events.append((direction.key, Anomaly(OVERLAP_DIFFERS, (differs, cite), "with bytes held out of order")))
        if direction.cost == cost:
            self.retransmitted += 1

    def _acknowledge(self, direction: Direction, ack: int, cite: Cite, events: list[TcpEvent]) -> None:
        """The receiver has every byte before `ack`: a hole there will not be filled."""
        position = direction.next + distance(ack, direction.next)
        while direction.waiting and direction.hole()[0] <= position:
            self._give_up(direction, cite.ts_ns, events)

    def _give_up(self, direction: Direction, now_ns: int, events: list[TcpEvent]) -> None:
        cost, before = direction.cost, direction.next
        self._delivered(direction, direction.give_up(events))
        self._settle(direction, cost, before, now_ns)

    def _settle(self, direction: Direction, cost: int, before: int, now_ns: int) -> None:
        """Accounts for what a change did: bytes held, and the age of the hole, which is as old as the last progress."""
        self.held += direction.cost - cost
        if not direction.waiting:
            self._holed.pop(direction, None)
        elif direction.next != before or direction not in self._holed:
            direction.since = now_ns
            self._holed[direction] = None
            self._holed.move_to_end(direction)

    def _delivered(self, direction: Direction, pieces: list[Piece]) -> None:
        for piece in pieces:
            self._remember(direction, piece.start, piece.data or b"", piece.cite)

    def _remember(self, direction: Direction, start: int, payload: bytes, cite: Cite) -> None:
        """Keeps what was delivered; of all directions together, the oldest is forgotten first."""
        direction.recent.add(start, payload, cite)
        self._recent.append(direction.recent)
        self._recent_bytes += len(payload) + PIECE_COST
        while self._recent_bytes > self._limits.tcp_recent_total:
            self._recent_bytes -= self._recent.popleft().forget() + PIECE_COST


def _ended(direction: Direction) -> bool:
    """Whether nothing more is expected of a connection."""
    return all(each.closed or not each.opened for each in (direction, direction.peer))
