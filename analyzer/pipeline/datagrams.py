"""Datagrams that are not media, told by their first bytes (RFC 7983 7) and the probes.

What TURN relays comes out between the client and its peer, and is read like a datagram of its own; so does what was
inside DTLS.
"""

from collections.abc import Callable
from dataclasses import replace

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.net.packets import TCP
from analyzer.pipeline.associations import DtlsAssociations
from analyzer.pipeline.data_channels import DataChannels
from analyzer.pipeline.datagram import Datagram
from analyzer.pipeline.ledger import Ledger
from analyzer.pipeline.sctp import SctpAssociations
from analyzer.pipeline.sip_events import SipEvents
from analyzer.protocols.bfcp.parser import parse_datagram as parse_bfcp
from analyzer.protocols.bfcp.probe import probe as probe_bfcp
from analyzer.protocols.dtls.records import probe as probe_dtls
from analyzer.protocols.sctp.parser import probe as probe_sctp
from analyzer.protocols.sip.parser import recognise
from analyzer.protocols.stun.message import ChannelData, StunMessage
from analyzer.protocols.stun.parser import CUT
from analyzer.protocols.stun.parser import parse as parse_stun
from analyzer.protocols.stun.probe import probe as probe_stun
from analyzer.protocols.stun.turn import TurnTable
from analyzer.protocols.udptl.parser import parse as parse_udptl
from analyzer.protocols.zrtp.probe import probe as probe_zrtp
from analyzer.session.carrier import Carrier
from analyzer.session.claims import Claims
from analyzer.session.connections import Connection, ConnectionTable
from analyzer.session.ice_checks import IceChecks
from analyzer.session.media.zrtp import ZrtpFlows
from analyzer.session.messaging import Messaging
from analyzer.session.secret_store import SecretStore
from analyzer.session.stream_keys import StreamKeys

RTP_FIRST, RTP_LAST = 128, 191  # RFC 7983 7: first bytes of RTP and RTCP
BFCP_FIRST, CHANNEL_LAST, BFCP_LAST = 64, 79, 95  # RFC 8855 5.1: version 2; up to 79 TURN's too (RFC 7983 7)
NESTED = define("turn.nesting_limit", Severity.MEDIUM, "TURN or DTLS inside each other, deeper than is unwrapped")
_CHANNEL_HEADER = 4
_WITH_VERSION = 60  # what the DTLS probe says of a record that names its version

Relay = Callable[[Datagram], None]


_BFCP_VERSION_1 = (0x20, 0x28, 0x30, 0x38)  # no content type of DTLS (RFC 7983 7): read where SDP expects BFCP


class DatagramHandler:
    """Everything on UDP and SCTP that is no RTP. `relay` takes what may be RTP or RTCP out of TURN."""

    def __init__(
        self,
        limits: Limits,
        ledger: Ledger,
        sip: SipEvents,
        messaging: Messaging,
        connections: ConnectionTable,
        zrtp: ZrtpFlows,
        relay: Relay,
        secrets: SecretStore,
        keys: StreamKeys,
        claims: Claims,
        ice: IceChecks,
    ) -> None:
        self._limits = limits
        self._ledger = ledger
        self._sip = sip
        self._messaging = messaging
        self._connections = connections
        self._zrtp = zrtp
        self._relay = relay
        self._turn = TurnTable(limits)
        self.dtls = DtlsAssociations(limits, ledger, secrets, keys)
        self._channels = DataChannels(limits, ledger, messaging)
        self._sctp = SctpAssociations(limits, ledger)
        self._claims = claims
        self._ice = ice

    def datagram(self, datagram: Datagram) -> None:
        """Takes one UDP payload."""
        payload = datagram.payload
        first = payload[0] if payload else -1
        if self._claims.faxes and self._take_udptl(datagram):
            return
        if self._claims.channels and self._take_sctp(datagram):
            return
        if (first in b"\r\n" if 0 <= first < 32 else 32 < first < 127) and self._take_sip(datagram):
            return
        if 0 <= first <= 3:
            self._take_stun(datagram)
        elif BFCP_FIRST <= first <= BFCP_LAST:
            if first > CHANNEL_LAST or not self._take_stun(datagram):
                self._take_bfcp(datagram)
        elif 16 <= first <= 19:
            if probe_zrtp(payload) > 0:
                self._ledger.extend(self._zrtp.seen(datagram.endpoints, datagram.cites))
        elif first in _BFCP_VERSION_1 and self._claims.bfcp(datagram.endpoints):
            self._accept_bfcp(datagram)
        elif 20 <= first <= 63:
            self._take_dtls(datagram)

    def carried(self, inner: Datagram) -> None:
        """Takes a UDP payload that came out of a relay or a security association: media too."""
        if len(inner.payload) >= 8 and RTP_FIRST <= inner.payload[0] <= RTP_LAST:
            self._relay(inner)
        else:
            self.datagram(inner)

    def tick(self, now_ns: int) -> None:
        """Lets go of what has been idle."""
        self.dtls.tick(now_ns)

    def late(self) -> None:
        """Reads what came before its secret, where a key log has grown."""
        for inner, connection in self.dtls.late():
            self._plaintext(inner, connection)

    def finish(self) -> None:
        """The capture has ended."""
        self.late()
        self.dtls.finish()
        self._sctp.finish()

    def _touch(self, datagram: Datagram) -> Connection:
        connection = self._connections.find(datagram.endpoints) if datagram.endpoints.protocol == TCP else None
        if connection is not None:
            return connection  # its segments have been counted
        size = len(datagram.payload) + datagram.missing
        ends, cite = datagram.endpoints, datagram.cites[-1]
        return self._connections.touch(ends, datagram.vantage, cite, size, datagram.ipsec)

    def _take_sip(self, datagram: Datagram) -> bool:
        """SIP, if it is that."""
        events = recognise(datagram.payload, datagram.cites, self._limits, datagram.missing)
        if events is None:
            return False
        self._touch(datagram).protocol = "sip"
        carrier = Carrier(datagram.vantage, datagram.endpoints, "udp", datagram.ipsec, datagram.ip_id)
        self._sip.take(events, carrier, datagram.cites)
        return True

    def sctp(self, packet: Datagram) -> None:
        """Takes what one SCTP packet, without its common header, completes."""
        for message in self._sctp.packet(packet):
            events = recognise(message.data, message.cites, self._limits)
            if events is not None:
                carrier = Carrier(packet.vantage, packet.endpoints, "sctp", packet.ipsec)
                self._sip.take(events, carrier, message.cites)

    def _take_dtls(self, datagram: Datagram) -> None:
        """DTLS. The shape of 1.3 ciphertext alone proves nothing: it counts where a handshake was seen, or the
        connection ID of one."""
        score = probe_dtls(datagram.payload)
        known = self._connections.find(datagram.endpoints)
        seen = known is not None and known.protocol == "dtls"
        if score < _WITH_VERSION and (score < 0 or not (seen or self.dtls.named(datagram))):
            return
        connection = self._touch(datagram)
        if connection.protocol in ("", "stun"):
            connection.protocol = "dtls"
        for inner in self.dtls.datagram(datagram, connection):
            self._plaintext(inner, connection)

    def _plaintext(self, inner: Datagram, connection: Connection) -> None:
        """What was inside DTLS, told by its first bytes: SIP, BFCP, or SCTP with messages of data channels in it."""
        if inner.depth > self._limits.decode_depth:
            self._ledger.add(Anomaly(NESTED, inner.cites, f"{inner.depth} levels"))
            return
        events = recognise(inner.payload, inner.cites, self._limits, inner.missing)
        if events is not None:
            connection.inner = "sip"
            self._sip.take(events, Carrier(inner.vantage, inner.endpoints, inner.inside), inner.cites)
        elif connection.inner == "bfcp" or probe_bfcp(inner.payload, datagram=True) > 0:
            connection.inner = "bfcp"
            self._bfcp(inner, Carrier(inner.vantage, inner.endpoints, inner.inside))
        elif connection.inner == "sctp" or probe_sctp(inner.payload) > 0:
            connection.inner = "sctp"
            self._channels.packet(inner, connection)
        elif self._claims.udptl(inner.endpoints) and parse_udptl(inner.payload) is not None:
            connection.inner = "udptl"

    def _take_udptl(self, datagram: Datagram) -> bool:
        """T.38 between addresses that an m-line names for it: the bytes alone prove nothing."""
        if not self._claims.udptl(datagram.endpoints) or parse_udptl(datagram.payload) is None:
            return False
        connection = self._touch(datagram)
        if connection.protocol in ("", "stun"):
            connection.protocol = "udptl"
        return True

    def _take_sctp(self, datagram: Datagram) -> bool:
        """SCTP without the DTLS that belongs around it, between addresses that an m-line names for data channels."""
        if not self._claims.sctp(datagram.endpoints) or probe_sctp(datagram.payload) <= 0:
            return False
        connection = self._touch(datagram)
        if connection.protocol in ("", "stun"):
            connection.protocol = "sctp"
        return True

    def _take_bfcp(self, datagram: Datagram) -> None:
        """BFCP, by the strict rules where none was seen on the flow. A cut datagram's faults are the capture's."""
        known = self._connections.find(datagram.endpoints)
        if probe_bfcp(datagram.payload, datagram=True) <= 0 and (known is None or known.protocol != "bfcp"):
            return
        self._accept_bfcp(datagram)

    def _accept_bfcp(self, datagram: Datagram) -> None:
        connection = self._touch(datagram)
        if connection.protocol in ("", "stun"):
            connection.protocol = "bfcp"
        self._bfcp(datagram, Carrier(datagram.vantage, datagram.endpoints, "udp", datagram.ipsec, datagram.ip_id))

    def _bfcp(self, datagram: Datagram, carrier: Carrier) -> None:
        message = parse_bfcp(datagram.payload, datagram.cites, self._limits)
        if isinstance(message, Anomaly):
            self._ledger.add(message)
            return
        if datagram.missing:
            message = replace(message, anomalies=())
        self._ledger.extend(self._messaging.take(message, carrier))

    # -- STUN and TURN -------------------------------------------------------------------------------------------

    def _take_stun(self, datagram: Datagram) -> bool:
        """STUN, if it is that. Channel data has no mark of its own: it counts where STUN was seen."""
        payload = datagram.payload
        channel_data = payload[0] >= 64
        if channel_data:
            payload += bytes(datagram.missing)
            known = self._connections.find(datagram.endpoints)
            if known is None or known.protocol not in ("stun", "dtls"):
                return False
        if probe_stun(payload) <= 0:
            return False
        connection = self._touch(datagram)
        connection.protocol = connection.protocol or "stun"
        message = parse_stun(payload, datagram.cites)
        if isinstance(message, Anomaly):
            if not (datagram.missing and message.kind is CUT):
                self._ledger.add(message)
            return True
        if isinstance(message, StunMessage):
            self._ledger.extend(message.anomalies)
            self._ledger.extend(self._ice.take(datagram.endpoints, message))
        self._unwrap(datagram, message)
        return True

    def _unwrap(self, datagram: Datagram, message: StunMessage | ChannelData) -> None:
        relayed = self._turn.unwrap(datagram.endpoints, message)
        self._ledger.extend(self._turn.drain())
        if relayed is None:
            return
        if datagram.depth >= self._limits.decode_depth:
            self._ledger.add(Anomaly(NESTED, datagram.cites, f"{datagram.depth} levels"))
            return
        endpoints, data = relayed
        captured = data
        if isinstance(message, ChannelData):
            captured = data[: max(len(datagram.payload) - _CHANNEL_HEADER, 0)]
        inner = Datagram(
            datagram.vantage,
            endpoints,
            captured,
            len(data) - len(captured),
            datagram.ip_id,
            datagram.cites,
            datagram.depth + 1,
            ipsec=datagram.ipsec,
        )
        self.carried(inner)
