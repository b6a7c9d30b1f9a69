"""A DTLS 1.3 sender written from RFC 9147 and RFC 8446 7 alone: nothing of analyzer is imported here."""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

HASHES = {0x1301: hashes.SHA256(), 0x1302: hashes.SHA384(), 0x1303: hashes.SHA256()}
KEY_BYTES = {0x1301: 16, 0x1302: 32, 0x1303: 32}


def label(suite: int, secret: bytes, name: bytes, context: bytes, size: int) -> bytes:
    """RFC 8446 7.1 with the prefix of RFC 9147 5.9: "dtls13", which has no space behind it."""
    full = b"dtls13" + name
    info = size.to_bytes(2, "big") + bytes([len(full)]) + full + bytes([len(context)]) + context
    return HKDFExpand(HASHES[suite], size, info).derive(secret)


def export(suite: int, secret: bytes, name: bytes, size: int) -> bytes:
    """RFC 8446 7.5 without context."""
    empty = hashlib.new(HASHES[suite].name, b"").digest()
    derived = label(suite, secret, name, empty, len(empty))
    return label(suite, derived, b"exporter", empty, size)


@dataclass
class Epoch:
    """The records of one direction in one epoch."""

    suite: int
    secret: bytes
    epoch: int
    number: int = 0
    cid: bytes = b""

    def record(self, kind: int, content: bytes, *, long: bool = True, length: bool = True, pad: int = 0) -> bytes:
        """RFC 9147 4: a unified header 001CSLEE, with the connection ID if there is one, the record number encrypted
        (4.2.3), DTLSInnerPlaintext padded."""
        size = KEY_BYTES[self.suite]
        key = label(self.suite, self.secret, b"key", b"", size)
        iv = label(self.suite, self.secret, b"iv", b"", 12)
        number_key = label(self.suite, self.secret, b"sn", b"", size)
        width = 2 if long else 1
        first = 0x20 | (0x10 if self.cid else 0) | (8 if long else 0) | (4 if length else 0) | self.epoch & 3
        shown = (self.number % 256**width).to_bytes(width, "big")
        inner = content + bytes([kind]) + bytes(pad)
        tail = (len(inner) + 16).to_bytes(2, "big") if length else b""
        nonce = bytes(a ^ b for a, b in zip(iv, self.number.to_bytes(12, "big"), strict=True))
        aead = ChaCha20Poly1305(key) if self.suite == 0x1303 else AESGCM(key)
        sealed = aead.encrypt(nonce, inner, bytes([first]) + self.cid + shown + tail)
        if self.suite == 0x1303:
            mask = Cipher(algorithms.ChaCha20(number_key, sealed[:16]), None).encryptor().update(bytes(16))
        else:
            mask = Cipher(algorithms.AES(number_key), modes.ECB()).encryptor().update(sealed[:16])
        self.number += 1
        return bytes([first]) + self.cid + bytes(a ^ b for a, b in zip(shown, mask, strict=False)) + tail + sealed

    def updated(self) -> "Epoch":
        """RFC 8446 7.2: the next application traffic secret."""
        secret = label(self.suite, self.secret, b"traffic upd", b"", HASHES[self.suite].digest_size)
        return Epoch(self.suite, secret, self.epoch + 1, cid=self.cid)
