"""A few whole packets of a stream, by which it is known again on another hop (hops.md section 4).

Kept are a stream's first packets, and those that drew the lowest lots by their RTP timestamps: a relay keeps
timestamps, so that two hops keep the same packets even where their captures do not begin together. Of every packet
whose sequence number is a milestone a digest is kept. What is compared are digests keyed anew in every process
(Python's hash of bytes, SipHash), which never leave it.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappush, heappushpop
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analyzer.core.cursor import Cursor
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.stream import SrtpStream
from analyzer.session.media.pace import Pace

I64 = npt.NDArray[np.int64]
DRAWN = 24
LOW = (1 << 32) // 128  # lots below it are looked at: one packet in 128
MILE = 128  # sequence numbers from one milestone to the next; a power of two
_MARKED = 48  # milestones of a stream that are kept
_FIXED = 12  # bytes of the fixed header (RFC 3550 5.1)
_FALLEN = 4  # bytes of a lot that is kept
_ENOUGH = 6  # packets that must agree
_DISTINCT = 4  # payloads that must differ among them: silence is equal to silence
_ODD = 0x9E3779B97F4A7C15 - (1 << 64)  # multiplies modulo 2**64


class Packet(NamedTuple):
    """One packet: its sequence number, its RTP timestamp, a digest of its payload, the payload's size."""

    number: int
    timestamp: int
    payload: int
    size: int


def lots(timestamps: I64) -> I64:
    """A lot for each timestamp, the same at every hop; packets with the lowest may be kept."""
    drawn: I64 = (timestamps * _ODD) >> 16 & 0xFFFFFFFF
    return drawn


_NOTHING = Pace()  # of streams that take no more packets


class Trail:
    """The packets kept of one stream, at the vantage point that saw it first; `pace` has the headers of more."""

    __slots__ = ("_apart", "_drawn", "_first", "_miles", "pace")

    def __init__(self) -> None:
        self.pace = Pace()
        self._first: Sequence[bytes] = ()
        self._drawn: list[bytes] | None = None  # a heap: four bytes that fall as the lot rises, the packet behind them
        self._apart = MILE
        self._miles: array[int] | None = None  # of milestones: sequence number, digest, and so on

    def begin(self, packets: Iterable[bytes]) -> None:
        """Takes the first packets of the stream."""
        self._first = tuple(packets)

    def forget(self) -> None:
        """Lets the packets go: what the stream was compared for is decided."""
        self._first, self._drawn, self._miles, self.pace = (), None, None, _NOTHING

    @property
    def first(self) -> Sequence[bytes]:
        """The first packets, as far as the capture has all of them."""
        return self._first

    def draw(self, lot: int, packet: memoryview) -> None:
        """Takes a whole packet that drew a low lot, if it is among the lowest."""
        if self._drawn is None:
            self._drawn = []
        full, fallen = len(self._drawn) >= DRAWN, (0xFFFFFFFF - lot).to_bytes(_FALLEN, "big")
        if not full:
            heappush(self._drawn, fallen + packet)
        elif fallen >= self._drawn[0][:_FALLEN]:
            heappushpop(self._drawn, fallen + packet)

    def pass_mile(self, number: int, packet: memoryview) -> None:
        """Takes a whole packet whose sequence number is a multiple of `MILE`; of each number the first. Past `_MARKED`
        they are kept twice as far apart, so that a long stream has some in common with a short one.
        """
        if number % self._apart:
            return
        if self._miles is None:
            self._miles = array("q")
        elif number in self._miles[::2]:
            return
        self._miles.extend((number, hash(bytes(packet[_FIXED:]))))
        if len(self._miles) > 2 * _MARKED:
            self._apart *= 2
            kept = [pair for pair in self._passed() if pair[0] % self._apart == 0]
            self._miles = array("q", chain.from_iterable(kept))

    def _passed(self) -> Iterator[tuple[int, int]]:
        miles = self._miles or ()
        return zip(miles[::2], miles[1::2], strict=True)

    def _kept(self) -> list[bytes]:
        """The packets, each once, in an order that lets a key follow them."""
        kept = dict.fromkeys([*self._first, *(drawn[_FALLEN:] for drawn in self._drawn or ())])
        first = next(iter(kept), b"")[2:4]
        begin = int.from_bytes(first, "big")
        return sorted(kept, key=lambda packet: (int.from_bytes(packet[2:4], "big") - begin + 0x8000) & 0xFFFF)

    def marks(self, count: int) -> dict[int, int]:
        """Digests of packets behind their fixed headers, by sequence number: the first ones, and milestones, so that
        two streams that have some hundred numbers in common have marks in common.
        """
        return dict(self._passed()) | {
            int.from_bytes(packet[2:4], "big"): hash(packet[_FIXED:]) for packet in self._first[:count]
        }

    def wire(self) -> list[Packet]:
        """The packets with their payloads as they were on the wire."""
        return _packets(self._kept())

    def opened(self, contexts: Iterable[SrtpContext], limits: Limits) -> list[Packet]:
        """The packets that keys open, with the payloads inside."""
        results = SrtpStream(tuple(contexts), limits).unprotect_many(self._kept())
        return _packets(packet for packet in results if isinstance(packet, bytes))


def _packets(kept: Iterable[bytes]) -> list[Packet]:
    found = []
    for packet in kept:
        cursor = Cursor(packet)
        first, _, number, timestamp = cursor.u8(), cursor.u8(), cursor.u16(), cursor.u32()
        cursor.take(4 + 4 * ((first or 0) & 15))
        if (first or 0) & 16:  # a header extension (RFC 3550 5.3.1)
            cursor.take(2)
            cursor.take(4 * (cursor.u16() or 0))
        payload = cursor.rest()
        if number is not None and timestamp is not None and not cursor.failed:
            found.append(Packet(number, timestamp, hash(payload), len(payload)))
    return found


@frozen
class Match:
    """How the packets of two streams agree where their sequence numbers are a constant distance apart.

    `equal` and `different` count packets by their payloads, `distinct` the different payloads among the equal ones.
    `continuous`: one SSRC, and numbers and timestamps are the same; `common` counts the packets that have both.
    """

    equal: int = 0
    different: int = 0
    distinct: int = 0
    continuous: bool = False
    common: int = 0
    one_size: bool = True  # the payloads of these differ in size by the same (a tag, or nothing)

    @property
    def same_content(self) -> bool:
        """Every payload that can be compared is equal, and there are enough that no two streams have by chance."""
        return not self.different and self.equal >= _ENOUGH and (self.continuous or self.distinct >= _DISTINCT)

    @property
    def same_stream(self) -> bool:
        """The packet headers, and the sizes, say that one is the other, passed on."""
        return self.continuous and self.common >= _ENOUGH and self.one_size


def match(one: Sequence[Packet], other: Sequence[Packet], same_ssrc: bool) -> Match:
    """Compares two streams: at distance 0 if their SSRC is one and packets agree so, else where most payloads agree."""
    theirs = {packet.number: packet for packet in other}
    common = sum(1 for p in one if (q := theirs.get(p.number)) is not None and q.timestamp == p.timestamp)
    if same_ssrc and common:
        return _at_distance(one, theirs, 0, 0, common)
    by_payload: dict[int, list[Packet]] = {}
    for packet in other:
        by_payload.setdefault(packet.payload, []).append(packet)
    votes = Counter(
        (q.number - p.number & 0xFFFF, q.timestamp - p.timestamp & 0xFFFFFFFF)
        for p in one
        for q in by_payload.get(p.payload, ())
    )
    if not votes:
        return Match()
    (distance, later), _ = votes.most_common(1)[0]
    return _at_distance(one, theirs, distance, later, 0)


def _at_distance(one: Sequence[Packet], theirs: dict[int, Packet], distance: int, later: int, common: int) -> Match:
    pairs = [(p, q) for p in one if (q := theirs.get(p.number + distance & 0xFFFF)) is not None]
    pairs = [(p, q) for p, q in pairs if q.timestamp - p.timestamp & 0xFFFFFFFF == later]
    equal = [p.payload for p, q in pairs if p.payload == q.payload]
    sizes = {q.size - p.size for p, q in pairs}
    return Match(len(equal), len(pairs) - len(equal), len(set(equal)), common > 0, common, len(sizes) <= 1)
