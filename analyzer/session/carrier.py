"""What carried a message: the addresses, the transport, the protection on the wire, the vantage point."""

from dataclasses import dataclass

from analyzer.core.addresses import Endpoints
from analyzer.core.cites import Cite
from analyzer.core.unknown import Unknown
from analyzer.session.model.states import SipState, YesNo

_CLEAR: dict[str, SipState] = {"udp": "clear_udp", "tcp": "clear_tcp", "sctp": "clear_tcp", "ws": "ws_clear"}
_PROTECTED: dict[str, SipState] = {"tls": "tls_enc", "dtls": "tls_enc", "wss": "wss", "tls_null": "tls_null"}
_ENCRYPTED: frozenset[SipState] = frozenset({"esp_enc", "tls_enc", "wss", "tunnel_opaque"})
_INTEGRITY_ONLY: frozenset[SipState] = frozenset({"esp_null_auth", "tls_null"})

STRENGTH: tuple[SipState, ...] = (
    "clear_udp", "clear_tcp", "ws_clear", "esp_null_auth", "tls_null",
    "esp_enc", "tls_enc", "wss", "tunnel_opaque", "unknown_post_decrypt",
)  # fmt: skip
"""Weak to strong (hops.md section 6)."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """One sighting's way: who sent to whom, over what, seen where.

    `transport` is udp, tcp, sctp, ws, tls, dtls or wss; `ipsec` is "", "null" or "encrypted" for what ESP did around
    it; `ip_id` is the IPv4 identification of a datagram, -1 where there is none.
    """

    vantage: int
    endpoints: Endpoints
    transport: str
    ipsec: str = ""
    ip_id: int = -1

    @property
    def state(self) -> SipState:
        """Protection of the hop as this carrier shows it."""
        if self.transport in _PROTECTED:
            return _PROTECTED[self.transport]
        if self.ipsec:
            return "esp_enc" if self.ipsec == "encrypted" else "esp_null_auth"
        return _CLEAR.get(self.transport, "clear_tcp")


def weakest(states: set[SipState]) -> SipState:
    """The state of a hop is the weakest that any of its messages had."""
    return min(states, key=STRENGTH.index)


def confidentiality(state: SipState | Unknown) -> YesNo | Unknown:
    """Whether a hop in this state hides content from the wire."""
    if isinstance(state, Unknown) or state == "unknown_post_decrypt":
        return Unknown.of("vantage", "a capture taken before the decrypting element")
    return "yes" if state in _ENCRYPTED else "no"


def integrity(state: SipState | Unknown) -> YesNo | Unknown:
    """Whether a hop in this state protects messages from change."""
    if isinstance(state, Unknown) or state == "unknown_post_decrypt":
        return Unknown.of("vantage", "a capture taken before the decrypting element")
    return "yes" if state in _ENCRYPTED or state in _INTEGRITY_ONLY else "no"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One place a thing was seen: a vantage point, the frames there."""

    vantage: int
    cites: tuple[Cite, ...]
