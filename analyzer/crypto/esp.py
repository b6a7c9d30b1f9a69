"""ESP packets under one key (RFC 4303): the packet from its SPI to what it carried, or the reason why not.

Ciphers: NULL (RFC 2410), AES-CBC (RFC 3602), AES-CTR (RFC 3686), AES-GCM (RFC 4106), AES-GMAC (RFC 4543, in clear),
3DES-CBC (RFC 2451). Check values: HMAC-MD5-96 (RFC 2403), HMAC-SHA-1-96 (RFC 2404), HMAC-SHA-2 (RFC 4868). The check
value comes first: nothing is decrypted where it is wrong.
"""

import hmac
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret

HEADER = 8  # SPI and sequence number
TRAILER = 2  # pad length and next header
SALT = 4
_FULL_TAG = 16  # bytes, of GCM and GMAC
_DIGESTS = {
    "hmac-md5-96": ("md5", 12),
    "hmac-sha-1-96": ("sha1", 12),
    "hmac-sha-256-96": ("sha256", 12),
    "hmac-sha-256-128": ("sha256", 16),
    "hmac-sha-384-192": ("sha384", 24),
    "hmac-sha-512-256": ("sha512", 32),
}
_UNCHECKED = {"null": 0, "any-64": 8, "any-96": 12, "any-128": 16, "any-192": 24, "any-256": 32}
_IV = {"null": 0, "aes-cbc": 16, "des-ede3-cbc": 8, "aes-ctr": 8, "aes-gcm": 8, "aes-gmac": 8}
_KEYS = {
    "null": (0,),
    "aes-cbc": (16, 24, 32),
    "des-ede3-cbc": (24,),
    "aes-ctr": (16 + SALT, 24 + SALT, 32 + SALT),
    "aes-gcm": (16 + SALT, 24 + SALT, 32 + SALT),
    "aes-gmac": (16 + SALT, 24 + SALT, 32 + SALT),
}
_BLOCK = {"aes-cbc": 16, "des-ede3-cbc": 8}
_OWN_TAG = ("aes-gcm", "aes-gmac")
_TAG_OF_GCM = {"null": 16, "any-64": 8, "any-96": 12, "any-128": 16}
HIDING = frozenset({"aes-cbc", "aes-ctr", "aes-gcm", "des-ede3-cbc"})
APART = HIDING - {"aes-gcm"}  # whose check value is made with a key of its own
"""Ciphers that encrypt."""


class Reason(StrEnum):
    """Why a packet was not opened."""

    TOO_SHORT = "too_short"
    """Fewer bytes than header, IV, trailer and check value, or no whole number of cipher blocks."""
    TAG_FAILED = "tag_failed"
    """The check value is wrong: another key, or the packet was changed."""
    BAD_PADDING = "bad_padding"
    """What comes out has no padding as RFC 4303 2.4 has it: another key, where no check value proves it before."""


class Opened(NamedTuple):
    """What a packet carried. `verified`: its check value is right; False: there is none, or it cannot be checked."""

    next_header: int
    payload: bytes
    verified: bool


Check = Callable[[bytes, bytes], bool]
Decrypt = Callable[[bytes], bytes | None]


@frozen
class Opener:
    """One association's transform, keyed once: `opener` makes it."""

    cipher: str
    auth: str
    iv_bytes: int
    tag_bytes: int
    checked: bool  # a check value proves the key
    _open: Callable[[bytes, bytes], bytes | Reason]

    def open(self, packet: bytes, high: bytes = b"") -> Opened | Reason:
        """Opens a packet, whole from its SPI. `high`: the upper half of an extended number (RFC 4303 2.2.1)."""
        if len(packet) < HEADER + self.iv_bytes + TRAILER + self.tag_bytes:
            return Reason.TOO_SHORT
        body = self._open(packet, high)
        return body if isinstance(body, Reason) else unpad(body, self.checked)

    def padding(self, packet: bytes, high: bytes = b"") -> int | None:
        """How many bytes of padding a packet has, if they count up from one (RFC 4303 2.4); None: another cipher or
        cipher key, whose check value says nothing of it, or a padding of the sender's own."""
        body = self._open(packet, high)
        found = body if isinstance(body, Reason) else unpad(body, verified=False)
        return (
            None if isinstance(found, Reason) or isinstance(body, Reason) else len(body) - TRAILER - len(found.payload)
        )


def unpad(body: bytes, verified: bool) -> Opened | Reason:
    """Takes padding, pad length and next header off. Unverified, the padding must count up from one."""
    pad, next_header = body[-2], body[-1]
    end = len(body) - TRAILER - pad
    if end < 0 or (not verified and body[end:-TRAILER] != bytes(range(1, pad + 1))):
        return Reason.BAD_PADDING
    return Opened(next_header, body[:end], verified)


def opener(cipher: str, cipher_key: Secret, auth: str, auth_key: Secret) -> Opener | str:
    """The transform of a key entry (see `session.key_entries.EspKey`), or what is wrong with it."""
    if cipher == "null" and auth == "aes-gmac":
        cipher, cipher_key, auth = auth, auth_key, "null"
    if cipher not in _KEYS:
        return f"the cipher {cipher} is not one of {', '.join(_KEYS)}"
    if len(cipher_key) not in _KEYS[cipher]:
        right = " or ".join(map(str, _KEYS[cipher]))
        return f"{cipher} takes a key of {right} bytes, not {len(cipher_key)}"
    if cipher in _OWN_TAG:
        if auth not in _TAG_OF_GCM or (cipher == "aes-gmac" and _TAG_OF_GCM[auth] != 16):
            return f"{cipher} has its own check value: {auth} cannot go with it"
        tag = _TAG_OF_GCM[auth]
        combined = _gcm(cipher_key.reveal(), tag) if cipher == "aes-gcm" else _gmac(cipher_key.reveal())
        return Opener(cipher, auth, _IV[cipher], tag, True, combined)
    if auth in _DIGESTS:
        digest, tag = _DIGESTS[auth]
        if not auth_key:
            return f"{auth} needs an authentication key"
        check = _hmac(auth_key.reveal(), digest, tag)
        return Opener(cipher, auth, _IV[cipher], tag, True, _apart(cipher, cipher_key.reveal(), tag, check))
    if auth not in _UNCHECKED:
        return f"the authentication {auth} is not one of {', '.join((*_DIGESTS, *_UNCHECKED))}"
    tag = _UNCHECKED[auth]
    return Opener(cipher, auth, _IV[cipher], tag, False, _apart(cipher, cipher_key.reveal(), tag, None))


def _apart(cipher: str, key: bytes, tag: int, check: Check | None) -> Callable[[bytes, bytes], bytes | Reason]:
    """A check value of its own behind the ciphertext (RFC 4303 3.3.2.1)."""
    decrypt = _decrypt(cipher, key)

    def apply(packet: bytes, high: bytes) -> bytes | Reason:
        end = len(packet) - tag
        if check is not None and not check(packet[:end] + high, packet[end:]):
            return Reason.TAG_FAILED
        plain = decrypt(packet[HEADER:end])
        return Reason.TOO_SHORT if plain is None or len(plain) < TRAILER else plain

    return apply


def _hmac(key: bytes, digest: str, tag: int) -> Check:
    return lambda data, value: hmac.compare_digest(hmac.digest(key, data, digest)[:tag], value)


def _decrypt(cipher: str, key: bytes) -> Decrypt:
    if cipher == "null":
        return lambda data: data
    if cipher == "aes-ctr":
        aes, nonce = algorithms.AES(key[:-SALT]), key[-SALT:]

        def counter(data: bytes) -> bytes:
            block = nonce + data[:8] + b"\0\0\0\1"
            return Cipher(aes, modes.CTR(block)).decryptor().update(data[8:])

        return counter
    return _chained(algorithms.AES(key) if cipher == "aes-cbc" else TripleDES(key), _BLOCK[cipher])


def _chained(algorithm: algorithms.AES | TripleDES, block_bytes: int) -> Decrypt:
    """CBC behind its IV: each block deciphered and added to the one before, so that one context serves all packets."""
    update = Cipher(algorithm, modes.ECB()).decryptor().update  # noqa: S305  # the blocks of CBC

    def apply(data: bytes) -> bytes | None:
        size = len(data) - block_bytes
        if size < 0 or size % block_bytes:
            return None
        plain = int.from_bytes(update(data[block_bytes:]), "big") ^ int.from_bytes(data[:size], "big")
        return plain.to_bytes(size, "big")

    return apply


def _gcm(key: bytes, tag: int) -> Callable[[bytes, bytes], bytes | Reason]:
    """RFC 4106: the nonce is salt and IV; SPI and sequence number are the associated data."""
    aes, salt = algorithms.AES(key[:-SALT]), key[-SALT:]
    whole = AESGCM(key[:-SALT]).decrypt

    def apply(packet: bytes, high: bytes) -> bytes | Reason:
        if tag == _FULL_TAG:
            try:
                return whole(
                    salt + packet[HEADER : HEADER + 8], packet[HEADER + 8 :], packet[:4] + high + packet[4:HEADER]
                )
            except InvalidTag:
                return Reason.TAG_FAILED
        end = len(packet) - tag
        mode = modes.GCM(salt + packet[HEADER : HEADER + 8], packet[end:], min_tag_length=tag)
        context = Cipher(aes, mode).decryptor()
        context.authenticate_additional_data(packet[:4] + high + packet[4:HEADER])
        plain = context.update(packet[HEADER + 8 : end])
        try:
            return plain + context.finalize()
        except InvalidTag:
            return Reason.TAG_FAILED

    return apply


def _gmac(key: bytes) -> Callable[[bytes, bytes], bytes | Reason]:
    """ENCR_NULL_AUTH_AES_GMAC of RFC 4543 3.3: everything up to the check value is associated data, in clear."""
    whole, salt = AESGCM(key[:-SALT]).decrypt, key[-SALT:]

    def apply(packet: bytes, high: bytes) -> bytes | Reason:
        end = len(packet) - _FULL_TAG
        try:
            whole(salt + packet[HEADER : HEADER + 8], packet[end:], packet[:4] + high + packet[4:end])
        except InvalidTag:
            return Reason.TAG_FAILED
        return packet[HEADER + 8 : end]

    return apply
