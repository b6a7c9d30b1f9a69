"""One SSRC: which master key and roll-over counter open each packet, and what the packets say about replay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from analyzer.core.limits import Limits
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.packets import RtpParts
from analyzer.crypto.srtp.reasons import Reason
from analyzer.crypto.srtp.rollover import Rollover
from analyzer.crypto.srtp.window import DIGEST_BYTES, I64, Window

_SEARCH_UNLOCKED = frozenset((1, 8, 64))  # at which failures in a row the roll-over counter is searched
_SEARCH_LOCKED = frozenset((4, 16, 64))
_LEAST = 64  # roll-over counters that are searched under each key, however many there are
_RUN = 16  # packets in order from which arrays are faster than a loop
_AGAIN = frozenset((Reason.TAG_FAILED, Reason.ROC_NOT_FOUND, Reason.MKI_UNKNOWN, Reason.NO_KEY))


class PacketColumns(NamedTuple):
    """Packets of one stream in one buffer: where each begins, and how many bytes it has."""

    buffer: bytes | bytearray | memoryview
    starts: npt.NDArray[np.integer]
    lengths: npt.NDArray[np.integer]


class Tails(NamedTuple):
    """Packets that follow each other in one stream: sequence numbers, digests, and the step to each from the last."""

    numbers: npt.NDArray[np.integer]
    digests: npt.NDArray[np.uint64]
    steps: I64
    breaks: I64
    """Where a packet does not follow the one before it, counted from `start` behind the first; ascending."""
    start: int = 0

    @classmethod
    def of(cls, numbers: npt.NDArray[np.integer], digests: npt.NDArray[np.uint64]) -> "Tails":
        """From sequence numbers and digests."""
        steps = numbers.astype(np.int64)
        steps[1:] = (steps[1:] - steps[:-1]) & 0xFFFF
        return cls(numbers, digests, steps, np.flatnonzero((steps == 0) | (steps >= 0x8000)))

    def part(self, start: int, end: int) -> "Tails":
        """Those from one place to another."""
        low, high = np.searchsorted(self.breaks, (start + 1, end)).tolist()
        part = slice(start, end)
        return Tails(self.numbers[part], self.digests[part], self.steps[part], self.breaks[low:high], start)

    def ends(self) -> Iterator[int]:
        """Where each run of packets in order ends."""
        for at in self.breaks.tolist():
            if at > self.start:
                yield at - self.start
        yield len(self.steps)


Packets: TypeAlias = Sequence[bytes] | PacketColumns


def packet_list(packets: Packets) -> Sequence[bytes]:
    """The packets as bytes of their own."""
    if not isinstance(packets, PacketColumns):
        return packets
    view = memoryview(packets.buffer)
    return [
        bytes(view[start : start + length])
        for start, length in zip(packets.starts.tolist(), packets.lengths.tolist(), strict=True)
    ]


@dataclass(slots=True)
class Counts:
    """Packets of a stream by what became of them; `authenticated`, `unverified` and `failed` together are all."""

    authenticated: int = 0
    """The tag was right; with duplicates and reused indices."""
    failed: int = 0
    """Not opened, for any reason; `reasons` has them apart."""
    distinct: int = 0
    """Authenticated, and the first with its packet index."""
    duplicates: int = 0
    """Authenticated, byte for byte a packet seen before: a second sighting, or a replay on the wire."""
    reused: int = 0
    """Authenticated, with an index that was seen with other bytes."""
    undecided: int = 0
    """Authenticated, but older than the indices remembered."""
    unverified: int = 0
    """Opened without a tag to check (UNAUTHENTICATED_SRTP)."""
    reasons: dict[Reason, int] = field(default_factory=dict)

    def refuse(self, reason: Reason) -> Reason:
        """Counts a packet that was not opened."""
        self.failed += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        return reason

    def forgive(self, reason: Reason) -> None:
        """Takes a refusal back: the packet was opened later."""
        self.failed -= 1
        self.reasons[reason] -= 1
        if not self.reasons[reason]:
            del self.reasons[reason]


def counters_tried(keys: int, limits: Limits) -> int:
    """How many roll-over counters a packet is tried at under each of so many keys: what four keys are tried at is
    shared by more of them, so that a stream that no key opens costs no more for many keys."""
    return min(limits.srtp_roc_search, max(_LEAST, 4 * limits.srtp_roc_search // max(1, keys)))


class _Key:
    """One master key of the stream and how far its packets have come."""

    __slots__ = ("context", "failures", "opened", "rollover", "rtcp_window", "window")

    def __init__(self, context: SrtpContext, bound: int) -> None:
        self.context = context
        self.rollover = Rollover()
        self.window = Window(bound)
        self.rtcp_window = Window(bound)
        self.failures = 0
        self.opened = 0  # distinct packets, and those without a tag

    def digest(self, packet: bytes) -> int:
        """What stands for a packet among those that this key opened."""
        return hash(packet) if self.context.mki else int.from_bytes(packet[-DIGEST_BYTES:], "little")

    def advance(self, tails: "Tails", at: int, end: int) -> bool:
        """Records verified packets that follow each other in order, if the first follows all that came before."""
        rollover, window = self.rollover, self.window
        top = rollover.roc << 16 | rollover.s_l
        if not rollover.locked or top < window.highest:
            return False
        step = (int(tails.numbers[at]) - top) & 0xFFFF
        if not 0 < step < 0x8000:
            return False
        indices = tails.steps[at:end].copy()
        indices[0] = top + step
        np.cumsum(indices, out=indices)
        window.extend(indices, tails.digests[at:end])
        rollover.roc, rollover.s_l = window.highest >> 16, window.highest & 0xFFFF
        return True


class SrtpStream:
    """The packets of one SSRC in capture order, under the master keys that may open them.

    Keys are told apart by MKI where they have one, else by trying. `position` is the index of the key that opened
    the last packet (None before the first), `relocked` whether that took a search or a change of key.
    """

    def __init__(self, contexts: Sequence[SrtpContext], limits: Limits) -> None:
        self.contexts = tuple(contexts)
        self.limits = limits
        self.counts = Counts()
        self.rtcp_counts = Counts()
        self.position: int | None = None
        self.relocked = False
        self.given = 0
        """Packets of the calls of `unprotect_many` that are over: what the numbers of the next one start at."""
        self.waiting: dict[int, tuple[bytes, Reason]] = {}
        """Refused packets by number, until another key or counter is known; at most `Limits.key_wait_packets`."""
        self.reopened: list[int] = []
        """Numbers of packets that were refused in an earlier call and have been opened since."""
        self._keys = [_Key(context, limits.srtp_window) for context in self.contexts]
        self._order = sorted(range(len(self._keys)), key=lambda at: self.contexts[at].rtp_tag == 0)
        self._rtcp_order = list(range(len(self._keys)))

    @property
    def opened(self) -> list[int]:
        """How many distinct packets each key opened, of those whose index is remembered; without a tag, all."""
        return [key.opened for key in self._keys]

    @property
    def rollover(self) -> Rollover | None:
        """The roll-over state under the present key."""
        return None if self.position is None else self._keys[self.position].rollover

    def unprotect(self, packet: bytes, whole: bool = True) -> bytes | Reason:
        """The plain RTP packet; `whole` is False for a packet that the capture cut short."""
        if not whole:
            return self.counts.refuse(Reason.TRUNCATED)
        opened = self._open(packet, search=True)
        if isinstance(opened, Reason) and opened is not Reason.INDEX_REUSED:
            self.counts.refuse(opened)
        return opened

    def unprotect_many(self, packets: Packets, whole: Sequence[bool] | None = None) -> list[bytes | Reason]:
        """One result a packet, in order. Packets refused before a key or counter was found are tried again after."""
        items = packet_list(packets)
        out: list[bytes | Reason] = []
        for at, packet in enumerate(items):
            out.append(self.unprotect(packet, whole is None or bool(whole[at])))
            self.retry(packet, out, at)
        self.given += len(items)
        return out

    def retry(self, packet: bytes, out: list[bytes | Reason], at: int) -> None:
        """After packet `at` of a call: keeps it if refused, or, if it changed what is known, tries those kept."""
        result = out[at]
        if isinstance(result, Reason) and result is not Reason.INDEX_REUSED:
            if result in _AGAIN and len(self.waiting) < self.limits.key_wait_packets:
                self.waiting[self.given + at] = (packet, result)
            return
        if self.relocked:
            position = self.position
            self._try_waiting(out, search=False)
            self.position, self.relocked = position, False
            self.waiting.clear()

    def learn(self, context: SrtpContext) -> None:
        """Adds a master key that was not known before. Packets that wait for one are tried with it."""
        self.contexts += (context,)
        at = len(self._keys)
        self._keys.append(_Key(context, self.limits.srtp_window))
        self._order = sorted([*self._order, at], key=lambda each: self.contexts[each].rtp_tag == 0)
        self._rtcp_order.append(at)
        self._try_waiting([], search=True)
        self.relocked = False

    def _try_waiting(self, out: list[bytes | Reason], search: bool) -> None:
        """Tries the waiting packets. What opens replaces its result in `out`, or is named in `reopened`."""
        for number, (packet, refused) in list(self.waiting.items()):
            opened = self._open(packet, search)
            if isinstance(opened, Reason) and opened is not Reason.INDEX_REUSED:
                if opened is not refused and search:
                    self.counts.forgive(refused)
                    self.waiting[number] = (packet, self.counts.refuse(opened))
                continue
            self.counts.forgive(refused)
            del self.waiting[number]
            if number >= self.given and out:
                out[number - self.given] = opened
            else:
                self.reopened.append(number)

    def unprotect_rtcp(self, packet: bytes, whole: bool = True) -> bytes | Reason:
        """The plain RTCP packet of this SSRC's SRTCP packet."""
        if not whole:
            return self.rtcp_counts.refuse(Reason.TRUNCATED)
        reasons = set()
        for at in self._rtcp_order:
            context = self.contexts[at]
            parts = context.split_rtcp(packet)
            if isinstance(parts, Reason):
                reasons.add(parts)
                continue
            plain = context.open_rtcp(parts)
            if isinstance(plain, Reason):
                reasons.add(plain)
                continue
            _to_front(self._rtcp_order, at)
            key = self._keys[at]
            if not key.rtcp_window.note(parts.srtcp_index, hash(packet), self.rtcp_counts):
                return Reason.INDEX_REUSED
            return plain
        return self.rtcp_counts.refuse(_weightiest(reasons))

    def adopt(self, position: int, tails: "Tails") -> list[int]:
        """Records packets of this stream, in order, that another implementation verified under one key.

        Returns which of them reuse an index.
        """
        reused = []
        key = self._keys[position]
        key.failures = 0
        at, count, ends, before = 0, len(tails.numbers), tails.ends(), self.counts.distinct
        while at < count:
            end = next(ends)
            while at < end:
                if end - at >= _RUN and key.advance(tails, at, end):
                    self.counts.authenticated += end - at
                    self.counts.distinct += end - at
                    at = end
                elif not self._note_one(key, int(tails.numbers[at]), int(tails.digests[at])):
                    reused.append(at)
                    at += 1
                else:
                    at += 1
        if count:
            self._turn_to(position)
        key.opened += self.counts.distinct - before
        return reused

    def _note_one(self, key: _Key, seq: int, digest: int) -> bool:
        roc = key.rollover.guess(seq)
        key.rollover.opened(roc, seq)
        return key.window.note(roc << 16 | seq, digest, self.counts)

    def _open(self, packet: bytes, search: bool) -> bytes | Reason:
        reasons = set()
        for at in tuple(self._order):
            key = self._keys[at]
            parts = key.context.split_rtp(packet)
            if isinstance(parts, Reason):
                reasons.add(parts)
                continue
            found = self._at_hints(key, parts)
            by_search = found is None
            if found is None and search:
                found = self._by_search(key, parts)
            if found is None:
                reasons.add(Reason.TAG_FAILED)
                continue
            return self._accept(at, parts, *found, by_search)
        reason = _weightiest(reasons)
        return Reason.ROC_NOT_FOUND if reason is Reason.TAG_FAILED and self.position is None else reason

    def _at_hints(self, key: _Key, parts: RtpParts) -> tuple[int, bytes] | None:
        """Tries the likely counters: this key's own, the present key's (it outlives re-keying), 0 for a new key."""
        hints = [key.rollover.guess(parts.seq)]
        present = self.rollover
        if present is not None and present is not key.rollover and (other := present.guess(parts.seq)) != hints[0]:
            hints.insert(key.rollover.locked, other)
        for roc in hints:
            plain = key.context.open_rtp(parts, roc)
            if isinstance(plain, bytes):
                return roc, plain
        return None

    def _by_search(self, key: _Key, parts: RtpParts) -> tuple[int, bytes] | None:
        key.failures += 1
        if key.failures not in (_SEARCH_LOCKED if key.rollover.locked else _SEARCH_UNLOCKED):
            return None
        bound = counters_tried(len(self._keys), self.limits)
        return key.context.find_rtp(parts, key.rollover.candidates(parts.seq, bound))

    def _accept(self, at: int, parts: RtpParts, roc: int, plain: bytes, by_search: bool) -> bytes | Reason:
        key = self._keys[at]
        key.failures = 0
        changed = at != self.position
        key.rollover.opened(roc, parts.seq, by_search)
        self._turn_to(at)
        self.relocked = by_search or changed
        if not parts.tag:
            self.counts.unverified += 1
            key.opened += 1
            return plain
        before = self.counts.distinct
        fresh = key.window.note(roc << 16 | parts.seq, key.digest(parts.packet), self.counts)
        key.opened += self.counts.distinct - before
        return plain if fresh else Reason.INDEX_REUSED

    def _turn_to(self, at: int) -> None:
        self.position = at
        self.relocked = False
        if self.contexts[at].rtp_tag:
            _to_front(self._order, at)


def _to_front(order: list[int], at: int) -> None:
    if order[0] != at:
        order.remove(at)
        order.insert(0, at)


_WEIGHT = (
    Reason.TAG_FAILED,
    Reason.TRUNCATED,
    Reason.TOO_SHORT,
    Reason.MKI_UNKNOWN,
    Reason.UNSUPPORTED_SUITE,
)


def _weightiest(reasons: set[Reason]) -> Reason:
    """The reason of the key that came furthest; without any key, that there is none."""
    return next((reason for reason in _WEIGHT if reason in reasons), Reason.NO_KEY)
