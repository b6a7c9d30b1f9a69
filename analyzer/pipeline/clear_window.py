"""Frames kept back for a while before they are written: a packet that came in fragments is changed in all of them, and
in the copies that a mirror port made of them.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from analyzer.capture.batch import FrameBatch, Source
from analyzer.capture.merge import own_bytes
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.net.link import RAW
from analyzer.net.packets import PacketBatch
from analyzer.net.rewrite import Share, new_shares, with_share

Change = Callable[[bytes, int, int], bytes | None]
"""The frame, its link type and where the payload lies in it; gives the new frame, None where it cannot be made."""


_MIRROR_NS = 1_000_000  # copies of a mirror port lie this close
_CHANGES = 64  # of one fragment
_LATELY = 65_536  # packets in fragments whose copies are waited for


Place = tuple[int, int]  # source and number of a frame


@frozen
class Made:
    """New frames by their places; for those with fragments, what copies of these carry."""

    frames: dict[Place, bytes]
    shares: dict[bytes, Share] = field(default_factory=dict)


@dataclass(slots=True)
class _Held:
    batch: FrameBatch
    changed: dict[int, bytes] = field(default_factory=dict)  # by row

    def frame(self, row: int) -> bytes:
        return self.changed[row] if row in self.changed else _frame_of(self.batch, row)


class ClearWindow:
    """The last `Limits.clear_held_bytes` of the frames, and the batch that they came with.

    `admitted` and `left` count batches.
    """

    def __init__(self, sources: Sequence[Source], limits: Limits) -> None:
        self._sources = sources
        self._bound = limits.clear_held_bytes
        self.admitted = self.left = 0
        self._held: deque[_Held] = deque()
        self._bytes = 0
        self._shares: dict[bytes, Share] = {}  # of packets changed lately
        self._lately: deque[tuple[int, int, list[bytes]]] = (
            deque()
        )  # their batches and times, which of those are theirs

    def admit(self, batch: FrameBatch) -> FrameBatch:
        """Takes the next frames; gives them over a buffer of their own."""
        buffer, start = own_bytes(batch) if len(batch) else (batch.buffer[:0], batch.start)
        own = FrameBatch(
            buffer.copy(), start.astype(np.int32), batch.captured, batch.wire,
            batch.ts_ns, batch.source, batch.frame, batch.offset,
        )  # fmt: skip
        self._held.append(_Held(own))
        self.admitted += 1
        self._bytes += len(own.buffer)
        return own

    def change(self, packets: PacketBatch, row: int, change: Change) -> bool:
        """Changes the frame, or all the frames, of a packet of the batch that was admitted last; whether it could."""
        at, start = int(packets.row[row]), int(packets.payload_start[row])
        last = self._held[-1]
        if row in packets.extra_cites:
            payload = packets.buffer[start : start + int(packets.payload_length[row])].tobytes()
            return self._change_pieces(packets, row, payload, change)
        made = change(last.frame(at), self._link(last, at), start - int(last.batch.start[at]))
        if made is not None:
            last.changed[at] = made
        return made is not None

    def _change_pieces(self, packets: PacketBatch, row: int, payload: bytes, change: Change) -> bool:
        made = self.pieces(self.places(packets, row), partial(_in_whole, payload, change))
        if made is not None:
            self.put(made, int(packets.ts_ns[row]))
        return made is not None

    def places(self, packets: PacketBatch, row: int) -> tuple[Place, ...]:
        """The frames of a packet."""
        others = tuple((cite.source, cite.frame) for cite in packets.extra_cites.get(row, ()))
        return ((int(packets.source[row]), int(packets.frame[row])), *others)

    def pieces(self, places: Sequence[Place], change: Callable[[bytes], bytes | None]) -> Made | None:
        """The frames, all of which carry fragments of a packet, after `change` made another one of it, which is given
        from its IP header on. None where one of them is not held, or the new packet does not go into them."""
        frames = [found for place in places if (found := self.frame(*place)) is not None]
        shares = new_shares(frames, change) if len(frames) == len(places) else None
        made = [frame for frame in (with_share(*each, shares or {}) for each in frames) if frame is not None]
        return Made(dict(zip(places, made, strict=True)), shares or {}) if len(made) == len(places) else None

    def put(self, made: Made, ts_ns: int) -> None:
        """Puts frames in the place of those that are held. Copies of their fragments follow, near a time."""
        for place, frame in made.frames.items():
            found = self._find(*place)
            if found is not None:
                found[0].changed[found[1]] = frame
        if made.shares:
            self._shares |= made.shares
            self._lately.append((self.admitted, ts_ns, list(made.shares)))

    def _link(self, held: _Held, at: int) -> int:
        return self._sources[int(held.batch.source[at])].link_type

    def behind(self, packets: PacketBatch, row: int) -> int:
        """How many bytes before the end of its frame the payload of a packet stands that was admitted last, in one
        frame."""
        batch, at = self._held[-1].batch, int(packets.row[row])
        return int(batch.captured[at]) - (int(packets.payload_start[row]) - int(batch.start[at]))

    def frame(self, source: int, number: int) -> tuple[bytes, int] | None:
        """A frame that is held, as it is by now, and its link type."""
        found = self._find(source, number)
        return None if found is None else (found[0].frame(found[1]), self._link(*found))

    def _find(self, source: int, number: int) -> tuple[_Held, int] | None:
        for held in reversed(self._held):
            rows = np.flatnonzero((held.batch.frame == number) & (held.batch.source == source))
            if len(rows):
                return held, int(rows[0])
        return None

    def leaving(self) -> Iterator[FrameBatch]:
        """The batches that are held no longer, oldest first, with their changes."""
        while self._held and self._bytes - len(self._held[0].batch.buffer) >= self._bound:
            yield self._leave()

    def rest(self) -> Iterator[FrameBatch]:
        """All that are held: the capture has ended."""
        while self._held:
            yield self._leave()

    def _leave(self) -> FrameBatch:
        held = self._held.popleft()
        self.left += 1
        self._bytes -= len(held.batch.buffer)
        self._change_copies(held)
        return _with_frames(held.batch, held.changed)

    def _change_copies(self, held: _Held) -> None:
        """Changes the copies of fragments that were changed within a millisecond, and forgets what is past."""
        if not self._lately:
            return
        times = np.sort(np.fromiter((ts_ns for _, ts_ns, _ in self._lately), np.int64, len(self._lately)))
        behind = np.searchsorted(times, held.batch.ts_ns).clip(max=len(times) - 1)
        apart = np.minimum(np.abs(times[behind] - held.batch.ts_ns), np.abs(times[behind - 1] - held.batch.ts_ns))
        for at in np.flatnonzero(apart < _MIRROR_NS).tolist():
            made = None if at in held.changed else self._copy(held.frame(at), self._link(held, at))
            if made is not None:
                held.changed[at] = made
        last_ns = int(held.batch.ts_ns.max(initial=0))
        while self._lately:
            batch, ts_ns, identities = self._lately[0]
            near = batch >= self.left or abs(ts_ns - last_ns) < _MIRROR_NS
            if near and len(self._lately) <= _LATELY:
                break
            self._lately.popleft()
            for identity in identities:
                self._shares.pop(identity, None)

    def _copy(self, frame: bytes, link: int) -> bytes | None:
        """The copy of a fragment, changed as often as that was: there may be several packets in it (of a stream)."""
        made = with_share(frame, link, self._shares)
        for _ in range(_CHANGES):
            again = with_share(made, link, self._shares) if made is not None else None
            if again is None or again == made:
                break
            made = again
        return made


def _in_whole(payload: bytes, change: Change, whole: bytes) -> bytes | None:
    at = whole.find(payload)
    return None if at < 0 else change(whole, RAW, at)


def _frame_of(batch: FrameBatch, row: int) -> bytes:
    """The bytes of a frame."""
    start = int(batch.start[row])
    return batch.buffer[start : start + int(batch.captured[row])].tobytes()


def _with_frames(batch: FrameBatch, changed: dict[int, bytes]) -> FrameBatch:
    """The batch with some frames replaced, by row. Bytes that the snap length cut off stay missing."""
    if not changed:
        return batch
    rows = np.fromiter(changed, np.int64, len(changed))
    sizes = np.fromiter(map(len, changed.values()), np.int64, len(changed))
    start, captured, wire = batch.start.copy(), batch.captured.copy(), batch.wire.copy()
    start[rows] = len(batch.buffer) + np.cumsum(sizes) - sizes
    wire[rows] += (sizes - captured[rows]).astype(np.int32)
    captured[rows] = sizes
    buffer = np.concatenate([batch.buffer, np.frombuffer(b"".join(changed.values()), np.uint8)])
    return FrameBatch(buffer, start, captured, wire, batch.ts_ns, batch.source, batch.frame, batch.offset)
