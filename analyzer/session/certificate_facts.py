"""Whether the certificates of a handshake are sound in themselves (RFC 9325 4.5, 7.1): validity, key, signature.

No chain is built and nothing is looked up: that is `trust`'s part. A certificate that is its own issuer proves nothing
by its signature, and may have any.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.crypto.certificate import read_certificate, unreadable
from analyzer.session.trust import valid_at

if TYPE_CHECKING:
    from cryptography import x509

RSA_BITS, EC_BITS = 2048, 224  # RFC 9325 4.5
_WEAK_HASHES = frozenset({"md5", "sha1"})
_UNREADABLE = Unknown.of("message", "a certificate that can be read")


@frozen
class CertificateFacts:
    """What holds of every certificate that the two ends showed; unknown where none was seen or one cannot be read."""

    valid: Tristate
    key_strong: Tristate
    signature_strong: Tristate


def certificate_facts(chains: Sequence[Sequence[bytes]], at_ns: int, missing: Unknown) -> CertificateFacts:
    """Judges the leaves of both ends at a time, and every signature in their chains; `missing`: why none was seen."""
    shown = [chain for chain in chains if chain]
    if not shown:
        return CertificateFacts(missing, missing, missing)
    leaves = [read_certificate(chain[0]) for chain in shown]
    every = [read_certificate(der) for chain in shown for der in chain]
    return CertificateFacts(
        _all([None if leaf is None else valid_at(leaf, at_ns) for leaf in leaves]),
        _all([None if leaf is None else _key_strong(leaf) for leaf in leaves]),
        _all([None if each is None else _signature_strong(each) for each in every]),
    )


def _all(found: Sequence[bool | None]) -> Tristate:
    if False in found:
        return False
    return _UNREADABLE if None in found else True


def _key_strong(certificate: "x509.Certificate") -> bool | None:
    try:
        key = certificate.public_key()
    except unreadable():
        return None
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= RSA_BITS
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.key_size >= EC_BITS
    return True if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) else None


def _signature_strong(certificate: "x509.Certificate") -> bool | None:
    """None: the algorithm is not known here."""
    if certificate.issuer == certificate.subject:
        return True
    try:
        used = certificate.signature_hash_algorithm
    except unreadable():
        return None
    return used is None or used.name not in _WEAK_HASHES
