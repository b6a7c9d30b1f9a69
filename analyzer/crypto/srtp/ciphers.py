"""The primitives of the transforms, each keyed once and used for many packets."""

import hmac
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from analyzer.core.secrets import Secret


def counter_mode(key: Secret) -> Callable[[bytes, bytes], bytes]:
    """AES-CM keyed with `key`: (counter block, data) to data (RFC 3711 4.1.1)."""
    cipher = algorithms.AES(key.reveal())
    context = Cipher(cipher, modes.CTR(bytes(16))).encryptor()
    if not hasattr(context, "reset_nonce"):  # cryptography before 43
        return lambda iv, data: Cipher(cipher, modes.CTR(iv)).encryptor().update(data)
    reset, update = context.reset_nonce, context.update

    def apply(iv: bytes, data: bytes) -> bytes:
        reset(iv)
        return update(data)

    return apply


class HmacSha1:
    """HMAC-SHA1 keyed once (RFC 3711 4.2.1)."""

    __slots__ = ("_keyed",)

    def __init__(self, key: Secret) -> None:
        self._keyed = hmac.new(key.reveal(), None, "sha1")

    def __call__(self, message: bytes, rest: bytes) -> bytes:
        """The 20 bytes for `message` followed by `rest`."""
        state = self._keyed.copy()
        state.update(message)
        state.update(rest)
        return state.digest()

    def over(self, message: bytes) -> Callable[[bytes], bytes]:
        """The same for one message and many a `rest`."""
        begun = self._keyed.copy()
        begun.update(message)

        def mac(rest: bytes) -> bytes:
            state = begun.copy()
            state.update(rest)
            return state.digest()

        return mac


def gcm_open(key: Secret, tag_size: int) -> Callable[[bytes, bytes, bytes, bytes], bytes | None]:
    """AES-GCM keyed with `key`: (nonce, ciphertext, tag, associated data) to plaintext, None for a wrong tag."""
    if tag_size != 16:
        return _gcm_short(key, tag_size)
    decrypt = AESGCM(key.reveal()).decrypt

    def apply(nonce: bytes, data: bytes, tag: bytes, associated: bytes) -> bytes | None:
        try:
            return decrypt(nonce, data + tag, associated)
        except InvalidTag:
            return None

    return apply


def _gcm_short(key: Secret, tag_size: int) -> Callable[[bytes, bytes, bytes, bytes], bytes | None]:
    cipher = algorithms.AES(key.reveal())

    def apply(nonce: bytes, data: bytes, tag: bytes, associated: bytes) -> bytes | None:
        context = Cipher(cipher, modes.GCM(nonce, tag, min_tag_length=tag_size)).decryptor()
        context.authenticate_additional_data(associated)
        plain = context.update(data)
        try:
            return plain + context.finalize()
        except InvalidTag:
            return None

    return apply
