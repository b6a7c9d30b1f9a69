"""Crypto-suites against the tables of their RFCs."""

import pytest

from analyzer.protocols.sdp.suites import suite_info


@pytest.mark.parametrize(
    ("name", "key", "salt", "tag", "rtcp_tag"),
    [
        ("AES_CM_128_HMAC_SHA1_80", 16, 14, 10, 10),  # RFC 4568 6.2.1
        ("AES_CM_128_HMAC_SHA1_32", 16, 14, 4, 10),  # RFC 4568 6.2.2, RFC 3711 5.2
        ("F8_128_HMAC_SHA1_80", 16, 14, 10, 10),  # RFC 4568 6.2.3
        ("AES_192_CM_HMAC_SHA1_80", 24, 14, 10, 10),  # RFC 6188 table 1
        ("AES_192_CM_HMAC_SHA1_32", 24, 14, 4, 10),  # RFC 6188 table 2
        ("AES_256_CM_HMAC_SHA1_80", 32, 14, 10, 10),  # RFC 6188 table 3
        ("AES_256_CM_HMAC_SHA1_32", 32, 14, 4, 10),  # RFC 6188 table 4
        ("AEAD_AES_128_GCM", 16, 12, 16, 16),  # RFC 7714 table 2
        ("AEAD_AES_256_GCM", 32, 12, 16, 16),  # RFC 7714 table 3
    ],
)
def test_lengths(name: str, key: int, salt: int, tag: int, rtcp_tag: int) -> None:
    info = suite_info(name)
    assert info is not None
    assert (info.key_bytes, info.salt_bytes, info.tag_bytes, info.rtcp_tag_bytes) == (key, salt, tag, rtcp_tag)
    assert info.inline_bytes == key + salt


def test_names() -> None:
    assert suite_info("AES_CM_128_HMAC_SHA1_99") is None
    assert suite_info("aes_cm_128_hmac_sha1_80") is suite_info("AES_CM_128_HMAC_SHA1_80")
