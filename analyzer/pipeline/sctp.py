"""SCTP in clear or out of ESP, as far as a hop needs it: the user messages of each direction (RFC 9260 6.9)."""

from analyzer.core.addresses import Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.pipeline.datagram import Datagram
from analyzer.pipeline.ledger import Ledger
from analyzer.protocols.sctp.message import UserMessage
from analyzer.protocols.sctp.parser import SctpDirection

_Key = tuple[int, Endpoints]


class SctpAssociations:
    """Puts user messages together, each direction at each vantage point by itself.

    At most `sctp_directions` are followed at once and `tcp_held_total` bytes wait in them; past either bound the
    direction that was quiet longest goes, and fragments that waited in it are announced.
    """

    def __init__(self, limits: Limits, ledger: Ledger) -> None:
        self._limits = limits
        self._ledger = ledger
        self._open: dict[_Key, SctpDirection] = {}
        self._held = 0

    def packet(self, packet: Datagram) -> list[UserMessage]:
        """The messages that a packet, without its common header, completes. A cut one's faults are the capture's."""
        key = packet.vantage, packet.endpoints
        direction = self._open.pop(key, None) or SctpDirection(self._limits)
        self._open[key] = direction
        before = direction.held
        messages: list[UserMessage] = []
        for event in direction.receive(packet.payload, packet.cites, cut=packet.missing > 0):
            if isinstance(event, Anomaly):
                self._ledger.add(event)
            else:
                messages.append(event)
        self._held += direction.held - before
        while len(self._open) > self._limits.sctp_directions or self._held > self._limits.tcp_held_total:
            self._drop(next(iter(self._open)))
        return messages

    def finish(self) -> None:
        """The capture has ended: fragments whose rest never came are announced."""
        while self._open:
            self._drop(next(iter(self._open)))

    def _drop(self, key: _Key) -> None:
        direction = self._open.pop(key)
        self._held -= direction.held
        self._ledger.extend(direction.close())
