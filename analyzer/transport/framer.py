"""What parsers of messages on a stream have in common: bytes in, messages out, and no byte lost from the account."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from analyzer.core.anomalies import Anomaly
from analyzer.transport.cited import Chunk, CitedBuffer
from analyzer.transport.parser import Skipped

M = TypeVar("M")


class Framer(ABC, Generic[M]):
    """Bytes are held until a message is whole. `_pos` is where the current one begins; what stands between `_mark` and
    `_pos` has been passed over and is told as one skip, before whatever comes next."""

    __slots__ = ("_buffer", "_mark", "_pos")

    def __init__(self) -> None:
        self._buffer = CitedBuffer()
        self._pos = self._mark = 0

    @property
    def held(self) -> int:
        """Bytes held for a message that is not whole yet."""
        return len(self._buffer)

    def receive(self, chunk: Chunk) -> list[M | Anomaly | Skipped]:
        """Takes the next bytes; gives the messages they complete."""
        self._buffer.append(chunk.data, chunk.cite)
        events: list[M | Anomaly | Skipped] = []
        while self._step(events):
            pass
        self._flush(events)
        self._buffer.consume(self._pos)
        self._pos = self._mark = 0
        return events

    @abstractmethod
    def _step(self, events: list[M | Anomaly | Skipped]) -> bool:
        """Reads one message, or passes over what is none; False where more bytes are needed."""

    def _flush(self, events: list[M | Anomaly | Skipped]) -> None:
        if self._pos > self._mark:
            events.append(Skipped(self._pos - self._mark, self._buffer.cites(self._mark, self._pos)))
        self._mark = self._pos
