"""Several captures as one, by time: each keeps its own order, ties go to the capture named first."""

from collections.abc import Iterator, Sequence

import numpy as np

from analyzer.capture.batch import I64, U8, FrameBatch
from analyzer.capture.reader import CaptureReader

_NONE = np.iinfo(np.int64).min


class _Head:
    """A capture's next frames, with the running maximum of their times."""

    def __init__(self, reader: CaptureReader) -> None:
        self._reader = reader
        self._latest = _NONE
        self.batch: FrameBatch | None = None
        self.keys: I64 = np.empty(0, np.int64)
        self.refill()

    def refill(self) -> None:
        batch = self._reader.read_batch()
        self.batch = batch
        if batch is not None:
            self.keys = np.maximum(np.maximum.accumulate(batch.ts_ns), self._latest)
            self._latest = int(self.keys[-1])

    def split(self, limit: int) -> tuple[FrameBatch, I64] | None:
        """Takes the frames up to a time."""
        batch = self.batch
        if batch is None:
            return None
        count = int(np.searchsorted(self.keys, limit, side="right"))
        if not count:
            return None
        taken, keys = batch.rows(0, count), self.keys[:count]
        self.batch, self.keys = batch.rows(count, len(batch)), self.keys[count:]
        if not len(self.batch):
            self.refill()
        return taken, keys


def merge(readers: Sequence[CaptureReader]) -> Iterator[FrameBatch]:
    """Batches of all captures in the order of time. One capture passes through as it is."""
    if len(readers) == 1:
        yield from iter(readers[0].read_batch, None)  # keeps no batch while the next one is read
        return
    heads = [_Head(reader) for reader in readers]
    while alive := [head for head in heads if head.batch is not None]:
        limit = min(int(head.keys[-1]) for head in alive)
        parts = [part for head in alive if (part := head.split(limit)) is not None]
        yield interleave(parts)


def interleave(parts: list[tuple[FrameBatch, I64]]) -> FrameBatch:
    """Frames of several captures by their keys, never-falling times; equal keys in the order of `parts`."""
    if len(parts) == 1:
        return parts[0][0]
    batches = [batch for batch, _ in parts]
    order = np.argsort(np.concatenate([keys for _, keys in parts]), kind="stable")
    buffers = [own_bytes(batch) for batch in batches]
    shifts = np.cumsum([0, *(len(buffer) for buffer, _ in buffers[:-1])])
    start = np.concatenate([start + shift for (_, start), shift in zip(buffers, shifts, strict=True)])
    return FrameBatch(
        np.concatenate([buffer for buffer, _ in buffers]),
        start[order].astype(np.int32),
        np.concatenate([batch.captured for batch in batches])[order],
        np.concatenate([batch.wire for batch in batches])[order],
        np.concatenate([batch.ts_ns for batch in batches])[order],
        np.concatenate([batch.source for batch in batches])[order],
        np.concatenate([batch.frame for batch in batches])[order],
        np.concatenate([batch.offset for batch in batches])[order],
    )


def own_bytes(batch: FrameBatch) -> tuple[U8, I64]:
    """The part of a batch's buffer that its frames lie in, and their positions there."""
    low = int(batch.start.min())
    high = int((batch.start.astype(np.int64) + batch.captured).max())
    return batch.buffer[low:high], batch.start.astype(np.int64) - low
