"""How far the clocks of vantage points are apart, from what passed both of two of them.

A SIP request and its response pass two points in opposite directions, so what the way takes adds to one difference and
is subtracted from the other: half their sum is the clocks' (the way of RFC 5905). So it is with RTP in both directions;
its SSRC, sequence number and timestamp are readable even where the rest is encrypted, and outlive a relay. Of many such
estimates the median counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

Transaction = tuple[str, str]  # Call-ID, CSeq
Rtp = tuple[int, int, int]  # SSRC, sequence number, timestamp
KEPT = 50_000  # of each kind, at one vantage point
_TRANSACTIONS = 3
_PACKETS = 8  # of one stream


@dataclass(slots=True)
class Passed:
    """What passed one vantage point, and when, in nanoseconds: the first time each."""

    requests: dict[Transaction, int] = field(default_factory=dict)
    responses: dict[Transaction, int] = field(default_factory=dict)
    media: dict[Rtp, int] = field(default_factory=dict)

    def sip(self, request: bool, transaction: Transaction, ts_ns: int) -> None:
        """Takes a message."""
        known = self.requests if request else self.responses
        if len(known) < KEPT:
            known.setdefault(transaction, ts_ns)

    def rtp(self, packet: Rtp, ts_ns: int) -> None:
        """Takes an RTP packet."""
        if len(self.media) < KEPT:
            self.media.setdefault(packet, ts_ns)


@dataclass(frozen=True, slots=True)
class Offset:
    """What to add to the times of a clock to have them on the reference, and from how many pairs that is known."""

    add_ns: int
    matched: int


def offsets(points: Mapping[str, Passed]) -> dict[str, Offset]:
    """Every clock against the first one, over others where two have nothing in common; missing: not known."""
    names = list(points)
    if not names:
        return {}
    known = {names[0]: Offset(0, 0)}
    waiting = [names[0]]
    while waiting:
        reference = waiting.pop(0)
        for name in names:
            if name not in known and (found := _between(points[reference], points[name])) is not None:
                known[name] = Offset(known[reference].add_ns - found.add_ns, found.matched)
                waiting.append(name)
    return known


def _between(one: Passed, other: Passed) -> Offset | None:
    """How much later the other's clock shows the same moment."""
    by_sip = _exchanged(one, other)
    if len(by_sip) >= _TRANSACTIONS:
        return Offset(int(median(by_sip)), len(by_sip))
    streams = _streams(one.media, other.media)
    if streams:
        middles = [median(apart) for apart in streams]
        return Offset(int((max(middles) + min(middles)) / 2), sum(map(len, streams)))
    return None


def _exchanged(one: Passed, other: Passed) -> list[float]:
    found = []
    for transaction, sent in one.requests.items():
        there, back, answered = (
            other.requests.get(transaction), one.responses.get(transaction), other.responses.get(transaction)
        )  # fmt: skip
        if there is not None and back is not None and answered is not None:
            found.append(((there - sent) + (answered - back)) / 2)
    return found


def _streams(one: Mapping[Rtp, int], other: Mapping[Rtp, int]) -> list[Sequence[int]]:
    """The differences of each stream that passed both."""
    found: dict[int, list[int]] = {}
    for packet, ts_ns in one.items():
        if packet in other:
            found.setdefault(packet[0], []).append(other[packet] - ts_ns)
    return [apart for apart in found.values() if len(apart) >= _PACKETS]
