"""The protection of a medium that runs on connections: MSRP, BFCP (hops.md section 6)."""

import hashlib
from dataclasses import field
from typing import Literal

from analyzer.core.addresses import ip_text
from analyzer.core.frozen import frozen
from analyzer.core.unknown import Unknown
from analyzer.formats.msrp_uri import parse_uri
from analyzer.net.packets import UDP
from analyzer.protocols.sdp.session import Fingerprint, Media
from analyzer.session.connections import Connection
from analyzer.session.media_state import Protection
from analyzer.session.model.states import Evidence, HopState
from analyzer.session.offer_answer import Negotiation, rtp_address
from analyzer.session.trust import Trust

# from weak to strong
_HASHES = {"sha-1": "sha1", "sha-224": "sha224", "sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
_SECURE = frozenset({"tls", "dtls"})
USE_TLS, USE_DTLS = 9, 11  # codes of BFCP's Error (RFC 8855 5.2.6)


@frozen
class Around:
    """What is known beside the connections of a medium: the code of the BFCP Error that refused it in clear, None for
    none (RFC 8855 9.1), and the certificates that the user trusts."""

    refused: int | None = None
    trust: Trust = field(default_factory=Trust)


def connection_protection(medium: str, connections: list[Connection], last: Negotiation, around: Around) -> Protection:
    """The weakest of a medium's connections, held against the negotiation."""
    seen = [connection for connection in connections if connection.protocol not in ("", "stun")]
    if not seen:
        missing = Unknown.of("media", "the connection of this medium, from a vantage point on this hop")
        return Protection(missing, missing, missing, "negotiated_only" if last.answer else "none")
    clear = [connection for connection in seen if connection.protocol not in _SECURE]
    if clear:
        return Protection(_clear(medium, clear, around), "no", "no", "negotiated_and_structural")
    worst = min((certificates_say(connection, last, around.trust) for connection in seen), key=_STRENGTH.index)
    evidence: Evidence = "keyed_verified" if all(c.decrypted for c in seen) else "negotiated_and_structural"
    if any(connection.null_cipher for connection in seen):
        return Protection("tls_null", "no", "yes", evidence)
    if medium == "image" and worst == "unverified_cert":
        return Protection("dtls_unverified", "yes", "yes", evidence)
    states = _DTLS if seen[0].protocol == "dtls" else _TLS
    return Protection(states[worst], "yes", "yes", evidence)


def _clear(medium: str, connections: list[Connection], around: Around) -> HopState:
    if medium == "bfcp" and around.refused is not None:
        return "refused_clear_error9" if around.refused == USE_TLS else "refused_clear_error11"
    if medium == "bfcp":
        return "clear_udp" if connections[0].ip_protocol == UDP else "clear_tcp"
    return "clear_sctp" if any(connection.protocol == "sctp" for connection in connections) else "clear"


Said = Literal["fp_mismatch", "unverified_cert", "ca_cert", "fp_ok"]
_STRENGTH: tuple[Said, ...] = ("fp_mismatch", "unverified_cert", "ca_cert", "fp_ok")
_TLS: dict[Said, HopState] = {
    "fp_mismatch": "tls_fp_mismatch", "unverified_cert": "tls_unverified_cert", "ca_cert": "tls_ca_cert",
    "fp_ok": "tls_fp_ok",
}  # fmt: skip
_DTLS: dict[Said, HopState] = {
    "fp_mismatch": "dtls_fp_mismatch", "unverified_cert": "dtls_unverified_cert", "ca_cert": "dtls_ca_cert",
    "fp_ok": "dtls_fp_ok",
}  # fmt: skip


def matches(certificate: bytes, fingerprints: tuple[Fingerprint, ...]) -> bool | None:
    """Whether a certificate is one of those fingerprinted, by the strongest hash that is used: a weaker one beside it
    proves nothing (RFC 8122 5.1); None if no hash is known here."""
    used = {fingerprint.algorithm for fingerprint in fingerprints}
    strongest = next((name for name in reversed(_HASHES) if name in used), None)
    if strongest is None:
        return None
    digest = hashlib.new(_HASHES[strongest], certificate).digest()
    return any(each.algorithm == strongest and each.digest == digest for each in fingerprints)


def certificates_say(connection: Connection, last: Negotiation, trust: Trust | None = None) -> Said:
    """What the certificates of a connection say about the two ends.

    fp_ok: one at least was seen and every one seen is fingerprinted by its end (RFC 8122 5). ca_cert: no fingerprint
    speaks for it, and the server's certificate names it and comes from an authority that is trusted (RFC 4975 14.2).
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
    if True in verdicts and None not in verdicts:
        return "fp_ok"
    server = connection.dst.ip
    names = _names(server, _described(server, last))
    if trust is not None and trust.proves(connection.server_certificates, names, connection.first_ns):
        return "ca_cert"
    return "unverified_cert"


def _names(ip: int, media: Media | None) -> tuple[str, ...]:
    """What an end may be called by its certificate: the host of its a=path, or its address."""
    path = parse_uri(media.path[0]) if media is not None and media.path else None
    return (ip_text(ip), *((path.host,) if path is not None else ()))


def _described(ip: int, last: Negotiation) -> Media | None:
    """The description of the end at an address."""
    for media in (last.offer, last.answer):
        if media is None:
            continue
        address = rtp_address(media)
        if media.ip == ip or (address is not None and address.ip == ip):
            return media
    return None
