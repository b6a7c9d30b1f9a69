"""Sequence numbers of one association: what is new, a copy, a replay, or too old to tell (RFC 4303 3.4.3).

A packet seen at a second vantage point, or again at the same one within the time a way through one host takes, is a
copy. The same number with other bytes, or the same bytes later, is what a receiver with anti-replay drops.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

COPY_NS = 100_000_000
"""Two sightings at one vantage point this near are one packet on its way through interfaces and tunnels."""
WINDOW = 64  # RFC 4303 3.4.3: the size a receiver should have
_OLD_IN_ORDER = 3  # packets behind the window, rising, after which the counter is taken to have begun anew

Occurrence = Literal["new", "copy", "same_place", "repeated", "reused", "old"]


@dataclass(slots=True)
class _Seen:
    digest: bytes
    places: dict[int, int]  # vantage -> time of the first sighting


@dataclass(slots=True)
class Window:
    """The last `WINDOW` sequence numbers of an association, over all vantage points."""

    top: int = -1
    restarts: int = 0
    _seen: dict[int, _Seen] = field(default_factory=dict)
    _tops: dict[int, int] = field(default_factory=dict)  # vantage -> highest number there
    _old: int = -1
    _olds: int = 0
    _digest: bytes = b""

    def place(self, sequence: int, packet: bytes, vantage: int, ts_ns: int) -> Occurrence:
        """What this packet is. One that is "new" or "old" counts once `take` is told of it (RFC 4303 3.4.3).

        new         not seen before
        copy        the packet as another vantage point saw it
        same_place  the packet once more at the same vantage point, at once
        repeated    the same bytes again, later: a replay
        reused      the number again with other bytes
        old         behind the window at its vantage point: a replay, or out of order
        """
        self._digest = hashlib.blake2b(packet, digest_size=8).digest()
        known = self._seen.get(sequence)
        if known is None:
            return "old" if sequence <= self.top - WINDOW and not self._lags(sequence, vantage) else "new"
        if known.digest != self._digest:
            return "reused"
        self._tops[vantage] = max(self._tops.get(vantage, -1), sequence)
        first = known.places.get(vantage)
        if first is None:
            known.places[vantage] = ts_ns
            return "copy"
        return "same_place" if abs(ts_ns - first) <= COPY_NS else "repeated"

    def _lags(self, sequence: int, vantage: int) -> bool:
        """This vantage point is behind another, and this is the next there."""
        return sequence > self._tops.get(vantage, -1) and any(other != vantage for other in self._tops)

    def take(self, sequence: int, vantage: int, ts_ns: int) -> bool:
        """Counts the packet that `place` was last asked of, if it had not seen it; whether it was the first anywhere.

        Packets behind the window that rise one after another are the counter begun anew: the window moves to them.
        """
        if sequence <= self.top - WINDOW:
            if self._lags(sequence, vantage):
                self._tops[vantage] = sequence
                return False
            self._olds = self._olds + 1 if sequence > self._old else 1
            self._old = sequence
            if self._olds < _OLD_IN_ORDER:
                return True
            self.top, self._seen, self._tops, self._old, self._olds = -1, {}, {}, -1, 0
            self.restarts += 1
        self._seen[sequence] = _Seen(self._digest, {vantage: ts_ns})
        self._tops[vantage] = max(self._tops.get(vantage, -1), sequence)
        if sequence > self.top:
            self._move(sequence)
        return True

    def _move(self, sequence: int) -> None:
        if sequence == self.top + 1:
            self._seen.pop(sequence - WINDOW, None)
        elif sequence - self.top > WINDOW:
            self._seen = {sequence: self._seen[sequence]}
        else:
            for gone in range(self.top - WINDOW + 1, sequence - WINDOW + 1):
                self._seen.pop(gone, None)
        self.top = sequence
