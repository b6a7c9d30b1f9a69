"""Certificates sound in themselves (RFC 9325 4.5, 7.1), made by `cryptography`."""

import datetime as dt
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.unknown import Unknown
from analyzer.session.certificate_facts import CertificateFacts, certificate_facts

START, END = dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
WITHIN = int(dt.datetime(2024, 6, 1, tzinfo=dt.UTC).timestamp()) * 1_000_000_000
YEAR = 366 * 86_400 * 1_000_000_000
MISSING = Unknown.of("message", "none")
AUTHORITY = ec.generate_private_key(ec.SECP256R1())
CURVE = ec.generate_private_key(ec.SECP256R1())
SHA256 = hashes.SHA256()


def shown(key: Any, issuer: str = "authority", signer: Any = AUTHORITY, digest: Any = SHA256) -> bytes:
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("leaf", issuer)]
    made = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(START).not_valid_after(END)
    return made.sign(signer, digest).public_bytes(serialization.Encoding.DER)


def test_a_sound_certificate() -> None:
    facts = certificate_facts([[shown(CURVE)], []], WITHIN, MISSING)
    assert facts == CertificateFacts(True, True, True)


@pytest.mark.parametrize("at_ns", [WITHIN - YEAR, WITHIN + YEAR], ids=["not yet", "expired"])
def test_out_of_its_time(at_ns: int) -> None:
    assert certificate_facts([[shown(CURVE)]], at_ns, MISSING).valid is False


@pytest.mark.parametrize(
    ("key", "strong"),
    [
        (rsa.generate_private_key(65_537, 1024), False),
        (rsa.generate_private_key(65_537, 2048), True),
        (ec.generate_private_key(ec.SECP192R1()), False),
        (ec.generate_private_key(ec.SECP224R1()), True),
        (ed25519.Ed25519PrivateKey.generate(), True),
    ],
    ids=["rsa-1024", "rsa-2048", "p-192", "p-224", "ed25519"],
)
def test_key_sizes(key: Any, strong: bool) -> None:
    assert certificate_facts([[shown(key)]], WITHIN, MISSING).key_strong is strong


def with_sha1(der: bytes) -> bytes:
    """sha256WithRSAEncryption made sha1WithRSAEncryption (RFC 8017 A.2.4): nobody makes that any more."""
    return der.replace(bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105"))


def test_a_weak_signature_counts_unless_it_is_the_certificates_own() -> None:
    """An issuer signed with SHA-1 behind a sound leaf is found, too; a self-signed one proves nothing by it anyway."""
    key = rsa.generate_private_key(65_537, 2048)
    weak, own = with_sha1(shown(CURVE, signer=key)), with_sha1(shown(CURVE, issuer="leaf", signer=key))
    assert certificate_facts([[weak]], WITHIN, MISSING).signature_strong is False
    assert certificate_facts([[shown(CURVE), weak]], WITHIN, MISSING).signature_strong is False
    assert certificate_facts([[own]], WITHIN, MISSING).signature_strong is True


def test_one_bad_end_is_enough_and_what_cannot_be_read_is_not_sound() -> None:
    sound, short = shown(CURVE), shown(rsa.generate_private_key(65_537, 1024))
    assert certificate_facts([[sound], [short]], WITHIN, MISSING).key_strong is False
    assert certificate_facts([[b"0"], [short]], WITHIN, MISSING).key_strong is False
    assert isinstance(certificate_facts([[sound], [b"0"]], WITHIN, MISSING).key_strong, Unknown)


def test_none_shown_says_why() -> None:
    assert certificate_facts([[], []], WITHIN, MISSING) == CertificateFacts(MISSING, MISSING, MISSING)


@given(st.lists(st.lists(st.binary(max_size=80), max_size=3), max_size=2), st.integers(0, 2**63))
def test_total(chains: list[list[bytes]], at_ns: int) -> None:
    certificate_facts(chains, at_ns, MISSING)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_total_for_damaged_certificates(place: int, value: int) -> None:
    der = bytearray(_SOUND)
    der[place % len(der)] = value
    certificate_facts([[bytes(der)]], WITHIN, MISSING)


_SOUND = shown(CURVE)
