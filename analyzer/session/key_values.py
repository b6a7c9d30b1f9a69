"""Key material as people write it, and the lengths that ciphers and suites take."""

import base64
import binascii
from collections.abc import Collection

from analyzer.core.secrets import Secret

ESP_CIPHERS: dict[str, tuple[int, ...]] = {  # bytes of key, with the salt of a counter mode (RFC 3686, 4106, 4543)
    "null": (0,),
    "aes-cbc": (16, 24, 32),
    "aes-ctr": (20, 28, 36),
    "aes-gcm": (20, 28, 36),
    "aes-gmac": (20, 28, 36),
    "des-ede3-cbc": (24,),
}
ESP_AUTHS: dict[str, tuple[int, ...]] = {  # HMAC pads a short key with zeros: an IK of 16 bytes serves SHA-1 (33.203 I)
    "null": (0,),
    "hmac-md5-96": (16,),
    "hmac-sha-1-96": (16, 20),
    "hmac-sha-256-96": (32,),  # of drafts, still in use
    "hmac-sha-256-128": (32,),
    "hmac-sha-384-192": (48,),
    "hmac-sha-512-256": (64,),
    **{f"any-{bits}": (0,) for bits in (64, 96, 128, 192, 256)},  # so many bits that are not checked
}
_HEX = frozenset("0123456789abcdefABCDEF")


def read_key(text: str, lengths: Collection[int]) -> Secret | str:
    """Hexadecimal (with 0x, or where that gives a length that is wanted) or base64, with or without padding.

    Gives what is wrong otherwise, in words that show nothing of the key.
    """
    body = text.strip()
    prefixed = body[:2].lower() == "0x"
    bare = body[2:] if prefixed else body
    hexadecimal = bool(bare) and len(bare) % 2 == 0 and _HEX.issuperset(bare)
    if hexadecimal and len(bare) // 2 in lengths:
        return Secret(bytes.fromhex(bare))
    try:
        value = base64.b64decode(body.rstrip("=") + "=" * (-len(body.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        value = None
    if value is not None and len(value) in lengths:  # base64, too, may begin with 0x
        return Secret(value)
    if prefixed and not hexadecimal:
        return "not hexadecimal behind 0x"
    if value is None and not hexadecimal:
        return "neither hexadecimal nor base64"
    size = len(bare) // 2 if prefixed or value is None else len(value)
    return f"{size} bytes, not {' or '.join(map(str, sorted(lengths)))}"
