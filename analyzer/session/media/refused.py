"""Packets that fail their tags in a stream whose others verify: were they in clear (RFC 3711 3.1)?

A tag that fails proves nothing by itself: a packet may be under another key, changed, or forged. Clear is what has
bytes that no cipher makes, or a run of numbers of the stream's own in packets that are shorter by just the tag.
Ciphertext is what is as long as the packets that verify. What is neither stays undecided.
"""

from bisect import insort
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.crypto.srtp.packets import header_length
from analyzer.session.media.ranges import Ranges

TAGS = (4, 8, 10, 16)
"""Authentication tag lengths of the SRTP suites, bytes."""
_SIZES = 64  # payload lengths that are counted apart: the smallest
_TELLING = 80  # bytes of a payload from which its statistics tell: 10 ms of G.711
_MEAN, _DEVIATION, _FAR = 255, 22.6, 10  # of Pearson's statistic of uniform bytes, and deviations that none reaches
_RUN = 8  # packets without a tag, in the stream's own numbering, that are no accident
_REST = -1


@frozen
class Lot:
    """Refused packets of one payload length in bytes (-1: of all others).

    `sighted` counts each sighting; `squares` sums, over them, the squares of how often each byte value occurs.
    `packets` are distinct sequence numbers, `own` those of them that no packet has which was opened.
    """

    size: int
    sighted: int
    squares: int
    packets: int
    own: int
    first: Cite

    @property
    def structured(self) -> bool:
        """No cipher made these bytes: they are far from uniform."""
        if self.size < _TELLING:
            return False
        statistic = self.squares * 256 / self.size - self.size * self.sighted
        return statistic - _MEAN * self.sighted > _FAR * _DEVIATION * sqrt(self.sighted)


@dataclass(slots=True)
class _Open:
    first: Cite
    numbers: Ranges
    sighted: int = 0
    squares: int = 0


@dataclass(slots=True)
class Refused:
    """The refused packets of one stream, while it is open. The order in which they come makes no difference."""

    limits: Limits
    lots: dict[int, _Open] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)

    def add(self, shape: "Shape", extended: int) -> None:
        """Counts a packet."""
        size = (
            shape.size if shape.size in self.lots or len(self.sizes) < _SIZES or shape.size < self.sizes[-1] else _REST
        )
        lot = self._lot(size, shape.cite)
        lot.first = min(lot.first, shape.cite, key=_order)
        lot.numbers.add(extended, extended)
        lot.sighted += 1
        lot.squares += shape.squares

    def _lot(self, size: int, cite: Cite) -> _Open:
        if size not in self.lots:
            self.lots[size] = _Open(cite, Ranges(self.limits.sequence_ranges))
            if size != _REST:
                insort(self.sizes, size)
                if len(self.sizes) > _SIZES:
                    self._merge(self.sizes.pop())
        return self.lots[size]

    def _merge(self, size: int) -> None:
        """The largest length is counted among the others from now on."""
        gone = self.lots.pop(size)
        rest = self._lot(_REST, gone.first)
        rest.first = min(rest.first, gone.first, key=_order)
        rest.sighted += gone.sighted
        for low, high in gone.numbers:
            rest.numbers.add(low, high)

    def close(self, opened: Ranges) -> tuple[Lot, ...]:
        """What was counted; `opened` are the numbers of packets that a key opened."""
        return tuple(
            Lot(size, lot.sighted, lot.squares, lot.numbers.count, self._own(lot.numbers, opened), lot.first)
            for size, lot in sorted(self.lots.items())
        )

    def _own(self, numbers: Ranges, opened: Ranges) -> int:
        known = Ranges(self.limits.sequence_ranges)
        for low, high in opened:
            known.add(low, high)
        return sum(known.add(low, high) for low, high in numbers)


def _order(cite: Cite) -> tuple[int, int, int]:
    return cite.ts_ns, cite.source, cite.frame


@frozen
class Shape:
    """What is kept of a refused packet: its payload's length, how its bytes repeat, its frame."""

    size: int
    squares: int
    cite: Cite

    @classmethod
    def of(cls, packet: bytes, cite: Cite) -> "Shape":
        """Of a whole RTP or SRTP packet."""
        header = header_length(packet, len(packet))
        payload = packet[header:] if header is not None else b""
        counts = np.bincount(np.frombuffer(payload, np.uint8))
        return cls(len(payload), int(counts @ counts), cite)


@frozen
class Refusals:
    """Distinct packets of a stream that fail their tags: in clear, and those that may be. `first` is the first of the
    clear ones."""

    clear: int = 0
    undecided: int = 0
    first: Cite | None = None


def judge(lots: Sequence[Lot], sizes: Mapping[int, int], trailer: int, encrypts: bool) -> Refusals:
    """What refused packets were. `sizes` counts the payload lengths of the whole stream, sighting by sighting;
    `trailer` are the bytes that protection adds to a payload; without a cipher the bytes tell nothing."""
    refused = {lot.size: lot.sighted for lot in lots}
    verified = {size for size, count in sizes.items() if count > refused.get(size, 0)}
    plain = {size - trailer for size in verified} if trailer else set()
    clear = [lot for lot in lots if _clear(lot, verified, plain, encrypts)]
    undecided = [lot for lot in lots if lot not in clear and not _protected(lot, verified, plain)]
    return Refusals(
        sum(lot.packets for lot in clear),
        sum(lot.packets for lot in undecided),
        min((lot.first for lot in clear), key=_order, default=None),
    )


def _clear(lot: Lot, verified: Collection[int], plain: Collection[int], encrypts: bool) -> bool:
    untagged = lot.size in plain and lot.size not in verified
    return (lot.structured and (encrypts or untagged)) or (untagged and lot.own >= _RUN)


def _protected(lot: Lot, verified: Collection[int], plain: Collection[int]) -> bool:
    """As long as those that verify, or as those are with another suite's tag; and in no way as long as clear ones."""
    if lot.size in plain:
        return False
    return lot.size in verified or any(lot.size - tag in plain for tag in TAGS)
