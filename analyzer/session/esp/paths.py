"""What ESP does around the segments of TCP connections: of a connection, the weakest that any segment had."""

from collections import OrderedDict

from analyzer.core.addresses import Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.session.carrier import Ipsec, esp_rank

FORGOTTEN = define(
    "esp.connections_limit", Severity.MEDIUM,
    "More TCP connections inside ESP than are remembered; the oldest counts as without ESP from here on",
)  # fmt: skip
BARE = define(
    "esp.bare_segment", Severity.HIGH, "A TCP connection runs inside ESP, and a segment of it outside", "RFC 4301 5.2"
)


class EspPaths:
    """TCP connections that were seen inside ESP, at each vantage point."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.esp_paths
        self._paths: OrderedDict[tuple[int, Endpoints], Ipsec | None] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._paths)

    def seen(self, vantage: int, endpoints: Endpoints, ipsec: Ipsec | None, cite: Cite) -> list[Anomaly]:
        """Takes what was around one segment."""
        key = vantage, min(endpoints, endpoints.reverse)
        if key not in self._paths:
            if ipsec is None:
                return []
            self._paths[key] = ipsec
            if len(self._paths) <= self._most:
                return []
            self._paths.popitem(last=False)
            return [Anomaly(FORGOTTEN, (cite,), f"{self._most} connections")]
        known = self._paths[key]
        if known is None or ipsec == known:
            return []
        self._paths[key] = _weaker(known, ipsec)
        return [Anomaly(BARE, (cite,), f"{endpoints.src} to {endpoints.dst}")] if ipsec is None else []

    def of(self, vantage: int, endpoints: Endpoints) -> Ipsec | None:
        """What is around the connection, None without ESP."""
        return self._paths.get((vantage, min(endpoints, endpoints.reverse))) if self._paths else None


def _weaker(one: Ipsec, other: Ipsec | None) -> Ipsec | None:
    return min(one, other, key=esp_rank)
