"""CK and IK expanded (TS 33.203 Annex I), against the text written a second time and its worked lengths."""

import pytest

from analyzer.core.secrets import Secret
from analyzer.crypto.ims_aka import Expanded, expand
from tests.crypto import esp_writer

CK, IK = bytes(range(16)), bytes(range(16, 32))
PAIRS = [
    ("hmac-md5-96", "null"), ("hmac-md5-96", "des-ede3-cbc"), ("hmac-md5-96", "aes-cbc"),
    ("hmac-sha-1-96", "null"), ("hmac-sha-1-96", "des-ede3-cbc"), ("hmac-sha-1-96", "aes-cbc"),
    ("aes-gmac", "null"), ("null", "aes-gcm"),
]  # fmt: skip


@pytest.mark.parametrize(("alg", "ealg"), PAIRS)
def test_expansion(alg: str, ealg: str) -> None:
    """Each pair of Annex H gives the keys of the second writing."""
    found = expand(alg, ealg, Secret(CK), Secret(IK))
    assert isinstance(found, Expanded)
    read = (found.cipher, found.cipher_key.reveal(), found.auth, found.auth_key.reveal())
    assert read == esp_writer.expand(alg, ealg, CK, IK)


def test_text_of_the_annex() -> None:
    """hmac-sha-1-96: IK and 32 zero bits; des-ede3-cbc: CK and its first 64 bits."""
    found = expand("hmac-sha-1-96", "des-ede3-cbc", Secret(CK), Secret(IK))
    assert isinstance(found, Expanded)
    assert found.auth_key.reveal() == IK + b"\0\0\0\0"
    assert found.cipher_key.reveal() == CK + CK[:8]


@pytest.mark.parametrize(
    ("alg", "ealg", "ck", "why"),
    [
        ("hmac-sha-1-96", "rc4", CK, "the encryption algorithm rc4"),
        ("crc", "null", CK, "the integrity algorithm crc"),
        ("aes-gmac", "aes-cbc", CK, "aes-cbc cannot go with it"),
        ("hmac-sha-1-96", "null", CK[:-1], "16 bytes each, not 15 and 16"),
    ],
)
def test_problems(alg: str, ealg: str, ck: bytes, why: str) -> None:
    """What has no expansion says so."""
    found = expand(alg, ealg, Secret(ck), Secret(IK))
    assert isinstance(found, str)
    assert why in found
