"""DTLS on datagrams: handshakes followed, records opened where a secret is known, keys and plaintext handed on.

What the handshake says of version, cipher and certificates is put on the connection; the SRTP keys it gave go to the
media of its flow; application data comes back as datagrams of their own (RFC 6347, RFC 9147, RFC 5764). A connection ID
finds its association after an end has moved to another address (RFC 9146 4).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.formats import tls_handshake as hs
from analyzer.pipeline.datagram import Datagram
from analyzer.pipeline.dtls_description import describe
from analyzer.pipeline.ledger import Ledger
from analyzer.protocols.dtls.handshake import HELD_LIMIT, HandshakeAssembler, HandshakeMessage
from analyzer.protocols.dtls.records import (
    ALERT,
    APPLICATION_DATA,
    CUT_RECORD,
    HANDSHAKE,
    DtlsRecord,
    parse_datagram,
    with_connection_id,
)
from analyzer.session.connections import Connection
from analyzer.session.dtls import DtlsSession
from analyzer.session.secret_store import SecretStore
from analyzer.session.stream_keys import StreamKeys
from analyzer.session.tls import Side
from analyzer.session.tls_reasons import SNAPPED, UNSEEN, where_cut

FORGOTTEN = define(
    "dtls.handshakes_limit", Severity.LOW, "More DTLS handshakes under way than are followed; the oldest is forgotten"
)
SESSIONS = define(
    "dtls.sessions_limit", Severity.LOW, "More open DTLS associations than are kept; the oldest is forgotten"
)
_MESSAGES = 64  # of one handshake; those of RFC 6347 4.2.4 are a dozen
_WAITING_BYTES = 65_536  # of records of one association kept until their secret is known
_RECORD_COST = 512  # bytes that a record takes beside its content
_HANDSHAKE_EPOCH = b"\0\0"
_REPLAYS = 128  # records of a direction remembered, so that a copy is not read twice (RFC 6347 4.1.2.6)

Key = tuple[int, Endpoints]
Way = tuple[Key, Endpoints]  # an association, and the direction in it as its handshake went
Name = tuple[int, bool, Address, bytes]  # vantage point, whether sent to an address or from it, connection ID


@dataclass(slots=True)
class _Waiting:
    """A record without a key, for a secret that a growing key log may still name."""

    datagram: Datagram
    way: Way
    record: DtlsRecord
    connection: Connection


@dataclass(slots=True)
class _Association:
    """An association at one vantage point."""

    session: DtlsSession
    last_ns: int = 0
    hello: bytes = b""  # the first fragment of its first ClientHello
    client: Endpoints | None = None
    assemblers: dict[Endpoints, HandshakeAssembler] = field(default_factory=dict)
    protected: set[Endpoints] = field(default_factory=set)  # directions whose keys have changed
    messages: int = 0
    keyed: bool = False
    names: set[Name] = field(default_factory=set)
    seen: dict[Endpoints, dict[int, None]] = field(default_factory=dict)
    waiting: list[_Waiting] = field(default_factory=list)
    waiting_bytes: int = 0

    def wait(self, waiting: _Waiting) -> None:
        """Keeps a record, within a bound."""
        self.waiting_bytes += len(waiting.record.fragment) + _RECORD_COST
        if self.waiting_bytes <= _WAITING_BYTES:
            self.waiting.append(waiting)

    def side(self, endpoints: Endpoints) -> Side:
        """Who sends in a direction."""
        return "client" if self.client is None or endpoints == self.client else "server"

    def repeated(self, record: DtlsRecord, endpoints: Endpoints) -> bool:
        """Whether the very record was seen lately in its direction; it is noted."""
        seen = self.seen.setdefault(endpoints, {})
        mark = hash((record.content_type, record.epoch, record.sequence, record.fragment))
        if mark in seen:
            return True
        seen[mark] = None
        if len(seen) > _REPLAYS:
            del seen[next(iter(seen))]
        return False


class DtlsAssociations:
    """Follows DTLS associations; what their handshakes say is put on their Connection.

    At most `Limits.dtls_handshakes` are under way at once. Those that can be opened are kept behind their handshake, at
    most `Limits.dtls_sessions`; the others are let go once both directions are protected, all when they are idle. While
    key logs grow, all are kept so, and `late` reads what came before its secret.
    """

    def __init__(self, limits: Limits, ledger: Ledger, secrets: SecretStore, keys: StreamKeys) -> None:
        self._limits = limits
        self._ledger = ledger
        self._secrets = secrets
        self._keys = keys
        self._open: dict[Key, _Association] = {}  # handshakes under way, the least recently used first
        self._done: dict[Key, _Association] = {}  # associations behind their handshake, likewise
        self._named: dict[Name, dict[Key, Endpoints]] = {}  # of both: whose it may be
        self._name_sizes: set[int] = set()
        self._version = secrets.version
        self.records = 0  # in the datagram that was taken last

    def __len__(self) -> int:
        return len(self._open)

    def datagram(self, datagram: Datagram, connection: Connection) -> list[Datagram]:
        """Takes a datagram of DTLS records; gives the application data that was opened in it."""
        found: list[Datagram] = []
        key = datagram.vantage, min(datagram.endpoints, datagram.endpoints.reverse)
        way: Way = key, datagram.endpoints
        rest, self.records = datagram.payload, 0
        while rest:
            events, rest = parse_datagram(rest, datagram.cites), b""
            for event in events:
                if isinstance(event, DtlsRecord):
                    self.records += 1
                    told = self._told_apart(datagram, event) if event.unread else None
                    if told is not None:  # it was taken to be the last
                        event, rest, way = told
                    found += self._record(datagram, event, connection, way)
                elif not (datagram.missing and event.kind is CUT_RECORD):
                    self._ledger.add(event)
                elif datagram.payload[3:5] == _HANDSHAKE_EPOCH:
                    connection.cut = True
                    connection.failure = connection.failure or SNAPPED
        return found

    def named(self, datagram: Datagram) -> bool:
        """Whether a datagram begins with a connection ID of an association that is followed."""
        event = next(iter(parse_datagram(datagram.payload, datagram.cites)), None)
        return isinstance(event, DtlsRecord) and event.unread and self._told_apart(datagram, event) is not None

    def _told_apart(self, datagram: Datagram, record: DtlsRecord) -> tuple[DtlsRecord, bytes, Way] | None:
        """The record behind its connection ID, what stands behind it in the datagram, and whose it is: of the
        association of both addresses if it can be, else of one of either address."""
        vantage, endpoints = datagram.vantage, datagram.endpoints
        key = vantage, min(endpoints, endpoints.reverse)
        association = self._open.get(key) or self._done.get(key)
        if association is not None:
            told = with_connection_id(record, association.session.cids.get(association.side(endpoints), ()))
            if told is not None:
                return *told, (key, endpoints)
        for size in sorted(self._name_sizes, reverse=True):
            cid = record.fragment[:size]
            for name in ((vantage, True, endpoints.dst, cid), (vantage, False, endpoints.src, cid)):
                ways = self._named.get(name, {})
                told = with_connection_id(record, (cid,)) if len(ways) == 1 else None  # else it proves nothing
                if told is not None:
                    return *told, next(iter(ways.items()))
        return None

    def _name(self, key: Key, association: _Association) -> None:
        """Notes the connection IDs of an association."""
        if association.client is None:
            return
        ways: tuple[tuple[Side, Endpoints], ...] = (
            ("client", association.client),
            ("server", association.client.reverse),
        )
        for side, endpoints in ways:
            for cid in association.session.cids.get(side, ()):
                names = {(key[0], True, endpoints.dst, cid), (key[0], False, endpoints.src, cid)}
                association.names |= names
                for name in names:
                    self._named.setdefault(name, {})[key] = endpoints
                self._name_sizes.add(len(cid))

    def _unname(self, key: Key, association: _Association) -> None:
        for name in association.names:
            ways = self._named.get(name, {})
            ways.pop(key, None)
            if not ways:
                self._named.pop(name, None)

    def _record(self, datagram: Datagram, record: DtlsRecord, connection: Connection, way: Way) -> Sequence[Datagram]:
        key, endpoints = way
        association = self._open.pop(key, None)
        if record.unified or record.epoch:
            return self._protected(datagram, way, association, record, connection)
        if record.content_type != HANDSHAKE:
            if association is not None:
                self._open[key] = association
            return ()
        association = association or self._done.pop(key, None)
        if association is None or _begins_anew(association, endpoints, record):
            if association is not None:
                self._unname(key, association)
            association = _Association(DtlsSession(self._secrets))
        association.last_ns = datagram.cites[-1].ts_ns
        self._open[key] = association
        if len(self._open) > self._limits.dtls_handshakes:
            self._close(next(iter(self._open)))
            self._ledger.add(Anomaly(FORGOTTEN, datagram.cites, f"{self._limits.dtls_handshakes} handshakes"))
        self._handshake(association, way, record, connection)
        return ()

    # -- protected records -----------------------------------------------------------------------------------------

    def _protected(
        self,
        datagram: Datagram,
        way: Way,
        association: _Association | None,
        record: DtlsRecord,
        connection: Connection,
    ) -> Sequence[Datagram]:
        key, endpoints = way
        association = association or self._done.pop(key, None)
        if association is None:
            unseen = where_cut(UNSEEN) if connection.cut else UNSEEN
            connection.failure = connection.failure or ("" if connection.tls_version else unseen)
            return ()
        association.last_ns = datagram.cites[-1].ts_ns
        association.protected.add(endpoints)
        found = self._opened(association, datagram, way, record, connection)
        if len(association.protected) < 2:
            self._open[key] = association
        elif association.session.opened or association.keyed or self._secrets.growing:
            self._done[key] = association
            if len(self._done) > self._limits.dtls_sessions:
                oldest = next(iter(self._done))
                self._unname(oldest, self._done.pop(oldest))
                self._ledger.add(Anomaly(SESSIONS, datagram.cites, f"{self._limits.dtls_sessions} associations"))
        else:
            self._unname(key, association)
        return found

    def _opened(
        self, association: _Association, datagram: Datagram, way: Way, record: DtlsRecord, connection: Connection
    ) -> Sequence[Datagram]:
        if association.repeated(record, way[1]):
            return ()
        return self._read(association, _Waiting(datagram, way, record, connection))

    def _read(self, association: _Association, waiting: _Waiting) -> Sequence[Datagram]:
        datagram, way, record, connection = waiting.datagram, waiting.way, waiting.record, waiting.connection
        session = association.session
        result = session.record(association.side(way[1]), record)
        connection.failure = where_cut(session.failure) if connection.cut else session.failure
        if result is None and self._secrets.growing:
            association.wait(waiting)
        if isinstance(result, Anomaly):
            self._ledger.add(result)
        if result is None or isinstance(result, Anomaly):
            return ()
        connection.decrypted = True
        if not connection.tls_version:  # of an end that has moved
            describe(connection, session)
        if result.content_type == HANDSHAKE:
            self._handshake(association, way, replace(record, fragment=result.plaintext), connection)
        elif result.content_type == ALERT:
            self._ledger.extend(session.alert(result.plaintext, record.cites))
        elif result.content_type == APPLICATION_DATA and result.plaintext:
            return (replace(datagram, payload=result.plaintext, missing=0, depth=datagram.depth + 1, inside="dtls"),)
        return ()

    def late(self) -> list[tuple[Datagram, Connection]]:
        """What secrets that came since open: keys of media, and application data with the connection it belongs to."""
        found: list[tuple[Datagram, Connection]] = []
        if not self._secrets.growing or self._version == self._secrets.version:
            return found
        self._version = self._secrets.version
        for association in (*self._open.values(), *self._done.values()):
            if association.keyed and not association.waiting:
                continue
            waiting, association.waiting, association.waiting_bytes = association.waiting, [], 0
            association.session.begin_again(len(waiting))
            self._learn_keys(association)
            for each in waiting:
                found += [(inner, each.connection) for inner in self._read(association, each)]
        return found

    # -- handshake -------------------------------------------------------------------------------------------------

    def _handshake(self, association: _Association, way: Way, record: DtlsRecord, connection: Connection) -> None:
        endpoints = way[1]
        if association.messages > _MESSAGES:
            return
        if record.fragment[:1] == bytes((hs.CLIENT_HELLO,)) and not association.hello:
            association.hello, association.client = record.fragment, endpoints
        assembler = association.assemblers.get(endpoints)
        if assembler is None or _renegotiates(association, record):
            assembler = association.assemblers[endpoints] = HandshakeAssembler(self._limits)
        for event in assembler.receive(record):
            if isinstance(event, HandshakeMessage):
                association.messages += 1
                self._message(association, endpoints, event, connection)
            else:
                self._ledger.add(event)
        if association.session.cids:
            self._name(way[0], association)
        if association.messages > _MESSAGES:
            self._ledger.add(Anomaly(HELD_LIMIT, record.cites, f"more than {_MESSAGES} messages"))

    def _message(
        self, association: _Association, endpoints: Endpoints, message: HandshakeMessage, connection: Connection
    ) -> None:
        if message.kind == hs.SERVER_HELLO and association.client is None:  # the ClientHello was not captured
            association.client = endpoints.reverse
        session = association.session
        self._ledger.extend(session.message(association.side(endpoints), message))
        client = association.client
        if client is not None and {connection.src, connection.dst} == {client.src, client.dst}:  # no end has moved
            connection.src, connection.dst = client.src, client.dst
            connection.tls_client = connection.src
        describe(connection, session)
        if message.kind in _KEYS_KNOWN:
            self._learn_keys(association)

    def _learn_keys(self, association: _Association) -> None:
        """The keys of the flow's media, if they are known."""
        keys, client = association.session.srtp_keys(), association.client
        if client is None:
            return
        if keys is not None:
            association.keyed = True
            self._keys.dtls.learn(client.src, client.dst, keys, self._keys.position)
        elif self._secrets.growing and association.session.profiles:
            self._keys.dtls.expect(client.src, client.dst)

    # -- the end ---------------------------------------------------------------------------------------------------

    def _close(self, key: Key) -> None:
        association = self._open.pop(key)
        self._unname(key, association)
        for assembler in association.assemblers.values():
            for event in assembler.close():
                if isinstance(event, Anomaly):
                    self._ledger.add(event)

    def tick(self, now_ns: int) -> None:
        """Lets go of what has been idle."""
        horizon = now_ns - self._limits.flow_idle_ns
        for key in [key for key, association in self._open.items() if association.last_ns <= horizon]:
            self._close(key)
        for key in [key for key, association in self._done.items() if association.last_ns <= horizon]:
            self._unname(key, self._done.pop(key))

    def finish(self) -> None:
        """Lets go of everything."""
        for key in list(self._open):
            self._close(key)
        self._done.clear()
        self._named.clear()


_KEYS_KNOWN = frozenset((hs.SERVER_HELLO, hs.ENCRYPTED_EXTENSIONS, hs.CLIENT_KEY_EXCHANGE))


def _begins_anew(association: _Association, endpoints: Endpoints, record: DtlsRecord) -> bool:
    """A first ClientHello after the server has spoken: a new association of the same addresses (RFC 6347 4.2.8).

    The very one that began this association is a copy of it.
    """
    first = record.sequence == 0 and record.fragment[:1] == bytes((hs.CLIENT_HELLO,))
    known = record.fragment == association.hello
    return first and not known and record.fragment[4:6] == b"\0\0" and endpoints.reverse in association.assemblers


def _renegotiates(association: _Association, record: DtlsRecord) -> bool:
    """The first message of another handshake inside the association (RFC 6347 4.2.2): its numbers start again."""
    first = record.fragment[:1] in (bytes((hs.CLIENT_HELLO,)), bytes((hs.HELLO_REQUEST,)))
    return bool(record.epoch) and not association.session.is_13 and first and record.fragment[4:6] == b"\0\0"
