"""SRTP crypto suites, in the one table of them: the names of SDES (RFC 4568 6.2, 5669, 6188, 7714, 8269) and the
profile numbers of DTLS-SRTP (RFC 5764).

The NULL profiles of RFC 5764 4.1.2 have no cipher key of their own; the master key and salt that the exporter gives are
what the AES-CM PRF of RFC 3711 4.3 needs for the authentication key: 128 and 112 bits.
"""

from typing import Literal

from analyzer.core.frozen import frozen

Cipher = Literal["cm", "gcm", "null", "f8", "other"]


@frozen
class Suite:
    """One protection: cipher and lengths in bytes. `rtp_tag` and `rtcp_tag` are the default tag lengths."""

    name: str
    cipher: Cipher
    key: int
    salt: int
    auth_key: int
    rtp_tag: int
    rtcp_tag: int
    profile: int | None = None
    """The DTLS-SRTP protection profile with the same transforms (RFC 5764 4.1.2, 7714 14.2, 8723 10.1, 8269)."""

    @property
    def inline(self) -> int:
        """Length of the key and salt that an inline key of SDES puts together (RFC 4568 6.1)."""
        return self.key + self.salt

    @property
    def opened(self) -> bool:
        """Whether packets of this suite can be opened here; the others are only recognised."""
        return self.cipher in ("cm", "gcm", "null")

    @property
    def encrypts(self) -> bool:
        """Whether the payload is confidential at all."""
        return self.cipher != "null"


def _aria(name: str, key: int, salt: int, tag: int, profile: int | None) -> Suite:
    """RFC 8269, recognised only; SRTCP keeps the long tag."""
    counter = name.startswith("ARIA")
    return Suite(name, "other", key, salt, 20 if counter else 0, tag, 10 if counter else 16, profile)


def _hmac_pair(name: str, cipher: Cipher, key: int, profiles: tuple[int | None, int | None]) -> tuple[Suite, Suite]:
    """The 80-bit and the 32-bit variant; SRTCP keeps 80 bits in both (RFC 4568 6.2.2)."""
    return (
        Suite(f"{name}_HMAC_SHA1_80", cipher, key, 14, 20, 10, 10, profiles[0]),
        Suite(f"{name}_HMAC_SHA1_32", cipher, key, 14, 20, 4, 10, profiles[1]),
    )


AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32 = _hmac_pair("AES_CM_128", "cm", 16, (0x0001, 0x0002))
AES_192_CM_HMAC_SHA1_80, AES_192_CM_HMAC_SHA1_32 = _hmac_pair("AES_192_CM", "cm", 24, (None, None))
AES_256_CM_HMAC_SHA1_80, AES_256_CM_HMAC_SHA1_32 = _hmac_pair("AES_256_CM", "cm", 32, (None, None))
NULL_HMAC_SHA1_80, NULL_HMAC_SHA1_32 = _hmac_pair("NULL", "null", 16, (0x0005, 0x0006))
AEAD_AES_128_GCM = Suite("AEAD_AES_128_GCM", "gcm", 16, 12, 0, 16, 16, 0x0007)
AEAD_AES_256_GCM = Suite("AEAD_AES_256_GCM", "gcm", 32, 12, 0, 16, 16, 0x0008)
F8_128_HMAC_SHA1_80, F8_128_HMAC_SHA1_32 = _hmac_pair("F8_128", "f8", 16, (None, None))  # 32: only in RFC 4568 9.2

SUITES: tuple[Suite, ...] = (
    AES_CM_128_HMAC_SHA1_80,
    AES_CM_128_HMAC_SHA1_32,
    AES_192_CM_HMAC_SHA1_80,
    AES_192_CM_HMAC_SHA1_32,
    AES_256_CM_HMAC_SHA1_80,
    AES_256_CM_HMAC_SHA1_32,
    AEAD_AES_128_GCM,
    AEAD_AES_256_GCM,
    NULL_HMAC_SHA1_80,
    NULL_HMAC_SHA1_32,
    F8_128_HMAC_SHA1_80,
    F8_128_HMAC_SHA1_32,
    Suite("DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM", "other", 32, 24, 0, 32, 16, 0x0009),  # RFC 8723 10.1
    Suite("DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM", "other", 64, 24, 0, 32, 16, 0x000A),
    Suite("SEED_CTR_128_HMAC_SHA1_80", "other", 16, 14, 20, 10, 10),  # RFC 5669, as AES-CM
    Suite("SEED_128_CCM_80", "other", 16, 12, 0, 10, 10),  # the salt is as long as the nonce of 12 bytes
    Suite("SEED_128_GCM_96", "other", 16, 12, 0, 12, 12),
    _aria("ARIA_128_CTR_HMAC_SHA1_80", 16, 14, 10, 0x000B),
    _aria("ARIA_128_CTR_HMAC_SHA1_32", 16, 14, 4, 0x000C),
    _aria("ARIA_192_CTR_HMAC_SHA1_80", 24, 14, 10, None),
    _aria("ARIA_192_CTR_HMAC_SHA1_32", 24, 14, 4, None),
    _aria("ARIA_256_CTR_HMAC_SHA1_80", 32, 14, 10, 0x000D),
    _aria("ARIA_256_CTR_HMAC_SHA1_32", 32, 14, 4, 0x000E),
    _aria("AEAD_ARIA_128_GCM", 16, 12, 16, 0x000F),
    _aria("AEAD_ARIA_256_GCM", 32, 12, 16, 0x0010),
)
_BY_NAME = {suite.name: suite for suite in SUITES if not suite.name.startswith("DOUBLE")} | {  # no SDES: RFC 8723 10
    f"AES_CM_{bits}_HMAC_SHA1_{tag}": suite  # the order of words that drafts and some endpoints use
    for bits, tag, suite in (
        (192, 80, AES_192_CM_HMAC_SHA1_80),
        (192, 32, AES_192_CM_HMAC_SHA1_32),
        (256, 80, AES_256_CM_HMAC_SHA1_80),
        (256, 32, AES_256_CM_HMAC_SHA1_32),
    )
}
_BY_PROFILE = {suite.profile: suite for suite in SUITES if suite.profile is not None}


def suite_named(name: str) -> Suite | None:
    """The suite of an SDES crypto-suite name; case does not matter (ABNF strings, RFC 5234 2.3)."""
    return _BY_NAME.get(name.upper())


def suite_of_profile(profile: int) -> Suite | None:
    """The suite of a DTLS-SRTP protection profile number."""
    return _BY_PROFILE.get(profile)
