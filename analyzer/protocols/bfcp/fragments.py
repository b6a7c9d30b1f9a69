"""BFCP messages from their fragments (RFC 8855 6.2.3)."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from analyzer.core.anomalies import Anomaly, AnomalyKind
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.bfcp import anomalies as kinds
from analyzer.protocols.bfcp.message import BfcpMessage
from analyzer.protocols.bfcp.parser import WORD, read

Event = BfcpMessage | Anomaly


@dataclass(slots=True)
class _Pending:
    first: BfcpMessage
    pieces: dict[int, bytes] = field(default_factory=dict)  # by offset in words
    cites: dict[Cite, None] = field(default_factory=dict)
    size: int = 0


class FragmentAssembler:
    """Holds at most `bfcp_fragmented` messages, `fragments_per_packet` fragments each and `fragment_bytes` in all.

    Fragments that overlap or exceed the Payload Length discard the message (5.1). A message whose fragments stay away
    is named after `fragment_timeout_ns`, at the next fragment.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pending: dict[Hashable, _Pending] = {}
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes held for messages whose fragments are not all here."""
        return self._held

    def add(self, message: BfcpMessage, flow: Hashable = None) -> Sequence[Event]:
        """Takes a message of one direction of `flow`; gives whole ones as they are, fragmented ones once complete."""
        if message.fragment is None:
            return (message,)
        events: list[Event] = []
        self._expire(message, events)
        key = (
            flow, message.conference_id, message.transaction_id, message.user_id, message.primitive, message.responder,
        )  # fmt: skip
        pending = self._pending.setdefault(key, _Pending(message))
        pending.cites.update(dict.fromkeys(message.cites))
        offset, payload = message.fragment[0], message.payload
        if pending.pieces.get(offset) == payload:
            return events  # sent again
        fits = message.complete and message.length == pending.first.length and offset not in pending.pieces
        pending.pieces[offset] = payload
        size = max(len(payload), WORD)
        pending.size += size
        self._held += size
        if not fits or pending.size > WORD * max(message.length, 1):
            self._drop(key, kinds.FRAGMENT, events)
        elif pending.size == WORD * message.length:
            self._finish(key, events)
        elif len(pending.pieces) > self._limits.fragments_per_packet:
            self._drop(key, kinds.FRAGMENT, events)
        while self._pending and (
            len(self._pending) > self._limits.bfcp_fragmented or self._held > self._limits.fragment_bytes
        ):
            self._drop(next(iter(self._pending)), kinds.FRAGMENTS_LOST, events)
        return events

    def close(self) -> Sequence[Event]:
        """No more will come: what is unfinished is named."""
        events: list[Event] = []
        for key in list(self._pending):
            self._drop(key, kinds.FRAGMENTS_LOST, events)
        return events

    def _expire(self, message: BfcpMessage, events: list[Event]) -> None:
        if not message.cites:
            return
        deadline = message.cites[-1].ts_ns - self._limits.fragment_timeout_ns
        while self._pending:
            key, oldest = next(iter(self._pending.items()))
            if not oldest.first.cites or oldest.first.cites[0].ts_ns > deadline:
                return
            self._drop(key, kinds.FRAGMENTS_LOST, events)

    def _drop(self, key: Hashable, kind: AnomalyKind, events: list[Event]) -> None:
        pending = self._pending.pop(key)
        self._held -= pending.size
        have = sum(map(len, pending.pieces.values())) // WORD
        detail = f"{pending.first.name}: {have} of {pending.first.length} words"
        events.append(Anomaly(kind, tuple(pending.cites), detail))

    def _finish(self, key: Hashable, events: list[Event]) -> None:
        pending = self._pending[key]
        body, at = b"", 0
        for offset, payload in sorted(pending.pieces.items()):
            if offset != at:
                self._drop(key, kinds.FRAGMENT, events)
                return
            at += len(payload) // WORD
        body = b"".join(payload for _, payload in sorted(pending.pieces.items()))
        del self._pending[key]
        self._held -= pending.size
        head = _header(pending.first)
        events.append(read(head + body, tuple(pending.cites), self._limits, reliable=False))


def _header(message: BfcpMessage) -> bytes:
    first = message.version << 5 | message.responder << 4 | message.reserved
    head = bytes((first, message.primitive)) + message.length.to_bytes(2, "big")
    head += message.conference_id.to_bytes(4, "big")
    return head + message.transaction_id.to_bytes(2, "big") + message.user_id.to_bytes(2, "big")
