"""An SRTP sender written from RFC 3711, 6188, 6904, 7714 alone: nothing of analyzer.crypto is imported here.

It builds counter mode out of single AES blocks and takes session keys apart from master keys, so that an error
shared with the reader would have to be made twice.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def block(key: bytes, data: bytes) -> bytes:
    """AES of one block, or of several apart."""
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def segment(key: bytes, iv: int, size: int) -> bytes:
    """RFC 3711 4.1.1: E(k, IV) || E(k, IV + 1 mod 2^128) || ..."""
    blocks = (size + 15) // 16
    return block(key, b"".join(((iv + n) % 2**128).to_bytes(16, "big") for n in range(blocks)))[:size]


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def session_key(master: bytes, salt: bytes, label: int, size: int, index: int = 0, rate: int = 0) -> bytes:
    """RFC 3711 4.3.1: key_id = label || (index DIV rate), x = key_id XOR master_salt, PRF_n(master, x)."""
    key_id = bytes((label,)) + (index // rate if rate else 0).to_bytes(6, "big")
    x = xor(key_id.rjust(14, b"\0"), salt + bytes(14 - len(salt)))
    return segment(master, int.from_bytes(x + b"\0\0", "big"), size)


@dataclass
class Sender:
    """One master key. `cipher` is cm, gcm or null; `rate` the key derivation rate itself, 0 for none."""

    cipher: str
    master: bytes
    salt: bytes
    tag: int
    rtcp_tag: int
    mki: bytes = b""
    rate: int = 0
    encrypted_ids: tuple[int, ...] = ()
    plain_rtp: bool = False

    def keys(self, first: int, index: int) -> tuple[bytes, bytes, bytes]:
        """Cipher key, authentication key, salt."""
        make = lambda label, size: session_key(self.master, self.salt, label, size, index, self.rate)  # noqa: E731
        return make(first, len(self.master)), make(first + 1, 20), make(first + 2, len(self.salt))

    def rtp(self, header: bytes, payload: bytes, roc: int, given: tuple[bytes, bytes, bytes] | None = None) -> bytes:
        """One SRTP packet; `header` with CSRCs and extension. `given` replaces the derived session keys."""
        seq, ssrc = struct.unpack_from("!H", header, 2)[0], struct.unpack_from("!I", header, 8)[0]
        index = 65536 * roc + seq
        key, auth, salt = given or self.keys(0, index)
        header = self.cover_extension(header, ssrc, index)
        if self.cipher == "gcm":
            iv = xor(struct.pack("!HIIH", 0, ssrc, roc, seq), salt)
            return header + self.gcm(key, iv, payload, header, self.tag) + self.mki
        if self.cipher == "cm" and not self.plain_rtp:
            iv = (int.from_bytes(salt, "big") * 2**16) ^ (ssrc * 2**64) ^ (index * 2**16)
            payload = xor(payload, segment(key, iv, len(payload)))
        tag = hmac.new(auth, header + payload + struct.pack("!I", roc), hashlib.sha1).digest()
        return header + payload + self.mki + tag[: self.tag]

    def rtcp(
        self, packet: bytes, index: int, encrypt: bool = True, given: tuple[bytes, bytes, bytes] | None = None
    ) -> bytes:
        """One SRTCP packet."""
        ssrc = struct.unpack_from("!I", packet, 4)[0]
        key, auth, salt = given or self.keys(3, index)
        word = struct.pack("!I", index | (0x80000000 if encrypt else 0))
        head, body = (packet[:8], packet[8:]) if encrypt else (packet, b"")
        if self.cipher == "gcm":
            iv = xor(struct.pack("!HIHI", 0, ssrc, 0, index), salt)
            return head + self.gcm(key, iv, body, head + word, self.rtcp_tag) + word + self.mki
        if self.cipher == "cm":
            iv = (int.from_bytes(salt, "big") * 2**16) ^ (ssrc * 2**64) ^ (index * 2**16)
            body = xor(body, segment(key, iv, len(body)))
        tag = hmac.new(auth, head + body + word, hashlib.sha1).digest()
        return head + body + word + self.mki + tag[: self.rtcp_tag]

    def gcm(self, key: bytes, iv: bytes, data: bytes, associated: bytes, tag: int) -> bytes:
        """RFC 5116: ciphertext and tag; counter mode by hand, the tag by the library."""
        encryptor = Cipher(algorithms.AES(key), modes.GCM(iv)).encryptor()
        encryptor.authenticate_additional_data(associated)
        sealed = encryptor.update(data) + encryptor.finalize()
        assert sealed == xor(data, segment(key, int.from_bytes(iv + b"\0\0\0\2", "big"), len(data)))
        return sealed + encryptor.tag[:tag]

    def cover_extension(self, header: bytes, ssrc: int, index: int) -> bytes:
        """RFC 6904 3: the payloads of elements with an identifier in `encrypted_ids`, of either form (RFC 8285 4)."""
        if not self.encrypted_ids or not header[0] & 0x10 or self.cipher == "null":
            return header
        at = 12 + 4 * (header[0] & 15)
        long = header[at : at + 2] == b"\x10\x00"
        assert long or header[at : at + 2] == b"\xbe\xde"
        body = header[at + 4 :]
        make = lambda label, size: session_key(self.master, self.salt, label, size, index, self.rate)  # noqa: E731
        salt = make(7, len(self.salt)).ljust(14, b"\0")
        iv = (int.from_bytes(salt, "big") * 2**16) ^ (ssrc * 2**64) ^ (index * 2**16)
        stream = segment(make(6, len(self.master)), iv, len(body))
        mask, n = bytearray(len(body)), 0
        while n < len(body):
            if body[n] == 0:
                n += 1
                continue
            first, identifier, size = (2, body[n], body[n + 1]) if long else (1, body[n] >> 4, (body[n] & 15) + 1)
            if identifier in self.encrypted_ids:
                mask[n + first : n + first + size] = b"\xff" * size
            n += first + size
        return header[: at + 4] + xor(body, bytes(a & b for a, b in zip(stream, mask, strict=True)))
