"""How far the clocks of vantage points are apart, from what passed both of two of them.

A SIP request and its response pass two points in opposite directions, so what the way takes adds to one difference and
is subtracted from the other: half their sum is the clocks' (the way of RFC 5905). So it is with RTP in both directions;
its SSRC, sequence number and timestamp are readable even where the rest is encrypted, and outlive a relay. Of many such
estimates the median counts.

The interfaces of one capture are of one machine, and have one clock unless the times cannot be of one: what went out is
seen later at the other point, and what came back is seen later there as well. Then somebody has put the packets of
several machines into one file, and the clocks are as far apart as those of several captures would be.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from analyzer.core.frozen import frozen

Transaction = tuple[str, str]  # Call-ID, CSeq
Rtp = tuple[int, int, int]  # SSRC, sequence number, timestamp
KEPT = 50_000  # of each kind, at one vantage point
_TRANSACTIONS = 3
_PACKETS = 8  # of one stream
_ONE_NS = 1_000_000  # clocks of one machine's interfaces that are no further apart are one
Way = tuple[int, ...]  # where a stream runs: source and destination, addresses and ports


@dataclass(slots=True)
class Passed:
    """What passed one vantage point, and when, in nanoseconds: the first time each."""

    requests: dict[Transaction, int] = field(default_factory=dict)
    responses: dict[Transaction, int] = field(default_factory=dict)
    media: dict[Rtp, int] = field(default_factory=dict)
    ways: dict[int, Way] = field(default_factory=dict)  # of each SSRC, the first that was seen

    def sip(self, request: bool, transaction: Transaction, ts_ns: int) -> None:
        """Takes a message."""
        known = self.requests if request else self.responses
        if len(known) < KEPT:
            known.setdefault(transaction, ts_ns)

    def rtp(self, packet: Rtp, ts_ns: int, way: Way = ()) -> None:
        """Takes an RTP packet."""
        if len(self.media) < KEPT:
            self.media.setdefault(packet, ts_ns)
            self.ways.setdefault(packet[0], way)

    def follow(self, later: "Passed") -> None:
        """Takes what passed behind all of this, as if it had been taken here one by one."""
        for request, known in ((True, later.requests), (False, later.responses)):
            for transaction, ts_ns in known.items():
                self.sip(request, transaction, ts_ns)
        for packet, ts_ns in later.media.items():
            self.rtp(packet, ts_ns, later.ways[packet[0]])


@frozen
class Offset:
    """What to add to the times of a clock to have them on the reference, and from how many pairs that is known."""

    add_ns: int
    matched: int


def offsets(points: Mapping[str, Passed], machines: Mapping[str, str] | None = None) -> dict[str, Offset]:
    """Every clock against the first one, over others where two have nothing in common; missing: not known.

    `machines` names the capture that a point is an interface of; points of one have one clock unless it shows that not.
    """
    machine = {name: (machines or {}).get(name, name) for name in points}
    known = dict.fromkeys(list(points)[:1], Offset(0, 0))
    entered = {machine[name]: offset.add_ns for name, offset in known.items()}  # where its first known point is
    waiting = list(known)
    while waiting:
        while waiting:
            for name in (fresh := _reached(waiting.pop(0), points, machine, known, entered)):
                entered.setdefault(machine[name], known[name].add_ns)
            waiting += fresh
        for name in points:  # an interface that has nothing in common with others
            if name not in known and machine[name] in entered:
                known[name] = Offset(entered[machine[name]], 0)
                waiting.append(name)
    return known


def _reached(
    reference: str,
    points: Mapping[str, Passed],
    machine: Mapping[str, str],
    known: dict[str, Offset],
    entered: Container[str],
) -> list[str]:
    """The points whose clocks are known from what they have in common with one; a machine is entered at one of them."""
    fresh: list[str] = []
    new: set[str] = set()
    for name in points:
        together = machine[name] == machine[reference]
        if name in known or (not together and (machine[name] in entered or machine[name] in new)):
            continue
        between = _of_one_machine if together else _between
        if (found := between(points[reference], points[name])) is not None:
            known[name] = Offset(known[reference].add_ns - found.add_ns, found.matched)
            fresh.append(name)
            new.add(machine[name])
    return fresh


def _between(one: Passed, other: Passed) -> Offset | None:
    """How much later the other's clock shows the same moment."""
    by_sip = [(there + back) / 2 for there, back in _exchanged(one, other)]
    if len(by_sip) >= _TRANSACTIONS:
        return Offset(int(median(by_sip)), len(by_sip))
    streams = _streams(one.media, other.media)
    if streams:
        middles = [median(apart) for apart in streams.values()]
        return Offset(int((max(middles) + min(middles)) / 2), sum(map(len, streams.values())))
    return None


def _of_one_machine(one: Passed, other: Passed) -> Offset | None:
    """As `_between`, of two interfaces that should have one clock: 0 unless most of what passed both ways denies it."""
    pairs = _exchanged(one, other)
    matched = len(pairs)
    if matched < _TRANSACTIONS:
        streams = _streams(one.media, other.media)
        pairs = _opposite(streams, one.ways) or _opposite(streams, other.ways)
        matched = sum(map(len, streams.values()))
    if not pairs:
        return None
    apart = [(there + back) / 2 for there, back in pairs if there * back > 0]
    if 2 * len(apart) <= len(pairs) or abs(median(apart)) <= _ONE_NS:
        return Offset(0, matched)
    return Offset(int(median(apart)), matched)


def _exchanged(one: Passed, other: Passed) -> list[tuple[float, float]]:
    """How much later each request was at the other point, and how much later its response was there."""
    found = []
    for transaction, sent in one.requests.items():
        there, back, answered = (
            other.requests.get(transaction), one.responses.get(transaction), other.responses.get(transaction)
        )  # fmt: skip
        if there is not None and back is not None and answered is not None:
            found.append((float(there - sent), float(answered - back)))
    return found


def _streams(one: Mapping[Rtp, int], other: Mapping[Rtp, int]) -> dict[int, Sequence[int]]:
    """The differences of each stream that passed both, by SSRC."""
    found: dict[int, list[int]] = {}
    for packet, ts_ns in one.items():
        if packet in other:
            found.setdefault(packet[0], []).append(other[packet] - ts_ns)
    return {ssrc: apart for ssrc, apart in found.items() if len(apart) >= _PACKETS}


def _opposite(streams: Mapping[int, Sequence[int]], ways: Mapping[int, Way]) -> list[tuple[float, float]]:
    """How much later two streams were at the other point that ran between the same ends, one each way."""
    by_way = {ways[ssrc]: median(apart) for ssrc, apart in streams.items() if ways.get(ssrc)}
    return [
        (there, by_way[back])
        for way, there in by_way.items()
        if way < (back := (*way[len(way) // 2 :], *way[: len(way) // 2])) and back in by_way
    ]
