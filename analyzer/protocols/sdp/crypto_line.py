"""a=crypto (RFC 4568 9.1): tag, suite, inline keys, session parameters.

A broken line must not carry its key into a report, so no word of it is kept unless its shape rules out key material:
a tag is digits, a suite and an unknown parameter have an underscore, which base64 has not, a lifetime is a number.
"""

import binascii
import re

from analyzer.core.numbers import decimal
from analyzer.core.secrets import Secret
from analyzer.protocols.sdp.session import Crypto, InlineKey

_MAX_KEYS = 16
_MAX_PARAMETERS = 32
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_METHOD = "inline:"
_USUAL = re.compile(r"([0-9]{1,9}) ([A-Za-z0-9_]{1,64}) inline:([A-Za-z0-9+/]{1,200}={0,2})")  # nothing but one key
_KNOWN = frozenset({"KDR", "UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP", "FEC_ORDER", "WSH"})
_FEC_ORDERS = frozenset({"FEC_SRTP", "SRTP_FEC"})
HIDDEN = "?"
"""Stands for an unknown session parameter whose name could be key material."""


def decode_key(text: str) -> tuple[Secret | None, bool, bool]:
    """The bytes of base64 text, whether its characters are base64, whether its padding is right."""
    size = len(text)
    body = text.rstrip("=")
    if not body or size - len(body) > 2 or len(body) % 4 == 1:
        return None, False, False
    try:
        return Secret(binascii.a2b_base64(body + "=" * (-len(body) % 4), strict_mode=True)), True, size % 4 == 0
    except ValueError:  # a character that is not base64: binascii.Error is one
        return None, False, False


def _named(word: str, most: int = 64) -> bool:
    return "_" in word and len(word) <= most and _TOKEN.issuperset(word)


def _inline(text: str) -> InlineKey:
    """`key [ "|" lifetime ] [ "|" MKI ":" length ]`. An MKI length outside 1..128 reads as 0."""
    fields = text.split("|", 4)
    key, base64_ok, padded_ok = decode_key(fields[0])
    lifetime, mki, mki_bytes = "", None, 0
    for part in fields[1:3]:
        value, colon, length = part.partition(":")
        if colon:
            mki, size = decimal(value, 40), decimal(length, 3)
            mki_bytes = size if size is not None and size <= 128 else 0
        elif decimal(part.removeprefix("2^"), 20) is not None:
            lifetime = part
    return InlineKey(key, base64_ok, padded_ok, lifetime, mki, mki_bytes)


def _inlines(text: str) -> tuple[InlineKey, ...]:
    parts = text.split(";", _MAX_KEYS)[:_MAX_KEYS]
    return tuple(_inline(part[7:]) for part in parts if part[:7].lower() == _METHOD)


def _key_words(words: list[str]) -> int:
    """How many words the key parameters take: more than one where a blank stands in them."""
    taken = 1
    while taken < len(words):
        before, word = words[taken - 1], words[taken]
        if not (before.endswith(";") or before.lower().endswith(_METHOD) or word[:7].lower() == _METHOD):
            break
        taken += 1
    return taken


def _shown(word: str) -> str:
    """An unknown session parameter's name, as far as it is fit to keep. A leading "-" is part of it (6.3.7)."""
    name = word.partition("=")[0]
    return name if _named(name.removeprefix("-"), 32) else HIDDEN


def _head(words: list[str], faults: list[str]) -> tuple[str, str]:
    tag = words[0] if words and decimal(words[0], 9) is not None else ""
    suite = words[1] if len(words) > 1 and _named(words[1]) else ""
    if not tag:
        faults.append("tag")
    if not suite:
        faults.append("suite")
    if len(words) > 2:
        faults.append("words before the key")
    return tag, suite


def parse_crypto(value: str) -> Crypto | None:
    """The line behind `a=crypto:`, None if it has neither tag nor suite. `faults` names what departs from 9.1."""
    usual = _USUAL.fullmatch(value)
    if usual is not None:
        tag, suite, text = usual.groups()
        key, base64_ok, padded_ok = decode_key(text)
        if key is not None and "_" in suite:
            return Crypto(tag, suite, (InlineKey(key, base64_ok, padded_ok),))
    faults: list[str] = []
    at = value.lower().find(_METHOD)
    head, tail = (value, "") if at < 0 else (value[:at], value[at:])
    words = head.split()
    if at < 0:
        words, tail = words[:2], " ".join(words[2:])
    elif head and not head[-1].isspace():
        faults.append("no space before the key")
    tag, suite = _head(words, faults)
    if not tag and not suite:
        return None
    rest = tail.split()
    taken = _key_words(rest) if at >= 0 else min(1, len(rest))
    if taken > 1:
        faults.append("space inside the keys")
    keys = _inlines("".join(rest[:taken]))
    if not keys:
        faults.append("no inline key")
    elif any(key.key is None for key in keys):
        faults.append("key is not base64")
    parameters: dict[str, str] = {}
    unknown: list[str] = []
    for word in rest[taken : taken + _MAX_PARAMETERS]:
        name, _, setting = word.partition("=")
        if name.upper() in _KNOWN or name.upper() == "FEC_KEY":
            parameters[name.upper()] = setting
        else:
            unknown.append(_shown(word))
    order = parameters.get("FEC_ORDER", "").upper()
    return Crypto(
        tag=tag,
        suite=suite,
        keys=keys,
        kdr=(kdr := decimal(parameters.get("KDR", ""), 2)),
        kdr_unread="KDR" in parameters and kdr is None,
        unencrypted_srtp="UNENCRYPTED_SRTP" in parameters,
        unencrypted_srtcp="UNENCRYPTED_SRTCP" in parameters,
        unauthenticated_srtp="UNAUTHENTICATED_SRTP" in parameters,
        fec_order=order if order in _FEC_ORDERS else "",
        wsh=decimal(parameters.get("WSH", ""), 6),
        fec_keys=_inlines(parameters.get("FEC_KEY", "")),
        other=tuple(unknown),
        faults=tuple(faults),
    )
