"""Streams whose master keys are known: each packet's authentication tag checked, the payload opened (RFC 3711 3.3).

Each vantage point of a stream is opened by itself, so that a second sighting is no replay; packets are counted once,
by extended sequence number. A packet whose key is not known yet waits for it, within a bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from analyzer.core.addresses import Endpoints
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.fast import FastStream, Prepared
from analyzer.crypto.srtp.reasons import Reason
from analyzer.crypto.srtp.stream import counters_tried
from analyzer.net.packets import PacketBatch
from analyzer.session.media.columns import Groups, cites
from analyzer.session.media.failure import Explained, Failure, explain
from analyzer.session.media.noted import Noted, prepare
from analyzer.session.media.ranges import Ranges
from analyzer.session.media.refused import Lot, Refused, Shape
from analyzer.session.media_keys import KeyOrigin, MediaKey
from analyzer.session.stream_keys import StreamId, StreamKeys

I64 = npt.NDArray[np.int64]
_END = 1 << 62
_AT_ONCE = 2_048  # packets from which those of further streams are copied later: copies of a whole batch are megabytes


@dataclass(frozen=True, slots=True)
class Verification:
    """What the keys that may be a stream's say of it.

    `suite` as RFC 4568 and its successors name it; `key` is the one that opened the stream's packets last, None where
    none did, `origin` where it comes from and `cites` the message it stands in. `authenticated`, `failed` and
    `decrypted` are distinct packets: the tag verified, it verified with no key, the payload was opened. `failure` is
    why packets stayed closed, `detail` what else was found out about that. `tentative`: no key was known to be the
    stream's own, and none opened it. `unencrypted`: what opened them has no cipher. `reused` counts packets whose index
    another packet of the stream had with other bytes, `rollovers` is the highest roll-over counter. `refused` are the
    packets that failed in a stream of which others were opened, `trailer` the bytes that its protection adds to each.
    """

    suite: str
    key: Secret | None
    cites: tuple[Cite, ...]
    authenticated: int
    failed: int
    decrypted: int
    failure: Failure | None
    detail: str = ""
    origin: KeyOrigin = "sdes"
    tentative: bool = False
    unencrypted: bool = False
    reused: int = 0
    rollovers: int = 0
    refused: tuple[Lot, ...] = ()
    trailer: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
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


class _View:
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

    def open(self, part: _Part, opened: Ranges, refused: "_Refusals") -> None:
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


class _Stream:
    """A stream with keys, or one that waits for them."""

    def __init__(self, endpoints: Endpoints, ssrc: int, limits: Limits) -> None:
        self.endpoints = endpoints
        self.ssrc = ssrc
        self.opened = Ranges(limits.sequence_ranges)
        self.refused = _Refusals(limits)
        self.views: dict[int, _View] = {}

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
        )

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


class Verifier:
    """Opens what the stream table has seen, after the signalling among the same rows has been read."""

    def __init__(self, keys: StreamKeys, limits: Limits) -> None:
        self._keys = self.keys = keys
        self._limits = limits
        self._streams: dict[int, _Stream] = {}
        self._noted: dict[int, list[Noted]] = {}
        self._sources: dict[int, tuple[Endpoints, int]] = {}
        self._explained = 0
        self.wanted: dict[StreamId, tuple[MediaKey, ...]] = {}  # keys of streams that they came too late for
        self.batch_position = 0

    def note(
        self, ordinal: int, endpoints: Endpoints, packets: PacketBatch, groups: Groups, index: int, base: int
    ) -> None:
        """Remembers a group of rows until `flush`; `base` is the extended sequence number of its first."""
        noted = Noted(packets, groups, index, base, groups.vantage[index], self.batch_position)
        self._noted.setdefault(ordinal, []).append(noted)
        self._sources[ordinal] = endpoints, groups.keys[index][1]

    def flush(self) -> None:
        """Opens what was noted. The batch's buffer may be reused after this."""
        concerned = [ordinal for ordinal in self._noted if self._concerned(ordinal)]
        first = waiting = 0
        for at, ordinal in enumerate(concerned, 1):
            waiting += sum(item.groups.count[item.at] for item in self._noted[ordinal])
            if waiting >= _AT_ONCE or at == len(concerned):
                self._open_all(concerned[first:at])
                first, waiting = at, 0
        self._noted.clear()
        self._sources.clear()

    def _open_all(self, ordinals: Sequence[int]) -> None:
        prepare([item for ordinal in ordinals for item in self._noted[ordinal]])
        for ordinal in ordinals:
            self._flush(ordinal)

    def _concerned(self, ordinal: int) -> bool:
        endpoints, ssrc = self._sources[ordinal]
        return self._keys.concerns(endpoints.src, endpoints.dst, ssrc)

    def close(self, ordinal: int, endpoints: Endpoints, sighted: int) -> Verification | None:
        """A stream has ended: what its keys say of it. `sighted` counts its packets at all vantage points."""
        self._flush(ordinal)
        self._noted.pop(ordinal, None)
        stream = self._streams.pop(ordinal, None)
        if stream is None:
            return None
        keys = self._keys.keys(endpoints.src, endpoints.dst, stream.ssrc, _END) or ()
        for view in stream.views.values():
            view.learn(keys, self._limits.srtp_keys, stream.opened)
        found = stream.result(sighted, self._why(stream, keys))
        if stream.late(sighted):
            self._want(endpoints, stream.ssrc, keys)
        if found is None or found.failure is not Failure.ROC_NOT_FOUND:
            return found
        tried = counters_tried(max(len(view.keys) for view in stream.views.values()), self._limits)
        failure = Failure.ROC_NOT_FOUND if self._keys.proven(stream.ssrc, keys) else Failure.TAG_FAILED
        return replace(found, failure=failure, detail=f"at {tried} roll-over counters")

    def _want(self, endpoints: Endpoints, ssrc: int, keys: Sequence[MediaKey]) -> None:
        if len(self.wanted) < self._limits.streams:
            stream = endpoints.src, endpoints.dst, ssrc
            both = {key.identity: key for key in (*self.wanted.get(stream, ()), *keys)}
            self.wanted[stream] = tuple(both.values())[: self._limits.srtp_keys]

    def overtaken(self, endpoints: Endpoints, ssrc: int) -> Verification | None:
        """What is to be said of a stream that ended before any key for it was known, if one is known by now."""
        keys = [
            key
            for key in self.keys.keys(endpoints.src, endpoints.dst, ssrc, _END) or ()
            if not key.tentative and key.origin != "srtp-master"
        ]
        if not keys:
            return None
        self._want(endpoints, ssrc, keys)
        key = keys[-1]
        return Verification(key.context.suite.name, None, key.cites, 0, 0, 0, Failure.KEY_LATE, origin=key.origin)

    def _why(self, stream: _Stream, keys: Sequence[MediaKey]) -> Explained | None:
        packets = stream.unopened(self._limits.explained_packets)
        if not packets or self._explained >= self._limits.explained_streams:
            return None
        self._explained += 1
        ends = stream.endpoints
        reverse = self._keys.keys(ends.dst, ends.src, stream.ssrc, _END) or ()
        return explain(packets, keys, reverse, self._limits)

    def _flush(self, ordinal: int) -> None:
        noted = self._noted.get(ordinal)
        if not noted or not self._concerned(ordinal):
            return
        if noted[0].prepared is None:
            prepare(noted)
        stream = self._streams.get(ordinal) or _Stream(*self._sources[ordinal], self._limits)
        for item in noted:
            self._group(stream, item)
        noted.clear()
        if stream.views:
            self._streams[ordinal] = stream

    def _group(self, stream: _Stream, item: Noted) -> None:
        src, dst = stream.endpoints.src, stream.endpoints.dst
        count = item.groups.count[item.at]
        numbers: Sequence[int] = range(item.base, item.base + count)
        if not item.groups.contiguous[item.at]:
            numbers = (item.base + item.groups.relative(item.at)).tolist()
        view = stream.views.get(item.vantage)
        version = self._keys.version(src, dst)
        if view is not None and view.version == version:
            self._try(stream, view, item, 0, numbers)
            return
        positions = item.packets.row[item.groups.rows(item.at)].astype(np.int64) + item.position
        cuts = self._keys.changes(src, dst, int(positions[0]))
        edges = [0, *np.searchsorted(positions, cuts).tolist()]
        for start, end in zip(edges, [*edges[1:], count], strict=True):
            if start == end:
                continue
            keys = self._keys.keys(src, dst, stream.ssrc, int(positions[start]))
            if keys is None and view is None:
                continue
            if view is None:
                view = stream.views[item.vantage] = _View(self._limits)
            view.learn(keys or (), self._limits.srtp_keys, stream.opened)
            self._try(stream, view, item, start, numbers[start:end])
        if view is not None and not (cuts and cuts[-1] > int(positions[-1])):
            view.version = version

    def _try(self, stream: _Stream, view: _View, item: Noted, start: int, numbers: Sequence[int]) -> None:
        room = view.room(self._limits.key_wait_packets)
        if room is not None and room < len(numbers):
            _open(stream, view, item, start, numbers[:room])
            if view.room(self._limits.key_wait_packets) == 0:
                return
            start, numbers = start + room, numbers[room:]
        _open(stream, view, item, start, numbers)


def _open(stream: _Stream, view: _View, item: Noted, start: int, numbers: Sequence[int]) -> None:
    """Opens packets of an item from `start` on, without those that the capture cut short."""
    assert item.prepared is not None
    end = start + len(numbers)
    cut = [at for at in item.cut.tolist() if start <= at < end]
    view.cut += len(cut)
    for before, after in pairwise([start - 1, *cut, end]):
        if after - before > 1:
            rows = item.groups.rows(item.at)[before + 1 : after]
            part = numbers[before + 1 - start : after - start]
            view.open(
                _Part(part, item.prepared, item.first + before + 1, item.packets, rows), stream.opened, stream.refused
            )
