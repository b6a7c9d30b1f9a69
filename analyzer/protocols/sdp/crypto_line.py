"""a=crypto (RFC 4568 9.1): tag, suite, inline keys, session parameters."""

import base64
import binascii

from analyzer.core.numbers import decimal
from analyzer.core.secrets import Secret
from analyzer.protocols.sdp.session import Crypto, InlineKey

_MAX_KEYS = 16
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def _decode(text: str) -> tuple[Secret | None, bool, bool]:
    """The key, whether its characters are base64, whether its padding is right."""
    body = text.rstrip("=")
    if not body or len(text) - len(body) > 2 or not _ALPHABET.issuperset(body) or len(body) % 4 == 1:
        return None, False, False
    padded = len(text) % 4 == 0
    try:
        return Secret(base64.b64decode(body + "=" * (-len(body) % 4))), True, padded
    except (binascii.Error, ValueError):
        return None, False, False


def _inline(text: str) -> InlineKey:
    """`key [ "|" lifetime ] [ "|" MKI ":" length ]`."""
    fields = text.split("|")
    key, base64_ok, padded_ok = _decode(fields[0].strip())
    lifetime, mki, mki_bytes = "", None, 0
    for part in fields[1:3]:
        value, colon, length = part.partition(":")
        if colon:
            mki, mki_bytes = decimal(value.strip(), 40), decimal(length.strip(), 3) or 0
        else:
            lifetime = part.strip()
    return InlineKey(key, base64_ok, padded_ok, lifetime, mki, mki_bytes)


def parse_crypto(value: str) -> Crypto | None:
    """The line behind `a=crypto:`, None if it has no tag, suite and key."""
    words = value.split()
    if len(words) < 3:
        return None
    keys = tuple(_inline(part[7:]) for part in words[2].split(";")[:_MAX_KEYS] if part[:7].lower() == "inline:")
    parameters = {word.partition("=")[0].upper(): word.partition("=")[2] for word in words[3:]}
    known = {"KDR", "UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP", "FEC_ORDER", "WSH"}
    return Crypto(
        tag=words[0],
        suite=words[1],
        keys=keys,
        kdr=decimal(parameters.get("KDR", ""), 2),
        unencrypted_srtp="UNENCRYPTED_SRTP" in parameters,
        unencrypted_srtcp="UNENCRYPTED_SRTCP" in parameters,
        unauthenticated_srtp="UNAUTHENTICATED_SRTP" in parameters,
        fec_order=parameters.get("FEC_ORDER", ""),
        wsh=decimal(parameters.get("WSH", ""), 4),
        other=tuple(name for name in parameters if name not in known and name != "FEC_KEY"),
    )
