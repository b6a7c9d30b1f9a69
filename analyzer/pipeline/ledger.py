"""Where every anomaly ends: counted by kind, the first ones kept in full."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from analyzer.core.anomalies import Anomaly, AnomalyKind, define
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity

FAULT = define(
    "internal.fault",
    Severity.HIGH,
    "A fault of this program was contained; what it was reading is missing from the report",
    origin="internal",
)


@dataclass(slots=True)
class Entry:
    """One kind: how often, and the first occurrences."""

    kind: AnomalyKind
    count: int = 0
    cites: list[Cite] = field(default_factory=list)
    details: list[str] = field(default_factory=list)


class Ledger:
    """Counts anomalies. Memory is bounded by the number of kinds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._entries: dict[str, Entry] = {}

    def add(self, anomaly: Anomaly, default_cites: tuple[Cite, ...] = ()) -> None:
        """Counts one. `default_cites` serve an anomaly that a parser found before it knew its frames."""
        entry = self._entries.get(anomaly.kind.code)
        if entry is None:
            entry = self._entries[anomaly.kind.code] = Entry(anomaly.kind)
        entry.count += 1
        if entry.count <= self._limits.cites_per_anomaly:
            entry.cites.extend((anomaly.cites or default_cites)[:2])
            if anomaly.detail and anomaly.detail not in entry.details:
                entry.details.append(anomaly.detail)

    def many(self, kind: AnomalyKind, count: int, cites: Sequence[Cite]) -> None:
        """Counts several of a kind at once; `cites` are the first ones'."""
        for cite in cites:
            self.add(Anomaly(kind, (cite,)))
        if count > len(cites):
            self._entries[kind.code].count += count - len(cites)

    def extend(self, anomalies: Iterable[Anomaly]) -> None:
        """Counts several."""
        for anomaly in anomalies:
            self.add(anomaly)

    @property
    def faults(self) -> int:
        """Faults of ours that were contained."""
        entry = self._entries.get(FAULT.code)
        return entry.count if entry else 0

    def entries(self) -> list[Entry]:
        """Every kind that occurred, gravest first, then by code."""
        return sorted(self._entries.values(), key=lambda e: (-e.kind.severity, e.kind.code))
