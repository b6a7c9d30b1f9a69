"""DTLS on datagrams: what the handshake in clear says of version, cipher and certificates (RFC 6347, RFC 9147)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from analyzer.core.addresses import Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.formats import tls_handshake as hs
from analyzer.formats.tls_suites import suite_name
from analyzer.pipeline.datagram import Datagram
from analyzer.pipeline.ledger import Ledger
from analyzer.protocols.dtls.handshake import HELD_LIMIT, HandshakeAssembler, HandshakeMessage
from analyzer.protocols.dtls.records import CUT_RECORD, HANDSHAKE, DtlsRecord, parse_datagram
from analyzer.session.connections import Connection
from analyzer.session.tls import BAD_HANDSHAKE

FORGOTTEN = define(
    "dtls.handshakes_limit", Severity.LOW, "More DTLS handshakes under way than are followed; the oldest is forgotten"
)
_MESSAGES = 64  # of one handshake; those of RFC 6347 4.2.4 are a dozen

Key = tuple[int, Endpoints]


@dataclass(slots=True)
class _Association:
    """A handshake under way at one vantage point."""

    last_ns: int
    assemblers: dict[Endpoints, HandshakeAssembler] = field(default_factory=dict)
    protected: set[Endpoints] = field(default_factory=set)  # directions whose keys have changed
    messages: int = 0


class DtlsAssociations:
    """Follows DTLS handshakes, at most `Limits.dtls_handshakes` at once; what they say is put on their Connection.

    State is held from the first handshake record in clear until both directions are protected, or it has been idle.
    """

    def __init__(self, limits: Limits, ledger: Ledger) -> None:
        self._limits = limits
        self._ledger = ledger
        self._open: dict[Key, _Association] = {}  # the least recently used first

    def __len__(self) -> int:
        return len(self._open)

    def datagram(self, datagram: Datagram, connection: Connection) -> None:
        """Takes a datagram of DTLS records."""
        for event in parse_datagram(datagram.payload, datagram.cites):
            if isinstance(event, DtlsRecord):
                self._record(datagram, event, connection)
            elif not (datagram.missing and event.kind is CUT_RECORD):
                self._ledger.add(event)

    def _record(self, datagram: Datagram, record: DtlsRecord, connection: Connection) -> None:
        endpoints = datagram.endpoints
        key = datagram.vantage, min(endpoints, endpoints.reverse)
        association = self._open.pop(key, None)
        if record.unified or record.epoch:
            if association is not None:
                association.protected.add(endpoints)
                if len(association.protected) == 2:
                    return
                self._open[key] = association
            return
        if record.content_type != HANDSHAKE:
            if association is not None:
                self._open[key] = association
            return
        if association is None or _begins_anew(association, endpoints, record):
            association = _Association(0)
        association.last_ns = datagram.cites[-1].ts_ns
        self._open[key] = association
        if len(self._open) > self._limits.dtls_handshakes:
            self._close(next(iter(self._open)))
            self._ledger.add(Anomaly(FORGOTTEN, datagram.cites, f"{self._limits.dtls_handshakes} handshakes"))
        self._handshake(association, endpoints, record, connection)

    def _handshake(
        self, association: _Association, endpoints: Endpoints, record: DtlsRecord, connection: Connection
    ) -> None:
        if association.messages > _MESSAGES:
            return
        assembler = association.assemblers.get(endpoints)
        if assembler is None:
            assembler = association.assemblers[endpoints] = HandshakeAssembler(self._limits)
        for event in assembler.receive(record):
            if isinstance(event, HandshakeMessage):
                association.messages += 1
                if not _describe(connection, endpoints, event):
                    self._ledger.add(Anomaly(BAD_HANDSHAKE, event.cites, f"DTLS message of type {event.kind}"))
            else:
                self._ledger.add(event)
        if association.messages > _MESSAGES:
            self._ledger.add(Anomaly(HELD_LIMIT, record.cites, f"more than {_MESSAGES} messages"))

    def _close(self, key: Key) -> None:
        for assembler in self._open.pop(key).assemblers.values():
            for event in assembler.close():
                if isinstance(event, Anomaly):
                    self._ledger.add(event)

    def tick(self, now_ns: int) -> None:
        """Lets go of handshakes that have been idle."""
        horizon = now_ns - self._limits.flow_idle_ns
        for key in [key for key, association in self._open.items() if association.last_ns <= horizon]:
            self._close(key)

    def finish(self) -> None:
        """Lets go of every handshake."""
        for key in list(self._open):
            self._close(key)


def _begins_anew(association: _Association, endpoints: Endpoints, record: DtlsRecord) -> bool:
    """A first ClientHello after the server has spoken: a new association of the same addresses (RFC 6347 4.2.8)."""
    first = record.sequence == 0 and record.fragment[:1] == bytes((hs.CLIENT_HELLO,))
    return first and record.fragment[4:6] == b"\0\0" and endpoints.reverse in association.assemblers


def _describe(connection: Connection, endpoints: Endpoints, message: HandshakeMessage) -> bool:
    """Puts on the connection what a message says; whether the message is well-formed."""
    tell = _TELL.get(message.kind)
    return tell is None or tell(connection, endpoints, message.body)


def _client_hello(connection: Connection, endpoints: Endpoints, body: bytes) -> bool:
    connection.src, connection.dst = endpoints.src, endpoints.dst
    return hs.parse_client_hello(body, datagram=True) is not None


def _server_hello(connection: Connection, endpoints: Endpoints, body: bytes) -> bool:
    connection.src, connection.dst = endpoints.dst, endpoints.src
    hello = hs.parse_server_hello(body)
    if hello is None:
        return False
    version = hello.negotiated_version
    connection.tls_version = hs.VERSIONS.get(version, f"0x{version:04x}")
    connection.tls_cipher = suite_name(hello.suites[0])
    connection.alpn = next(iter(hello.alpn), "")
    return True


def _certificates(connection: Connection, endpoints: Endpoints, body: bytes) -> bool:
    found = hs.parse_certificates(body, tls13=False)
    if found is None:
        return False
    if endpoints.src == connection.dst:
        connection.server_certificates = list(found)
    else:
        connection.client_certificates = list(found)
    return True


_TELL: dict[int, Callable[[Connection, Endpoints, bytes], bool]] = {
    hs.CLIENT_HELLO: _client_hello,
    hs.SERVER_HELLO: _server_hello,
    hs.CERTIFICATE: _certificates,
}
