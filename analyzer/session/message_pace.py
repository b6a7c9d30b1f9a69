"""When and in which sizes messages go over a connection, by which closed TLS is known again on another hop.

What is said shows nowhere, but a relay passes it on at once, in messages that are longer or shorter by the same
(hops.md section 4: MSRP, medium by size). Kept are the first records of a closed connection, or the first messages of
one in clear: a byte count, a direction, a time. Likeness proves nothing, like that of streams: it is asked about two
hops of one medium, and another way of putting them together that fits as well speaks against it.
"""

from array import array
from collections import OrderedDict

import numpy as np
import numpy.typing as npt

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.session.media.likeness import Likeness

EVICTED = define(
    "tls.paces_limit", Severity.LOW, "More connections with messages than are compared by size; the oldest is forgotten"
)
I64 = npt.NDArray[np.int64]
KEPT = 64  # messages of a connection
PAIRS = 10  # messages that must be there on both
_UNPAIRED = 4  # that one may have alone, or a tenth: a handshake, a message at the end
_SIZES = 4  # different ones, in one direction: messages of one size say nothing
_LIKE = 0.95  # the least correlation of sizes (hops.md 4)
_LATE_MS = 500  # how much later a relay sends on; clocks of two taps may differ
_SPREAD_MS = 25  # by which the delay of one message may differ from that of another
_PADDING = 16  # bytes by which a block cipher may lengthen one record more than another (RFC 5246 6.2.3.2)
_WAYS = 256  # of putting two connections together that are tried, the likeliest
_RIVAL = 0.8  # of the pairs of the best way: another way with as many makes it one of several
Ends = tuple[Address, Address]


class MessagePaces:
    """Messages by the two ends of their connection, of `Limits.message_paces` connections; an older one makes room."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.message_paces
        self._kept: OrderedDict[Ends, tuple[int, array[int]]] = OrderedDict()
        self._announced = False

    def __len__(self) -> int:
        return len(self._kept)

    def note(self, vantage: int, endpoints: Endpoints, size: int, cite: Cite) -> list[Anomaly]:
        """Takes a message, or a protected record; those of the vantage point that saw the first count. Says once that
        the bound was hit."""
        key, forth = _ends(endpoints.src, endpoints.dst)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = vantage, array("q")
        if kept[0] == vantage and len(kept[1]) < 2 * KEPT:
            kept[1].extend((cite.ts_ns // 1_000_000, size if forth else -size))
        if len(self._kept) <= self._limit:
            return []
        self._kept.popitem(last=False)
        announced, self._announced = self._announced, True
        return [] if announced else [Anomaly(EVICTED, (cite,), f"{self._limit} connections")]

    def like(self, one: Ends, other: Ends) -> Likeness | None:
        """Whether one connection carries what the other one does, by the sizes and times of its messages.

        Either end of one may be either end of the other; where both ways fit, neither is one.
        """
        ours, theirs = self._of(one), self._of(other)
        if ours is None or theirs is None:
            return None
        found = [_score(ours, way) for way in (theirs, theirs[::-1])]
        scores = [score for score in found if score is not None]
        return Likeness("shape", scores[0]) if len(scores) == 1 else None

    def _of(self, ends: Ends) -> tuple[I64, I64] | None:
        """The messages in each direction: rows of time and size."""
        _, kept = self._kept.get(_ends(*ends)[0], (0, array("q")))
        rows = np.array(kept, np.int64).reshape(-1, 2)
        if len(rows) < PAIRS:
            return None
        forth = rows[:, 1] > 0
        return rows[forth], np.abs(rows[~forth])


def _ends(a: Address, b: Address) -> tuple[Ends, bool]:
    return ((a, b), True) if a <= b else ((b, a), False)


def _score(ours: tuple[I64, I64], theirs: tuple[I64, I64]) -> int | None:
    """The correlation of sizes, per cent, of the messages in both directions; None if they are not those of one."""
    begin = max(min(_first(rows) for rows in each) for each in (ours, theirs)) - _LATE_MS
    end = min(max(_last(rows) for rows in each) for each in (ours, theirs)) + _LATE_MS
    ways = [
        tuple(rows[(rows[:, 0] >= begin) & (rows[:, 0] <= end)] for rows in pair)
        for pair in zip(ours, theirs, strict=True)
    ]
    wanted = sum(min(len(x), len(y)) for x, y in ways)
    if not _enough(sum(map(_near, ways)), wanted):
        return None
    pairs = [_paired(x, y) for x, y in ways]
    if any(pair is None for pair in pairs):
        return None
    sizes = [
        (x[at[0], 1], y[at[1], 1]) for (x, y), at in zip(ways, pairs, strict=True) if at is not None and len(at[0])
    ]
    varied = max((min(len(np.unique(column // _PADDING)) for column in each) for each in sizes), default=0)
    if varied < _SIZES or not _enough(sum(len(a) for a, _ in sizes), wanted):
        return None
    one, other = (
        np.concatenate([column - column.mean() for column in columns]) for columns in zip(*sizes, strict=True)
    )
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    like = float((one * other).sum()) / scale if scale else 0.0
    return int(100 * like + 1e-9) if like >= _LIKE else None


def _enough(paired: int, wanted: int) -> bool:
    """Whether so many pairs are nearly all that there could be."""
    return paired >= PAIRS and wanted - paired <= max(_UNPAIRED, wanted // 10)


def _near(way: tuple[I64, ...]) -> int:
    """How many messages of one side have one of the other near in time: more pairs there are not."""
    x, y = way
    return int((np.abs(y[None, :, 0] - x[:, None, 0]) <= _LATE_MS).any(axis=1).sum()) if len(x) and len(y) else 0


def _first(rows: I64) -> int:
    return int(rows[0, 0]) if len(rows) else 1 << 62


def _last(rows: I64) -> int:
    return int(rows[-1, 0]) if len(rows) else 0


def _paired(x: I64, y: I64) -> tuple[I64, I64] | None:
    """The messages of one direction that are one another's: about as much later, and longer, as most are. None if they
    are as well another's."""
    later = y[None, :, 0] - x[:, None, 0]
    longer = y[None, :, 1] - x[:, None, 1]
    near = np.flatnonzero(np.abs(later) <= _LATE_MS)
    if not len(near):
        return _NONE
    delays, excess = later.ravel()[near], longer.ravel()[near]
    bins = delays // _SPREAD_MS << 32 | excess // _PADDING + (1 << 31)
    _, alike, times = np.unique(bins, return_index=True, return_counts=True)
    alike = alike[np.argsort(-times, kind="stable")[:_WAYS]]
    delays, excess = delays[alike], excess[alike]
    fit = (np.abs(later - delays[:, None, None]) <= _SPREAD_MS) & (np.abs(longer - excess[:, None, None]) <= _PADDING)
    count = np.minimum(fit.any(axis=2).sum(axis=1), fit.any(axis=1).sum(axis=1))
    best = int(count.argmax())
    apart = np.abs(delays - delays[best]) > 2 * _SPREAD_MS
    if count[best] > 1 and (count[apart] > _RIVAL * count[best]).any():
        return None
    return _one_to_one(fit[best])


def _one_to_one(fit: npt.NDArray[np.bool_]) -> tuple[I64, I64]:
    """Each message with the first that fits and is no earlier one's."""
    rows, columns, behind = [], [], 0
    for row, fits in enumerate(fit):
        free = np.flatnonzero(fits[behind:])
        if len(free):
            rows.append(row)
            columns.append(behind + int(free[0]))
            behind = columns[-1] + 1
    return np.array(rows, np.int64), np.array(columns, np.int64)


_NONE = np.empty(0, np.int64), np.empty(0, np.int64)
