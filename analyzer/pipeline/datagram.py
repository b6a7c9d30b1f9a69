"""One UDP payload on its way through the pipeline."""

from analyzer.core.addresses import Endpoints
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.session.carrier import Ipsec


@frozen
class Datagram:
    """A UDP payload, as captured or as a relay carried it.

    `missing` bytes behind `payload` were cut off by the snap length. `cites` are the frames of its fragments, one at
    least. `ip_id` is that of the packet on the wire. `depth` counts the relays and protections it was taken out of;
    `inside` names the protection that was opened to get at it, "" for none; `ipsec` is what
    ESP did around it.
    """

    vantage: int
    endpoints: Endpoints
    payload: bytes
    missing: int
    ip_id: int
    cites: tuple[Cite, ...]
    depth: int = 0
    inside: str = ""
    ipsec: Ipsec | None = None
