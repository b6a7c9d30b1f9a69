"""What carried a message: the addresses, the transport, the protection on the wire, the vantage point."""

from collections.abc import Iterable
from typing import Literal

from analyzer.core.addresses import Endpoints
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.unknown import Unknown
from analyzer.session.model.states import Evidence, SipState, YesNo

_CLEAR: dict[str, SipState] = {"udp": "clear_udp", "tcp": "clear_tcp", "sctp": "clear_tcp", "ws": "ws_clear"}
_PROTECTED: dict[str, SipState] = {"tls": "tls_enc", "dtls": "tls_enc", "wss": "wss"}
_ENCRYPTED: frozenset[SipState] = frozenset({"esp_enc", "tls_enc", "wss"})
_ESP: frozenset[SipState] = frozenset({"esp_enc", "esp_null_auth"})
_INTEGRITY_ONLY: frozenset[SipState] = frozenset({"esp_null_auth", "tls_null"})

ESP_GROUNDS: dict[str, Evidence] = {
    "verified": "keyed_verified",
    "agreed": "negotiated_and_structural",
    "present": "structural_only",
    "none": "structural_only",
}
GROUNDS: tuple[Evidence, ...] = (
    "none", "negotiated_only", "structural_only", "negotiated_and_structural", "keyed_verified",
)  # fmt: skip
"""Weak to strong."""

STRENGTH: tuple[SipState, ...] = (
    "clear_udp", "clear_tcp", "ws_clear", "esp_null_auth", "tls_null",
    "esp_enc", "tls_enc", "wss", "unknown_post_decrypt",
)  # fmt: skip
"""Weak to strong (hops.md section 6)."""


@frozen
class Ipsec:
    """What ESP did around a message, as far as it is known.

    `check` says of its check value: verified (with the key), agreed (the registration did, the key is missing),
    present (there is room for one, and no more is known), none.
    """

    encrypted: bool
    check: Literal["verified", "agreed", "present", "none"]


_CHECKS: tuple[Literal["none", "present", "agreed", "verified"], ...] = ("none", "present", "agreed", "verified")
IPSEC: tuple[Ipsec | None, ...] = (None, *(Ipsec(hides, check) for hides in (False, True) for check in _CHECKS))
"""Weak to strong: outside ESP, in ESP without encryption, in ESP with it."""


def esp_rank(ipsec: Ipsec | None) -> int:
    """How strong ESP is around a packet, to be compared: a place in `IPSEC`."""
    return IPSEC.index(ipsec)


@frozen
class Carrier:
    """One sighting's way: who sent to whom, over what, seen where.

    `transport` is udp, tcp, sctp, ws, tls, dtls or wss; `ipsec` is what ESP did around it, None without ESP; `ip_id` is
    the IPv4 identification of a datagram, -1 where there is none.
    """

    vantage: int
    endpoints: Endpoints
    transport: str
    ipsec: Ipsec | None = None
    ip_id: int = -1
    null_cipher: bool = False  # the suite of its TLS has no cipher

    @property
    def state(self) -> SipState:
        """Protection of the hop as this carrier shows it."""
        if self.transport in _PROTECTED:
            return "tls_null" if self.null_cipher else _PROTECTED[self.transport]
        if self.ipsec is not None and (self.ipsec.encrypted or self.ipsec.check != "none"):
            return "esp_enc" if self.ipsec.encrypted else "esp_null_auth"
        return _CLEAR.get(self.transport, "clear_tcp")

    @property
    def evidence(self) -> Evidence:
        """On what ground `state` is said: what came out of TLS or ESP was opened with keys that its tags prove."""
        if self.transport in _PROTECTED:
            return "keyed_verified"
        return ESP_GROUNDS[self.ipsec.check] if self.ipsec is not None else "structural_only"


def weakest(states: set[SipState]) -> SipState:
    """The state of a hop is the weakest that any of its messages had."""
    return min(states, key=STRENGTH.index)


def confidentiality(state: SipState | Unknown) -> YesNo | Unknown:
    """Whether a hop in this state hides content from the wire."""
    if isinstance(state, Unknown) or state == "unknown_post_decrypt":
        return Unknown.of("vantage", "a capture taken before the decrypting element")
    return "yes" if state in _ENCRYPTED else "no"


def integrity(state: SipState | Unknown, carriers: Iterable[Carrier] = ()) -> YesNo | Unknown:
    """Whether a hop in this state protects messages from change; `carriers` are those of its messages in ESP."""
    if isinstance(state, Unknown) or state == "unknown_post_decrypt":
        return Unknown.of("vantage", "a capture taken before the decrypting element")
    if state in _ESP:
        checks = {carrier.ipsec.check for carrier in carriers if carrier.ipsec is not None}
        if "none" in checks:
            return "no"
        if "present" in checks:
            return Unknown.of("key", "the integrity key of the ESP association, or CK and IK of the registration")
    return "yes" if state in _ENCRYPTED or state in _INTEGRITY_ONLY else "no"


@frozen
class Sighting:
    """One place a thing was seen: a vantage point, the frames there."""

    vantage: int
    cites: tuple[Cite, ...]
