"""Private keys out of PEM: every form that openssl writes, and what is none said in words."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.secrets import Secret
from analyzer.crypto.rsa_key import RsaKey, looks_like, parse

KEY, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(2))
PREMASTER = b"\3\3" + bytes(range(46))
FORMATS = serialization.PrivateFormat


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, form: FORMATS, password: bytes | None = None) -> bytes:
    crypt = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, crypt)


def certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pcscf.ims.example")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1).public_key(key.public_key())
    return made.not_valid_before(start).not_valid_after(start + dt.timedelta(9)).sign(key, hashes.SHA256())


@pytest.mark.parametrize("form", [FORMATS.PKCS8, FORMATS.TraditionalOpenSSL])
def test_a_premaster_is_opened_where_the_certificate_is_the_keys(form: FORMATS) -> None:
    own = certificate(KEY).public_bytes(serialization.Encoding.DER)
    others = certificate(OTHER).public_bytes(serialization.Encoding.DER)
    (key,) = parse(certificate(KEY).public_bytes(serialization.Encoding.PEM) + pem(KEY, form))
    assert isinstance(key, RsaKey)
    encrypted = KEY.public_key().encrypt(PREMASTER, padding.PKCS1v15())
    assert key.premaster(encrypted, own) == key.premaster(encrypted, None) == Secret(PREMASTER)
    assert key.premaster(encrypted, others) is None
    assert key.premaster(encrypted, b"no certificate") is None
    wrong = OTHER.public_key().encrypt(PREMASTER, padding.PKCS1v15())
    assert key.premaster(wrong, own) != Secret(PREMASTER)
    assert repr(key) == "RsaKey(2048 bits)"


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (pem(KEY, FORMATS.PKCS8, b"secret"), 1, "encrypted"),
        (b"\n" + pem(KEY, FORMATS.TraditionalOpenSSL, b"secret"), 2, "encrypted"),
        (pem(ec.generate_private_key(ec.SECP256R1()), FORMATS.PKCS8), 1, "not an RSA key; only an RSA key opens"),
        (certificate(KEY).public_bytes(serialization.Encoding.PEM), 1, "a certificate, not a private key"),
        (pem(KEY, FORMATS.PKCS8)[:400], 1, "no end line"),
        (pem(KEY, FORMATS.PKCS8).replace(b"M", b"?"), 1, "cannot be read"),
    ],
    ids=["pkcs8", "traditional", "ec", "certificate", "cut", "broken"],
)
def test_what_opens_nothing(data: bytes, line: int, message: str) -> None:
    assert looks_like(data)
    (problem,) = parse(data)
    assert isinstance(problem, tuple)
    assert problem[0] == line and message in problem[1]


@given(st.binary(max_size=300))
def test_any_ciphertext_and_certificate(data: bytes) -> None:
    assert RsaKey(KEY).premaster(data, None) is None or len(data) == 256
    assert RsaKey(KEY).premaster(data, data) is None
