"""Session keys from a master key (RFC 3711 4.3, RFC 6188 3, RFC 6904 3)."""

from enum import IntEnum

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from analyzer.core.secrets import Secret


class Label(IntEnum):
    """What a session key is for (RFC 3711 4.3.1 and 4.3.2, RFC 6904 3)."""

    RTP_KEY = 0
    RTP_AUTH = 1
    RTP_SALT = 2
    RTCP_KEY = 3
    RTCP_AUTH = 4
    RTCP_SALT = 5
    EXTENSION_KEY = 6
    EXTENSION_SALT = 7


def derive(master: Secret, salt: Secret, label: int, size: int, epoch: int = 0) -> Secret:
    """A session key of `size` bytes (RFC 3711 4.3.1).

    `epoch` is the packet index divided by the key derivation rate, 0 without one. The label is at byte 7 of the
    input for SRTCP too, as all deployed code has it; the 12-byte salt of AEAD suites is padded on the right with
    zeros (RFC 7714 leaves it open). The pseudorandom function is AES-CM with the length of the master key.
    """
    x = int.from_bytes(salt.reveal().ljust(14, b"\0")[:14], "big")
    x ^= (label << 48) | (epoch & 0xFFFFFFFFFFFF)
    return Secret(keystream(master, (x << 16).to_bytes(16, "big"), size))


def keystream(key: Secret, iv: bytes, size: int) -> bytes:
    """The first `size` bytes of AES in counter mode from the counter block `iv` (RFC 3711 4.1.1)."""
    return Cipher(algorithms.AES(key.reveal()), modes.CTR(iv)).encryptor().update(bytes(size))
