"""Crypto-suites against the tables of their RFCs."""

import pytest

from analyzer.crypto.srtp.suites import SUITES, suite_named


@pytest.mark.parametrize(
    ("name", "key", "salt", "tag", "rtcp_tag"),
    [
        ("AES_CM_128_HMAC_SHA1_80", 16, 14, 10, 10),  # RFC 4568 6.2.1
        ("AES_CM_128_HMAC_SHA1_32", 16, 14, 4, 10),  # RFC 4568 6.2.2, RFC 3711 5.2
        ("F8_128_HMAC_SHA1_80", 16, 14, 10, 10),  # RFC 4568 6.2.3
        ("F8_128_HMAC_SHA1_32", 16, 14, 4, 10),  # only in the grammar of RFC 4568 9.2
        ("AES_192_CM_HMAC_SHA1_80", 24, 14, 10, 10),  # RFC 6188 table 1
        ("AES_192_CM_HMAC_SHA1_32", 24, 14, 4, 10),  # RFC 6188 table 2
        ("AES_256_CM_HMAC_SHA1_80", 32, 14, 10, 10),  # RFC 6188 table 3
        ("AES_256_CM_HMAC_SHA1_32", 32, 14, 4, 10),  # RFC 6188 table 4
        ("AEAD_AES_128_GCM", 16, 12, 16, 16),  # RFC 7714 table 2
        ("AEAD_AES_256_GCM", 32, 12, 16, 16),  # RFC 7714 table 3
        # RFC 5669: a counter that starts as that of RFC 3711 4.1.1; a nonce of 12 bytes for CCM and GCM, which its
        # vectors show ("000020e8f5eb00000000315e"): zeros, SSRC and index, with a salt of the same length
        ("SEED_CTR_128_HMAC_SHA1_80", 16, 14, 10, 10),
        ("SEED_128_CCM_80", 16, 12, 10, 10),
        ("SEED_128_GCM_96", 16, 12, 12, 12),
    ],
)
def test_lengths(name: str, key: int, salt: int, tag: int, rtcp_tag: int) -> None:
    suite = suite_named(name)
    assert suite is not None
    assert (suite.key, suite.salt, suite.rtp_tag, suite.rtcp_tag) == (key, salt, tag, rtcp_tag)
    assert suite.inline == key + salt


def test_names() -> None:
    assert suite_named("AES_CM_128_HMAC_SHA1_99") is None
    assert suite_named("aes_cm_128_hmac_sha1_80") is suite_named("AES_CM_128_HMAC_SHA1_80")
    assert len({suite.name for suite in SUITES}) == len(SUITES)
    assert suite_named("DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM") is None  # RFC 8723 registers profiles of DTLS only
