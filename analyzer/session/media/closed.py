"""Streams that have ended, kept for a while so that the calls they belong to can find them."""

from bisect import bisect_left, insort
from collections import OrderedDict
from typing import NamedTuple

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.session.media.evidence import plausible
from analyzer.session.media.record import StreamRecord

_NEVER = 1 << 63  # a time behind every packet


class Taken(NamedTuple):
    """Streams towards an address; `whole` if there were no more than `Limits.streams_per_address`."""

    records: list[StreamRecord]
    whole: bool


class ClosedStreams:
    """Records by destination. Past `Limits.streams` the oldest goes, like one whose time is over; those that wait to be
    handed out are as many at most, others are lost and counted."""

    def __init__(self, limits: Limits) -> None:
        self._capacity = limits.streams
        self._most = limits.streams_per_address
        self._records: OrderedDict[int, StreamRecord] = OrderedDict()
        self._to: dict[Address, list[tuple[int, int]]] = {}  # by time of the first packet, with the ordinal
        self._between: dict[Address, dict[Address, list[tuple[int, int]]]] = {}  # of some destinations: by source
        self._latest: dict[Address, int] = {}
        self._claimed: set[int] = set()
        self._overflow: list[StreamRecord] = []
        self._lasted_ns = _NEVER  # no record ended before this

    def add(self, record: StreamRecord) -> bool:
        """Keeps a record; False where that cost one that a report would have had."""
        self._records[record.ordinal] = record
        address, last_ns = record.endpoints.dst, record.last_ns
        began = (record.first_ns, record.ordinal)
        insort(self._to.setdefault(address, []), began)
        if address in self._between:
            insort(self._between[address].setdefault(record.endpoints.src, []), began)
        self._latest[address] = max(last_ns, self._latest.get(address, 0))
        self._lasted_ns = min(last_ns, self._lasted_ns)
        if len(self._records) > self._capacity:
            oldest = next(iter(self._records))
            dropped = self._drop(oldest)
            if dropped is None or not plausible(dropped):
                return True  # a call has it, or no report would
            if len(self._overflow) >= self._capacity:
                return False
            self._overflow.append(dropped)
        return True

    def take(self, address: Address, first_ns: int, last_ns: int) -> Taken:
        """Records towards an address that overlap a span of time; first those that began in it.

        Work is bounded, however many calls share the address: so many records that began in the span and so many of
        those before it are looked at.
        """
        return self._overlapping(self._to.get(address, []), first_ns, last_ns)

    def _overlapping(self, held: list[tuple[int, int]], first_ns: int, last_ns: int) -> Taken:
        began = bisect_left(held, (first_ns, 0))
        ended = bisect_left(held, (last_ns + 1, 0))
        earlier = held[max(0, began - self._most) : began]
        found = [self._records[ordinal] for _, ordinal in held[began : min(ended, began + self._most)]]
        found += [record for _, ordinal in earlier if (record := self._records[ordinal]).last_ns >= first_ns]
        whole = len(found) <= self._most and ended - began <= self._most and began <= self._most
        found = found[: self._most]
        return Taken(found, whole)

    def take_between(self, src: Address, dst: Address, first_ns: int, last_ns: int) -> Taken:
        """Records from one address to another that overlap a span of time, as `take`. Who asks so shares the address
        with many; only of such an address the records are kept by source, too."""
        if dst not in self._between and dst in self._to:
            sources = self._between[dst] = {}
            for first, ordinal in self._to[dst]:
                sources.setdefault(self._records[ordinal].endpoints.src, []).append((first, ordinal))
        return self._overlapping(self._between.get(dst, {}).get(src, []), first_ns, last_ns)

    def claim(self, ordinal: int) -> None:
        """Says that a record is a call's: it is not handed out as nobody's."""
        if ordinal in self._records:
            self._claimed.add(ordinal)

    def last_activity(self, address: Address) -> int:
        """Time of the latest packet towards an address, 0 if none."""
        return self._latest.get(address, 0)

    def _drop(self, ordinal: int) -> StreamRecord | None:
        record = self._records.pop(ordinal)
        address = record.endpoints.dst
        held = self._to[address]
        del held[bisect_left(held, (record.first_ns, ordinal))]
        if address in self._between:
            between = self._between[address][record.endpoints.src]
            del between[bisect_left(between, (record.first_ns, ordinal))]
            if not between:
                del self._between[address][record.endpoints.src]
        if not held:
            del self._to[address], self._latest[address]
            self._between.pop(address, None)
        if ordinal in self._claimed:
            self._claimed.discard(ordinal)
            return None
        return record

    def purge(self, horizon_ns: int | None) -> list[StreamRecord]:
        """Lets go what ended before the horizon (everything if None); gives what no call has taken."""
        gone = []
        if horizon_ns is None or self._lasted_ns < horizon_ns:
            ended = {ordinal: record.last_ns for ordinal, record in self._records.items()}
            gone = [ordinal for ordinal, last_ns in ended.items() if horizon_ns is None or last_ns < horizon_ns]
            self._lasted_ns = min((ended[ordinal] for ordinal in ended.keys() - set(gone)), default=_NEVER)
        orphans, self._overflow = self._overflow, []
        for ordinal in gone:
            if (record := self._drop(ordinal)) is not None:
                orphans.append(record)
        return sorted(orphans, key=lambda record: record.ordinal)
