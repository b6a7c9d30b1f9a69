"""SDES crypto-suites: what each is made of (RFC 4568 6.2, RFC 5669, RFC 6188 4, RFC 7714 14.2, RFC 8269)."""

from dataclasses import dataclass
from typing import Literal

Cipher = Literal["aes-cm", "aes-f8", "aes-gcm", "seed-ctr", "seed-ccm", "seed-gcm", "aria-ctr", "aria-gcm", "null"]


@dataclass(frozen=True, slots=True)
class SuiteInfo:
    """A suite. Lengths are in bytes: the master key and salt that an inline key concatenates, the RTP and RTCP tags."""

    name: str
    cipher: Cipher
    key_bytes: int
    salt_bytes: int
    tag_bytes: int
    rtcp_tag_bytes: int

    @property
    def inline_bytes(self) -> int:
        """Length of key||salt."""
        return self.key_bytes + self.salt_bytes


_TABLE: dict[str, tuple[Cipher, int, int, int, int]] = {
    "AES_CM_128_HMAC_SHA1_80": ("aes-cm", 16, 14, 10, 10),
    "AES_CM_128_HMAC_SHA1_32": ("aes-cm", 16, 14, 4, 10),
    "F8_128_HMAC_SHA1_80": ("aes-f8", 16, 14, 10, 10),
    "F8_128_HMAC_SHA1_32": ("aes-f8", 16, 14, 4, 10),  # only in the grammar of RFC 4568 9.2
    "AES_192_CM_HMAC_SHA1_80": ("aes-cm", 24, 14, 10, 10),
    "AES_192_CM_HMAC_SHA1_32": ("aes-cm", 24, 14, 4, 10),
    "AES_256_CM_HMAC_SHA1_80": ("aes-cm", 32, 14, 10, 10),
    "AES_256_CM_HMAC_SHA1_32": ("aes-cm", 32, 14, 4, 10),
    "AEAD_AES_128_GCM": ("aes-gcm", 16, 12, 16, 16),
    "AEAD_AES_256_GCM": ("aes-gcm", 32, 12, 16, 16),
    "SEED_CTR_128_HMAC_SHA1_80": ("seed-ctr", 16, 14, 10, 10),
    "SEED_128_CCM_80": ("seed-ccm", 16, 12, 10, 10),
    "SEED_128_GCM_96": ("seed-gcm", 16, 12, 12, 12),
    "ARIA_128_CTR_HMAC_SHA1_80": ("aria-ctr", 16, 14, 10, 10),
    "ARIA_128_CTR_HMAC_SHA1_32": ("aria-ctr", 16, 14, 4, 10),
    "ARIA_192_CTR_HMAC_SHA1_80": ("aria-ctr", 24, 14, 10, 10),
    "ARIA_192_CTR_HMAC_SHA1_32": ("aria-ctr", 24, 14, 4, 10),
    "ARIA_256_CTR_HMAC_SHA1_80": ("aria-ctr", 32, 14, 10, 10),
    "ARIA_256_CTR_HMAC_SHA1_32": ("aria-ctr", 32, 14, 4, 10),
    "AEAD_ARIA_128_GCM": ("aria-gcm", 16, 12, 16, 16),
    "AEAD_ARIA_256_GCM": ("aria-gcm", 32, 12, 16, 16),
    "NULL_HMAC_SHA1_80": ("null", 16, 14, 10, 10),
    "NULL_HMAC_SHA1_32": ("null", 16, 14, 4, 10),
    # as implementations wrote them before RFC 6188 fixed the names
    "AES_CM_192_HMAC_SHA1_80": ("aes-cm", 24, 14, 10, 10),
    "AES_CM_192_HMAC_SHA1_32": ("aes-cm", 24, 14, 4, 10),
    "AES_CM_256_HMAC_SHA1_80": ("aes-cm", 32, 14, 10, 10),
    "AES_CM_256_HMAC_SHA1_32": ("aes-cm", 32, 14, 4, 10),
}
_SUITES = {name: SuiteInfo(name, *parts) for name, parts in _TABLE.items()}


def suite_info(name: str) -> SuiteInfo | None:
    """The suite of this name (case as registered, else folded), None for one not known."""
    return _SUITES.get(name) or _SUITES.get(name.upper())
