"""Streams that have ended, kept for a while so that the calls they belong to can find them."""

from collections import OrderedDict

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.session.media.record import StreamRecord


class ClosedStreams:
    """Records by destination. Past `Limits.streams` the oldest goes, like one whose time is over."""

    def __init__(self, limits: Limits) -> None:
        self._capacity = limits.streams
        self._records: OrderedDict[int, StreamRecord] = OrderedDict()
        self._to: dict[Address, list[int]] = {}
        self._taken: set[int] = set()
        self._overflow: list[StreamRecord] = []

    def add(self, record: StreamRecord) -> None:
        """Keeps a record."""
        self._records[record.ordinal] = record
        self._to.setdefault(record.endpoints.dst, []).append(record.ordinal)
        if len(self._records) > self._capacity:
            oldest = next(iter(self._records))
            if (dropped := self._drop(oldest)) is not None:
                self._overflow.append(dropped)

    def take(self, address: Address, first_ns: int, last_ns: int) -> list[StreamRecord]:
        """Records towards an address that overlap a span of time, oldest first."""
        found = [self._records[ordinal] for ordinal in self._to.get(address, ())]
        found = [record for record in found if record.last_ns >= first_ns and record.first_ns <= last_ns]
        self._taken.update(record.ordinal for record in found)
        return found

    def last_activity(self, address: Address) -> int:
        """Time of the latest packet towards an address, 0 if none."""
        return max((self._records[ordinal].last_ns for ordinal in self._to.get(address, ())), default=0)

    def _drop(self, ordinal: int) -> StreamRecord | None:
        record = self._records.pop(ordinal)
        ordinals = self._to[record.endpoints.dst]
        ordinals.remove(ordinal)
        if not ordinals:
            del self._to[record.endpoints.dst]
        if ordinal in self._taken:
            self._taken.discard(ordinal)
            return None
        return record

    def purge(self, horizon_ns: int | None) -> list[StreamRecord]:
        """Lets go what ended before the horizon (everything if None); gives what no call has taken."""
        gone = [o for o, record in self._records.items() if horizon_ns is None or record.last_ns < horizon_ns]
        orphans, self._overflow = self._overflow, []
        for ordinal in gone:
            if (record := self._drop(ordinal)) is not None:
                orphans.append(record)
        return sorted(orphans, key=lambda record: record.ordinal)
