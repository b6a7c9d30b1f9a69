"""An RTP stream that is open: what its packets have added up to, and the record that is left of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from analyzer.core.addresses import Endpoints
from analyzer.session.carrier import IPSEC
from analyzer.session.media.counts import Counts
from analyzer.session.media.open_view import OpenView
from analyzer.session.media.ranges import Ranges
from analyzer.session.media.record import StreamRecord, View, packed_jitter
from analyzer.session.media.statistics import SAMPLE, PayloadStatistics, summarise
from analyzer.session.media.trail import Trail
from analyzer.session.media.verification import Verification

DROPOUT = 3_000  # RFC 3550 A.1 MAX_DROPOUT: a wider gap is a restart


@dataclass(slots=True)
class OpenStream:
    ordinal: int
    ssrc: int
    endpoints: Endpoints
    main: OpenView | None = None  # at the vantage point that saw it first
    shown: OpenView | None = None  # at the one whose packets are looked into
    others: dict[int, OpenView] | None = None
    payload_types: Counts = field(default_factory=Counts)
    sizes: Counts = field(default_factory=Counts)
    markers: int = 0
    esp: int = len(IPSEC)  # the weakest that ESP was around any packet
    sample: list[bytes] = field(default_factory=list)
    statistics: PayloadStatistics | None = None  # of the sample once it is full, by the type that is commonest then
    contributors: dict[int, int] | None = None  # CSRC, in how many packets
    more_contributors: bool = False
    cut: int = 0  # bit n: the capture does not have all of packet n of the sample
    trail: Trail = field(default_factory=Trail)
    last_ns: int = 0
    begun_by: str = ""  # the call that had taken over an address when it began

    def view(self, vantage: int) -> OpenView | None:
        """What a vantage point has seen of it."""
        if self.main is not None and self.main.vantage == vantage:
            return self.main
        return self.others.get(vantage) if self.others is not None else None

    def see(self, view: OpenView) -> None:
        """Takes another vantage point."""
        if self.main is None:
            self.main = self.shown = view
        elif self.others is None:
            self.others = {view.vantage: view}
        else:
            self.others[view.vantage] = view

    def look_at(self, view: OpenView) -> None:
        """Looks into the packets of another vantage point, which has all of what the first one cut."""
        self.shown, self.sample, self.cut, self.trail = view, [], 0, Trail()
        self.statistics = None
        self.contributors, self.more_contributors = None, False

    def mix(self, source: int, packets: int, most: int) -> None:
        """Counts a contributing source, of so many at most."""
        known = self.contributors = self.contributors if self.contributors is not None else {}
        if source in known or len(known) < most:
            known[source] = known.get(source, 0) + packets
        else:
            self.more_contributors = True

    def summarise(self) -> None:
        """Works out what a full sample says, while it is at hand; the commonest type seldom changes afterwards."""
        main = self.payload_types.commonest
        if len(self.sample) == SAMPLE and main is not None:
            self.statistics = summarise(self.sample, main)

    def views(self) -> Iterator[OpenView]:
        """Every vantage point, in the order of first sight."""
        if self.main is not None:
            yield self.main
        yield from self.others.values() if self.others is not None else ()


def record_of(stream: OpenStream, verified: Verification | None, parted_by: str) -> StreamRecord:
    """What is left of a stream that has ended; `parted_by` is the call that took its addresses over, if one did."""
    views = list(stream.views())
    best = views[0]
    union = best.ranges
    if len(views) > 1:
        best = max(views, key=lambda view: view.ranges.count)
        union = Ranges(1 << 20)
        for view in views:
            for low, high in view.ranges:
                union.add(low, high)
    lost, restarts = union.gaps(DROPOUT)
    stream.trail.begin(
        [packet for at, packet in enumerate(stream.sample) if not stream.cut >> at & 1] if stream.cut else stream.sample
    )
    main, found = stream.payload_types.commonest, stream.statistics
    if found is None or found.payload_type != main:
        found = summarise(stream.sample, -1 if main is None else main)
    return StreamRecord(
        ordinal=stream.ordinal,
        ssrc=stream.ssrc,
        endpoints=stream.endpoints,
        views=tuple([View(v.vantage, v.packets, v.first + v.last) for v in views]),
        packets=union.count,
        lost=lost,
        duplicates=best.duplicates,
        mirrored=best.mirrored,
        reordered=best.reordered,
        backward=best.backward,
        replayed=best.replayed,
        replay=best.replay,
        restarts=restarts,
        jitter_ns=packed_jitter(best.jitter),
        payload_types=stream.payload_types.items(),
        sizes=stream.sizes.items(),
        markers=stream.markers,
        ipsec=IPSEC[stream.esp],
        contributors=tuple(stream.contributors.items()) if stream.contributors else (),
        more_contributors=stream.more_contributors,
        statistics=found,
        trail=stream.trail,
        verification=verified,
        parted_by=parted_by,
    )
