"""Certificates are read as a whole or not at all: damaged and hostile ones raise nowhere (RFC 5280)."""

import base64
import datetime as dt
import ipaddress
import warnings

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.unknown import Unknown
from analyzer.crypto.certificate import read_certificate
from analyzer.crypto.passport import es256_key, signed_by
from analyzer.crypto.rsa_key import RsaKey
from analyzer.session.certificate_facts import certificate_facts
from analyzer.session.trust import Trust, authority_of, is_authority, read_certificates, speaks_for, valid_at

START, END = dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2034, 1, 1, tzinfo=dt.UTC)
WITHIN = int(dt.datetime(2024, 6, 1, tzinfo=dt.UTC).timestamp()) * 1_000_000_000
ROOT_KEY, KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
RSA = RsaKey(rsa.generate_private_key(65_537, 1024))
NAMES = ("h.example", "10.0.0.1")


def made(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, ca: bool
) -> bytes:
    """With the extensions that are looked at: constraints, names, TNAuthList (RFC 8226 9)."""
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    builder = x509.CertificateBuilder(names[1], names[0], key.public_key(), 5, START, END)
    alternative = [x509.DNSName("h.example"), x509.IPAddress(ipaddress.ip_address("10.0.0.1")), x509.RFC822Name("a@b")]
    builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    numbers = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.3.6.1.5.5.7.1.26"), bytes.fromhex("3008a206160431323334")
    )
    builder = builder.add_extension(numbers, critical=False)
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


ROOT = made("ca", "ca", ROOT_KEY, ROOT_KEY, True)
MIDDLE, LEAF = made("middle", "ca", KEY, ROOT_KEY, True), made("leaf", "middle", KEY, KEY, False)
TRUST = Trust(read_certificates(ROOT))
VERSION_4 = LEAF.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020103"))
X400 = LEAF.replace(b"\x82\x09h.example", b"\xa3\x09h.example")  # RFC 5280 4.2.1.6: [3], an x400Address


def test_a_chain_that_is_whole_proves() -> None:
    assert TRUST.proves([LEAF, MIDDLE], NAMES, WITHIN)


HOSTILE = {"version 4": VERSION_4, "x400": X400, "none": b"", "a number": b"0\x03\x02\x01\x01"}


@pytest.mark.parametrize("der", HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_read_proves_nothing_and_raises_nowhere(der: bytes) -> None:
    assert der != LEAF
    assert read_certificate(der) is None
    assert not TRUST.proves([der, MIDDLE], NAMES, WITHIN)
    assert not RSA.belongs_to(der)
    assert isinstance(certificate_facts([[der]], WITHIN, Unknown.of("message", "none")).valid, Unknown)
    with pytest.raises(ValueError, match="cannot be read"):
        read_certificates(der)


def test_damage_in_the_middle_of_a_chain() -> None:
    broken = MIDDLE.replace(b"\x82\x09h.example", b"\xa3\x09h.example")
    assert not TRUST.proves([LEAF, broken], NAMES, WITHIN)


def test_a_serial_number_below_one_is_no_news_for_the_terminal() -> None:
    """RFC 5280 4.1.2.2 forbids it; the library warns of it on stderr."""
    negative = LEAF.replace(bytes.fromhex("020105"), bytes.fromhex("0201ff"), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_certificate(negative) is not None


def test_a_key_of_an_unknown_kind_signs_nothing() -> None:
    """RFC 5480 2.1.1.1: a curve that nobody knows."""
    unknown = LEAF.replace(bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d03013a"))
    found = read_certificate(unknown)
    assert found is not None and unknown != LEAF
    assert es256_key(found) is None
    assert isinstance(certificate_facts([[unknown]], WITHIN, Unknown.of("message", "none")).key_strong, Unknown)


def test_a_token_nested_without_end_is_not_signed() -> None:
    known = read_certificate(LEAF)
    key = es256_key(known) if known is not None else None
    assert key is not None
    header = b'{"alg":"ES256","x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, b"{}", bytes(64))]
    assert not signed_by(".".join(parts), key)


@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), min_size=1, max_size=3), st.booleans())
def test_total_for_damaged_chains(changes: list[tuple[int, int]], first: bool) -> None:
    chain = [bytearray(LEAF), bytearray(MIDDLE)]
    for place, value in changes:
        chain[not first][place % len(chain[not first])] = value
    ders = [bytes(each) for each in chain]
    TRUST.proves(ders, NAMES, WITHIN)
    certificate_facts([ders], WITHIN, Unknown.of("message", "none"))
    for der in ders:
        RSA.belongs_to(der)
        found = read_certificate(der)
        if found is not None:
            _ = (
                es256_key(found),
                is_authority(found),
                authority_of(found),
                speaks_for(found, NAMES),
                valid_at(found, WITHIN),
            )
            Trust([found]).proves(ders, NAMES, WITHIN)
