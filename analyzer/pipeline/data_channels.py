"""WebRTC data channels: what is inside SCTP inside DTLS, by the name each channel was opened with (RFC 8831, 8832)."""

from dataclasses import dataclass, field, replace

from analyzer.core.addresses import Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.core.text import safe
from analyzer.pipeline.datagram import Datagram
from analyzer.pipeline.ledger import Ledger
from analyzer.protocols.bfcp.message import BfcpMessage
from analyzer.protocols.bfcp.probe import probe as probe_bfcp
from analyzer.protocols.bfcp.stream import BfcpStream
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.protocols.msrp.probe import probe as probe_msrp
from analyzer.protocols.msrp.stream import MsrpStream
from analyzer.protocols.sctp.message import DCEP, UserMessage
from analyzer.protocols.sctp.parser import HEADER, SctpDirection, parse_open
from analyzer.session.carrier import Carrier
from analyzer.session.connections import Connection
from analyzer.session.messaging import Messaging
from analyzer.transport.cited import Chunk

_CHANNELS = 64  # of one association, named in the report


@dataclass(slots=True)
class _Association:
    """One SCTP association at one vantage point."""

    directions: dict[Endpoints, SctpDirection] = field(default_factory=dict)
    last_ns: int = 0


class DataChannels:
    """Takes SCTP packets out of DTLS, of at most `dtls_sessions` associations at once; the one quiet longest goes."""

    def __init__(self, limits: Limits, ledger: Ledger, messaging: Messaging) -> None:
        self._limits = limits
        self._ledger = ledger
        self._messaging = messaging
        self._open: dict[tuple[int, Endpoints], _Association] = {}

    def packet(self, inner: Datagram, connection: Connection) -> None:
        """Takes one packet; what its channels carry goes to the session layer."""
        ends = inner.endpoints
        key = inner.vantage, min(ends, ends.reverse)
        association = self._open.pop(key, None) or _Association()
        self._open[key] = association
        if len(self._open) > self._limits.dtls_sessions:
            del self._open[next(iter(self._open))]
        direction = association.directions.get(ends)
        if direction is None:
            direction = association.directions[ends] = SctpDirection(self._limits)
        for event in direction.receive(inner.payload[HEADER:], inner.cites):
            if isinstance(event, Anomaly):
                self._ledger.add(event)
            elif event.ppid == DCEP:
                self._named(event, connection)
            elif event.data:
                self._content(event, inner, connection)

    def _named(self, message: UserMessage, connection: Connection) -> None:
        opened = parse_open(message)
        if isinstance(opened, Anomaly):
            self._ledger.add(opened)
        elif opened is not None and len(connection.channels) < _CHANNELS:
            connection.channels.setdefault(message.stream, (safe(opened.label, 80), safe(opened.protocol, 80)))

    def _content(self, message: UserMessage, inner: Datagram, connection: Connection) -> None:
        _, protocol = connection.channels.get(message.stream, ("", ""))
        carrier = Carrier(inner.vantage, inner.endpoints, inner.inside)
        if protocol.lower() == "msrp" or probe_msrp(message.data) > 0:
            connection.channels.setdefault(message.stream, ("", "msrp"))
            self._events(MsrpStream(self._limits), message, carrier)
        elif protocol.lower() == "bfcp" or probe_bfcp(message.data, datagram=False) > 0:
            connection.channels.setdefault(message.stream, ("", "bfcp"))
            self._events(BfcpStream(self._limits), message, carrier)

    def _events(self, parser: MsrpStream | BfcpStream, message: UserMessage, carrier: Carrier) -> None:
        """Each message of a channel holds whole messages of its protocol (RFC 8873 5, RFC 4975 5)."""
        events = [*parser.receive(Chunk(message.data, message.cites[0])), *parser.close()]
        for event in events:
            if isinstance(event, MsrpMessage | BfcpMessage):
                self._ledger.extend(self._messaging.take(replace(event, cites=message.cites), carrier))
            elif isinstance(event, Anomaly):
                self._ledger.add(event)
