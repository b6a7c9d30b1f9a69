"""Packets of datagram protocols in a TCP stream, whatever tells where each ends. One direction of one connection."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from analyzer.core.anomalies import Anomaly, AnomalyKind
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.transport.cited import Chunk, CitedBuffer, Gap
from analyzer.transport.parser import Skipped


@frozen
class Frame:
    """One packet out of the stream. `size` counts what frames it too; `position` is that of its first byte, as
    `Chunk.position`."""

    payload: bytes
    cites: tuple[Cite, ...]
    size: int
    position: int = 0


class Measure(NamedTuple):
    """A packet at the head of bytes: `head` of them before it, `size` of them in all. Of none, it is not one."""

    head: int
    size: int


NO_PACKET = Measure(0, 0)
Event: TypeAlias = Frame | Anomaly | Skipped


class PacketStream:
    """Holds at most one packet. Behind a gap, or what is no packet, nothing tells where one begins.

    `measure` says where the packet ends that begins at a place; None asks for more bytes. `lost` and `cut` are what is
    said where the rest of the stream, or a packet at its end, is let go.
    """

    __slots__ = ("_buffer", "_cut", "_lost", "_measure", "_over", "_position")

    def __init__(
        self, measure: Callable[[bytearray, int], Measure | None], lost: AnomalyKind, cut: AnomalyKind
    ) -> None:
        self._measure = measure
        self._lost, self._cut = lost, cut
        self._buffer = CitedBuffer()
        self._position = 0  # of the first byte held
        self._over = False

    @property
    def held(self) -> int:
        """Bytes held for a packet that is not whole yet."""
        return len(self._buffer)

    def receive(self, chunk: Chunk) -> Sequence[Event]:
        """Takes the next bytes; gives the packets they complete. Empty ones, sent to keep a connection, are skipped."""
        if self._over:
            return (Skipped(len(chunk.data), (chunk.cite,)),) if chunk.data else ()
        if not len(self._buffer):
            self._position = chunk.position
        self._buffer.append(chunk.data, chunk.cite)
        events: list[Event] = []
        data, at = self._buffer.data, 0
        while at < len(data):
            found = self._measure(data, at)
            if found is None or at + found.size > len(data):
                break
            end = at + found.size
            cites = self._buffer.cites(at, end)
            if not found.size:
                self._consume(at)
                return [*events, *self._end(self._lost, (chunk.cite,))]
            payload = bytes(data[at + found.head : end])
            events.append(
                Frame(payload, cites, found.size, self._position + at) if payload else Skipped(found.size, cites)
            )
            at = end
        self._consume(at)
        return events

    def gap(self, gap: Gap) -> Sequence[Event]:
        """Lets the rest of the stream go."""
        return self._end(self._lost, (gap.cite,)) if not self._over else ()

    def close(self) -> Sequence[Event]:
        """The stream has ended: a packet that was begun is let go."""
        return self._end(self._cut, self._buffer.cites(0, len(self._buffer))) if len(self._buffer) else ()

    def _consume(self, size: int) -> None:
        self._buffer.consume(size)
        self._position += size

    def _end(self, kind: AnomalyKind, cites: tuple[Cite, ...]) -> list[Event]:
        self._over = True
        events: list[Event] = [Anomaly(kind, cites)]
        if size := len(self._buffer):
            events.append(Skipped(size, self._buffer.cites(0, size)))
        self._buffer.clear()
        return events
