"""Messages from chunks: by Message-ID and Byte-Range, in any order (RFC 4975 5.1, 7.3.1)."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from analyzer.core.anomalies import Anomaly, AnomalyKind
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.runs import Runs
from analyzer.core.text import safe
from analyzer.formats.cpim import Cpim
from analyzer.formats.cpim import parse as parse_cpim
from analyzer.formats.mime import media_type
from analyzer.protocols.msrp import anomalies as kinds
from analyzer.protocols.msrp.message import MsrpMessage

_NAMED_HOLES = 4
_PER_PIECE = 64  # what a piece costs besides its bytes


@frozen
class WholeMessage:
    """A message as its receiver had it: chunks put in place, the last chunk winning where two overlap.

    `from_uri` is the sender's own URI (the last of From-Path). `complete` is false where bytes are missing, the sender
    gave up, or a bound was hit; missing bytes are left out of `body`, not filled.
    """

    message_id: str
    from_uri: str
    content_type: str
    body: bytes
    cites: tuple[Cite, ...]
    complete: bool

    def cpim(self, limits: Limits) -> Cpim | None:
        """What is inside the envelope of a message/cpim, as chat rooms use it (RFC 7701); None for other types."""
        return parse_cpim(self.body, limits) if media_type(self.content_type)[0] == "message/cpim" else None


Event: TypeAlias = WholeMessage | Anomaly


@dataclass(slots=True)
class _Pending:
    content_type: str = ""
    pieces: list[tuple[int, bytes]] = field(default_factory=list)  # as they came
    runs: Runs = field(default_factory=Runs)  # of bytes that are there
    cites: dict[Cite, None] = field(default_factory=dict)
    held: int = 0
    last: int | None = None  # one behind the last byte, once a chunk with $ has come
    total: int | None = None

    def whole(self) -> bool:
        return self.last is not None and self.runs.reach(self.last)

    def holes(self) -> list[tuple[int, int]]:
        """Missing ranges, 1-based and inclusive, as far as the end is known."""
        return self.runs.holes(self.last or (self.total + 1 if self.total is not None else None))


def _join(pending: _Pending) -> tuple[bytes, bool]:
    """The bytes that are there, in place, and whether two chunks disagreed about one of them."""
    if not pending.runs.overlaps:
        return b"".join(data for _, data in sorted(pending.pieces, key=lambda piece: piece[0])), False
    base, at = [], 0
    for start, end in zip(pending.runs.starts, pending.runs.ends, strict=True):
        base.append(at)
        at += end - start
    body, seen, differ = bytearray(at), bytearray(at), False
    for first, data in pending.pieces:
        run = bisect_right(pending.runs.starts, first) - 1
        where = base[run] + first - pending.runs.starts[run]
        stop = where + len(data)
        differ = differ or any(
            known and old != new for known, old, new in zip(seen[where:stop], body[where:stop], data, strict=True)
        )
        body[where:stop] = data
        seen[where:stop] = b"\x01" * len(data)
    return bytes(body), differ


class MessageAssembler:
    """Puts the chunks of one direction of a session, or of a connection that carries many, together.

    Holds at most `stream_held_bytes` in `msrp_messages` messages and `sequence_ranges` runs a message; what exceeds
    that is given unfinished, and later chunks of the same message are dropped.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pending: dict[tuple[str, str], _Pending] = {}
        self._closed: dict[tuple[str, str], None] = {}  # given unfinished: later chunks are dropped
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes held for messages that are not whole yet, with what each piece costs."""
        return self._held

    def add(self, chunk: MsrpMessage) -> Sequence[Event]:
        """Takes a chunk; gives the message it completes. Anything but a SEND with a body is passed over."""
        if chunk.method != "SEND" or not (chunk.body or chunk.continuation == "#"):
            return ()
        key = (chunk.from_path[-1] if chunk.from_path else "", chunk.message_id or chunk.transaction_id)
        first, _, total = chunk.byte_range or (1, None, None)
        if key in self._closed:
            if first != 1:
                return ()
            del self._closed[key]
        ends = chunk.complete and chunk.continuation == "$"
        if ends and first == 1 and key not in self._pending and total in (None, len(chunk.body)):
            return (WholeMessage(key[1], key[0], chunk.content_type, chunk.body, chunk.cites, True),)
        pending = self._pending.setdefault(key, _Pending())
        self._put(pending, chunk, first, total)
        events: list[Event] = []
        if chunk.continuation == "#":
            self._give(key, kinds.ABORTED, "", events)
            return events
        if ends:
            pending.last = max(pending.last or 1, first + len(chunk.body))
        if pending.whole():
            self._give(key, None, "", events)
        self._shed(key, events)
        return events

    def close(self) -> Sequence[Event]:
        """The session has ended: what is unfinished is given as far as it came, its holes named."""
        events: list[Event] = []
        for key in list(self._pending):
            self._give(key, kinds.HOLES, "", events)
        return events

    def _put(self, pending: _Pending, chunk: MsrpMessage, first: int, total: int | None) -> None:
        pending.content_type = pending.content_type or chunk.content_type
        pending.total = total if pending.total is None else pending.total
        pending.cites.update(dict.fromkeys(chunk.cites))
        if chunk.body:
            pending.pieces.append((first, chunk.body))
            pending.runs.cover(first, first + len(chunk.body))
        cost = len(chunk.body) + _PER_PIECE * len(chunk.cites)
        pending.held += cost
        self._held += cost

    def _shed(self, key: tuple[str, str], events: list[Event]) -> None:
        limits = self._limits
        pending = self._pending.get(key)
        if pending and len(pending.runs) > limits.sequence_ranges:
            self._give(key, kinds.PENDING_LIMIT, "too many holes", events)
        if len(self._pending) > limits.msrp_messages:
            self._give(next(iter(self._pending)), kinds.PENDING_LIMIT, "too many messages", events)
        while self._held > limits.stream_held_bytes and self._pending:
            largest = max(self._pending, key=lambda each: self._pending[each].held)
            self._give(largest, kinds.PENDING_LIMIT, "too many bytes", events)

    def _give(self, key: tuple[str, str], kind: AnomalyKind | None, why: str, events: list[Event]) -> None:
        pending = self._pending.pop(key)
        self._held -= pending.held
        cites = tuple(pending.cites)
        body, differ = _join(pending)
        name = safe(key[1], 40)
        if kind:
            gaps = ", ".join(f"{first}-{last}" for first, last in pending.holes()[:_NAMED_HOLES])
            events.append(Anomaly(kind, cites, "; ".join(filter(None, (name, why, gaps and f"missing {gaps}")))))
            if kind is kinds.PENDING_LIMIT:
                self._closed[key] = None
                if len(self._closed) > self._limits.msrp_messages:
                    del self._closed[next(iter(self._closed))]
        elif pending.total is not None and pending.last != pending.total + 1:
            events.append(Anomaly(kinds.TOTAL, cites, f"{name}: {pending.total} announced, {len(body)} sent"))
        if pending.runs.overlaps:
            events.append(Anomaly(kinds.CONFLICT if differ else kinds.OVERLAP, cites, name))
        events.append(WholeMessage(key[1], key[0], pending.content_type, body, cites, kind is None))
