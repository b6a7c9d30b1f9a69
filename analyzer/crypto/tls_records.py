"""One protected TLS or DTLS record to plaintext, or a reason (RFC 5246 6.2.3, RFC 7366, RFC 7905, RFC 8446 5.2), with a
connection ID (RFC 9146 5) or without.
"""

import hmac
from typing import Literal, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4, Camellia, TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret
from analyzer.crypto.tls_keys import DirectionKeys
from analyzer.formats.tls_suites import CipherSuite

Reason = Literal["bad_tag", "bad_length", "bad_padding"]


@frozen
class Opened:
    """A record's plaintext. `content_type` is the inner one in TLS 1.3."""

    content_type: int
    plaintext: bytes


Aead: TypeAlias = AESGCM | AESCCM | ChaCha20Poly1305


def aead_of(suite: CipherSuite, key: Secret) -> Aead | None:
    """The AEAD of a suite under a key, None where it has none."""
    raw = key.reveal()
    match suite.kind:
        case "gcm":
            return AESGCM(raw)
        case "ccm" | "ccm8":
            return AESCCM(raw, tag_length=suite.tag_bytes)
        case "chacha20":
            return ChaCha20Poly1305(raw)
        case _:
            return None


def aead_open(aead: Aead, nonce: bytes, data: bytes, header: bytes) -> bytes | None:
    """The plaintext, None where the tag is wrong."""
    try:
        return aead.decrypt(nonce, data, header)
    except InvalidTag:
        return None


class RecordOpener:
    """Opens the records of one direction under one set of keys.

    `sequence` is the implicit number of TLS; a datagram record brings its own (epoch and sequence, 64 bits).
    """

    def __init__(
        self, suite: CipherSuite, version: int, keys: DirectionKeys, *, encrypt_then_mac: bool = False
    ) -> None:
        self._suite = suite
        self._version = version
        self._keys = keys
        self._etm = encrypt_then_mac and suite.kind == "cbc"
        self.sequence = 0
        self._chained_iv = keys.iv.reveal()  # TLS 1.0 chains CBC blocks across records
        self._stream: CipherContext | None = None
        self._aead = aead_of(suite, keys.key)

    def open(
        self, content_type: int, version: int, fragment: bytes, sequence: int | None = None, cid: bytes = b""
    ) -> Opened | Reason:
        """The plaintext of one record. The implicit sequence advances only when the record verifies."""
        number = self.sequence if sequence is None else sequence
        if self._version == 0x0304:
            return self._counted(self._open_13(content_type, version, fragment, number), sequence)
        covered = _Covered(content_type, version, number, cid)
        if self._aead is not None:
            plain = self._open_aead(covered, fragment)
        elif self._suite.kind == "cbc":
            plain = self._open_cbc(covered, fragment)
        else:
            plain = self._open_stream(covered, fragment)
        if not isinstance(plain, bytes):
            return plain
        return self._counted(_inner(plain) if cid else Opened(content_type, plain), sequence)

    def lose(self) -> None:
        """Records are missing: TLS 1.0's IV, the last block of the record before (RFC 2246 6.2.3.2), is unknown."""
        self._chained_iv = b""

    def pass_over(self, fragment: bytes) -> None:
        """A record was not opened: TLS 1.0 chains the next one to its last block all the same."""
        if self._suite.kind == "cbc":
            body = fragment[: -self._suite.mac_bytes] if self._etm else fragment
            self._chained_iv = body[-self._suite.block_bytes :]

    def _counted(self, result: Opened | Reason, sequence: int | None) -> Opened | Reason:
        self.sequence += isinstance(result, Opened) and sequence is None
        return result

    def _open_13(self, content_type: int, version: int, fragment: bytes, number: int) -> Opened | Reason:
        iv = self._keys.iv.reveal()
        nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
        header = bytes((content_type,)) + version.to_bytes(2, "big") + len(fragment).to_bytes(2, "big")
        plain = self._decrypt_aead(nonce, fragment, header)
        return "bad_tag" if plain is None else _inner(plain)

    def _open_aead(self, covered: "_Covered", fragment: bytes) -> bytes | Reason:
        iv = self._keys.iv.reveal()
        explicit = 0 if self._suite.kind == "chacha20" else 8
        size = len(fragment) - explicit - self._suite.tag_bytes
        if size < 0:
            return "bad_length"
        counted = (int.from_bytes(iv, "big") ^ covered.number).to_bytes(12, "big") if not explicit else b""
        nonce = counted or iv + fragment[:8]
        plain = self._decrypt_aead(nonce, fragment[explicit:], covered.header(size))
        return "bad_tag" if plain is None else plain

    def _decrypt_aead(self, nonce: bytes, data: bytes, header: bytes) -> bytes | None:
        if self._aead is None or len(data) < self._suite.tag_bytes:
            return None
        return aead_open(self._aead, nonce, data, header)

    def _open_cbc(self, covered: "_Covered", fragment: bytes) -> bytes | Reason:
        block = self._suite.block_bytes
        mac_bytes = self._suite.mac_bytes
        explicit = self._version not in (0x0300, 0x0301)
        body = fragment
        if self._etm:
            body, tag = fragment[:-mac_bytes], fragment[-mac_bytes:]
            if not hmac.compare_digest(tag, self._mac(covered, body)):
                return "bad_tag"
        iv, data = (body[:block], body[block:]) if explicit else (self._chained_iv, body)
        if len(iv) != block or not data or len(data) % block:
            return "bad_length"
        plain = self._cbc(iv).update(data)
        padding = plain[-1] + 1
        if padding > len(plain) or plain[-padding:] != bytes((padding - 1,)) * padding:
            return "bad_padding"
        plain = plain[:-padding]
        if not self._etm:
            if len(plain) < mac_bytes:
                return "bad_length"
            plain, tag = plain[: len(plain) - mac_bytes], plain[len(plain) - mac_bytes :]
            if not hmac.compare_digest(tag, self._mac(covered, plain)):
                return "bad_tag"
        self._chained_iv = data[-block:]
        return plain

    def _cbc(self, iv: bytes) -> CipherContext:
        key = self._keys.key.reveal()
        match self._suite.cipher:
            case "CAMELLIA":
                return Cipher(Camellia(key), modes.CBC(iv)).decryptor()
            case "3DES":
                return Cipher(TripleDES(key), modes.CBC(iv)).decryptor()
            case _:
                return Cipher(AES(key), modes.CBC(iv)).decryptor()

    def _open_stream(self, covered: "_Covered", fragment: bytes) -> bytes | Reason:
        plain = fragment
        if self._suite.cipher == "RC4":
            if self._stream is None:
                self._stream = Cipher(ARC4(self._keys.key.reveal()), mode=None).decryptor()
            plain = self._stream.update(fragment)
        size = len(plain) - self._suite.mac_bytes
        if size < 0:
            return "bad_length"
        if not hmac.compare_digest(plain[size:], self._mac(covered, plain[:size])):
            return "bad_tag"
        return plain[:size]

    def _mac(self, covered: "_Covered", data: bytes) -> bytes:
        return hmac.digest(self._keys.mac_key.reveal(), covered.header(len(data)) + data, self._suite.mac)


@frozen
class _Covered:
    """What is authenticated of a record beside its content; `number` is the record number, with the epoch in DTLS."""

    content_type: int
    version: int
    number: int
    cid: bytes

    def header(self, size: int) -> bytes:
        """RFC 5246 6.2.3.1 and 6.2.3.3; with a connection ID, RFC 9146 5: a placeholder where the number was."""
        kind, version, number = (
            bytes((self.content_type,)),
            self.version.to_bytes(2, "big"),
            self.number.to_bytes(8, "big"),
        )
        if not self.cid:
            return number + kind + version + size.to_bytes(2, "big")
        named = b"\xff" * 8 + kind + bytes((len(self.cid),)) + kind
        return named + version + number + self.cid + size.to_bytes(2, "big")


def _inner(plain: bytes) -> Opened | Reason:
    """Content, its type, zeros (RFC 8446 5.2, RFC 9146 4)."""
    inner = plain.rstrip(b"\x00")
    return Opened(inner[-1], inner[:-1]) if inner else "bad_padding"
