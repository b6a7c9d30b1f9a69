"""TLS key schedules: PRF (RFC 2246 5, RFC 5246 5), HKDF (RFC 8446 7), exporters (RFC 5705, RFC 8446 7.5)."""

import hashlib
import hmac

from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret
from analyzer.formats.tls_suites import CipherSuite


@frozen
class DirectionKeys:
    """What one direction of a connection is protected with."""

    key: Secret
    iv: Secret
    mac_key: Secret


def _p_hash(name: str, secret: bytes, seed: bytes, size: int) -> bytes:
    out = b""
    a = seed
    while len(out) < size:
        a = hmac.digest(secret, a, name)
        out += hmac.digest(secret, a + seed, name)
    return out[:size]


def prf(version: int, suite: CipherSuite | None, secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """The pseudorandom function of TLS 1.0/1.1 (MD5 and SHA-1) or 1.2 (the suite's hash). DTLS alike."""
    if version in (0x0300, 0x0301, 0x0302, 0xFEFF):
        half = (len(secret) + 1) // 2
        md5 = _p_hash("md5", secret[:half], label + seed, size)
        sha = _p_hash("sha1", secret[len(secret) - half :], label + seed, size)
        return bytes(x ^ y for x, y in zip(md5, sha, strict=True))
    return _p_hash(suite.prf_hash if suite else "sha256", secret, label + seed, size)


def master_secret(
    version: int, suite: CipherSuite, premaster: bytes, client_random: bytes, server_random: bytes
) -> Secret:
    """The master secret from a premaster (RFC 5246 8.1)."""
    return Secret(prf(version, suite, premaster, b"master secret", client_random + server_random, 48))


def extended_master_secret(version: int, suite: CipherSuite, premaster: bytes, session_hash: bytes) -> Secret:
    """The master secret bound to the handshake (RFC 7627 4)."""
    return Secret(prf(version, suite, premaster, b"extended master secret", session_hash, 48))


def handshake_hash(version: int, suite: CipherSuite, transcript: bytes) -> bytes:
    """The hash over handshake messages that Finished and RFC 7627 use."""
    if version in (0x0300, 0x0301, 0x0302, 0xFEFF):
        return (
            hashlib.md5(transcript, usedforsecurity=False).digest()
            + hashlib.sha1(transcript, usedforsecurity=False).digest()
        )
    return hashlib.new(suite.prf_hash, transcript).digest()


def key_block(
    version: int, suite: CipherSuite, master: Secret, client_random: bytes, server_random: bytes
) -> tuple[DirectionKeys, DirectionKeys]:
    """Client and server write keys up to TLS 1.2 (RFC 5246 6.3)."""
    mac = suite.mac_bytes
    key = suite.key_bytes
    iv = {"gcm": 4, "ccm": 4, "ccm8": 4, "chacha20": 12, "cbc": suite.block_bytes}.get(suite.kind, 0)
    block = prf(version, suite, master.reveal(), b"key expansion", server_random + client_random, 2 * (mac + key + iv))
    parts = []
    at = 0
    for size in (mac, mac, key, key, iv, iv):
        parts.append(Secret(block[at : at + size]))
        at += size
    return DirectionKeys(parts[2], parts[4], parts[0]), DirectionKeys(parts[3], parts[5], parts[1])


def hkdf_expand(name: str, secret: bytes, info: bytes, size: int) -> bytes:
    """HKDF-Expand (RFC 5869 2.3)."""
    out, block, counter = b"", b"", 1
    while len(out) < size:
        block = hmac.digest(secret, block + info + bytes((counter,)), name)
        out += block
        counter += 1
    return out[:size]


def expand_label(name: str, secret: bytes, label: bytes, context: bytes, size: int, prefix: bytes = b"tls13 ") -> bytes:
    """HKDF-Expand-Label (RFC 8446 7.1); DTLS 1.3 has the prefix "dtls13" (RFC 9147 5.9)."""
    full = prefix + label
    info = size.to_bytes(2, "big") + bytes((len(full),)) + full + bytes((len(context),)) + context
    return hkdf_expand(name, secret, info, size)


def traffic_keys(suite: CipherSuite, secret: Secret, prefix: bytes = b"tls13 ") -> DirectionKeys:
    """Key and IV of a TLS 1.3 traffic secret (RFC 8446 7.3)."""
    raw = secret.reveal()
    key = expand_label(suite.prf_hash, raw, b"key", b"", suite.key_bytes, prefix)
    iv = expand_label(suite.prf_hash, raw, b"iv", b"", 12, prefix)
    return DirectionKeys(Secret(key), Secret(iv), Secret(b""))


def next_traffic_secret(suite: CipherSuite, secret: Secret, prefix: bytes = b"tls13 ") -> Secret:
    """The traffic secret after a KeyUpdate (RFC 8446 7.2)."""
    size = hashlib.new(suite.prf_hash).digest_size
    return Secret(expand_label(suite.prf_hash, secret.reveal(), b"traffic upd", b"", size, prefix))


def export_keying_material(
    version: int,
    suite: CipherSuite,
    master: Secret,
    label: bytes,
    client_random: bytes,
    server_random: bytes,
    size: int,
) -> Secret:
    """The exporter of RFC 5705 4 without context, as DTLS-SRTP uses it (RFC 5764 4.2)."""
    return Secret(prf(version, suite, master.reveal(), label, client_random + server_random, size))


def export_keying_material_13(
    suite: CipherSuite, exporter_secret: Secret, label: bytes, size: int, prefix: bytes = b"tls13 "
) -> Secret:
    """The exporter of RFC 8446 7.5 with an empty context."""
    name = suite.prf_hash
    empty = hashlib.new(name, b"").digest()
    derived = expand_label(name, exporter_secret.reveal(), label, empty, len(empty), prefix)
    return Secret(expand_label(name, derived, b"exporter", empty, size, prefix))
