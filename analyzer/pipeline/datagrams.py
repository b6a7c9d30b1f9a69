"""Datagrams that are not media: SIP over UDP and SCTP, told by their first bytes (RFC 7983 and the probes)."""

from analyzer.core.addresses import Endpoints
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.pipeline.sctp import user_messages
from analyzer.pipeline.sip_events import SipEvents
from analyzer.protocols.sip.parser import parse_datagram
from analyzer.protocols.sip.probe import probe as probe_sip
from analyzer.session.carrier import Carrier
from analyzer.session.connections import ConnectionTable


class DatagramHandler:
    """Everything on UDP and SCTP that is no RTP."""

    def __init__(self, limits: Limits, sip: SipEvents, connections: ConnectionTable) -> None:
        self._limits = limits
        self._sip = sip
        self._connections = connections

    def datagram(self, vantage: int, endpoints: Endpoints, payload: bytes, ip_id: int, cites: tuple[Cite, ...]) -> None:
        """Takes one UDP payload. `cites` are the frames of its fragments."""
        if not payload or payload[0] < 32 or payload[0] > 126:
            return
        if probe_sip(payload) <= 0:
            return
        connection = self._connections.touch(endpoints, vantage, cites[-1], len(payload))
        connection.protocol = "sip"
        self._sip.take(
            parse_datagram(payload, cites, self._limits), Carrier(vantage, endpoints, "udp", "", ip_id), cites
        )

    def sctp(self, vantage: int, endpoints: Endpoints, packet: bytes, cite: Cite) -> None:
        """Takes one SCTP packet."""
        for message in user_messages(packet):
            if probe_sip(message) > 0:
                events = parse_datagram(message, (cite,), self._limits)
                self._sip.take(events, Carrier(vantage, endpoints, "sctp"), (cite,))
