"""Cites and sightings as the report writes them."""

from collections.abc import Sequence

from analyzer.capture.batch import Source
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.report.evidence import Cite as ReportCite
from analyzer.report.evidence import Sighting


@frozen
class Places:
    """Where things are: captures and interfaces by source index."""

    sources: Sequence[Source]

    def cite(self, cite: Cite) -> ReportCite:
        """A cite as the report writes it."""
        source = self.sources[cite.source]
        return ReportCite(capture_id(source.capture), source.interface, cite.frame, cite.offset, cite.length)

    def sighting(self, first: Cite, last: Cite, packets: int) -> Sighting:
        """One vantage point of a hop or stream."""
        source = self.sources[first.source]
        return Sighting(capture_id(source.capture), source.interface, None, first.frame, last.frame, packets)


def capture_id(index: int) -> str:
    """capture-1, ..."""
    return f"capture-{index + 1}"
