"""Streams whose master keys are known: each packet's authentication tag checked, the payload opened (RFC 3711 3.3).

Each vantage point of a stream is opened by itself, so that a second sighting is no replay; packets are counted once,
by extended sequence number. A packet whose key is not known yet waits for it, within a bound.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from analyzer.core.addresses import Endpoints
from analyzer.core.limits import Limits
from analyzer.crypto.srtp.fast import Prepared
from analyzer.crypto.srtp.stream import PacketColumns, counters_tried
from analyzer.net.packets import PacketBatch
from analyzer.session.media.columns import Groups
from analyzer.session.media.failure import Explained, Failure, explain
from analyzer.session.media.opening import KeyedStream, KeyedView, Part
from analyzer.session.media.verification import Verification
from analyzer.session.media_keys import MediaKey
from analyzer.session.stream_keys import StreamId, StreamKeys

I64 = npt.NDArray[np.int64]
_END = 1 << 62
_AT_ONCE = 2_048  # packets from which those of further streams are copied later: copies of a whole batch are megabytes


@dataclass(slots=True)
class _Noted:
    """Rows of one stream at one vantage point that are not verified yet."""

    packets: PacketBatch
    groups: Groups
    at: int
    base: int
    position: int  # frames before the batch
    prepared: Prepared | None = None  # with packets of other streams
    first: int = 0  # where its own begin there
    cut: Sequence[int] = ()  # those that the capture cut short, counted from it

    @property
    def key(self) -> tuple[Endpoints, int]:
        """Between which ends, and the SSRC."""
        return self.groups.keys[self.at]


class Verifier:
    """Opens what the stream table has seen, after the signalling among the same rows has been read."""

    def __init__(self, keys: StreamKeys, limits: Limits) -> None:
        self._keys = self.keys = keys
        self._limits = limits
        self._streams: dict[int, KeyedStream] = {}
        self._noted: dict[int, list[_Noted]] = {}
        self._explained = 0
        self.wanted: dict[StreamId, tuple[MediaKey, ...]] = {}  # keys of streams that they came too late for
        self.batch_position = 0

    def note(self, ordinal: int, packets: PacketBatch, groups: Groups, index: int, base: int) -> None:
        """Remembers a group of rows until `flush`; `base` is the extended sequence number of its first."""
        noted = _Noted(packets, groups, index, base, self.batch_position)
        self._noted.setdefault(ordinal, []).append(noted)

    def flush(self) -> None:
        """Opens what was noted. The batch's buffer may be reused after this."""
        concerned = [ordinal for ordinal, noted in self._noted.items() if self._concerned(noted)]
        first = waiting = 0
        for at, ordinal in enumerate(concerned, 1):
            waiting += sum(item.groups.count[item.at] for item in self._noted[ordinal])
            if waiting >= _AT_ONCE or at == len(concerned):
                self._open_all(concerned[first:at])
                first, waiting = at, 0
        self._noted.clear()

    def _open_all(self, ordinals: Sequence[int]) -> None:
        _prepare([item for ordinal in ordinals for item in self._noted[ordinal]])
        for ordinal in ordinals:
            self._flush(ordinal)

    def _concerned(self, noted: Sequence[_Noted]) -> bool:
        if not noted:
            return False
        endpoints, ssrc = noted[0].key
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
        return replace(found, failure=failure, detail=f"at {tried} roll-over counters{self._screened()}")

    def _screened(self) -> str:
        """How keys were tried where there are too many for each to be tried so."""
        if not self._keys.crowded:
            return ""
        if len(self._keys.supplied.unbound) > self._limits.srtp_screened:
            return "; too many keys are given for any stream to try them all: give their SSRCs"
        return f"; {len(self._keys.supplied.unbound)} keys are given for any stream: each was tried at the first two"

    def _want(self, endpoints: Endpoints, ssrc: int, keys: Sequence[MediaKey]) -> None:
        if len(self.wanted) < self._limits.streams:
            stream = endpoints.src, endpoints.dst, ssrc
            both = {key.identity: key for key in (*self.wanted.get(stream, ()), *keys)}
            self.wanted[stream] = tuple(both.values())[: self._limits.srtp_keys]

    def overtaken(self, endpoints: Endpoints, ssrc: int) -> Verification | None:
        """What is to be said of a stream that ended before any key for it was known, if one is known by now."""
        if not self.keys.concerns(endpoints.src, endpoints.dst, ssrc):
            return None
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

    def _why(self, stream: KeyedStream, keys: Sequence[MediaKey]) -> Explained | None:
        packets = stream.unopened(self._limits.explained_packets)
        if not packets or self._explained >= self._limits.explained_streams:
            return None
        self._explained += 1
        ends = stream.endpoints
        reverse = self._keys.keys(ends.dst, ends.src, stream.ssrc, _END) or ()
        return explain(packets, keys, reverse, self._limits)

    def _flush(self, ordinal: int) -> None:
        noted = self._noted.get(ordinal)
        if not noted or not self._concerned(noted):
            return
        if noted[0].prepared is None:
            _prepare(noted)
        stream = self._streams.get(ordinal) or KeyedStream(*noted[0].key, self._limits)
        if not stream.opened.count and self._keys.crowded:
            self._screen(stream, noted)
        for item in noted:
            self._group(stream, item)
        noted.clear()
        if stream.views:
            self._streams[ordinal] = stream

    def _screen(self, stream: KeyedStream, noted: Sequence[_Noted]) -> None:
        """Looks for its key among more than are tried on each stream."""
        name = stream.endpoints.src, stream.endpoints.dst, stream.ssrc
        if self._keys.screen(name, _firsts(noted)):
            for view in stream.views.values():
                view.version = ()

    def _group(self, stream: KeyedStream, item: _Noted) -> None:
        src, dst = stream.endpoints.src, stream.endpoints.dst
        count = item.groups.count[item.at]
        numbers: Sequence[int] = range(item.base, item.base + count)
        if not item.groups.contiguous[item.at]:
            numbers = (item.base + item.groups.relative(item.at)).tolist()
        view = stream.views.get(item.groups.vantage[item.at])
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
                view = stream.views[item.groups.vantage[item.at]] = KeyedView(self._limits)
            view.learn(keys or (), self._limits.srtp_keys, stream.opened)
            self._try(stream, view, item, start, numbers[start:end])
        if view is not None and not (cuts and cuts[-1] > int(positions[-1])):
            view.version = version

    def _try(self, stream: KeyedStream, view: KeyedView, item: _Noted, start: int, numbers: Sequence[int]) -> None:
        room = view.room(self._limits.key_wait_packets)
        if room is not None and room < len(numbers):
            _open(stream, view, item, start, numbers[:room])
            if view.room(self._limits.key_wait_packets) == 0:
                return
            start, numbers = start + room, numbers[room:]
        _open(stream, view, item, start, numbers)


def _firsts(items: Sequence[_Noted]) -> Iterator[bytes]:
    """The packets of a stream that come first."""
    for item in items:
        if item.prepared is not None:
            for at in range(item.groups.count[item.at]):
                yield item.prepared.block.packet(item.first + at)


def _prepare(items: Sequence[_Noted]) -> None:
    """Makes the packets of all items ready at once, batch by batch."""
    batches: dict[int, list[_Noted]] = {}
    for item in items:
        batches.setdefault(id(item.packets), []).append(item)
    for members in batches.values():
        packets = members[0].packets
        rows = np.concatenate([item.groups.rows(item.at) for item in members])
        columns = PacketColumns(packets.buffer.data, packets.payload_start[rows], packets.payload_length[rows])
        prepared, cut, first = Prepared(columns), np.flatnonzero(packets.missing[rows]), 0
        for item in members:
            item.prepared, item.first = prepared, first
            first += item.groups.count[item.at]
            if len(cut):
                low, high = np.searchsorted(cut, (item.first, first)).tolist()
                item.cut = (cut[low:high] - item.first).tolist()


def _open(stream: KeyedStream, view: KeyedView, item: _Noted, start: int, numbers: Sequence[int]) -> None:
    """Opens packets of an item from `start` on, without those that the capture cut short."""
    assert item.prepared is not None
    end = start + len(numbers)
    cut = [at for at in item.cut if start <= at < end]
    view.cut += len(cut)
    for before, after in pairwise([start - 1, *cut, end]):
        if after - before > 1:
            rows = item.groups.rows(item.at)[before + 1 : after]
            part = numbers[before + 1 - start : after - start]
            view.open(
                Part(part, item.prepared, item.first + before + 1, item.packets, rows), stream.opened, stream.refused
            )
