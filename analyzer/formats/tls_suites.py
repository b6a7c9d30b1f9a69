"""TLS cipher suites: what a number means (IANA registry; RFC 5246, 5288, 5289, 6655, 7905, 8446)."""

from functools import lru_cache
from typing import Literal

from analyzer.core.frozen import frozen

CipherKind = Literal["null", "stream", "cbc", "gcm", "ccm", "ccm8", "chacha20"]

_NAMES = {
    0x0001: "RSA_WITH_NULL_MD5", 0x0002: "RSA_WITH_NULL_SHA", 0x003B: "RSA_WITH_NULL_SHA256",
    0xC006: "ECDHE_ECDSA_WITH_NULL_SHA", 0xC010: "ECDHE_RSA_WITH_NULL_SHA",
    0x0004: "RSA_WITH_RC4_128_MD5", 0x0005: "RSA_WITH_RC4_128_SHA", 0xC007: "ECDHE_ECDSA_WITH_RC4_128_SHA",
    0xC011: "ECDHE_RSA_WITH_RC4_128_SHA",
    0x000A: "RSA_WITH_3DES_EDE_CBC_SHA", 0x0016: "DHE_RSA_WITH_3DES_EDE_CBC_SHA",
    0xC008: "ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA", 0xC012: "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    0x002F: "RSA_WITH_AES_128_CBC_SHA", 0x0033: "DHE_RSA_WITH_AES_128_CBC_SHA",
    0x0034: "DH_anon_WITH_AES_128_CBC_SHA", 0x0035: "RSA_WITH_AES_256_CBC_SHA",
    0x0039: "DHE_RSA_WITH_AES_256_CBC_SHA", 0x003A: "DH_anon_WITH_AES_256_CBC_SHA",
    0x003C: "RSA_WITH_AES_128_CBC_SHA256", 0x003D: "RSA_WITH_AES_256_CBC_SHA256",
    0x0067: "DHE_RSA_WITH_AES_128_CBC_SHA256", 0x006B: "DHE_RSA_WITH_AES_256_CBC_SHA256",
    0x0041: "RSA_WITH_CAMELLIA_128_CBC_SHA", 0x0084: "RSA_WITH_CAMELLIA_256_CBC_SHA",
    0xC009: "ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xC00A: "ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    0xC013: "ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xC014: "ECDHE_RSA_WITH_AES_256_CBC_SHA",
    0xC023: "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", 0xC024: "ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
    0xC027: "ECDHE_RSA_WITH_AES_128_CBC_SHA256", 0xC028: "ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    0x009C: "RSA_WITH_AES_128_GCM_SHA256", 0x009D: "RSA_WITH_AES_256_GCM_SHA384",
    0x009E: "DHE_RSA_WITH_AES_128_GCM_SHA256", 0x009F: "DHE_RSA_WITH_AES_256_GCM_SHA384",
    0xC02B: "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xC02C: "ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    0xC02F: "ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xC030: "ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    0x00A8: "PSK_WITH_AES_128_GCM_SHA256", 0x00A9: "PSK_WITH_AES_256_GCM_SHA384",
    0x008C: "PSK_WITH_AES_128_CBC_SHA", 0x008D: "PSK_WITH_AES_256_CBC_SHA", 0x00AE: "PSK_WITH_AES_128_CBC_SHA256",
    0xC09C: "RSA_WITH_AES_128_CCM", 0xC09D: "RSA_WITH_AES_256_CCM", 0xC09E: "DHE_RSA_WITH_AES_128_CCM",
    0xC09F: "DHE_RSA_WITH_AES_256_CCM", 0xC0A0: "RSA_WITH_AES_128_CCM_8", 0xC0A1: "RSA_WITH_AES_256_CCM_8",
    0xC0A2: "DHE_RSA_WITH_AES_128_CCM_8", 0xC0A3: "DHE_RSA_WITH_AES_256_CCM_8",
    0xC0A4: "PSK_WITH_AES_128_CCM", 0xC0A5: "PSK_WITH_AES_256_CCM", 0xC0A8: "PSK_WITH_AES_128_CCM_8",
    0xC0A9: "PSK_WITH_AES_256_CCM_8",
    0xC0AC: "ECDHE_ECDSA_WITH_AES_128_CCM", 0xC0AD: "ECDHE_ECDSA_WITH_AES_256_CCM",
    0xC0AE: "ECDHE_ECDSA_WITH_AES_128_CCM_8", 0xC0AF: "ECDHE_ECDSA_WITH_AES_256_CCM_8",
    0xCCA8: "ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xCCA9: "ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    0xCCAA: "DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xCCAB: "PSK_WITH_CHACHA20_POLY1305_SHA256",
    0x1301: "AES_128_GCM_SHA256", 0x1302: "AES_256_GCM_SHA384", 0x1303: "CHACHA20_POLY1305_SHA256",
    0x1304: "AES_128_CCM_SHA256", 0x1305: "AES_128_CCM_8_SHA256",
}  # fmt: skip

_MAC_BYTES = {"md5": 16, "sha1": 20, "sha256": 32, "sha384": 48}


@frozen
class CipherSuite:
    """One suite: the cipher and its key length in bytes, the record MAC, the hash of the PRF or HKDF."""

    code: int
    name: str
    key_exchange: str  # RSA, DHE_RSA, ECDHE_ECDSA, PSK, ...; "" in TLS 1.3
    kind: CipherKind
    cipher: str  # AES, CAMELLIA, 3DES, RC4, CHACHA20, NULL
    key_bytes: int
    mac: str  # md5, sha1, sha256, sha384; "" with an AEAD
    prf_hash: str  # sha256 or sha384 (TLS 1.2 and 1.3)

    @property
    def mac_bytes(self) -> int:
        """Length of the record MAC and of its key."""
        return _MAC_BYTES.get(self.mac, 0)

    @property
    def block_bytes(self) -> int:
        """Cipher block length, for CBC."""
        return 8 if self.cipher == "3DES" else 16

    @property
    def tag_bytes(self) -> int:
        """Authentication tag of an AEAD."""
        return {"gcm": 16, "ccm": 16, "chacha20": 16, "ccm8": 8}.get(self.kind, 0)


def _cipher(words: str) -> tuple[CipherKind, str, int]:
    if "NULL" in words:
        return "null", "NULL", 0
    if words.startswith("RC4"):
        return "stream", "RC4", 16
    if words.startswith("3DES"):
        return "cbc", "3DES", 24
    if words.startswith("CHACHA20"):
        return "chacha20", "CHACHA20", 32
    cipher, bits, mode = words.split("_")[:3]
    kinds: dict[str, CipherKind] = {"CBC": "cbc", "GCM": "gcm", "CCM": "ccm8" if "CCM_8" in words else "ccm"}
    return kinds[mode], cipher, int(bits) // 8


@lru_cache(maxsize=256)
def suite(code: int) -> CipherSuite | None:
    """The suite with this number, None for one that is not known here."""
    name = _NAMES.get(code)
    if name is None:
        return None
    key_exchange, _, words = name.rpartition("WITH_") if "WITH_" in name else ("", "", name)
    kind, cipher, key_bytes = _cipher(words)
    tail = words.rsplit("_", 1)[-1]
    aead = kind in {"gcm", "ccm", "ccm8", "chacha20"}
    mac = "" if aead else {"MD5": "md5", "SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384"}[tail]
    prf = "sha384" if tail == "SHA384" else "sha256"
    return CipherSuite(code, "TLS_" + name, key_exchange.strip("_"), kind, cipher, key_bytes, mac, prf)


def suite_name(code: int) -> str:
    """The suite's name, or its number."""
    known = suite(code)
    return known.name if known else f"0x{code:04x}"
