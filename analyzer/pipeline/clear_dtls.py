"""DTLS on its way into a capture in clear: what application data carried, once a run knows the secrets."""

from analyzer.core.addresses import Endpoints
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.net.packets import UDP
from analyzer.pipeline.associations import DtlsAssociations
from analyzer.pipeline.datagram import Datagram
from analyzer.pipeline.ledger import Ledger
from analyzer.protocols.dtls.records import probe
from analyzer.session.connections import Connection
from analyzer.session.secret_store import SecretStore
from analyzer.session.stream_keys import StreamKeys


class ClearDtls:
    """Follows the associations once more, in the order of the capture."""

    def __init__(self, secrets: SecretStore, keys: StreamKeys, limits: Limits) -> None:
        self._associations = DtlsAssociations(limits, Ledger(limits), secrets, keys)
        self.opened = 0
        self.kept = 0  # opened, with other records in the same datagram

    def open(self, vantage: int, endpoints: Endpoints, payload: bytes, cite: Cite) -> bytes | None:
        """What a datagram of one record with application data carried; None for any other."""
        if probe(payload) < 0:
            return None
        datagram = Datagram(vantage, endpoints, payload, 0, -1, (cite,))
        found = self._associations.datagram(datagram, Connection(0, endpoints.src, endpoints.dst, UDP))
        if not found:
            return None
        if self._associations.records != 1:
            self.kept += 1
            return None
        self.opened += 1
        return found[0].payload

    def tick(self, now_ns: int) -> None:
        """Lets go of what has been idle."""
        self._associations.tick(now_ns)
