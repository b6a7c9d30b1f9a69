"""The keys of the security associations of an IMS registration: CK and IK expanded (TS 33.203 Annex I).

aes-cbc takes CK; des-ede3-cbc CK and its first half; aes-gcm CK with a salt; hmac-md5-96 IK; hmac-sha-1-96 IK and 32
zero bits; aes-gmac IK with a salt. A salt is the end of KDF(CK || IK) as TS 33.220 Annex B has it.
"""

import hmac

from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret

KEY_BYTES = 16
_SALT_BYTES = 4
_NOTHING = Secret(b"")


@frozen
class Expanded:
    """Ciphers and keys of an association, as `crypto.esp.opener` takes them."""

    cipher: str
    cipher_key: Secret
    auth: str
    auth_key: Secret


def expand(alg: str, ealg: str, ck: Secret, ik: Secret) -> Expanded | str:
    """The keys for an `alg` and `ealg` of Security-Server (TS 33.203 Annex H), or why there are none."""
    if len(ck) != KEY_BYTES or len(ik) != KEY_BYTES:
        return f"CK and IK have {KEY_BYTES} bytes each, not {len(ck)} and {len(ik)}"
    if ealg == "aes-gcm":
        return Expanded("aes-gcm", _salted(ck, ck, ik, b"\x59", b"AES_GCM_SALT"), "null", _NOTHING)
    if alg == "aes-gmac":
        if ealg != "null":
            return f"aes-gmac authenticates what is not encrypted: {ealg} cannot go with it (RFC 4543)"
        return Expanded("aes-gmac", _salted(ik, ck, ik, b"\x58", b"AES_GMAC_SALT"), "null", _NOTHING)
    cipher_key = {
        "null": _NOTHING,
        "aes-cbc": ck,
        "des-ede3-cbc": Secret(ck.reveal() + ck.reveal()[:8]),
    }.get(ealg)
    auth_key = {"hmac-md5-96": ik, "hmac-sha-1-96": Secret(ik.reveal() + bytes(4))}.get(alg)
    if cipher_key is None:
        return f"the encryption algorithm {ealg} has no key expansion"
    if auth_key is None:
        return f"the integrity algorithm {alg} has no key expansion"
    return Expanded(ealg, cipher_key, alg, auth_key)


def _salted(key: Secret, ck: Secret, ik: Secret, function: bytes, name: bytes) -> Secret:
    label = function + name + len(name).to_bytes(2, "big")
    derived = hmac.digest(ck.reveal() + ik.reveal(), label, "sha256")
    return Secret(key.reveal() + derived[-_SALT_BYTES:])
