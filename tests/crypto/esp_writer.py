"""ESP packets written from RFC 4303, 2410, 3602, 3686, 4106, 4543, 2451, 2403, 2404 and 4868, apart from the product.

`expand` is TS 33.203 Annex I with the key derivation of TS 33.220 Annex B, written a second time.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HASHES = {
    "hmac-md5-96": (hashlib.md5, 12),
    "hmac-sha-1-96": (hashlib.sha1, 12),
    "hmac-sha-256-96": (hashlib.sha256, 12),
    "hmac-sha-256-128": (hashlib.sha256, 16),
    "hmac-sha-384-192": (hashlib.sha384, 24),
    "hmac-sha-512-256": (hashlib.sha512, 32),
}
ALIGN = {"null": 4, "aes-ctr": 4, "aes-gcm": 4, "aes-gmac": 4, "aes-cbc": 16, "des-ede3-cbc": 8}


def pad(payload: bytes, next_header: int, align: int) -> bytes:
    """Payload, padding 1, 2, 3, ..., pad length, next header (RFC 4303 2.4, 2.5, 2.6)."""
    size = -(len(payload) + 2) % align
    return payload + bytes(range(1, size + 1)) + bytes((size, next_header))


@dataclass
class Writer:
    """The sending end of one association."""

    spi: int
    cipher: str = "null"
    key: bytes = b""
    auth: str = "null"
    auth_key: bytes = b""
    sequence: int = 0
    high: bytes = b""  # upper half of extended sequence numbers
    align: int = 0
    sent: list[bytes] = field(default_factory=list)

    def packet(self, payload: bytes, next_header: int) -> bytes:
        """The next packet, from its SPI."""
        self.sequence += 1
        return self.numbered(payload, next_header, self.sequence)

    def numbered(self, payload: bytes, next_header: int, sequence: int) -> bytes:
        """A packet with a sequence number of one's choice."""
        header = self.spi.to_bytes(4, "big") + sequence.to_bytes(4, "big")
        body = pad(payload, next_header, self.align or ALIGN[self.cipher])
        sealed = getattr(self, self.cipher.replace("-", "_"))(header, body, sequence)
        if self.auth in HASHES:
            digest, size = HASHES[self.auth]
            sealed += hmac.new(self.auth_key, header + sealed + self.high, digest).digest()[:size]
        self.sent.append(header + sealed)
        return header + sealed

    def null(self, header: bytes, body: bytes, sequence: int) -> bytes:
        del header, sequence
        return body

    def aes_cbc(self, header: bytes, body: bytes, sequence: int) -> bytes:
        iv = hashlib.sha256(header).digest()[:16]
        del sequence
        return iv + Cipher(algorithms.AES(self.key), modes.CBC(iv)).encryptor().update(body)

    def des_ede3_cbc(self, header: bytes, body: bytes, sequence: int) -> bytes:
        iv = hashlib.sha256(header).digest()[:8]
        del sequence
        return iv + Cipher(TripleDES(self.key), modes.CBC(iv)).encryptor().update(body)

    def aes_ctr(self, header: bytes, body: bytes, sequence: int) -> bytes:
        iv = sequence.to_bytes(8, "big")
        del header
        block = self.key[-4:] + iv + (1).to_bytes(4, "big")
        return iv + Cipher(algorithms.AES(self.key[:-4]), modes.CTR(block)).encryptor().update(body)

    def aes_gcm(self, header: bytes, body: bytes, sequence: int) -> bytes:
        iv = sequence.to_bytes(8, "big")
        associated = header[:4] + self.high + header[4:]
        sealed = AESGCM(self.key[:-4]).encrypt(self.key[-4:] + iv, body, associated)
        return iv + sealed[: len(body)] + sealed[len(body) :][: {"any-64": 8, "any-96": 12}.get(self.auth, 16)]

    def aes_gmac(self, header: bytes, body: bytes, sequence: int) -> bytes:
        iv = sequence.to_bytes(8, "big")
        associated = header[:4] + self.high + header[4:] + iv + body
        return iv + body + AESGCM(self.key[:-4]).encrypt(self.key[-4:] + iv, b"", associated)


def expand(alg: str, ealg: str, ck: bytes, ik: bytes) -> tuple[str, bytes, str, bytes]:
    """(cipher, key, auth, key) of an association: TS 33.203 Annex I."""

    def salt(function_code: int, name: str) -> bytes:
        parameter = name.encode()
        text = bytes((function_code,)) + parameter + len(parameter).to_bytes(2, "big")
        return hmac.new(ck + ik, text, hashlib.sha256).digest()[28:32]

    if ealg == "aes-gcm":
        return ealg, ck + salt(0x59, "AES_GCM_SALT"), "null", b""
    if alg == "aes-gmac":
        return alg, ik + salt(0x58, "AES_GMAC_SALT"), "null", b""
    keys = {"null": b"", "aes-cbc": ck, "des-ede3-cbc": ck + ck[:8]}
    checks = {"hmac-md5-96": ik, "hmac-sha-1-96": ik + b"\0\0\0\0"}
    return ealg, keys[ealg], alg, checks[alg]
