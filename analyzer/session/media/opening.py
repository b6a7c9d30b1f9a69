"""The packets of one stream opened with its keys: at each vantage point by itself, so that a second sighting is no
replay; counted once, by extended sequence number. A packet whose key is not known yet waits for it, within a bound.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from analyzer.core.addresses import Endpoints
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.fast import FastStream, Prepared
from analyzer.crypto.srtp.reasons import Reason
from analyzer.net.packets import PacketBatch
from analyzer.session.media.columns import cites
from analyzer.session.media.failure import Explained, Failure
from analyzer.session.media.ranges import Ranges
from analyzer.session.media.refused import Refused, Shape
from analyzer.session.media.verification import Opener, Verification
from analyzer.session.media_keys import MediaKey

I64 = npt.NDArray[np.int64]


@frozen
class Part:
    """Packets of one stream and vantage point that follow each other in a batch."""

    numbers: Sequence[int]  # extended
    prepared: Prepared
    at: int  # the first among those prepared
    packets: PacketBatch
    rows: I64

    def shape(self, place: int) -> Shape:
        """What one of them looks like."""
        cite = cites(self.packets, self.rows[place : place + 1])[0]
        return Shape.of(self.prepared.block.packet(self.at + place), cite)


class KeyedView:
    """A stream at one vantage point."""

    __slots__ = ("_numbers", "cut", "keys", "stream", "version")

    def __init__(self, limits: Limits) -> None:
        self.stream = FastStream((), limits)
        self.keys: list[MediaKey] = []
        self.version: tuple[int, ...] = ()  # of the keys
        self.cut = 0
        self._numbers: dict[int, tuple[int, Shape]] = {}  # by place in the stream: refused packets, while they wait

    def learn(self, keys: Sequence[MediaKey], bound: int, opened: Ranges) -> None:
        for key in keys:
            if len(self.keys) < bound and all(key.identity != known.identity for known in self.keys):
                self.keys.append(key)
                self.stream.learn(key.context)
                self._reopened(opened)

    def _reopened(self, opened: Ranges) -> None:
        reopened = self.stream.stream.reopened
        for number in reopened:
            extended, _ = self._numbers.pop(number)
            opened.add(extended, extended)
        reopened.clear()

    def room(self, bound: int) -> int | None:
        """How many more packets are tried with keys that are only guessed and opened none; None: no end to it."""
        if self.stream.stream.position is not None or not all(key.tentative for key in self.keys):
            return None
        return max(0, bound - self.stream.stream.given)

    def open(self, part: Part, opened: Ranges, refused: "_Refusals") -> None:
        stream, numbers, packets, at = self.stream.stream, part.numbers, part.prepared, part.at
        first, before = stream.given, stream.counts.failed
        results = self.stream.verify_many(packets, at, at + len(numbers))
        if stream.counts.failed == before and not stream.reopened:
            if isinstance(numbers, range):
                opened.add(numbers[0], numbers[-1])
            else:
                for extended in numbers:
                    opened.add(extended, extended)
            return
        self._reopened(opened)
        for place, (extended, result) in enumerate(zip(numbers, results, strict=True)):
            if not isinstance(result, Reason) or result is Reason.INDEX_REUSED:
                opened.add(extended, extended)
            else:
                self._numbers[first + place] = extended, part.shape(place)
        self._settle(refused)

    def _settle(self, refused: "_Refusals") -> None:
        """Counts as refused what waits no longer, unless it never had a key to be tried with."""
        waiting = self.stream.stream.waiting
        for number in [number for number in self._numbers if number not in waiting]:
            extended, shape = self._numbers.pop(number)
            if self.keys:
                refused.add(extended, shape)

    def finish(self, refused: "_Refusals") -> None:
        self._settle(refused)
        for number, (_, reason) in self.stream.stream.waiting.items():
            if reason is not Reason.NO_KEY:
                refused.add(*self._numbers[number])


class _Refusals:
    """The packets that failed with every key: their numbers, and what they look like."""

    __slots__ = ("numbers", "shapes")

    def __init__(self, limits: Limits) -> None:
        self.numbers = Ranges(limits.sequence_ranges)
        self.shapes = Refused(limits)

    def add(self, extended: int, shape: Shape) -> None:
        self.numbers.add(extended, extended)
        self.shapes.add(shape, extended)


class KeyedStream:
    """A stream with keys, or one that waits for them."""

    def __init__(self, endpoints: Endpoints, ssrc: int, limits: Limits) -> None:
        self.endpoints = endpoints
        self.ssrc = ssrc
        self.opened = Ranges(limits.sequence_ranges)
        self.refused = _Refusals(limits)
        self.views: dict[int, KeyedView] = {}

    def unopened(self, count: int) -> list[bytes]:
        """Some packets that no key opened; empty where any was opened."""
        if self.opened.count:
            return []
        return [packet for view in self.views.values() for packet, _ in view.stream.stream.waiting.values()][:count]

    def result(self, sighted: int, why: Explained | None) -> Verification | None:
        for view in self.views.values():
            view.finish(self.refused)
        streams = [view.stream.stream for view in self.views.values()]
        keys = [key for view in self.views.values() for key in view.keys]
        if not keys:
            return None
        position = next((s.position for s in streams if s.position is not None), None)
        last = next(v for v in self.views.values() if v.keys).keys[0]
        if position is not None:
            last = next(v for v in self.views.values() if v.stream.stream.position is not None).keys[position]
        unverified = sum(s.counts.unverified for s in streams)
        proven = (
            self.opened.count if not unverified else min(self.opened.count, sum(s.counts.distinct for s in streams))
        )
        return Verification(
            suite=last.context.suite.name,
            key=last.material if self.opened.count else None,
            cites=last.cites,
            authenticated=proven,
            failed=self.refused.numbers.count,
            decrypted=self.opened.count,
            failure=why.failure if why is not None else self._failure(sighted),
            detail=why.detail if why is not None else "",
            origin=last.origin,
            tentative=not self.opened.count and all(key.tentative for key in keys),
            unencrypted=position is not None and not last.context.suite.encrypts,
            reused=max((s.counts.reused for s in streams), default=0),
            rollovers=max((s.rollover.roc for s in streams if s.rollover is not None), default=0),
            refused=self.refused.shapes.close(self.opened) if self.opened.count else (),
            trailer=last.context.rtp_tag + len(last.context.mki),
            earlier=self._earlier(last),
        )

    def _earlier(self, last: MediaKey) -> tuple[Opener, ...]:
        """The keys other than `last` that opened packets: the most that each did at one vantage point."""
        found: dict[Secret, Opener] = {}
        for view in self.views.values():
            if sum(map(bool, view.stream.stream.opened)) > 1:
                for key, opened in zip(view.keys, view.stream.stream.opened, strict=True):
                    known = found.get(key.material)
                    if opened and key.material != last.material and (known is None or known.opened < opened):
                        found[key.material] = Opener(key.material, key.cites, key.origin, opened)
        return tuple(found.values())

    def late(self, sighted: int) -> bool:
        """Whether packets came before their key that are not kept, though a key is the stream's own."""
        views = self.views.values()
        tried = sum(view.stream.stream.given + view.cut for view in views)
        unkeyed = any(view.stream.counts.reasons.get(Reason.NO_KEY) for view in views)
        own = any(not key.tentative for view in views for key in view.keys)
        return own and (tried < sighted or unkeyed)

    def _failure(self, sighted: int) -> Failure | None:
        counts = [view.stream.counts for view in self.views.values()]
        reasons: dict[str, int] = {}
        for each in counts:
            for reason, count in each.reasons.items():
                reasons[reason] = reasons.get(reason, 0) + count
        early = reasons.pop(Reason.NO_KEY, 0)
        cut = sum(view.cut for view in self.views.values())
        tried = sum(view.stream.stream.given for view in self.views.values())
        if reasons:
            return Failure(max(sorted(reasons), key=reasons.__getitem__))
        if early or tried + cut < sighted:
            return Failure.KEY_LATE
        return Failure.TRUNCATED if cut else None
