"""Between which addresses ZRTP was spoken (RFC 6189): it explains ciphertext that no SDP announced."""

from collections.abc import Sequence

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity

FORGOTTEN = define(
    "zrtp.flows_limit", Severity.LOW, "More flows with ZRTP than are remembered; the oldest is forgotten"
)


class ZrtpFlows:
    """Directions in which ZRTP was seen, at most `Limits.streams` of them."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.streams
        self._seen: dict[tuple[Address, Address], None] = {}

    def seen(self, endpoints: Endpoints, cites: tuple[Cite, ...]) -> Sequence[Anomaly]:
        """Notes a ZRTP packet."""
        pair = (endpoints.src, endpoints.dst)
        if pair in self._seen:
            return ()
        self._seen[pair] = None
        if len(self._seen) <= self._limit:
            return ()
        del self._seen[next(iter(self._seen))]
        return (Anomaly(FORGOTTEN, cites, f"{self._limit} flows"),)

    def between(self, a: Address, b: Address) -> bool:
        """Whether either sent ZRTP to the other."""
        return bool(self._seen) and ((a, b) in self._seen or (b, a) in self._seen)
