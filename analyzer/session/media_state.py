"""The protection of an RTP hop: what was negotiated against what was observed (hops.md section 6).

Never more than is known: ciphertext is proven by tags, or by shape together with an agreement; clear content by its
structure. Where neither decides, the state is unknown and says which key or packets would settle it.
"""

from typing import Literal

from analyzer.core.frozen import frozen
from analyzer.core.unknown import Unknown
from analyzer.session.carrier import ESP_GROUNDS, Ipsec
from analyzer.session.model.states import Evidence, HopState, KeyExchange, RtpState, YesNo

Observed = Literal["rtp", "srtp", "unknown", "none", "zrtp"]
Agreed = Literal["secure", "clear", "opportunistic", "unknown"]

_SECURE_STATE: dict[KeyExchange, RtpState] = {
    "sdes": "srtp_sdes", "dtls": "srtp_dtls", "mikey": "srtp_mikey", "zrtp": "zrtp",
}  # fmt: skip


@frozen
class Facts:
    """What is known of one RTP hop.

    `agreed`: secure (offer and answer agreed on protection with keying), clear, opportunistic (keying offered on an
    unprotected profile, RFC 8643, and declined), unknown (offer or answer not captured). `observed`: the weakest shape
    any stream had. `verified`: tags verified with a key (True), failed with every key (False), or no key (None).
    """

    agreed: Agreed
    keying: KeyExchange
    observed: Observed
    verified: bool | None = None
    unencrypted: bool = False  # UNENCRYPTED_SRTP or a NULL cipher agreed
    unauthenticated: bool = False  # UNAUTHENTICATED_SRTP agreed
    doubtful: bool = False  # tags verify, and packets among them that fail may be in clear


@frozen
class Protection:
    """The fields of a media hop that say how it is protected."""

    state: HopState | Unknown
    confidentiality: YesNo | Unknown
    integrity: YesNo | Unknown
    evidence: Evidence


def decide(facts: Facts) -> Protection:
    """The row of the table that the facts select."""
    if facts.verified:
        return _secured(facts, "keyed_verified")
    if facts.observed == "rtp":
        return _clear(facts)
    if facts.observed == "zrtp":
        return Protection("zrtp", _need_key(), _need_key(), "structural_only")
    if facts.observed == "srtp":
        if facts.agreed == "secure":
            return _secured(facts, "negotiated_and_structural")
        return Protection("srtp_unknown_keying", _need_key(), _need_key(), "structural_only")
    if facts.observed == "none":
        return _nothing_seen(facts)
    return _undecided(facts)


def _clear(facts: Facts) -> Protection:
    evidence: Evidence = "structural_only" if facts.agreed == "unknown" else "negotiated_and_structural"
    if facts.agreed == "secure" and facts.unencrypted:
        return Protection("srtp_unencrypted", "no", "no" if facts.unauthenticated else _need_key(), evidence)
    if facts.agreed == "secure":
        return Protection("clear", "no", "no", "structural_only")  # the agreement says otherwise: bytes decide
    state: RtpState = "osrtp_clear" if facts.agreed == "opportunistic" else "clear"
    return Protection(state, "no", "no", evidence)


def _secured(facts: Facts, evidence: Evidence) -> Protection:
    confidential: YesNo = "no" if facts.unencrypted else "yes"
    integrity: YesNo | Unknown = "yes"
    if facts.verified is False:
        integrity = Unknown.of("key", "the key of the stream whose tags all fail with the keys that were agreed")
    if facts.unencrypted:
        return Protection("srtp_unencrypted", confidential, "no" if facts.unauthenticated else integrity, evidence)
    if facts.unauthenticated:
        return Protection("srtp_unauthenticated", confidential, "no", evidence)
    return Protection(_SECURE_STATE.get(facts.keying, "srtp_unknown_keying"), confidential, integrity, evidence)


def _nothing_seen(facts: Facts) -> Protection:
    missing = Unknown.of("media", "packets of this medium, from a vantage point on this hop")
    evidence: Evidence = "none" if facts.agreed == "unknown" else "negotiated_only"
    return Protection(missing, missing, missing, evidence)


def _undecided(facts: Facts) -> Protection:
    """Packets whose shape does not tell ciphertext from compressed speech."""
    if facts.agreed == "clear":
        return Protection("clear", "no", "no", "negotiated_only")  # RTP without any keying is in clear
    need = _need_key()
    if facts.doubtful:
        need = Unknown.of("key", "the key of the packets whose tags fail, which may be in clear")
    return Protection(need, need, need, "none" if facts.agreed == "unknown" else "negotiated_only")


def _need_key() -> Unknown:
    return Unknown.of("key", "the SRTP master key of this stream")


def in_esp(found: Protection, ipsec: Ipsec | None) -> Protection:
    """The protection of a medium whose packets all came out of ESP; its own, where that hides the content."""
    if ipsec is None or found.confidentiality == "yes":
        return found
    evidence = ESP_GROUNDS[ipsec.check]
    integrity = _checked(ipsec)
    if ipsec.encrypted:
        return Protection("esp_only", "yes", integrity, evidence)
    if found.confidentiality == "no" and found.integrity != "yes" and integrity != "no":
        return Protection("esp_null_auth", "no", integrity, evidence)
    return found


def _checked(ipsec: Ipsec) -> YesNo | Unknown:
    """Whether the check values of ESP protect what is inside from change."""
    if ipsec.check == "present":
        return Unknown.of("key", "the integrity key of the ESP association, or CK and IK of the registration")
    return "no" if ipsec.check == "none" else "yes"
