"""BFCP between one client and one floor control server: roles, transactions, identifiers, errors (RFC 8855 6, 8)."""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice, product

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import SECOND_NS, Limits
from analyzer.core.severity import Severity
from analyzer.protocols.bfcp import names
from analyzer.protocols.bfcp.message import BfcpMessage
from analyzer.session.carrier import Carrier
from analyzer.session.floors import FloorBook
from analyzer.session.traced import Trace

ROLE = define("bfcp.role", Severity.MEDIUM, "A primitive that its sender's role does not have", "RFC 8855 5.1")
UNRELIABLE = define(
    "bfcp.unreliable_only", Severity.MEDIUM, "A primitive of UDP on a reliable transport", "RFC 8855 5.1"
)
RESPONDER = define("bfcp.responder_flag", Severity.LOW, "The R flag does not fit the primitive", "RFC 8855 5.1")
TRANSACTION = define(
    "bfcp.transaction_id", Severity.LOW, "A Transaction ID that its kind of message does not have", "RFC 8855 8"
)
UNASKED = define(
    "bfcp.response_unasked", Severity.LOW, "A response to no request that was seen", "RFC 8855 8", "capture"
)
COPIED = define(
    "bfcp.response_mismatch", Severity.MEDIUM, "A response names another conference or user than its request",
    "RFC 8855 8.2",
)  # fmt: skip
USER = define("bfcp.user_changed", Severity.MEDIUM, "A client speaks for another user than before", "RFC 8855 5.1, 9.1")
CONFERENCE = define(
    "bfcp.conference_changed", Severity.LOW, "A connection carries messages of another conference", "RFC 8855 5.1"
)

BY_CLIENT = frozenset({1, 2, 3, 5, 7, 9, 11, 14, 15})  # RFC 8855 5.1, table 1
BY_SERVER = frozenset({4, 6, 8, 10, 12, 13})
_REQUESTS = frozenset({1, 2, 3, 5, 7, 9, 11})  # what a client asks and a server answers
_RESPONSES = frozenset(
    {6, 10, 12, 13}
)  # what a server sends in answer only; FloorRequestStatus, FloorStatus may be news
_MAY_ANSWER = frozenset({4, 6, 8, 10, 12, 13})
_ACKS = frozenset({14, 15, 17})
_UDP_ONLY = frozenset({14, 15, 16, 17})
_IDS = 64  # different users, floors or conferences of a session that are told apart
_WAIT_NS = 32 * SECOND_NS  # how long a transaction of UDP may last: four retransmissions from T1 (RFC 8855 8.3.1)
_PROTECT = (9, 11)  # errors of who is not served in clear: use TLS, use DTLS
_HELLO, _ERROR, _GOODBYE, _GOODBYE_ACK = 11, 13, 16, 17


@frozen
class BfcpError:
    """An Error: its code, what it answers ("" where that was not seen)."""

    code: int
    asked: str
    cite: Cite

    @property
    def name(self) -> str:
        """The code in words."""
        return names.ERRORS.get(self.code, f"error-{self.code}")


@dataclass(slots=True)
class BfcpSession:
    """BFCP between two addresses, as long as it is followed."""

    ordinal: int
    client: Address
    server: Address
    ip_protocol: int
    transport: str
    first: Cite
    last: Cite
    conferences: dict[int, None] = field(default_factory=dict)
    users: dict[int, Cite] = field(default_factory=dict)  # by whose id the client speaks, and where first
    floors: dict[int, Cite] = field(default_factory=dict)
    chairs: dict[int, Cite] = field(default_factory=dict)  # users whose ChairAction was accepted
    versions: dict[int, None] = field(default_factory=dict)
    uris: dict[int, str] = field(default_factory=dict)  # USER-URI by user (5.2.13)
    primitives: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)  # anomalies of its messages and transactions, by code
    errors: list[BfcpError] = field(default_factory=list)
    messages: int = 0
    retransmissions: int = 0
    unanswered: int = 0
    goodbye: bool = False
    hello_first: bool = False  # the first message of the client is a Hello (6.2)
    seen_by_client: bool = False
    told_to_protect: bool = False  # refused in clear: error 9 or 11 (9.1)
    served_after: bool = False
    trace: Trace = field(default_factory=Trace)
    asked: OrderedDict[int, BfcpMessage] = field(default_factory=OrderedDict)  # by transaction id
    told: OrderedDict[int, BfcpMessage] = field(default_factory=OrderedDict)  # what the server began

    @property
    def refused(self) -> int | None:
        """The code of the Error that refused it in clear (9: use TLS, 11: use DTLS); None if it was served."""
        codes = [error.code for error in self.errors if error.code in _PROTECT]
        return codes[0] if self.told_to_protect and not self.served_after and codes else None

    @property
    def reliable(self) -> bool:
        """Carried by TCP or TLS."""
        return self.ip_protocol == 6


class BfcpSessions:
    """Sessions by their two addresses, at most `messaging_sessions`; the one that was quiet longest makes room."""

    def __init__(self, limits: Limits, floors: FloorBook) -> None:
        self._limits = limits
        self._floors = floors
        self._sessions: OrderedDict[Endpoints, BfcpSession] = OrderedDict()
        self._by_ids: dict[tuple[int, int], dict[int, BfcpSession]] = {}  # by conference and user
        self._ordinal = 0
        self.trace = False
        self.evicted = 0

    def between(self, a: Address, b: Address, protocol: int) -> Sequence[BfcpSession]:
        """The session of two addresses."""
        found = self._sessions.get(Endpoints(min(a, b), max(a, b), protocol))
        return () if found is None else (found,)

    def with_ids(self, conference: int, user: int) -> Sequence[BfcpSession]:
        """The sessions whose client speaks for a user in a conference: the first `_IDS` of them."""
        return tuple(islice(self._by_ids.get((conference, user), {}).values(), _IDS))

    def all(self) -> Sequence[BfcpSession]:
        """Every session that is followed, the one quiet longest first."""
        return tuple(self._sessions.values())

    def repeated(self, message: BfcpMessage, carrier: Carrier) -> None:
        """A message that was sent again."""
        session = self._sessions.get(_key(carrier.endpoints))
        if session is not None:
            session.retransmissions += 1
            self._draw(session, message, carrier, again=True)

    def take(self, message: BfcpMessage, carrier: Carrier) -> list[Anomaly]:
        """Takes a message that was not seen before; says what is wrong with it in its session."""
        session = self._session(message, carrier)
        from_client = carrier.endpoints.src == session.client
        found: list[Anomaly] = []
        asked = self._transaction(session, message, from_client, found)
        self._roles(session, message, from_client, found)
        self._identify(session, message, from_client, found)
        session.messages += 1
        session.last = message.cites[-1]
        session.primitives[message.name] += 1
        session.faults.update(anomaly.kind.code for anomaly in (*message.anomalies, *found))
        told = message.primitive == _ERROR and message.error_code in _PROTECT
        session.served_after = session.served_after or (
            session.told_to_protect and message.primitive in BY_SERVER and message.primitive != _ERROR
        )
        session.told_to_protect = session.told_to_protect or told
        if message.primitive == _ERROR and len(session.errors) < self._limits.bfcp_steps:
            session.errors.append(BfcpError(message.error_code or 0, asked.name if asked else "", message.cites[0]))
        if message.primitive == 10 and asked is not None and len(session.chairs) < _IDS:
            session.chairs.setdefault(asked.user_id, asked.cites[0])
        session.goodbye = session.goodbye or message.primitive == _GOODBYE
        self._draw(session, message, carrier)
        found.extend(self._floors.take(message, session.server, asked))
        return found

    def _session(self, message: BfcpMessage, carrier: Carrier) -> BfcpSession:
        key = _key(carrier.endpoints)
        session = self._sessions.get(key)
        if session is None:
            self._ordinal += 1
            src, dst, protocol = carrier.endpoints
            if message.primitive in BY_SERVER:
                src, dst = dst, src
            session = BfcpSession(
                self._ordinal, src, dst, protocol, carrier.transport, message.cites[0], message.cites[-1]
            )
            self._sessions[key] = session
            if len(self._sessions) > self._limits.messaging_sessions:
                self._let_go(self._sessions.popitem(last=False)[1])
                self.evicted += 1
        else:
            self._sessions.move_to_end(key)
        return session

    def _let_go(self, session: BfcpSession) -> None:
        for ids in product(session.conferences, session.users):
            held = self._by_ids.get(ids, {})
            held.pop(session.ordinal, None)
            if not held:
                self._by_ids.pop(ids, None)

    # -- transactions (8) ----------------------------------------------------------------------------------------

    def _transaction(
        self, session: BfcpSession, message: BfcpMessage, from_client: bool, found: list[Anomaly]
    ) -> BfcpMessage | None:
        """Matches a response with its request and keeps a request until it is answered; gives the request."""
        number, primitive = message.transaction_id, message.primitive
        self._forget(session, message.cites[-1].ts_ns)
        begun, answered = (session.asked, session.told) if from_client else (session.told, session.asked)
        if primitive in _REQUESTS or primitive == _GOODBYE:
            if number == 0 and (from_client or not session.reliable):
                found.append(Anomaly(TRANSACTION, message.cites, f"{message.name} with 0"))
            if number and number in begun:
                found.append(Anomaly(TRANSACTION, message.cites, f"{message.name} with {number} before its answer"))
            self._keep(begun, number, message)
            return None
        asked = answered.get(number) if number or not session.reliable else None
        if asked is not None and (primitive in _ACKS or primitive in _MAY_ANSWER):
            del answered[number]
            if (asked.conference_id, asked.user_id) != (message.conference_id, message.user_id):
                found.append(Anomaly(COPIED, message.cites, f"{message.name} to {asked.name}"))
            return asked
        if primitive in _RESPONSES or primitive in _ACKS:
            found.append(Anomaly(UNASKED, message.cites, message.name))
        elif primitive in _MAY_ANSWER and session.reliable and number and session.seen_by_client:
            found.append(Anomaly(TRANSACTION, message.cites, f"{message.name} of the server's own with {number}"))
        elif primitive in _MAY_ANSWER and not session.reliable:
            if number == 0:
                found.append(Anomaly(TRANSACTION, message.cites, f"{message.name} with 0"))
            self._keep(begun, number, message)
        return None

    def _keep(self, begun: OrderedDict[int, BfcpMessage], number: int, message: BfcpMessage) -> None:
        begun.pop(number, None)
        begun[number] = message
        while len(begun) > self._limits.bfcp_transactions:
            begun.popitem(last=False)

    def _forget(self, session: BfcpSession, now_ns: int) -> None:
        for begun in (session.asked, session.told):
            while begun:
                number, message = next(iter(begun.items()))
                if message.cites[-1].ts_ns > now_ns - _WAIT_NS:
                    break
                del begun[number]
                session.unanswered += 1

    # -- roles and identifiers -----------------------------------------------------------------------------------

    @staticmethod
    def _roles(session: BfcpSession, message: BfcpMessage, from_client: bool, found: list[Anomaly]) -> None:
        primitive = message.primitive
        if from_client:
            if not session.seen_by_client:
                session.hello_first = primitive == _HELLO
            session.seen_by_client = True
        if primitive in (BY_SERVER if from_client else BY_CLIENT):
            found.append(Anomaly(ROLE, message.cites, f"{message.name} by the {'client' if from_client else 'server'}"))
        if session.reliable:
            if primitive in _UDP_ONLY:
                found.append(Anomaly(UNRELIABLE, message.cites, message.name))
            return
        answers = primitive in _RESPONSES or primitive in _ACKS
        if (answers and not message.responder) or (message.responder and primitive in (*_REQUESTS, _GOODBYE)):
            found.append(Anomaly(RESPONDER, message.cites, message.name))

    def _identify(self, session: BfcpSession, message: BfcpMessage, from_client: bool, found: list[Anomaly]) -> None:
        conferences, users = len(session.conferences), len(session.users)
        cite = message.cites[0]
        session.versions[message.version] = None
        if message.conference_id not in session.conferences and len(session.conferences) < _IDS:
            if session.conferences:
                found.append(Anomaly(CONFERENCE, message.cites, str(message.conference_id)))
            session.conferences[message.conference_id] = None
        if from_client and message.primitive in BY_CLIENT and message.user_id not in session.users:
            if session.users:
                found.append(
                    Anomaly(USER, message.cites, f"user {message.user_id}, before {next(iter(session.users))}")
                )
            if len(session.users) < _IDS:
                session.users[message.user_id] = cite
        for floor in message.floor_ids:
            if len(session.floors) < _IDS:
                session.floors.setdefault(floor, cite)
        for user, uri in _uris(message):
            if len(session.uris) < _IDS:
                session.uris.setdefault(user, uri)
        if (conferences, users) != (len(session.conferences), len(session.users)):
            for ids in product(session.conferences, session.users):
                self._by_ids.setdefault(ids, {})[session.ordinal] = session

    def _draw(self, session: BfcpSession, message: BfcpMessage, carrier: Carrier, again: bool = False) -> None:
        if self.trace:
            session.trace.add(carrier, label(message) + (" again" if again else ""), message.cites[-1], self._limits)


def _key(endpoints: Endpoints) -> Endpoints:
    a, b, protocol = endpoints
    return endpoints if a <= b else Endpoints(b, a, protocol)


def _uris(message: BfcpMessage) -> list[tuple[int, str]]:
    """USER-URI attributes with the user they belong to (5.2.14, 5.2.16)."""
    found = []
    for outer in message.find(names.FLOOR_REQUEST_INFORMATION):
        for group in outer.members:
            if group.type in (names.BENEFICIARY_INFORMATION, names.REQUESTED_BY_INFORMATION):
                found += [(group.number or 0, each.text) for each in group.members if each.type == names.USER_URI]
    for group in message.find(names.BENEFICIARY_INFORMATION):
        found += [(group.number or 0, each.text) for each in group.members if each.type == names.USER_URI]
    return found


def label(message: BfcpMessage) -> str:
    """The message in a few words: its primitive, and what it is about."""
    words = [message.name]
    words += [f"floor {floor}" for floor in message.floor_ids[:2]]
    for request in message.floor_requests[:2]:
        words.append(f"#{request.floor_request_id} {request.status_name}".rstrip())
        if request.queue_position:
            words.append(f"queue {request.queue_position}")
    if message.error_code is not None:
        words.append(names.ERRORS.get(message.error_code, str(message.error_code)))
    return " ".join(words)
