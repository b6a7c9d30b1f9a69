"""Records of DTLS 1.3 to plaintext, or a reason (RFC 9147 4): encrypted record numbers, unified headers."""

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES, ChaCha20

from analyzer.core.secrets import Secret
from analyzer.crypto import tls_keys
from analyzer.crypto.tls_records import Opened, Reason, aead_of, aead_open
from analyzer.formats.tls_suites import CipherSuite

PREFIX = b"dtls13"  # of every label (RFC 9147 5.9)
_SAMPLE = 16  # bytes of ciphertext that the record number's mask is made from (4.2.3)


class Dtls13Opener:
    """Opens the records of one direction in one epoch, in any order."""

    def __init__(self, suite: CipherSuite, secret: Secret) -> None:
        keys = tls_keys.traffic_keys(suite, secret, PREFIX)
        raw = secret.reveal()
        self._suite = suite
        self._iv = int.from_bytes(keys.iv.reveal(), "big")
        self._aead = aead_of(suite, keys.key)
        self._number_key = tls_keys.expand_label(suite.prf_hash, raw, b"sn", b"", suite.key_bytes, PREFIX)
        self._next = 0

    def open(self, first: int, shown: int, fragment: bytes, cid: bytes = b"") -> Opened | Reason:
        """The plaintext of a record with the first byte `first` (001CSLEE) and the record number `shown`, encrypted."""
        if len(fragment) < _SAMPLE or self._aead is None:
            return "bad_length"
        size = 2 if first & 8 else 1
        low = shown ^ int.from_bytes(self._mask(fragment[:_SAMPLE])[:size], "big")
        number = self._full(low, 8 * size)
        header = bytes((first,)) + cid + low.to_bytes(size, "big")
        if first & 4:
            header += len(fragment).to_bytes(2, "big")
        plain = aead_open(self._aead, (self._iv ^ number).to_bytes(12, "big"), fragment, header)
        if plain is None:
            return "bad_tag"
        self._next = max(self._next, number + 1)
        inner = plain.rstrip(b"\0")
        return Opened(inner[-1], inner[:-1]) if inner else "bad_padding"

    def _mask(self, sample: bytes) -> bytes:
        """RFC 9147 4.2.3."""
        if self._suite.kind == "chacha20":
            return Cipher(ChaCha20(self._number_key, sample), None).encryptor().update(bytes(2))
        return Cipher(AES(self._number_key), modes.ECB()).encryptor().update(sample)  # noqa: S305  # as RFC 9147 says

    def _full(self, low: int, bits: int) -> int:
        """The record number that ends in `low` and is closest to the one expected (RFC 9147 4.2.2)."""
        span = 1 << bits
        near = (self._next & ~(span - 1)) | low
        candidates = [number for number in (near - span, near, near + span) if number >= 0]
        return min(candidates, key=lambda number: abs(number - self._next))
