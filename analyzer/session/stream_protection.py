"""The protection of a medium that runs on connections: MSRP, BFCP (hops.md section 6)."""

import hashlib

from analyzer.core.unknown import Unknown
from analyzer.protocols.sdp.session import Fingerprint, Media
from analyzer.session.connections import Connection
from analyzer.session.media_state import Protection
from analyzer.session.model.states import Evidence, HopState
from analyzer.session.offer_answer import Negotiation, rtp_address

_HASHES = {"sha-1": "sha1", "sha-224": "sha224", "sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
_SECURE = frozenset({"tls", "dtls"})


def connection_protection(medium: str, connections: list[Connection], last: Negotiation) -> Protection:
    """The weakest of a medium's connections, held against the negotiation."""
    seen = [connection for connection in connections if connection.protocol not in ("", "stun")]
    if not seen:
        missing = Unknown.of("media", "the connection of this medium, from a vantage point on this hop")
        return Protection(missing, missing, missing, "negotiated_only" if last.answer else "none")
    clear = [connection for connection in seen if connection.protocol not in _SECURE]
    if clear:
        state: HopState = "clear"
        if medium == "bfcp":
            state = "clear_udp" if clear[0].ip_protocol == 17 else "clear_tcp"
        return Protection(state, "no", "no", "negotiated_and_structural")
    worst = min((certificates_say(connection, last) for connection in seen), key=_STRENGTH.index)
    evidence: Evidence = "keyed_verified" if all(c.decrypted for c in seen) else "negotiated_and_structural"
    if any(connection.null_cipher for connection in seen):
        return Protection("tls_null", "no", "yes", evidence)
    prefix = "dtls" if seen[0].protocol == "dtls" else "tls"
    return Protection(_named(prefix, worst), "yes", "yes", evidence)


_STRENGTH = ("fp_mismatch", "unverified_cert", "fp_ok")


def _named(prefix: str, verdict: str) -> HopState:
    states: dict[tuple[str, str], HopState] = {
        ("tls", "fp_mismatch"): "tls_fp_mismatch",
        ("tls", "unverified_cert"): "tls_unverified_cert",
        ("tls", "fp_ok"): "tls_fp_ok",
        ("dtls", "fp_mismatch"): "dtls_fp_mismatch",
        ("dtls", "unverified_cert"): "dtls_unverified_cert",
        ("dtls", "fp_ok"): "dtls_fp_ok",
    }
    return states[prefix, verdict]


def matches(certificate: bytes, fingerprints: tuple[Fingerprint, ...]) -> bool | None:
    """Whether a certificate is one of those fingerprinted (RFC 8122 5); None if no hash is known here."""
    known = [(_HASHES[f.algorithm], f.digest) for f in fingerprints if f.algorithm in _HASHES]
    if not known:
        return None
    return any(hashlib.new(name, certificate).digest() == digest for name, digest in known)


def certificates_say(connection: Connection, last: Negotiation) -> str:
    """What the certificates of a connection say about the two ends: fp_ok, fp_mismatch, or unverified_cert.

    fp_ok: one at least was seen and every one seen is fingerprinted by its end (RFC 8122 5).
    """
    verdicts: list[bool | None] = []
    for side, certificates in (
        (connection.dst.ip, connection.server_certificates),
        (connection.src.ip, connection.client_certificates),
    ):
        media = _described(side, last)
        if certificates and media is not None and media.fingerprints:
            verdicts.append(matches(certificates[0], media.fingerprints))
    if False in verdicts:
        return "fp_mismatch"
    return "fp_ok" if True in verdicts else "unverified_cert"


def _described(ip: int, last: Negotiation) -> Media | None:
    """The description of the end at an address."""
    for media in (last.offer, last.answer):
        if media is None:
            continue
        address = rtp_address(media)
        if media.ip == ip or (address is not None and address.ip == ip):
            return media
    return None
