"""MSRP and BFCP as a whole: each message counted once, however many vantage points saw it on its hop."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from analyzer.core.addresses import Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.protocols.bfcp.fragments import FragmentAssembler
from analyzer.protocols.bfcp.message import BfcpMessage
from analyzer.protocols.msrp.assembly import MessageAssembler, WholeMessage
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.session.bfcp_sessions import BfcpSessions
from analyzer.session.carrier import Carrier
from analyzer.session.file_transfers import FileTransfers
from analyzer.session.floors import FloorBook
from analyzer.session.message_pace import MessagePaces
from analyzer.session.message_trail import MessageTrails
from analyzer.session.msrp_sessions import MsrpSession, MsrpSessions
from analyzer.session.sightings import Occurrence, SightingTable

_METHODS = frozenset(("SEND", "REPORT", "AUTH", "NICKNAME"))  # RFC 4975 7, RFC 4976 4, RFC 7701 7
_OTHER = "other"
_IN_CLEAR = frozenset(("tcp", "ws"))


@dataclass(slots=True)
class MsrpCounts:
    """MSRP chunks. `sessions` are digests of the pairs of URIs that sent to each other."""

    requests: Counter[str] = field(default_factory=Counter)
    responses: Counter[str] = field(default_factory=Counter)
    sessions: set[bytes] = field(default_factory=set)
    reassembled: int = 0  # messages of one chunk or more that were had in whole


@dataclass(slots=True)
class BfcpCounts:
    """BFCP messages; fragments count as the message they make. `sessions` are digests of their two ends."""

    primitives: Counter[str] = field(default_factory=Counter)
    sessions: set[bytes] = field(default_factory=set)


class Messaging:
    """Takes MSRP and BFCP messages in capture order.

    Holds the digests of `flows` sessions of each, and unfinished MSRP messages of `msrp_directions` directions of
    connections, `msrp_held_total` bytes in all; past that the direction that has waited longest is given up. `files`
    gets the chunks too, where transferred files are wanted.
    """

    def __init__(self, limits: Limits, files: FileTransfers | None = None) -> None:
        self._limits = limits
        self.files = files
        self._sightings = SightingTable(limits)
        self._assemblers: dict[Endpoints, MessageAssembler] = {}  # those that hold something
        self._held = 0
        self._fragments = FragmentAssembler(limits)
        self.trails = MessageTrails(limits)
        self.paces = MessagePaces(limits)
        self.msrp = MsrpCounts()
        self.bfcp = BfcpCounts()
        self.floors = FloorBook(limits)
        self.msrp_sessions = MsrpSessions(limits)
        self.bfcp_sessions = BfcpSessions(limits, self.floors)
        self._evicted = 0

    @property
    def evicted(self) -> int:
        """Sessions, conferences and unfinished messages that were let go at a bound."""
        return self._evicted + self.floors.evicted + self.msrp_sessions.evicted + self.bfcp_sessions.evicted

    def trace(self) -> None:
        """From now on the messages of each session are kept one by one, for a ladder."""
        self.msrp_sessions.trace = self.bfcp_sessions.trace = True

    @property
    def held(self) -> int:
        """Bytes held for messages that are not whole yet."""
        return self._held + self._fragments.held

    def take(self, message: MsrpMessage | BfcpMessage, carrier: Carrier) -> Sequence[Anomaly]:
        """Takes one sighting of a message, or of a BFCP message a fragment; says what is wrong with it, once."""
        if isinstance(message, MsrpMessage):
            return self._msrp(message, carrier)
        found: list[Anomaly] = []
        for event in self._fragments.add(message, (carrier.vantage, carrier.endpoints)):
            if isinstance(event, BfcpMessage):
                found.extend(self._bfcp(event, carrier))
            else:
                found.append(event)
        return found

    def finish(self) -> Sequence[Anomaly]:
        """No more will come: what is unfinished is named."""
        found = [event for event in self._fragments.close() if isinstance(event, Anomaly)]
        while self._assemblers:
            found.extend(self._give_up())
        return found if self.files is None else [*found, *self.files.finish()]

    def end_files(self, sessions: Iterable[MsrpSession]) -> list[Anomaly]:
        """The calls of these sessions are over: of files that are under way there will be no more."""
        files = self.files
        return [] if files is None else [anomaly for session in sessions for anomaly in files.end(session)]

    def _occurrence(
        self, message: MsrpMessage | BfcpMessage, carrier: Carrier, identity: tuple[object, ...]
    ) -> Occurrence:
        """Whether this is a copy. Streams repeat nothing: what comes twice on one was sent twice."""
        ts_ns = message.cites[0].ts_ns if message.cites else 0
        occurrence, _ = self._sightings.place(carrier, repr(identity).encode("utf-8", "replace"), ts_ns, None)
        return "new" if occurrence == "retransmission" and carrier.endpoints.protocol != 17 else occurrence

    def _bfcp(self, message: BfcpMessage, carrier: Carrier) -> Sequence[Anomaly]:
        identity = (
            "bfcp", message.version, message.responder, message.reserved, message.primitive, message.length,
            message.conference_id, message.transaction_id, message.user_id, message.attributes, message.size,
        )  # fmt: skip
        occurrence = self._occurrence(message, carrier, identity)
        if occurrence == "retransmission":
            self.bfcp_sessions.repeated(message, carrier)
        if occurrence != "new":
            return ()
        self.bfcp.primitives[message.name] += 1
        ends = carrier.endpoints
        self.trails.note(ends, identity, message.size)
        self._session(self.bfcp.sessions, (*sorted((ends.src, ends.dst)), ends.protocol))
        return (*message.anomalies, *self.bfcp_sessions.take(message, carrier))

    def _msrp(self, message: MsrpMessage, carrier: Carrier) -> Sequence[Anomaly]:
        identity = (
            "msrp", message.method, message.status, message.transaction_id, message.message_id,
            message.byte_range and message.byte_range[0],
        )  # fmt: skip
        if self._occurrence(message, carrier, identity) != "new":
            return ()
        if message.body:
            self.trails.note(carrier.endpoints, (message.byte_range, message.body), len(message.body), part=True)
        paced: list[Anomaly] = []
        if carrier.transport in _IN_CLEAR and message.cites:  # of others there are records
            paced = self.paces.note(carrier.vantage, carrier.endpoints, message.size, message.cites[-1])
        if message.status is not None:
            self.msrp.responses[f"{message.status:03d}"] += 1
        elif message.method is not None:
            self.msrp.requests[message.method if message.method in _METHODS else _OTHER] += 1
        if message.method == "SEND" and message.to_path and message.from_path:
            self._session(self.msrp.sessions, sorted((message.to_path[-1], message.from_path[-1])))
        found = self.msrp_sessions.take(message, carrier)
        if self.files is not None and message.method == "SEND":
            session = self.msrp_sessions.find(message, carrier.endpoints)
            found += self.files.take(message, session) if session is not None else []
        return (*message.anomalies, *paced, *found, *self._assemble(message, carrier))

    def _session(self, sessions: set[bytes], ends: object) -> None:
        digest = hashlib.blake2b(repr(ends).encode("utf-8", "replace"), digest_size=8).digest()
        if len(sessions) < self._limits.flows:
            sessions.add(digest)
        elif digest not in sessions:
            self._evicted += 1

    # -- MSRP messages from their chunks -------------------------------------------------------------------------

    def _assemble(self, chunk: MsrpMessage, carrier: Carrier) -> Sequence[Anomaly]:
        direction = carrier.endpoints
        assembler = self._assemblers.pop(direction, None) or MessageAssembler(self._limits)
        self._held -= assembler.held
        events = assembler.add(chunk)
        for event in events:
            if isinstance(event, WholeMessage):
                if event.complete and event.body:
                    self.trails.note(direction, event.body, len(event.body))
                self.msrp_sessions.whole(event, chunk, carrier)
        found = self._whole(events)
        if assembler.held:
            self._assemblers[direction] = assembler
            self._held += assembler.held
        while len(self._assemblers) > self._limits.msrp_directions or self._held > self._limits.msrp_held_total:
            self._evicted += 1
            found.extend(self._give_up())
        return found

    def _give_up(self) -> list[Anomaly]:
        assembler = self._assemblers.pop(next(iter(self._assemblers)))
        self._held -= assembler.held
        return self._whole(assembler.close())

    def _whole(self, events: Sequence[WholeMessage | Anomaly]) -> list[Anomaly]:
        self.msrp.reassembled += sum(isinstance(event, WholeMessage) and event.complete for event in events)
        return [event for event in events if isinstance(event, Anomaly)]
