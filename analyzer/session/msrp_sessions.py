"""MSRP between two addresses: sessions by their URIs, responses and reports matched (RFC 4975 5, 7; RFC 4976)."""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.limits import SECOND_NS, Limits
from analyzer.core.numbers import decimal
from analyzer.core.severity import Severity
from analyzer.core.tally import count
from analyzer.core.text import safe
from analyzer.formats.cpim import uri_of
from analyzer.formats.mime import media_type
from analyzer.formats.msrp_uri import same_uri, session_id
from analyzer.protocols.msrp.assembly import WholeMessage
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.session.carrier import Carrier
from analyzer.session.traced import Trace

UNASKED = define(
    "msrp.response_unasked", Severity.LOW, "A response to no request that was seen", "RFC 4975 7.2", "capture"
)
REUSED = define(
    "msrp.transaction_reused", Severity.LOW, "A transaction identifier used again before its response", "RFC 4975 7.1"
)
UNREQUESTED = define(
    "msrp.report_unrequested", Severity.LOW, "A REPORT on no message that was seen", "RFC 4975 7.1.2", "capture"
)

_WAIT_NS = 30 * SECOND_NS  # RFC 4975 7.1.4: no response within 30 seconds is a failure
_TYPES = 32
_ONE_ID = 64  # sessions with one id: the hops of a way, and whoever uses it again


@dataclass(slots=True)
class MsrpSession:
    """One session between two addresses, as long as it is followed.

    `uris` are the ends of the session (the last of each path), the first sender's first; a relay's client that only
    authenticates has its own alone. `answered` are times from request to response, `unanswered` requests without one.
    """

    ordinal: int
    carrier: Carrier  # of its first message
    begun_by: str  # method of its first request
    uris: tuple[str, ...]
    first: Cite
    last: Cite
    relayed: bool = False  # a path names more than one URI, or a relay gave one (RFC 4976)
    requests: Counter[str] = field(default_factory=Counter)
    responses: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)  # anomalies of its messages, by code
    refused: Counter[str] = field(default_factory=Counter)  # methods answered by 400 and above
    types: dict[str, None] = field(default_factory=dict)  # content types of whole messages, and inside message/cpim
    addressees: dict[str, None] = field(default_factory=dict)  # To of message/cpim
    speakers: dict[tuple[str, str], None] = field(default_factory=dict)  # session id that sent, From of message/cpim
    chunks: int = 0
    messages: int = 0
    message_bytes: int = 0
    aborted: int = 0
    unanswered: int = 0
    success_reports: int = 0
    failure_reports: int = 0
    reports_wanted: int = 0
    accepted: bool = False  # a SEND of it was answered by 200
    trace: Trace = field(default_factory=Trace)

    @property
    def endpoints(self) -> Endpoints:
        """Who sent its first message, and to whom."""
        return self.carrier.endpoints

    @property
    def transport(self) -> str:
        """tcp, tls, ws, wss or sctp."""
        return self.carrier.transport

    @property
    def session_ids(self) -> tuple[str, ...]:
        """The session ids of its ends: shared secrets (14.1), not to be shown."""
        return tuple(map(session_id, self.uris))


@dataclass(slots=True)
class _Request:
    session: MsrpSession
    message: MsrpMessage


class MsrpSessions:
    """Sessions by address pair and URIs, at most `messaging_sessions`; the one quiet longest makes room."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sessions: OrderedDict[tuple[Endpoints, tuple[str, ...]], MsrpSession] = OrderedDict()
        self._between: dict[Endpoints, dict[tuple[str, ...], MsrpSession]] = {}
        self._by_id: dict[str, dict[int, MsrpSession]] = {}
        self._open: dict[Endpoints, OrderedDict[str, _Request]] = {}  # by direction of the request, by transaction
        self._reports: OrderedDict[tuple[Endpoints, str], MsrpSession] = OrderedDict()  # messages that may be reported
        self._ordinal = 0
        self.trace = False
        self.evicted = 0

    def between(self, a: Address, b: Address, protocol: int, most: int) -> tuple[Sequence[MsrpSession], int]:
        """The first sessions of two addresses, oldest first, and how many there are in all."""
        held = self._between.get(Endpoints(min(a, b), max(a, b), protocol), {})
        return tuple(islice(held.values(), most)), len(held)

    def with_id(self, identifier: str) -> Sequence[MsrpSession]:
        """The sessions one of whose ends has this session id, on whatever hop: the first `_ONE_ID` of them."""
        return tuple(islice(self._by_id.get(identifier, {}).values(), _ONE_ID))

    def all(self) -> Sequence[MsrpSession]:
        """Every session that is followed, the one quiet longest first."""
        return tuple(self._sessions.values())

    def last_activity(self, identifier: str) -> int:
        """Time of the latest message of a session with this id, 0 where there is none."""
        return max((session.last.ts_ns for session in self.with_id(identifier)), default=0)

    def take(self, message: MsrpMessage, carrier: Carrier) -> list[Anomaly]:
        """Takes a message that was not seen before; says what is wrong with it in its session."""
        found: list[Anomaly] = []
        if message.status is not None:
            session = self._response(message, carrier, found)
        elif message.method is not None:
            session = self._request(message, carrier, found)
        else:
            return found
        if session is not None:
            session.last = message.cites[-1]
            session.faults.update(anomaly.kind.code for anomaly in (*message.anomalies, *found))
            if self.trace:
                session.trace.add(carrier, label(message), message.cites[-1], self._limits)
        return found

    def whole(self, message: WholeMessage, chunk: MsrpMessage, carrier: Carrier) -> MsrpSession | None:
        """Takes a message that is complete, or as complete as it will be; gives its session."""
        session = self.find(chunk, carrier.endpoints)
        if session is None:
            return None
        kind = media_type(message.content_type)[0]
        session.aborted += not message.complete
        if not message.complete:
            return session
        session.messages += 1
        session.message_bytes += len(message.body)
        if kind and len(session.types) < _TYPES:
            session.types[kind] = None
        if kind == "message/cpim" and len(session.speakers) < _TYPES:
            self._envelope(session, message)
        return session

    def _envelope(self, session: MsrpSession, message: WholeMessage) -> None:
        """What a message/cpim says of itself: who wrote to whom, and what is inside (RFC 3862)."""
        inside = message.cpim(self._limits)
        if inside is None:
            return
        if inside.from_uri:
            session.speakers[session_id(message.from_uri), inside.from_uri] = None
        for to in inside.to:
            if len(session.addressees) < _TYPES:
                session.addressees[uri_of(to)] = None
        if inside.content_type and len(session.types) < _TYPES:
            session.types[inside.content_type] = None

    # -- requests and responses (7.1, 7.2) -----------------------------------------------------------------------

    def find(self, message: MsrpMessage, endpoints: Endpoints) -> MsrpSession | None:
        """The session that a message belongs to."""
        return self._sessions.get((_pair(endpoints), _ends(message)))

    def _request(self, message: MsrpMessage, carrier: Carrier, found: list[Anomaly]) -> MsrpSession | None:
        ends = _ends(message)
        if not ends:
            return None
        session = self._session(message, carrier, ends)
        count(session.requests, message.method or "", self._limits.counted_words)
        session.relayed = session.relayed or len(message.to_path) > 1 or len(message.from_path) > 1
        self._expect(session, message, carrier.endpoints, found)
        if message.method == "REPORT":
            self._report(session, message, carrier.endpoints, found)
        elif message.method == "SEND":
            session.chunks += 1
            if message.success_report.lower() == "yes" or message.failure_report.lower() != "no":
                self._await_report(session, message, carrier.endpoints)
        return session

    def _expect(
        self, session: MsrpSession, message: MsrpMessage, direction: Endpoints, found: list[Anomaly]
    ) -> None:  # fmt: skip
        """Notes a request that is to be answered: not a REPORT, nor one that asked for silence (7.1.2, 7.2)."""
        quiet = message.failure_report.lower() in ("no", "partial")
        pending = self._open.setdefault(direction, OrderedDict())
        self._forget(pending, message.cites[-1].ts_ns)
        if message.transaction_id in pending:
            found.append(Anomaly(REUSED, message.cites, safe(message.transaction_id, 40)))
        pending.pop(message.transaction_id, None)
        if message.method == "REPORT" or quiet:
            return
        pending[message.transaction_id] = _Request(session, message)
        if len(pending) > self._limits.msrp_transactions:
            pending.popitem(last=False)[1].session.unanswered += 1

    @staticmethod
    def _forget(pending: OrderedDict[str, _Request], now_ns: int) -> None:
        while pending:
            name, request = next(iter(pending.items()))
            if request.message.cites[-1].ts_ns > now_ns - _WAIT_NS:
                return
            request.session.unanswered += 1
            del pending[name]

    def _response(self, message: MsrpMessage, carrier: Carrier, found: list[Anomaly]) -> MsrpSession | None:
        pending = self._open.get(carrier.endpoints.reverse)
        request = pending.pop(message.transaction_id, None) if pending else None
        if request is None:
            if (message.status or 0) < 400:  # a failure is told where nothing else is (Failure-Report: partial)
                found.append(Anomaly(UNASKED, message.cites, f"{message.status:03d}"))
            return self.find(message, carrier.endpoints)
        session = request.session
        session.responses[f"{message.status:03d}"] += 1
        if message.status == 200:
            session.accepted = session.accepted or request.message.method == "SEND"
            if message.use_path:
                session.relayed = True
        elif (message.status or 0) >= 400:
            count(session.refused, request.message.method or "", self._limits.counted_words)
        return session

    # -- reports (7.1.2) -----------------------------------------------------------------------------------------

    def _await_report(self, session: MsrpSession, message: MsrpMessage, direction: Endpoints) -> None:
        key = (direction, message.message_id)
        if key not in self._reports:
            session.reports_wanted += message.success_report.lower() == "yes"
            self._reports[key] = session
        if len(self._reports) > self._limits.msrp_transactions * 64:
            self._reports.popitem(last=False)

    def _report(
        self, session: MsrpSession, message: MsrpMessage, direction: Endpoints, found: list[Anomaly]
    ) -> None:  # fmt: skip
        about = self._reports.get((direction.reverse, message.message_id))
        if about is None:
            found.append(Anomaly(UNREQUESTED, message.cites, safe(message.message_id, 40)))
        code = decimal(message.report_status.split(" ")[1], 3) if message.report_status.count(" ") else None
        of = about or session
        if code == 200:
            of.success_reports += 1
        else:
            of.failure_reports += 1

    # -- the table -----------------------------------------------------------------------------------------------

    def _session(self, message: MsrpMessage, carrier: Carrier, ends: tuple[str, ...]) -> MsrpSession:
        pair = _pair(carrier.endpoints)
        session = self._sessions.get((pair, ends))
        if session is not None:
            self._sessions.move_to_end((pair, ends))
            return session
        self._ordinal += 1
        uris = tuple(path[-1] for path in (message.from_path, message.to_path) if path)
        session = MsrpSession(
            self._ordinal, carrier, message.method or "",
            uris[:1] if message.method == "AUTH" else uris, message.cites[0], message.cites[-1],
        )  # fmt: skip
        self._sessions[pair, ends] = session
        self._between.setdefault(pair, {})[ends] = session
        for identifier in session.session_ids:
            self._by_id.setdefault(identifier, {})[session.ordinal] = session
        if len(self._sessions) > self._limits.messaging_sessions:
            self._drop(*self._sessions.popitem(last=False))
        return session

    def _drop(self, key: tuple[Endpoints, tuple[str, ...]], session: MsrpSession) -> None:
        pair, ends = key
        self.evicted += 1
        self._between[pair].pop(ends, None)
        if not self._between[pair]:
            del self._between[pair]
            for direction in (pair, pair.reverse):
                self._open.pop(direction, None)
        for identifier in session.session_ids:
            held = self._by_id.get(identifier, {})
            held.pop(session.ordinal, None)
            if not held:
                self._by_id.pop(identifier, None)


def _pair(endpoints: Endpoints) -> Endpoints:
    return endpoints if endpoints.src <= endpoints.dst else endpoints.reverse


def _ends(message: MsrpMessage) -> tuple[str, ...]:
    """The URIs of a session's two ends in one order whoever sends; of an AUTH the client's own and its relay's."""
    return tuple(sorted(path[-1] for path in (message.to_path, message.from_path) if path))


def label(message: MsrpMessage) -> str:
    """The message in a few words."""
    if message.status is not None:
        return f"MSRP {message.status:03d} {safe(message.comment, 30)}".rstrip()
    words = f"MSRP {safe(message.method or '?', 20)}"
    if message.byte_range and message.method in ("SEND", "REPORT"):
        first, last, total = message.byte_range
        words += f" {first}-{'*' if last is None else last}/{'*' if total is None else total}"
        words += {"+": "+", "#": " aborted"}.get(message.continuation or "", "")
    return words


def matches(session: MsrpSession, offered: str, answered: str) -> bool:
    """Whether the session is between these two URIs (RFC 4975 6.1), in either order."""
    if len(session.uris) != 2:
        return False
    one, two = session.uris
    return (same_uri(one, offered) and same_uri(two, answered)) or (same_uri(one, answered) and same_uri(two, offered))
