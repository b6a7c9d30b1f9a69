"""Frames of which the end was not captured: counted for each capture, and named once as the capture's fault."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from analyzer.capture.batch import FrameBatch, Source
from analyzer.core.anomalies import define
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.pipeline.ledger import Ledger

CUT = define(
    "capture.frame_cut", Severity.LOW, "Frames were captured in part (snap length): what they lack is unknown", "",
    "capture",
)  # fmt: skip


class CutFrames:
    """`counts` holds how many frames of each capture, by its index, are shorter than they were on the wire."""

    def __init__(self, sources: Sequence[Source], limits: Limits) -> None:
        self._sources = sources
        self._cites = limits.cites_per_anomaly
        self.counts: Counter[int] = Counter()

    def take(self, batch: FrameBatch, ledger: Ledger) -> None:
        """Takes frames in their order."""
        rows = np.flatnonzero(batch.captured < batch.wire)
        if not len(rows):
            return
        for source, count in enumerate(np.bincount(batch.source[rows]).tolist()):
            if count:
                self.counts[self._sources[source].capture] += count
        first = rows[: self._cites].tolist()
        columns = (batch.source, batch.frame, batch.offset, batch.captured, batch.ts_ns)
        ledger.many(CUT, len(rows), [Cite(*(int(column[row]) for column in columns)) for row in first])
