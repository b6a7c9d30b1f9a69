"""What the packets of two media hops have in common: opened payloads, ciphertext, headers, messages, their pace.

Work is done only for calls with two hops of one medium of which one is protected, on the few packets that trails keep.
"""

from collections.abc import Callable, Sequence

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.session.connections import Connection
from analyzer.session.media.likeness import Likeness, likeness
from analyzer.session.media.pace import Paced
from analyzer.session.media.record import StreamRecord
from analyzer.session.media.trail import Match, Packet, match
from analyzer.session.scope import Equality, PathHop

FindContexts = Callable[[Address, Address, int], Sequence[SrtpContext]]
LikeMessages = Callable[[tuple[Address, Address], tuple[Address, Address]], Likeness | None]
SameMessages = Callable[[tuple[Address, Address], tuple[Address, Address]], int]
_STREAMS = 8  # of one hop that are compared, those with most packets
_PACED = 4  # of them, packet by packet


class Comparer:
    """Compares hops of one call; a stream is opened once."""

    def __init__(
        self, contexts: FindContexts, same_messages: SameMessages, like_messages: LikeMessages, limits: Limits
    ) -> None:
        self._contexts = contexts
        self._same_messages = same_messages
        self._like_messages = like_messages
        self._limits = limits
        self._opened: dict[int, list[Packet]] = {}
        self._wire: dict[int, list[Packet]] = {}
        self._paces: dict[int, Paced] = {}

    def __call__(self, one: PathHop, other: PathHop) -> Equality:
        """What two hops have in common."""
        if one.connections or other.connections:
            sealed = any(a.sealed & b.sealed for a in one.connections for b in other.connections)
            return Equality(wire=True) if sealed else self._messages(one, other)
        content = wire = headers = rewritten = False
        reports = bool(one.reports & other.reports)
        for ours in _foremost(one.streams):
            for theirs in _foremost(other.streams):
                found = self._streams(ours, theirs)
                content, wire, headers = content or found.content, wire or found.wire, headers or found.headers
                rewritten = rewritten or found.rewritten
        alike = None
        if not (content or wire or headers or reports):
            alike = likeness(self._paced(one.streams), self._paced(other.streams))
        return Equality(content, wire, rewritten and not wire, headers, reports, alike)

    def _paced(self, streams: Sequence[StreamRecord]) -> list[Paced]:
        return [self._pace(record) for record in _foremost(streams)[:_PACED]]

    def _pace(self, record: StreamRecord) -> Paced:
        known = self._paces.get(record.ordinal)
        if known is None:
            known = self._paces[record.ordinal] = record.trail.pace.packets()
        return known

    def _messages(self, one: PathHop, other: PathHop) -> Equality:
        """What was said in clear or was opened decides; sizes and times count where that is nothing on one side."""
        pairs = [((a.src, a.dst), (b.src, b.dst)) for a in one.connections for b in other.connections]
        if any(self._same_messages(*pair) for pair in pairs):
            return Equality(content=True)
        if not (_closed(one) or _closed(other)):
            return Equality()
        near, far = (_foremost_connections(hop.connections) for hop in (one, other))
        found = [self._like_messages((a.src, a.dst), (b.src, b.dst)) for a in near for b in far]
        alike = [each for each in found if each is not None]
        return Equality(alike=alike[0] if len(alike) == 1 else None)

    def _streams(self, one: StreamRecord, other: StreamRecord) -> Equality:
        if one.first_ns > other.last_ns or other.first_ns > one.last_ns:
            return Equality()
        same_ssrc = one.ssrc == other.ssrc
        wire = match(self._sent(one), self._sent(other), same_ssrc)
        if wire.same_content:
            return Equality(content=False, wire=True, headers=wire.same_stream)
        inside = Match()
        if _opens(one) or _opens(other):
            inside = match(self._inside(one), self._inside(other), same_ssrc)
        return Equality(inside.same_content, False, inside.same_content and not wire.equal, wire.same_stream)

    def _sent(self, record: StreamRecord) -> list[Packet]:
        known = self._wire.get(record.ordinal)
        if known is None:
            known = self._wire[record.ordinal] = record.trail.wire()
        return known

    def _inside(self, record: StreamRecord) -> list[Packet]:
        """The payloads as the codec made them: opened, or as they were sent where there was nothing to open."""
        if not _opens(record):
            return self._sent(record)
        known = self._opened.get(record.ordinal)
        if known is None:
            contexts = self._contexts(record.endpoints.src, record.endpoints.dst, record.ssrc)
            known = self._opened[record.ordinal] = record.trail.opened(contexts, self._limits)
        return known


def _closed(hop: PathHop) -> bool:
    """Whether a connection of MSRP on this hop was not opened."""
    return hop.entity.medium == "message" and any(
        each.protocol == "tls" and not each.decrypted for each in hop.connections
    )


def _foremost_connections(connections: Sequence[Connection]) -> list[Connection]:
    return sorted(connections, key=lambda each: (-each.packets, each.ordinal))[:_PACED]


def _opens(record: StreamRecord) -> bool:
    return record.verification is not None and record.verification.decrypted > 0


def _foremost(streams: Sequence[StreamRecord]) -> list[StreamRecord]:
    return sorted(streams, key=lambda record: (-record.packets, record.ordinal))[:_STREAMS]
