"""Whether a password made the MESSAGE-INTEGRITY of a STUN message (RFC 8489 14.5, 14.6, short-term credentials)."""

import hashlib
import hmac

from analyzer.protocols.stun.message import HEADER, MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, StunMessage

_HASHES = {MESSAGE_INTEGRITY: hashlib.sha1, MESSAGE_INTEGRITY_SHA256: hashlib.sha256}
_SHORTEST = 16  # bytes of a truncated SHA-256 (RFC 8489 14.6)


def verifies(message: StunMessage, password: bytes) -> bool:
    """Every MESSAGE-INTEGRITY of the message is this password's, and there is one.

    Of each kind the first counts (RFC 8489 14). What stands behind it is not protected by it, and not looked at.
    """
    at, seen = HEADER, set()
    for attribute in message.attributes:
        size = len(attribute.value)
        hashed = _HASHES.get(attribute.kind)
        if hashed is not None and attribute.kind not in seen:
            seen.add(attribute.kind)
            covered = message.raw[:2] + (at + 4 + size - HEADER).to_bytes(2, "big") + message.raw[4:at]
            digest = hmac.digest(password, covered, hashed)
            whole = attribute.kind == MESSAGE_INTEGRITY or size < _SHORTEST
            if not hmac.compare_digest(attribute.value, digest if whole else digest[:size]):
                return False
        at += 4 + size + -size % 4
    return bool(seen)
