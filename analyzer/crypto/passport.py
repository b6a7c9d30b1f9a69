"""The signature of a PASSporT under a certificate's key: ES256 (RFC 8225 9; RFC 7515)."""

from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from analyzer.crypto.certificate import unreadable

if TYPE_CHECKING:
    from cryptography import x509
    from joserfc import jws  # imported where the first signature is looked at: 0.01 s of every start
    from joserfc.jwk import ECKey

ES256 = "ES256"


@lru_cache(maxsize=1)
def _registry() -> "jws.JWSRegistry":
    from joserfc import jws

    registry = jws.JWSRegistry(algorithms=[ES256], strict_check_header=False)  # ppt is not registered for JOSE
    registry.max_header_length = 16_384  # characters; with certificates in it (x5c)
    return registry


def es256_key(certificate: "x509.Certificate") -> "ECKey | None":
    """The key of a certificate that can sign a PASSporT, on P-256; None of any other."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from joserfc.jwk import ECKey

    try:
        key = certificate.public_key()
    except unreadable():
        return None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        return None
    return ECKey.import_key(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def signed_by(token: str, key: "ECKey") -> bool:
    """Whether the token, three parts with dots, is signed with ES256 by that key."""
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        jws.deserialize_compact(token, key, registry=_registry())
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        return False
    return True
