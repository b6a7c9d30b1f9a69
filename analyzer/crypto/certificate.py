"""X.509 certificates from anywhere (RFC 5280), read as a whole or not at all: no later question to one can raise."""

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm

if TYPE_CHECKING:
    from cryptography import x509  # imported where the first certificate is read: 0.02 s of every start

_REMEMBERED = 256  # certificates; each is shown in many connections
_USUAL = 4_096  # bytes of one that is remembered


def unreadable() -> tuple[type[Exception], ...]:
    """What `cryptography` raises for certificates that are damaged, hostile, or beyond it."""
    from cryptography import x509

    return (
        ValueError, TypeError, UnsupportedAlgorithm,
        x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
    )  # fmt: skip


def read_certificate(der: bytes) -> "x509.Certificate | None":
    """A certificate whose version, names, validity and extensions can be read; else None. Its key is not looked at."""
    return _remembered(der) if len(der) <= _USUAL else _read(der)


def _read(der: bytes) -> "x509.Certificate | None":
    from cryptography import x509

    try:
        with warnings.catch_warnings():  # about what RFC 5280 forbids, such as serial numbers below 1
            warnings.simplefilter("ignore")
            return readable(x509.load_der_x509_certificate(der))
    except unreadable():
        return None


_remembered = lru_cache(maxsize=_REMEMBERED)(_read)


def readable(certificate: "x509.Certificate") -> "x509.Certificate":
    """The certificate, after everything in it was read once; raises one of `unreadable()`."""
    _ = certificate.version, certificate.subject, certificate.issuer, certificate.extensions
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return certificate
