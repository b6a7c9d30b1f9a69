"""Frames kept back for a while before they are written: a packet that came in fragments is changed in all of them."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from analyzer.capture.batch import FrameBatch, Source
from analyzer.capture.merge import own_bytes
from analyzer.core.limits import Limits
from analyzer.net.link import RAW
from analyzer.net.packets import PacketBatch
from analyzer.net.rewrite import with_pieces

Change = Callable[[bytes, int, int], bytes | None]
"""The frame, its link type and where the payload lies in it; gives the new frame, None where it cannot be made."""


@dataclass(slots=True)
class _Held:
    batch: FrameBatch
    changed: dict[int, bytes] = field(default_factory=dict)  # by row

    def frame(self, row: int) -> bytes:
        return self.changed[row] if row in self.changed else _frame_of(self.batch, row)


class ClearWindow:
    """The last `Limits.clear_held_bytes` of the frames, and the batch that they came with."""

    def __init__(self, sources: Sequence[Source], limits: Limits) -> None:
        self._sources = sources
        self._bound = limits.clear_held_bytes
        self._held: deque[_Held] = deque()
        self._bytes = 0

    def admit(self, batch: FrameBatch) -> FrameBatch:
        """Takes the next frames; gives them over a buffer of their own."""
        buffer, start = own_bytes(batch) if len(batch) else (batch.buffer[:0], batch.start)
        own = FrameBatch(
            buffer.copy(), start.astype(np.int32), batch.captured, batch.wire,
            batch.ts_ns, batch.source, batch.frame, batch.offset,
        )  # fmt: skip
        self._held.append(_Held(own))
        self._bytes += len(own.buffer)
        return own

    def change(self, packets: PacketBatch, row: int, change: Change) -> bool:
        """Changes the frame, or all the frames, of a packet of the batch that was admitted last; whether it could."""
        at, start = int(packets.row[row]), int(packets.payload_start[row])
        last = self._held[-1]
        if row in packets.extra_cites:
            payload = packets.buffer[start : start + int(packets.payload_length[row])].tobytes()
            return self._change_pieces(packets, row, payload, change)
        link = self._sources[int(last.batch.source[at])].link_type
        made = change(last.frame(at), link, start - int(last.batch.start[at]))
        if made is not None:
            last.changed[at] = made
        return made is not None

    def _change_pieces(self, packets: PacketBatch, row: int, payload: bytes, change: Change) -> bool:
        last = self._held[-1]
        found = [(last, int(packets.row[row]))]
        for cite in packets.extra_cites[row]:
            place = self._find(cite.source, cite.frame)
            if place is None:
                return False
            found.append(place)
        frames = [(held.frame(at), self._sources[int(held.batch.source[at])].link_type) for held, at in found]
        made = with_pieces(frames, partial(_in_whole, payload, change))
        for (held, at), frame in zip(found, made or (), strict=False):
            held.changed[at] = frame
        return made is not None

    def _find(self, source: int, number: int) -> tuple[_Held, int] | None:
        for held in reversed(self._held):
            rows = np.flatnonzero((held.batch.frame == number) & (held.batch.source == source))
            if len(rows):
                return held, int(rows[0])
        return None

    def leaving(self) -> Iterator[FrameBatch]:
        """The batches that are held no longer, oldest first, with their changes."""
        while self._held and self._bytes - len(self._held[0].batch.buffer) >= self._bound:
            yield self._leave()

    def rest(self) -> Iterator[FrameBatch]:
        """All that are held: the capture has ended."""
        while self._held:
            yield self._leave()

    def _leave(self) -> FrameBatch:
        held = self._held.popleft()
        self._bytes -= len(held.batch.buffer)
        return _with_frames(held.batch, held.changed)


def _in_whole(payload: bytes, change: Change, whole: bytes) -> bytes | None:
    at = whole.find(payload)
    return None if at < 0 else change(whole, RAW, at)


def _frame_of(batch: FrameBatch, row: int) -> bytes:
    """The bytes of a frame."""
    start = int(batch.start[row])
    return batch.buffer[start : start + int(batch.captured[row])].tobytes()


def _with_frames(batch: FrameBatch, changed: dict[int, bytes]) -> FrameBatch:
    """The batch with some frames replaced, by row. Bytes that the snap length cut off stay missing."""
    if not changed:
        return batch
    rows = np.fromiter(changed, np.int64, len(changed))
    sizes = np.fromiter(map(len, changed.values()), np.int64, len(changed))
    start, captured, wire = batch.start.copy(), batch.captured.copy(), batch.wire.copy()
    start[rows] = len(batch.buffer) + np.cumsum(sizes) - sizes
    wire[rows] += (sizes - captured[rows]).astype(np.int32)
    captured[rows] = sizes
    buffer = np.concatenate([batch.buffer, np.frombuffer(b"".join(changed.values()), np.uint8)])
    return FrameBatch(buffer, start, captured, wire, batch.ts_ns, batch.source, batch.frame, batch.offset)
