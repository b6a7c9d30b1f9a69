"""What becomes of frames that yield no packet, and what was wrong with headers: counted and cited, in frame order."""

from collections.abc import Sequence

import numpy as np

from analyzer.capture.batch import FrameBatch, Source
from analyzer.core.anomalies import Anomaly, AnomalyKind, define
from analyzer.core.cites import Cite
from analyzer.core.severity import Severity
from analyzer.net.columns import I64, Columns, Mask

TOO_DEEP = define("net.too_deep", Severity.MEDIUM, "Encapsulations are stacked deeper than the limit")
_NAMES = {
    "ethertype_0806": "arp", "ethertype_88cc": "lldp", "ip_protocol_1": "icmp", "ip_protocol_2": "igmp",
    "ip_protocol_58": "icmpv6",
}  # fmt: skip
"""What is in nearly every capture by name (IANA: protocol numbers, IEEE 802 numbers), all else by number."""


class Ledger:
    """Counts undecoded frames by (capture index, reason) and keeps anomalies in the order of their frames.

    `extra` holds, for the rows of the current batch that stand for a reassembled packet, the cites of its other
    fragments: where such a packet is dropped, each of its frames is counted.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self.undecoded: dict[tuple[int, str], int] = {}
        self.extra: dict[int, tuple[Cite, ...]] = {}
        self._anomalies: list[Anomaly] = []
        self._pending: list[tuple[int, AnomalyKind, tuple[Cite, ...], str]] = []
        self._batch: FrameBatch | None = None

    def begin(self, batch: FrameBatch) -> None:
        """Rows are rows of this batch from here on."""
        self._batch = batch
        self.extra = {}

    def take_anomalies(self) -> list[Anomaly]:
        """The anomalies since the last call."""
        taken, self._anomalies = self._anomalies, []
        return taken

    def cite(self, row: int) -> Cite:
        """The frame of a row."""
        b = self._batch
        assert b is not None
        return Cite(int(b.source[row]), int(b.frame[row]), int(b.offset[row]), int(b.captured[row]), int(b.ts_ns[row]))

    def count(self, source: int, reason: str, frames: int = 1) -> None:
        """Frames of a source that no packet stands for."""
        key = (self._sources[source].capture, reason)
        self.undecoded[key] = self.undecoded.get(key, 0) + frames

    def drop(self, c: Columns, bad: Mask, reason: str) -> None:
        """Takes the rows out of `c` and counts their frames."""
        if not bad.any():
            return
        assert self._batch is not None
        rows = c["row"][bad]
        for source, frames in zip(*np.unique(self._batch.source[rows], return_counts=True), strict=True):
            self.count(int(source), reason, int(frames))
        if self.extra:
            for row in rows.tolist():
                for cite in self.extra.pop(row, ()):
                    self.count(cite.source, reason)
        c.keep(~bad)

    def drop_by(self, c: Columns, bad: Mask, values: I64, form: str) -> None:
        """Takes out the rows whose value names why; `form` takes the value."""
        for value in sorted(set(values[bad].tolist())):
            reason = form.format(value)
            self.drop(c, c["kind"] == value, _NAMES.get(reason, reason))

    def drop_deep(self, c: Columns, deep: Mask) -> None:
        """Takes out rows that are nested deeper than the limit, announced."""
        self.note(c, deep, TOO_DEEP, "")
        self.drop(c, deep, "too_deep")

    def note(self, c: Columns, wrong: Mask, kind: AnomalyKind, detail: str) -> None:
        """An anomaly for each row of the mask, citing its frame."""
        if wrong.any():
            self._pending.extend((row, kind, (), detail) for row in c["row"][wrong].tolist())

    def note_frames(self, row: int, kind: AnomalyKind, cites: tuple[Cite, ...], detail: str) -> None:
        """An anomaly that came to light at `row` (-1: at the end), citing several frames."""
        self._pending.append((row, kind, cites, detail))

    def announce(self) -> None:
        """Closes the batch: what was noted since `begin` becomes anomalies, in row order."""
        self._pending.sort(key=lambda item: item[0])
        for row, kind, cites, detail in self._pending:
            self._anomalies.append(Anomaly(kind, cites or (self.cite(row),), detail))
        self._pending.clear()
        self._batch = None
