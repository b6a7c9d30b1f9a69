"""Certificates that the user trusts, and what they say of a signer or a TLS end, at the time of the capture.

Nothing is fetched. A certificate the user names is trusted as it stands; one that comes in a message counts only if a
chain leads from it to one of those.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from analyzer.core.frozen import frozen
from analyzer.core.numbers import decimal
from analyzer.core.text import decode
from analyzer.crypto.certificate import read_certificate

if TYPE_CHECKING:
    from cryptography import x509

MAX_CERTIFICATES = 4_096
_DEPTH = 8
_TN_AUTH_LIST = "1.3.6.1.5.5.7.1.26"
_LONGEST = 4_096  # bytes of a TNAuthList read


@frozen
class Authority:
    """Telephone numbers a certificate may speak for (RFC 8226 9): whole numbers, ranges; `codes`: service providers."""

    numbers: tuple[str, ...] = ()
    ranges: tuple[tuple[str, int], ...] = ()
    codes: tuple[str, ...] = ()

    def holds(self, number: str) -> bool | None:
        """Whether the number is among them; None where a provider code would have to be looked up."""
        digits = number.lstrip("+")
        if digits in self.numbers:
            return True
        if any(_within(digits, start, count) for start, count in self.ranges):
            return True
        return None if self.codes else False


def _within(digits: str, start: str, count: int) -> bool:
    first, number = decimal(start, 20), decimal(digits, 20)
    return len(digits) == len(start) and first is not None and number is not None and 0 <= number - first < count


def read_certificates(data: bytes) -> "list[x509.Certificate]":
    """The certificates of a file, PEM or DER. ValueError says why there are none."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    if b"-----BEGIN CERTIFICATE-----" not in data:
        found = [read_certificate(data)]
    else:
        found = [read_certificate(each.public_bytes(Encoding.DER)) for each in x509.load_pem_x509_certificates(data)]
    if None in found:
        raise ValueError("a certificate that cannot be read")
    return [each for each in found if each is not None]


def is_authority(certificate: "x509.Certificate") -> bool:
    """Whether it may issue others."""
    from cryptography import x509

    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def valid_at(certificate: "x509.Certificate", ts_ns: int) -> bool:
    """Whether its validity covers a moment of the capture."""
    moment = datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC)
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def speaks_for(certificate: "x509.Certificate", names: Iterable[str]) -> bool:
    """Whether a subjectAltName is one of these hosts: names, a first label of `*` for any, or addresses (RFC 6125)."""
    from cryptography import x509

    try:
        given = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = [name.lower() for name in given.get_values_for_type(x509.DNSName)]
        addresses = [str(address) for address in given.get_values_for_type(x509.IPAddress)]
    except x509.ExtensionNotFound:
        return False
    return any(name in addresses or any(_fits(host, name) for host in hosts) for name in map(str.lower, names))


def _fits(host: str, name: str) -> bool:
    """RFC 6125 6.4.3: `*` stands for one whole label, the first."""
    first, _, rest = name.partition(".")
    return bool(first and name == host) or bool(first and rest and host == f"*.{rest}")


def authority_of(certificate: "x509.Certificate") -> Authority | None:
    """What its TNAuthList allows; None if it has none that can be read."""
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(_TN_AUTH_LIST)).value
    except x509.ExtensionNotFound:
        return None
    raw = extension.value if isinstance(extension, x509.UnrecognizedExtension) else b""
    return _tn_auth_list(raw[:_LONGEST])


def _tn_auth_list(raw: bytes) -> Authority | None:
    outer = _elements(raw)
    if outer is None or len(outer) != 1 or outer[0][0] != 0x30:
        return None
    numbers: list[str] = []
    ranges: list[tuple[str, int]] = []
    codes: list[str] = []
    for tag, body in _elements(outer[0][1]) or ():
        inner = _elements(body) or []
        if tag == 0xA0 and inner:
            codes.append(decode(inner[0][1]))
        elif tag == 0xA1 and inner and (pair := _elements(inner[0][1])) and len(pair) == 2:
            ranges.append((decode(pair[0][1]), int.from_bytes(pair[1][1][:8], "big")))
        elif tag == 0xA2 and inner:
            numbers.append(decode(inner[0][1]))
    return Authority(tuple(numbers), tuple(ranges), tuple(codes))


def _elements(data: bytes) -> list[tuple[int, bytes]] | None:
    """The DER elements of a value; None where the lengths lie."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            return None
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            octets = size & 0x7F
            if not 1 <= octets <= 2 or at + octets > len(data):
                return None
            size = int.from_bytes(data[at : at + octets], "big")
            at += octets
        if at + size > len(data):
            return None
        found.append((tag, data[at : at + size]))
        at += size
    return found


class Trust:
    """The certificates of `--trust`."""

    def __init__(self, certificates: "Iterable[x509.Certificate]" = ()) -> None:
        self._all = list(dict.fromkeys(certificates))[:MAX_CERTIFICATES]

    def __len__(self) -> int:
        return len(self._all)

    @property
    def signers(self) -> "Sequence[x509.Certificate]":
        """Those that are no authorities: they sign something else than certificates."""
        return [certificate for certificate in self._all if not is_authority(certificate)]

    @property
    def authorities(self) -> "Sequence[x509.Certificate]":
        """Those that may issue others; one that signs itself may sign anything else besides."""
        return [certificate for certificate in self._all if is_authority(certificate)]

    def anchors(self, certificate: "x509.Certificate", between: "Sequence[x509.Certificate]", ts_ns: int) -> bool:
        """Whether a chain leads from a certificate to one that is trusted, every link valid at that time."""
        seen = certificate
        for _ in range(_DEPTH):
            if not valid_at(seen, ts_ns):
                return False
            if seen in self._all:
                return True
            issuer = self._issuer(seen, between)
            if issuer is None:
                return False
            seen = issuer
        return False

    def proves(self, chain: Sequence[bytes], names: Iterable[str], ts_ns: int) -> bool:
        """Whether certificates in DER, the end's own first, lead to one that is trusted, and name the end."""
        if not self._all or not chain:
            return False
        leaf, *between = [read_certificate(der) for der in chain[:_DEPTH]]
        if leaf is None:
            return False
        return speaks_for(leaf, names) and self.anchors(leaf, [each for each in between if each is not None], ts_ns)

    def _issuer(
        self, certificate: "x509.Certificate", between: "Sequence[x509.Certificate]"
    ) -> "x509.Certificate | None":
        for known in (*self._all, *between):
            if known.subject != certificate.issuer or not is_authority(known) or known == certificate:
                continue
            try:
                certificate.verify_directly_issued_by(known)
            except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
                continue
            return known
        return None
