"""One direction of one TCP connection: pieces in any order in, a cited stream out."""

from bisect import bisect_right
from typing import NamedTuple

from analyzer.core.addresses import Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.transport.cited import Chunk, Closed, Gap, Opened

StreamKey = tuple[int, Endpoints]
TcpEvent = tuple[StreamKey, Chunk | Gap | Opened | Closed | Anomaly]

MASK = 0xFFFFFFFF
PIECE_COST = 128  # what a held piece costs beside its bytes: it bounds the number of pieces


class Piece(NamedTuple):
    """Stream positions [start, end), held until what is before them is known. `data` is None where it was cut off."""

    start: int
    end: int
    data: bytes | None
    cite: Cite


def distance(seq: int, origin: int) -> int:
    """How far `seq` is ahead of `origin` (negative: behind), in sequence numbers that wrap (RFC 9293 3.4)."""
    return (seq - origin + 0x80000000 & MASK) - 0x80000000


class Recent:
    """Payloads of a direction that were delivered, oldest first, to compare later copies of their bytes with."""

    __slots__ = ("_first", "_payloads", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._payloads: list[tuple[bytes, Cite] | None] = []
        self._first = 0  # those before it were forgotten

    def add(self, start: int, data: bytes, cite: Cite) -> None:
        """Takes the payload at a position behind all others."""
        self._starts.append(start)
        self._payloads.append((data, cite))

    def forget(self) -> int:
        """Forgets the oldest; says how long it was."""
        oldest = self._payloads[self._first]
        self._payloads[self._first] = None
        self._first += 1
        if 2 * self._first > len(self._starts):
            del self._starts[: self._first], self._payloads[: self._first]
            self._first = 0
        return len(oldest[0]) if oldest is not None else 0

    def differs(self, start: int, data: bytes) -> Cite | None:
        """The frame of the first payload that has other bytes at the same positions, if any."""
        end = start + len(data)
        at = max(bisect_right(self._starts, start) - 1, self._first)
        while at < len(self._starts) and self._starts[at] < end:
            known = self._payloads[at]
            if known is not None:
                first = self._starts[at]
                low, high = max(start, first), min(end, first + len(known[0]))
                if low < high and data[low - start : high - start] != known[0][low - first : high - first]:
                    return known[1]
            at += 1
        return None


class Direction:
    """What is known of one direction. Positions are sequence numbers that do not wrap.

    `next` is the first byte not delivered. `waiting` says that something is held behind a hole, `flowing` that the
    stream is open without a hole. The pieces held are disjoint and sorted; none begins at or before `next`, once
    `drain` has run. `cost` is their bytes and PIECE_COST for each.
    """

    __slots__ = (
        "closed", "cost", "fin", "fin_cite", "flowing", "isn", "key", "last", "next", "opened", "peer", "pieces",
        "recent", "reset", "since", "start", "starts", "waiting",
    )  # fmt: skip

    def __init__(self, key: StreamKey, cite: Cite) -> None:
        self.key = key
        self.peer = self
        self.last = cite
        self.isn: int | None = None
        self.start = self.next = 0
        self.fin: int | None = None
        self.fin_cite = cite
        self.opened = self.closed = self.reset = self.waiting = self.flowing = False
        self.starts: list[int] = []
        self.pieces: list[Piece] = []
        self.cost = 0
        self.since = 0
        self.recent = Recent()

    def open(self, seq: int, cite: Cite, syn: bool, events: list[TcpEvent]) -> None:
        """Starts the stream at `seq`."""
        self.start = self.next = seq & MASK
        self.opened = self.flowing = True
        events.append((self.key, Opened(cite, syn)))

    def reopen(self, cite: Cite, events: list[TcpEvent]) -> None:
        """Goes on where a reset seemed to end the stream."""
        self.closed = self.reset = False
        self.flowing = True
        self.fin = None
        events.append((self.key, Opened(cite, False)))

    def hold(self, start: int, size: int, data: bytes | None, cite: Cite) -> Cite | None:
        """Holds what is new of [start, start + size). Returns the frame of a held piece whose bytes differ, if any.

        Earlier bytes win, and so do bytes known to be cut off. Nothing beyond the FIN is held.
        """
        end = start + size if self.fin is None else min(start + size, self.fin)
        at = max(start, self.next)
        index = max(bisect_right(self.starts, at) - 1, 0)
        differs: Cite | None = None
        while at < end:
            piece = self.pieces[index] if index < len(self.pieces) else None
            stop = end if piece is None else min(end, piece.start)
            if at < stop:
                self._insert(index, Piece(at, stop, data and data[at - start : stop - start], cite))
                at = stop
            elif piece is not None:
                stop = min(end, piece.end)
                if data and piece.data and at < stop and differs is None:
                    same = piece.data[at - piece.start : stop - piece.start] == data[at - start : stop - start]
                    differs = None if same else piece.cite
                at = max(at, stop)
            index += 1
        return differs

    def _insert(self, index: int, piece: Piece) -> None:
        self.starts.insert(index, piece.start)
        self.pieces.insert(index, piece)
        self.cost += PIECE_COST + len(piece.data or b"")

    def end_at(self, fin: int, cite: Cite) -> None:
        """Notes the FIN's position. One that lies before captured bytes is not believed."""
        if self.fin is None and fin >= (self.pieces[-1].end if self.pieces else self.next):
            self.fin, self.fin_cite = fin, cite

    def drain(self, events: list[TcpEvent]) -> list[Piece]:
        """Delivers what is in order, and the end. Returns the pieces delivered that have bytes."""
        count, delivered = 0, []
        for piece in self.pieces:
            if piece.start > self.next:
                break
            count += 1
            self.next = piece.end
            if piece.data is None:
                events.append((self.key, Gap(piece.end - piece.start, piece.cite)))
            else:
                events.append((self.key, Chunk(piece.data, piece.cite, piece.start)))
                self.cost -= len(piece.data)
                delivered.append(piece)
        self.cost -= count * PIECE_COST
        del self.pieces[:count], self.starts[:count]
        if self.fin == self.next and not self.closed:
            self._closed(self.fin_cite, False, events)
        self.waiting = not self.closed and (bool(self.pieces) or self.fin is not None)
        self.flowing = self.opened and not self.closed and not self.waiting
        return delivered

    def hole(self) -> tuple[int, Cite]:
        """Where the hole at `next` ends, and the frame that shows it. Only while `waiting`."""
        if self.pieces:
            return self.pieces[0].start, self.pieces[0].cite
        return (self.next if self.fin is None else self.fin), self.fin_cite

    def give_up(self, events: list[TcpEvent]) -> list[Piece]:
        """Delivers the hole at `next` as a gap, and what follows it. Returns the pieces delivered that have bytes."""
        end, cite = self.hole()
        if end > self.next:
            events.append((self.key, Gap(end - self.next, cite)))
            self.next = end
        return self.drain(events)

    def close(self, cite: Cite, reset: bool, events: list[TcpEvent]) -> None:
        """Ends the stream: its holes are gaps now."""
        while self.waiting:
            self.give_up(events)
        if self.opened and not self.closed:
            self._closed(cite, reset, events)
            self.flowing = False

    def _closed(self, cite: Cite, reset: bool, events: list[TcpEvent]) -> None:
        self.closed, self.reset = True, reset
        events.append((self.key, Closed(cite, reset)))
