"""Vantage points, numbered in the order of the frames that show them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from analyzer.capture.batch import FrameBatch, Source
from analyzer.core.anomalies import define
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.net.columns import I64
from analyzer.net.ledger import Ledger
from analyzer.net.link import LINK_BYTES, SLL2

_NO_LINK = 1 << 30

TOO_MANY = define(
    "net.vantages", Severity.MEDIUM, 'More interfaces in "any" captures than the limit; the rest are taken as one',
    "", "capture",
)  # fmt: skip


class VantageTable:
    """The table that `PacketBatch.vantage` indexes: one entry an interface of a capture.

    An SLL2 capture is taken on "any" interface: each interface index is an entry of its own, "<vantage>/if<index>",
    up to `Limits.vantages`; the indices beyond share "<vantage>".
    """

    def __init__(self, sources: Sequence[Source], ledger: Ledger, limits: Limits) -> None:
        self._sources = sources
        self._ledger = ledger
        self._most = limits.vantages
        self._full = False
        self._numbers: dict[int, int] = {}
        self._by_name: dict[str, int] = {}
        self.names: list[str] = []
        self.files: list[dict[str, None]] = []  # of each, the captures that it is in

    def number(self, batch: FrameBatch) -> npt.NDArray[np.int32]:
        """The vantage index of each row; 0 where the link layer is unknown or cut off."""
        sizes = np.array([max(LINK_BYTES.get(s.link_type, _NO_LINK), 1) for s in self._sources], np.int64)
        if not len(batch):
            return np.zeros(0, np.int32)
        source = batch.source
        first = int(source[0])
        if self._sources[first].link_type != SLL2 and bool((source == first).all()):
            known = bool((batch.captured >= sizes[first]).any())
            return np.full(len(batch), self._add(first << 32, 0) if known else 0, np.int32)
        rows = np.flatnonzero(batch.captured >= sizes[source])
        keys = source[rows].astype(np.int64) << 32
        keys |= self._interface(batch, rows)
        pairs, at, back = np.unique(keys, return_index=True, return_inverse=True)
        numbers = np.zeros(len(pairs), np.int32)
        for i in np.argsort(at).tolist():
            numbers[i] = self._add(int(pairs[i]), int(rows[at[i]]))
        out = np.zeros(len(batch), np.int32)
        out[rows] = numbers[back.reshape(-1)]
        return out

    def _interface(self, batch: FrameBatch, rows: I64) -> I64:
        """The interface index of SLL2 rows (its third field), 0 of others."""
        any_link = np.array([s.link_type == SLL2 for s in self._sources], np.bool_)[batch.source[rows]]
        at = batch.start[rows].astype(np.int64) + 4
        index = np.zeros(len(rows), np.int64)
        for i in range(4):
            index = index << 8 | batch.buffer.take(at + i, mode="clip")
        return np.where(any_link, index, 0)

    def _add(self, key: int, row: int) -> int:
        number = self._numbers.get(key)
        if number is not None:
            return number
        source = self._sources[key >> 32]
        name = source.vantage
        if source.link_type == SLL2 and len(self.names) < self._most:
            name = f"{name}/if{key & 0xFFFFFFFF}"
        elif source.link_type == SLL2:
            self._note_full(row)
            return self._named(name, source.path)
        number = self._numbers[key] = self._named(name, source.path)
        return number

    def _named(self, name: str, path: str) -> int:
        number = self._by_name.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
            self.files.append({})
        if path:
            self.files[number][path] = None
        return number

    def _note_full(self, row: int) -> None:
        if not self._full:
            self._ledger.note_frames(row, TOO_MANY, (), "")
        self._full = True
