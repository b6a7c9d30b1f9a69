"""Whether a stream is another one passed on, by what a relay that writes new headers cannot hide (hops.md section 4).

Two ways. By *offsets*: sequence numbers and timestamps are a constant apart (modulo 2**16 and 2**32), sizes differ by
the same, markers are equal, and packets come at matching times. By *shape*, where no numbers match: the sizes rise and
fall together, packet by packet, and so do the times. Which packets belong together then follows from the order of
arrival, whatever the network does to times; or, where packets get lost between, from the time of arrival.

Neither proves anything: it is evidence of medium strength. Any two streams of one codec agree in most of this, so what
counts is that nothing else agrees as well: neither the same two streams put together otherwise, nor another stream of
the two hops. What tells one from the other are at least `EVENTS` packets that fit one way only, or (offsets alone) the
unevenness of arrival, if a third stream shows that it is the stream's own and not the capturing machine's.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from analyzer.core.frozen import frozen
from analyzer.session.media.pace import TICK_NS, Paced

By = Literal["offsets", "shape"]
Pairing = Literal["number", "order", "time"]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
PAIRS = 100  # packets that must be there on both sides
EVENTS = 8  # packets by which the best way must fit better
_AGREE = 0.95  # of them, and the least correlation of sizes (hops.md 4)
_EARLY, _LATE = -20_000_000 // TICK_NS, 500_000_000 // TICK_NS  # when a relay sends on; clocks of two taps may differ
_SPREAD = 20_000_000 // TICK_NS  # within which most packets take the same time
_TIGHTER, _NOISE = 3, 200_000 // TICK_NS  # how much more evenly they must come than in any other way
_OVERHEAD = 48  # bytes by which a tag and an MKI may lengthen a payload (RFC 3711, RFC 7714)
_ANCHORS = 16
_WAYS = 64  # of putting two streams together that are looked at
_APART = 4_000_000 // TICK_NS  # between delays that are two ways of putting streams together
_NEAR = 8_000_000 // TICK_NS  # within which a packet is the one that a delay leads to
_FAR = np.int64(1 << 62)


@frozen
class Likeness:
    """One stream is another one passed on: how that shows, and how well, per cent (offsets: of the packets that agree;
    shape: the correlation of their sizes)."""

    by: By
    score: int


@frozen
class _Ways:
    """Ways of putting two streams together, a column each: pairs of packets; those that do not agree; how long the
    time between two of a pair varies, in ticks; the correlation of sizes (of shape)."""

    pairs: I64
    odd: I64
    spread: I64
    correlation: F64
    overhead: I64

    def comparable(self) -> npt.NDArray[np.bool_]:
        """Ways with enough packets."""
        return self.pairs >= PAIRS


def likeness(ours: Sequence[Paced], theirs: Sequence[Paced]) -> Likeness | None:
    """What the streams of one hop have in common with those of another: the best likeness of any two, if there is one.

    Streams of both directions may be among them: one that is like two others is like none.
    """
    ours, theirs = ([paced for paced in each if len(paced) >= PAIRS] for each in (ours, theirs))
    pairings: tuple[Pairing, ...] = ("number", "order", "time")
    return next(filter(None, (_by(ours, theirs, pairing) for pairing in pairings)), None)


def _by(ours: Sequence[Paced], theirs: Sequence[Paced], pairing: Pairing) -> Likeness | None:
    by: By = "offsets" if pairing == "number" else "shape"
    made = {(a, b): _ways(x, y, pairing) for a, x in enumerate(ours) for b, y in enumerate(theirs)}
    scores = [
        score
        for (a, b), ways in made.items()
        if (score := _score(ways, [w for (c, d), w in made.items() if (c == a) != (d == b)], by)) is not None
    ]
    return Likeness(by, max(scores)) if scores else None


def _score(ways: _Ways, others: Sequence[_Ways], by: By) -> int | None:
    """How well two streams fit in the best way, None if that is not good, or not better than any other."""
    usable = ways.comparable()
    if not usable.any():
        return None
    best = int(np.lexsort((ways.spread, ways.odd, ~usable))[0])
    pairs, odd, spread = int(ways.pairs[best]), int(ways.odd[best]), int(ways.spread[best])
    agreed = 1 - odd / pairs
    if agreed < _AGREE or spread > _SPREAD or abs(int(ways.overhead[best])) > _OVERHEAD:
        return None
    score = agreed
    if by == "shape":
        score = float(ways.correlation[best])
        if score < _AGREE:
            return None
    usable[best] = False
    third = any(other.comparable().any() for other in others)
    rivals = [(ways.odd[usable], ways.spread[usable])]
    rivals += [(other.odd[other.comparable()], other.spread[other.comparable()]) for other in others]
    odds, spreads = (np.concatenate(column) for column in zip(*rivals, strict=True))
    apart = odds >= odd + EVENTS
    if by == "offsets" and third:
        apart |= spreads >= _TIGHTER * spread + _NOISE
    return int(100 * score + 1e-9) if len(apart) and bool(apart.all()) else None


def _ways(x: Paced, y: Paced, pairing: Pairing) -> _Ways:
    """Every way to put two streams together in which one's packets come shortly behind the other's."""
    if pairing != "number" and ((x.size == x.size[0]).all() or (y.size == y.size[0]).all()):
        return _NONE  # sizes that never change say nothing
    anchors = np.unique(np.linspace(0, len(x) - 1, _ANCHORS).astype(np.int64))
    late = _signed32(y.tick[None, :] - x.tick[anchors, None])
    row, column = np.nonzero((late >= _EARLY) & (late <= _LATE))
    if not len(row):
        return _NONE
    if pairing == "number":
        steps = y.number[column] - x.number[anchors[row]] & 0xFFFF
    else:
        steps = column - anchors[row] if pairing == "order" else _delays(late[row, column])
    known, at, count = np.unique(steps, return_inverse=True, return_counts=True)
    behind = np.bincount(at.reshape(-1), np.abs(late[row, column])) / count
    likely = np.flatnonzero(2 * count >= count.max())
    likely = likely[np.lexsort((known[likely], behind[likely]))][:_WAYS]
    pairs = {"number": _offset_pairs, "order": _order_pairs, "time": _time_pairs}[pairing]
    return _measured(x, y, pairs(x, y, known[likely]), "offsets" if pairing == "number" else "shape")


def _delays(late: I64) -> I64:
    """For each time by which a packet is later, the middle of those that are one delay: no more than a little apart."""
    ordered = np.sort(late)
    edges = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - _APART - 1) > _APART)
    middles = np.array([np.sort(part)[len(part) // 2] for part in np.split(ordered, edges[1:])])
    found: I64 = middles[np.searchsorted(ordered[edges], late, "right") - 1]
    return found


def _offset_pairs(x: Paced, y: Paced, steps: I64) -> I64:
    """For each step and each packet of x: the packet of y whose number is that much higher, -1 if there is none."""
    place = np.full(1 << 16, -1, np.int64)
    place[y.number] = np.arange(len(y))
    found: I64 = place[x.number[None, :] + steps[:, None] & 0xFFFF]
    return found


def _order_pairs(x: Paced, y: Paced, steps: I64) -> I64:
    """For each step and each packet of x: the packet of y that came so many places later."""
    found: I64 = np.arange(len(x))[None, :] + steps[:, None]
    return np.where(found < len(y), np.maximum(found, -1), -1)


def _time_pairs(x: Paced, y: Paced, delays: I64) -> I64:
    """For each delay and each packet of x: the packet of y that came nearest behind it by that, -1 if none is near or
    it is the one before's."""
    order = np.argsort(_signed32(y.tick - x.tick[0]), kind="stable")
    times = _signed32(y.tick - x.tick[0])[order]
    due = _signed32(x.tick - x.tick[0])[None, :] + delays[:, None]
    behind = np.clip(np.searchsorted(times, due), 1, len(times) - 1)
    nearest = np.where(due - times[behind - 1] <= times[behind] - due, behind - 1, behind)
    found: I64 = np.where(np.abs(times[nearest] - due) <= _NEAR, order[nearest], -1)
    found[:, 1:][found[:, 1:] == found[:, :-1]] = -1
    return found


def _measured(x: Paced, y: Paced, pair: I64, by: By) -> _Ways:
    there = pair >= 0
    count = there.sum(axis=1)
    larger = y.size[pair] - x.size
    overhead = _middle(larger, there, count)
    agree = there & (larger == overhead[:, None])
    if by == "offsets":
        later = y.stamp[pair] - x.stamp
        one = np.take_along_axis(later, there.argmax(axis=1)[:, None], axis=1)
        later = _signed32(later - one)  # small numbers where it is constant, wherever timestamps wrap
        agree &= (later == _middle(later, there, count)[:, None]) & (y.marker[pair] == x.marker)
    agreed = agree.sum(axis=1)
    delay = np.sort(np.where(agree, _signed32(y.tick[pair] - x.tick), _FAR), axis=1)
    low, high = (_at(delay, agreed * tenth // 10) for tenth in (1, 9))
    correlation = _correlation(x, y, pair, there, count) if by == "shape" else np.zeros(len(pair))
    return _Ways(count, count - agreed, high - low, correlation, overhead)


def _middle(values: I64, there: npt.NDArray[np.bool_], count: I64) -> I64:
    """The median of each row, of what is there."""
    return _at(np.sort(np.where(there, values, _FAR), axis=1), count // 2)


def _at(ordered: I64, places: I64) -> I64:
    places = np.minimum(places, ordered.shape[1] - 1)
    found: I64 = np.take_along_axis(ordered, places[:, None], axis=1)[:, 0]
    return found


def _correlation(x: Paced, y: Paced, pair: I64, there: npt.NDArray[np.bool_], count: I64) -> F64:
    """Pearson's, of sizes; 0 where they do not vary."""
    number = np.maximum(count, 1)[:, None]
    ours = np.where(there, x.size, 0).astype(np.float64)
    theirs = np.where(there, y.size[pair], 0).astype(np.float64)
    ours = np.where(there, ours - ours.sum(axis=1, keepdims=True) / number, 0)
    theirs = np.where(there, theirs - theirs.sum(axis=1, keepdims=True) / number, 0)
    scale = np.sqrt((ours**2).sum(axis=1) * (theirs**2).sum(axis=1))
    found: F64 = np.where(scale > 0, (ours * theirs).sum(axis=1) / np.where(scale > 0, scale, 1), 0)
    return found


def _signed32(values: I64) -> I64:
    return (values + 0x80000000 & 0xFFFFFFFF) - 0x80000000


_EMPTY = np.zeros(0, np.int64)
_NONE = _Ways(_EMPTY, _EMPTY, _EMPTY, np.zeros(0), _EMPTY)
