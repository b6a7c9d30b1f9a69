"""A DTLS 1.2 sender, with connection IDs or without, written from RFC 5246 5, 6.3, RFC 6655, 7366, 7905 and RFC 9146
alone: nothing of analyzer is imported here."""

import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

GCM, CCM, CHACHA, CBC, NULL = 0xC02B, 0xC0AC, 0xCCA9, 0xC023, 0x003B  # the IANA registry; all with SHA-256
RSA_GCM, RSA_CBC = 0x009C, 0x003C  # RSA key exchange
SIZES = {  # MAC, key, IV
    GCM: (0, 16, 4), CCM: (0, 16, 4), CHACHA: (0, 32, 12), CBC: (32, 16, 0), NULL: (32, 0, 0), RSA_GCM: (0, 16, 4),
    RSA_CBC: (32, 16, 0),
}  # fmt: skip
VERSION = b"\xfe\xfd"


def prf(secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """RFC 5246 5, P_SHA256."""
    seed, made = label + seed, b""
    turn = seed
    while len(made) < size:
        turn = hmac.digest(secret, turn, "sha256")
        made += hmac.digest(secret, turn + seed, "sha256")
    return made[:size]


@dataclass
class Sender:
    """What one side sends in epoch 1. `cid` is the one that the other side asked for."""

    suite: int
    mac_key: bytes
    key: bytes
    iv: bytes
    cid: bytes
    encrypt_then_mac: bool = False
    number: int = 0

    def record(self, kind: int, content: bytes, pad: int = 0) -> bytes:
        """RFC 9146 4: the content with its type and zeros inside; without a connection ID, as ever."""
        inner = content + bytes((kind,)) + bytes(pad) if self.cid else content
        outer = b"\x19" if self.cid else bytes((kind,))
        counted = b"\0\1" + self.number.to_bytes(6, "big")
        sealed = self._sealed(outer, counted, inner)
        self.number += 1
        return outer + VERSION + counted + self.cid + len(sealed).to_bytes(2, "big") + sealed

    def _covered(self, outer: bytes, counted: bytes, size: int) -> bytes:
        """RFC 9146 5.1 to 5.3; RFC 5246 6.2.3.1 without a connection ID."""
        if not self.cid:
            return counted + outer + VERSION + size.to_bytes(2, "big")
        named = b"\xff" * 8 + b"\x19" + bytes((len(self.cid),)) + b"\x19"
        return named + VERSION + counted + self.cid + size.to_bytes(2, "big")

    def _sealed(self, outer: bytes, counted: bytes, inner: bytes) -> bytes:
        covered = self._covered(outer, counted, len(inner))
        if self.suite == CHACHA:  # RFC 7905 2
            nonce = bytes(a ^ b for a, b in zip(self.iv, bytes(4) + counted, strict=True))
            return ChaCha20Poly1305(self.key).encrypt(nonce, inner, covered)
        if self.suite in (GCM, CCM, RSA_GCM):  # RFC 5288 3, RFC 6655 3
            aead = AESCCM(self.key) if self.suite == CCM else AESGCM(self.key)
            return counted + aead.encrypt(self.iv + counted, inner, covered)
        if self.suite == NULL:
            return inner + hmac.digest(self.mac_key, covered + inner, "sha256")
        if not self.encrypt_then_mac:
            return self._cbc(inner + hmac.digest(self.mac_key, covered + inner, "sha256"))
        body = self._cbc(inner)  # RFC 7366 3, RFC 9146 5.2
        return body + hmac.digest(self.mac_key, self._covered(outer, counted, len(body)) + body, "sha256")

    def _cbc(self, plain: bytes) -> bytes:
        """RFC 5246 6.2.3.2."""
        iv, padding = bytes(range(self.number, self.number + 16)), 15 - len(plain) % 16
        encryptor = Cipher(algorithms.AES(self.key), modes.CBC(iv)).encryptor()
        return iv + encryptor.update(plain + bytes((padding,)) * (padding + 1)) + encryptor.finalize()


def senders(
    suite: int,
    master: bytes,
    randoms: tuple[bytes, bytes],
    cids: tuple[bytes, bytes],
    *,
    encrypt_then_mac: bool = False,
) -> tuple[Sender, Sender]:
    """Client and server (RFC 5246 6.3); `cids` are what the client and the server send with."""
    mac, key, iv = SIZES[suite]
    block = prf(master, b"key expansion", randoms[1] + randoms[0], 2 * (mac + key + iv))
    parts = []
    for size in (mac, mac, key, key, iv, iv):
        parts.append(block[:size])
        block = block[size:]
    return (
        Sender(suite, parts[0], parts[2], parts[4], cids[0], encrypt_then_mac),
        Sender(suite, parts[1], parts[3], parts[5], cids[1], encrypt_then_mac),
    )
