"""A server's RSA private key out of PEM, and the premaster secrets it opens (RFC 5246 7.4.7.1)."""

import re
from collections.abc import Iterator

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from analyzer.core.secrets import Secret
from analyzer.crypto.certificate import unreadable

_BEGIN = re.compile(rb"^-----BEGIN ([A-Z0-9 ]{1,40})-----", re.MULTILINE)
_PREMASTER = 48
_MOST_BITS = 16_384
_OPENS = "only an RSA key opens connections, those with RSA key exchange; for others give a key log"


class RsaKey:
    """One private key. `repr` shows the size of its modulus only."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self._numbers = key.public_key().public_numbers()

    def __repr__(self) -> str:
        return f"RsaKey({self._key.key_size} bits)"

    def belongs_to(self, certificate: bytes) -> bool:
        """Whether a certificate (DER, any bytes) has this key's public half."""
        from cryptography.x509 import load_der_x509_certificate

        try:
            public = load_der_x509_certificate(certificate).public_key()
        except unreadable():
            return False
        return isinstance(public, rsa.RSAPublicKey) and public.public_numbers() == self._numbers

    def premaster(self, encrypted: bytes, certificate: bytes | None) -> Secret | None:
        """The premaster of a ClientKeyExchange; None if the certificate has another key, or it does not decrypt.

        A wrong key may give random bytes (implicit rejection): those that are no premaster are refused by shape.
        """
        if certificate is not None and not self.belongs_to(certificate):
            return None
        try:
            found = self._key.decrypt(encrypted, padding.PKCS1v15())
        except ValueError:
            return None
        return Secret(found) if len(found) == _PREMASTER and found[0] in (3, 0xFE) else None


def looks_like(data: bytes) -> bool:
    """Whether there is a PEM block (RFC 7468)."""
    return _BEGIN.search(data[:65_536]) is not None


def parse(data: bytes) -> Iterator[RsaKey | tuple[int, str]]:
    """The RSA private keys of a file, or line and problem where a block is none.

    Certificates beside a key are passed over; a file without a private key is a problem.
    """
    blocks = [(found.start(), found[1].decode("ascii")) for found in _BEGIN.finditer(data)]
    starts = [at for at, _ in blocks]
    line, seen, private = 1, 0, False
    for (at, label), end in zip(blocks, [*starts[1:], len(data)], strict=False):
        if "PRIVATE KEY" in label:
            line, seen, private = line + data.count(b"\n", seen, at), at, True
            key = _block(data[at:end], label)
            yield (line, key) if isinstance(key, str) else key
    if blocks and not private:
        at, label = blocks[0]
        yield data.count(b"\n", 0, at) + 1, f"a {label.lower()}, not a private key"


def _block(block: bytes, label: str) -> RsaKey | str:
    """The key of one block, up to where the next begins, or what is wrong with it."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    end = block.find(b"-----END " + label.encode("ascii") + b"-----")
    if end < 0:
        return "the private key has no end line"
    block = block[: end + len(label) + 14]
    if label == "ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in block[:256]:
        return "the private key is encrypted; give it in clear: openssl pkey -in KEY -out CLEAR"
    try:
        key = load_pem_private_key(block + b"\n", None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return f"a private key that cannot be read; {_OPENS}"
    if not isinstance(key, rsa.RSAPrivateKey):
        return f"not an RSA key; {_OPENS}"
    return RsaKey(key) if key.key_size <= _MOST_BITS else f"an RSA key of more than {_MOST_BITS} bits"
