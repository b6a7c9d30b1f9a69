"""What is known of one stream: the record that outlives its packets."""

from dataclasses import dataclass, field

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.cites import Cite
from analyzer.protocols.rtp.rtcp import SenderReport
from analyzer.session.media.statistics import PayloadStatistics
from analyzer.session.media.trail import Trail
from analyzer.session.media.verification import Verification


@dataclass(frozen=True, slots=True)
class View:
    """A stream at one vantage point."""

    vantage: int
    packets: int
    first: Cite
    last: Cite


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One SSRC from one address to another.

    `packets` are distinct ones, over all vantage points; `lost`, `duplicates`, `mirrored` (copies of a mirror port)
    and `reordered` are those of the best view. `jitter_ns` is RFC 3550's estimate by clock rate. `sizes` counts RTP
    payload lengths in bytes on the wire. `verification` is None where no key concerns the stream;
    `tried` is that of keys which said nothing: guessed ones, or those of an offer that was declined.
    """

    ordinal: int
    ssrc: int
    endpoints: Endpoints
    views: tuple[View, ...]
    packets: int
    lost: int
    duplicates: int
    mirrored: int
    reordered: int
    restarts: int
    jitter_ns: dict[int, float]
    payload_types: dict[int, int]
    sizes: dict[int, int]
    markers: int
    statistics: PayloadStatistics
    verification: Verification | None = None
    tried: Verification | None = None
    trail: Trail = field(default_factory=Trail, compare=False, repr=False)

    @property
    def first(self) -> Cite:
        """The first packet, at the vantage point that saw it first."""
        return min((view.first for view in self.views), key=lambda cite: (cite.ts_ns, cite.source, cite.frame))

    @property
    def first_ns(self) -> int:
        """Time of the first packet."""
        return min(view.first.ts_ns for view in self.views)

    @property
    def last_ns(self) -> int:
        """Time of the last packet."""
        return max(view.last.ts_ns for view in self.views)

    @property
    def sighted(self) -> int:
        """Packets seen, every sighting counted."""
        return sum(view.packets for view in self.views)


@dataclass(frozen=True, slots=True)
class RtcpRecord:
    """RTCP from one address to another.

    `packets` are sightings, `plain` those that read as RTCP in clear, `protected` the others. Distinct packets:
    `authenticated` under a key, `encrypted` of those (the E bit is set), `failed` under every key that should open
    them, `late` those whose key came after more than are kept.
    """

    src: Address
    dst: Address
    packets: int
    plain: int
    protected: int
    cname: str
    bye: bool
    first: Cite  # of those in clear, if there are any
    reports: tuple[SenderReport, ...] = ()  # the last of each SSRC
    references: frozenset[tuple[int, int]] = frozenset()  # reports sent or received: SSRC, middle of the NTP time
    suite: str | None = None
    encrypted: int = 0
    authenticated: int = 0
    failed: int = 0
    late: int = 0
