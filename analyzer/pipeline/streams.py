"""TCP connections: reassembled, their protocol found, TLS and WebSocket opened, messages handed on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from analyzer.core.addresses import Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.formats.tls_handshake import CLIENT_HELLO, VERSIONS
from analyzer.formats.tls_suites import suite_name
from analyzer.net.packets import ACK, SYN
from analyzer.pipeline.datagram import Datagram
from analyzer.pipeline.dispatch import Parsed, StreamDispatcher, StreamProtocol
from analyzer.pipeline.ledger import Ledger
from analyzer.pipeline.sip_events import SipEvents
from analyzer.protocols.bfcp.message import BfcpMessage
from analyzer.protocols.bfcp.probe import probe as probe_bfcp
from analyzer.protocols.bfcp.stream import BfcpStream
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.protocols.msrp.probe import probe as probe_msrp
from analyzer.protocols.msrp.stream import MsrpStream
from analyzer.protocols.rtp.framing import FrameStream
from analyzer.protocols.rtp.framing import probe as probe_framed
from analyzer.protocols.sip.parser import parse_datagram
from analyzer.protocols.sip.probe import probe as probe_sip
from analyzer.protocols.sip.stream import SipStream
from analyzer.protocols.stun.stream import StunStream
from analyzer.protocols.stun.stream import probe as probe_stun
from analyzer.protocols.tls.records import APPLICATION_DATA, HANDSHAKE, Record, RecordStream
from analyzer.protocols.tls.records import probe as probe_tls
from analyzer.protocols.websocket.frames import read_header, unmask
from analyzer.protocols.websocket.handshake import starts
from analyzer.protocols.websocket.message import Upgrade, WebSocketMessage
from analyzer.protocols.websocket.parser import WebSocketStream
from analyzer.protocols.websocket.probe import probe as probe_websocket
from analyzer.session.carrier import Carrier, Ipsec
from analyzer.session.connections import Connection, ConnectionTable
from analyzer.session.esp.paths import EspPaths
from analyzer.session.keyring import Keyring
from analyzer.session.messaging import Messaging
from analyzer.session.tls import Plaintext, Side, TlsConnection
from analyzer.session.tls_reasons import where_cut
from analyzer.transport.cited import Chunk, Closed, Gap
from analyzer.transport.framed import Frame
from analyzer.transport.tcp import TcpEvent, TcpReassembler


def _websocket(data: bytes) -> int:
    """The WebSocket probe, asked again at each segment of an unknown stream: in its middle, SIP or MSRP alone counts.

    Two frames in a row are no proof there: Diameter, for one, looks like a run of empty ones.
    """
    score = probe_websocket(data)
    if score < 0 or starts(data) is not False:
        return score
    header = read_header(data, 0)
    if header is None:
        return 0
    payload = data[header.size : header.size + header.length]
    plain = unmask(payload, header.mask)
    inside = max(probe_sip(plain), probe_msrp(plain))
    return inside if inside or len(payload) < header.length else -1


_PACKETS = {"framed": "rtp", "turn": "stun"}  # what a connection of packets is called, unless they are DTLS


def _nowhere(_: Datagram) -> None:
    """Where framed packets go until somebody takes them."""


_TLS_13 = 0x0304


@dataclass(slots=True)
class _Tls:
    """One TLS connection at one vantage point."""

    state: TlsConnection
    client: Endpoints | None = None
    sides: dict[Endpoints, Side] = field(default_factory=dict)
    finished: bool = False  # TLS 1.3: the client has sent a protected record


class StreamHandler:
    """Everything that runs on TCP."""

    def __init__(
        self,
        limits: Limits,
        ledger: Ledger,
        sip: SipEvents,
        messaging: Messaging,
        connections: ConnectionTable,
        keyring: Keyring,
    ) -> None:
        self._limits = limits
        self._ledger = ledger
        self._sip = sip
        self._messaging = messaging
        self._connections = connections
        self._keyring = keyring
        self._tcp = TcpReassembler(limits)
        sip_protocol = StreamProtocol("sip", probe_sip, lambda: SipStream(limits))
        tls_protocol = StreamProtocol("tls", probe_tls, lambda: RecordStream(limits))
        websocket_protocol = StreamProtocol("websocket", _websocket, lambda: WebSocketStream(limits))
        chunk_bytes = limits.message_bytes if messaging.files is None else limits.file_chunk_bytes
        chunks = replace(limits, message_bytes=chunk_bytes)
        msrp_protocol = StreamProtocol("msrp", probe_msrp, lambda: MsrpStream(chunks))
        bfcp_protocol = StreamProtocol("bfcp", partial(probe_bfcp, datagram=False), lambda: BfcpStream(limits))
        framed_protocol = StreamProtocol("framed", probe_framed, FrameStream)
        turn_protocol = StreamProtocol("turn", probe_stun, StunStream)
        plain = (sip_protocol, websocket_protocol, msrp_protocol, bfcp_protocol)
        self._outer = StreamDispatcher((tls_protocol, *plain, framed_protocol, turn_protocol), limits)
        self.framed: Callable[[Datagram], None] = _nowhere
        self._inner = StreamDispatcher(plain, limits)
        self._tls: dict[tuple[int, Endpoints], _Tls] = {}
        self._waiting: list[tuple[int, Endpoints, _Tls, Connection | None]] = []  # ended, for a secret
        self._paths = EspPaths(limits)
        self.gaps = 0

    def segment(
        self,
        vantage: int,
        endpoints: Endpoints,
        seq: int,
        ack: int,
        flags: int,
        payload: bytes,
        missing: int,
        cite: Cite,
        ipsec: Ipsec | None = None,
    ) -> None:
        """Takes one TCP segment; `ipsec` is what ESP did around it."""
        if ipsec is not None or self._paths:
            self._ledger.extend(self._paths.seen(vantage, endpoints, ipsec, cite))
        if payload or flags & 7:
            connection = self._connections.touch(endpoints, vantage, cite, len(payload) + missing, ipsec)
            connection.cut |= missing > 0
            if flags & SYN:
                connection.opened_by = endpoints.dst if flags & ACK else endpoints.src
        self._events(self._tcp.segment(vantage, endpoints, seq, ack, flags, payload, missing, cite))

    def tick(self, now_ns: int) -> None:
        """Lets reassembly timers fire."""
        self._events(self._tcp.tick(now_ns))
        self._late()

    def finish(self) -> None:
        """Closes every connection."""
        self._late()
        self._events(self._tcp.finish())
        self._late()
        for vantage, endpoints, parsed in self._outer.finish():
            self._parsed(vantage, endpoints, (parsed,))
        for vantage, endpoints, parsed in self._inner.finish():
            self._plain_parsed(vantage, endpoints, (parsed,))

    def _events(self, events: Sequence[TcpEvent]) -> None:
        for (vantage, endpoints), event in events:
            if isinstance(event, Chunk):
                self._parsed(vantage, endpoints, self._outer.chunk(vantage, endpoints, event))
            elif isinstance(event, Gap):
                self.gaps += 1
                self._parsed(vantage, endpoints, self._outer.gap(vantage, endpoints, event))
                tls = self._tls.get(_key(vantage, endpoints))
                if tls is not None and endpoints in tls.sides:
                    tls.state.lost_bytes(tls.sides[endpoints])
                    lost = Gap(None, event.cite)
                    self._plain_parsed(vantage, endpoints, self._inner.gap(vantage, endpoints, lost))
            elif isinstance(event, Closed):
                self._parsed(vantage, endpoints, self._outer.close(vantage, endpoints))
                self._plain_parsed(vantage, endpoints, self._inner.close(vantage, endpoints))
                if self._outer.protocol_of(vantage, endpoints.reverse) == "":
                    self._ended(vantage, endpoints)
            elif isinstance(event, Anomaly):
                self._ledger.add(event)

    def _carrier(self, vantage: int, endpoints: Endpoints, transport: str) -> Carrier:
        return Carrier(vantage, endpoints, transport, self._paths.of(vantage, endpoints))

    def _parsed(self, vantage: int, endpoints: Endpoints, parsed: Iterable[Parsed]) -> None:
        for item in parsed:
            connection = self._connections.find(endpoints)
            if item.protocol in _PACKETS:
                self._frames(vantage, endpoints, item.events)
            if connection is not None and not connection.protocol:
                connection.protocol = _PACKETS.get(item.protocol, item.protocol)
            if item.protocol == "sip":
                self._sip.take(item.events, self._carrier(vantage, endpoints, "tcp"))
            elif item.protocol == "websocket":
                self._websocket(self._carrier(vantage, endpoints, "ws"), item.events, self._outer, connection)
            elif item.protocol in ("msrp", "bfcp"):
                self._messages(self._carrier(vantage, endpoints, "tcp"), item.events)
            elif item.protocol == "tls":
                for event in item.events:
                    if isinstance(event, Record):
                        self._record(vantage, endpoints, event, connection)
                    elif isinstance(event, Anomaly):
                        self._ledger.add(event)

    def _frames(self, vantage: int, endpoints: Endpoints, events: Iterable[object]) -> None:
        """Packets of datagram protocols on TCP: RTP, STUN, DTLS, as if each had come by itself."""
        ipsec = self._paths.of(vantage, endpoints)
        for event in events:
            if isinstance(event, Frame):
                self.framed(Datagram(vantage, endpoints, event.payload, 0, -1, event.cites, 1, ipsec=ipsec))
            elif isinstance(event, Anomaly):
                self._ledger.add(event)

    # -- TLS -----------------------------------------------------------------------------------------------------

    def _record(self, vantage: int, endpoints: Endpoints, record: Record, connection: Connection | None) -> None:
        tls = self._tls.setdefault(_key(vantage, endpoints), _Tls(TlsConnection(self._keyring)))
        if tls.client is None:
            hello = record.content_type == HANDSHAKE and record.fragment[:1] == bytes((CLIENT_HELLO,))
            tls.client = (
                endpoints if hello or connection is None or connection.src == endpoints.src else endpoints.reverse
            )
            tls.sides = {tls.client: "client", tls.client.reverse: "server"}
        self._opened(vantage, tls, tls.state.record(tls.sides[endpoints], record), connection)
        if record.content_type == APPLICATION_DATA:
            self._pace(vantage, endpoints, tls, record)

    def _pace(self, vantage: int, endpoints: Endpoints, tls: _Tls, record: Record) -> None:
        """Notes a protected record, in TLS 1.3 those behind the first of the client's: it ends the handshake."""
        if tls.state.version != _TLS_13 or tls.finished:
            self._ledger.extend(self._messaging.paces.note(vantage, endpoints, len(record.fragment), record.cites[-1]))
        tls.finished = tls.finished or tls.sides[endpoints] == "client"

    def _ended(self, vantage: int, endpoints: Endpoints) -> None:
        """Lets a TLS connection go, unless its records wait for a secret that a growing key log may still name."""
        tls = self._tls.pop(_key(vantage, endpoints), None)
        if tls is not None and tls.state.waits:
            self._waiting.append((vantage, endpoints, tls, self._connections.find(endpoints)))
            del self._waiting[: -self._limits.tls_waiting]

    def _late(self) -> None:
        """Reads records whose secret came behind them."""
        if not self._keyring.growing:
            return
        waiting, self._waiting = self._waiting, []
        running = [(v, e, tls, self._connections.find(e)) for (v, e), tls in self._tls.items() if tls.state.waits]
        for vantage, _, tls, connection in [*running, *waiting]:
            self._opened(vantage, tls, tls.state.late(), connection)
        self._waiting = [item for item in waiting if item[2].state.waits]

    def _opened(
        self, vantage: int, tls: _Tls, events: Iterable[Plaintext | Anomaly], connection: Connection | None
    ) -> None:
        ends = {side: endpoints for endpoints, side in tls.sides.items()}
        for event in events:
            if isinstance(event, Plaintext):
                self._plaintext(vantage, ends[event.side], event.chunk, connection)
            else:
                self._ledger.add(event)
        if connection is not None:
            _describe(connection, tls)

    def _plaintext(self, vantage: int, endpoints: Endpoints, chunk: Chunk, connection: Connection | None) -> None:
        self._plain_parsed(vantage, endpoints, self._inner.chunk(vantage, endpoints, chunk))
        if connection is not None and not connection.inner:
            connection.inner = self._inner.protocol_of(vantage, endpoints)

    def _plain_parsed(self, vantage: int, endpoints: Endpoints, parsed: Iterable[Parsed]) -> None:
        connection = self._connections.find(endpoints)
        null = connection is not None and connection.null_cipher
        for item in parsed:
            transport = "wss" if item.protocol == "websocket" else "tls"
            carrier = Carrier(vantage, endpoints, transport, null_cipher=null)
            if item.protocol == "sip":
                self._sip.take(item.events, carrier)
            elif item.protocol == "websocket":
                self._websocket(carrier, item.events, self._inner, connection)
            else:
                self._messages(carrier, item.events)

    def _messages(self, carrier: Carrier, events: Iterable[object]) -> None:
        for event in events:
            if isinstance(event, MsrpMessage | BfcpMessage):
                self._ledger.extend(self._messaging.take(event, carrier))
            elif isinstance(event, Anomaly):
                self._ledger.add(event)

    def _framed_msrp(self, message: WebSocketMessage, carrier: Carrier) -> None:
        """The one MSRP message that a WebSocket message holds (RFC 7977 5.2): its end is the frame's."""
        stream = MsrpStream(self._limits)
        events = [*stream.receive(Chunk(message.data, message.cites[0])), *stream.close()]
        whole = (replace(each, cites=message.cites) if isinstance(each, MsrpMessage) else each for each in events)
        self._messages(carrier, whole)

    # -- WebSocket (RFC 7118, RFC 7977) ------------------------------------------------------------------------------

    def _websocket(
        self, carrier: Carrier, events: Iterable[object], dispatcher: StreamDispatcher, connection: Connection | None
    ) -> None:
        for event in events:
            if isinstance(event, WebSocketMessage):
                if event.control:
                    continue
                if probe_msrp(event.data) > 0:
                    self._framed_msrp(event, carrier)
                    if connection is not None:
                        connection.inner = "msrp"
                if probe_sip(event.data) <= 0:
                    continue
                self._sip.take(parse_datagram(event.data, event.cites, self._limits), carrier, event.cites)
                if connection is not None:
                    connection.inner = "sip"
            elif isinstance(event, Upgrade):
                other = dispatcher.parser_of(carrier.vantage, carrier.endpoints.reverse)
                if not event.request and isinstance(other, WebSocketStream):
                    other.negotiated(event.deflate, event.no_context_takeover)
            elif isinstance(event, Anomaly):
                self._ledger.add(event)


def _key(vantage: int, endpoints: Endpoints) -> tuple[int, Endpoints]:
    return vantage, endpoints if endpoints.src <= endpoints.dst else endpoints.reverse


def _describe(connection: Connection, tls: _Tls) -> None:
    """What is known of a TLS connection so far."""
    state = tls.state
    if tls.client is not None:
        connection.src, connection.dst = tls.client.src, tls.client.dst
        connection.tls_client = tls.client.src if state.client_hello is not None else None
    if state.version:
        connection.tls_version = VERSIONS.get(state.version, f"0x{state.version:04x}")
    if state.server_hello is not None:
        connection.tls_cipher = suite_name(state.server_hello.suites[0])
        connection.alpn = next(iter(state.server_hello.alpn), "")
        connection.compressed = state.server_hello.compression != 0
        connection.renegotiation_secure = state.server_hello.renegotiation_secure
    connection.handshake = state.randoms or connection.handshake
    connection.sealed |= state.sealed
    connection.server_certificates = state.certificates
    connection.client_certificates = state.client_certificates
    connection.client_certified = state.client_certified
    if state.opened_records or not connection.decrypted:  # what is closed at one vantage point may be open at another
        connection.failure = where_cut(state.failure) if connection.cut else state.failure
    connection.decrypted = connection.decrypted or state.opened_records > 0
