"""What is known of one stream: the record that outlives its packets."""

import struct
from collections.abc import Iterable
from dataclasses import field
from typing import NamedTuple

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.cites import Cite, packed_ns, unpacked_at
from analyzer.core.frozen import frozen
from analyzer.protocols.rtp.rtcp import SenderReport
from analyzer.session.carrier import Ipsec
from analyzer.session.media.columns import CLOCKS
from analyzer.session.media.counts import Counted
from analyzer.session.media.statistics import PayloadStatistics
from analyzer.session.media.trail import Trail
from analyzer.session.media.verification import Verification

_JITTER = struct.Struct(f"<{len(CLOCKS)}d")


@frozen
class View:
    """A stream at one vantage point; the frames of its first and last packet packed, since many are kept."""

    vantage: int
    packets: int
    span: bytes

    @property
    def first(self) -> Cite:
        """The frame of its first packet."""
        return unpacked_at(self.span, 0)

    @property
    def last(self) -> Cite:
        """The frame of its last packet."""
        return unpacked_at(self.span, 1)

    @property
    def first_ns(self) -> int:
        """Time of its first packet."""
        return packed_ns(self.span, 0)

    @property
    def last_ns(self) -> int:
        """Time of its last packet."""
        return packed_ns(self.span, 1)


def packed_jitter(estimates: Iterable[float]) -> bytes:
    """Estimates at each of `CLOCKS`, in whole nanoseconds."""
    return _JITTER.pack(*map(round, estimates))


@frozen
class StreamRecord:
    """One SSRC from one address to another.

    `packets` are distinct ones, over all vantage points; `lost`, `duplicates`, `mirrored` (copies of a mirror port),
    `reordered` (RFC 4737 3.3), `backward` (steps to a lower number) and `replayed` (duplicates that come 32 numbers or
    more behind the highest, RFC 3711 3.3.2; `replay` is the first) are those of the best view. `jitter_ns`
    packs RFC 3550's estimate at each of `CLOCKS`. `sizes` counts RTP payload lengths on the wire. `verification` is
    None where no key concerns the stream; `parted_by` is the name of the call that took over its addresses, "" where
    none did. `tried` is that of keys which said nothing: guessed ones, or those of an offer that was declined.
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
    backward: int
    replayed: int
    replay: Cite | None
    restarts: int
    jitter_ns: bytes
    payload_types: Counted
    sizes: Counted
    markers: int
    statistics: PayloadStatistics
    verification: Verification | None = None
    tried: Verification | None = None
    parted_by: str = ""
    ipsec: Ipsec | None = None  # what ESP did around each of its packets: the weakest that any had
    contributors: tuple[tuple[int, int], ...] = ()  # CSRC (RFC 3550 5.1), and in how many packets, in order of sight
    more_contributors: bool = False  # than are told apart
    trail: Trail = field(default_factory=Trail, compare=False, repr=False)

    @property
    def first(self) -> Cite:
        """The first packet, at the vantage point that saw it first."""
        if len(self.views) == 1:
            return self.views[0].first
        return min((view.first for view in self.views), key=lambda cite: (cite.ts_ns, cite.source, cite.frame))

    @property
    def first_ns(self) -> int:
        """Time of the first packet."""
        return min([view.first_ns for view in self.views])

    @property
    def last_ns(self) -> int:
        """Time of the last packet."""
        return max([view.last_ns for view in self.views])

    def jitter(self, clock: int) -> float | None:
        """The jitter at a clock rate, in nanoseconds; None for one that is not estimated."""
        return float(_JITTER.unpack(self.jitter_ns)[CLOCKS.index(clock)]) if clock in CLOCKS else None

    @property
    def sighted(self) -> int:
        """Packets seen, every sighting counted."""
        return sum([view.packets for view in self.views])


class Span(NamedTuple):
    """When a call's packets may have come, and the names of its legs' calls."""

    first_ns: int
    last_ns: int
    calls: tuple[str, ...]

    def holds(self, began_ns: int, ended_ns: int, parted_by: str) -> bool:
        """Whether packets of such a time may be the call's: not those that came before it took their addresses over."""
        return parted_by not in self.calls and began_ns <= self.last_ns and ended_ns >= self.first_ns


@frozen
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
    names: tuple[tuple[int, str], ...] = ()  # SSRC, or CSRC of a mixer, with its CNAME
    references: frozenset[tuple[int, int]] = frozenset()  # reports sent or received: SSRC, middle of the NTP time
    suite: str | None = None
    encrypted: int = 0
    authenticated: int = 0
    failed: int = 0
    late: int = 0
