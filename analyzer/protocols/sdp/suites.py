"""SDES crypto-suites: how long key and salt are (RFC 4568 6.2, RFC 5669, RFC 6188 4, RFC 7714 14.2)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SuiteInfo:
    """Lengths in bytes of the master key and master salt that an inline key concatenates."""

    name: str
    key_bytes: int
    salt_bytes: int

    @property
    def inline_bytes(self) -> int:
        """Length of key||salt."""
        return self.key_bytes + self.salt_bytes


_LENGTHS = {
    "AES_CM_128_HMAC_SHA1_80": (16, 14),
    "AES_CM_128_HMAC_SHA1_32": (16, 14),
    "F8_128_HMAC_SHA1_80": (16, 14),
    "AES_192_CM_HMAC_SHA1_80": (24, 14),
    "AES_192_CM_HMAC_SHA1_32": (24, 14),
    "AES_256_CM_HMAC_SHA1_80": (32, 14),
    "AES_256_CM_HMAC_SHA1_32": (32, 14),
    "AEAD_AES_128_GCM": (16, 12),
    "AEAD_AES_256_GCM": (32, 12),
    "SEED_CTR_128_HMAC_SHA1_80": (16, 14),
    "SEED_128_CCM_80": (16, 12),
    "SEED_128_GCM_96": (16, 12),
    "NULL_HMAC_SHA1_80": (16, 14),
    "NULL_HMAC_SHA1_32": (16, 14),
    # as implementations wrote them before RFC 6188 fixed the names
    "AES_CM_192_HMAC_SHA1_80": (24, 14),
    "AES_CM_192_HMAC_SHA1_32": (24, 14),
    "AES_CM_256_HMAC_SHA1_80": (32, 14),
    "AES_CM_256_HMAC_SHA1_32": (32, 14),
}
_SUITES = {name: SuiteInfo(name, *lengths) for name, lengths in _LENGTHS.items()}


def suite_info(name: str) -> SuiteInfo | None:
    """The suite of this name (case as registered, else folded), None for one not known."""
    return _SUITES.get(name) or _SUITES.get(name.upper())
