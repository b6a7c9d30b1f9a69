"""The last guard before any output: text is printable, and no key, digest or token is in it."""

import re

from analyzer.core.text import safe

REMOVED = "[removed]"

_EXPRESSION = r"""
    (?P<head>
        \binline:                                       # SDES key (RFC 4568 9.1)
      | \bmikey[ \t]{1,8}(?=[A-Za-z0-9+/=]{16})         # MIKEY message (RFC 4567)
                                                        # digests (RFC 8760), AKA
      | \b(?:response|rspauth|nonce|cnonce|nextnonce|auts|ck|ik|password)[ ]?=[ ]?(?=QUOTE|[0-9a-fA-F]{16})
      | \b(?:Bearer|Basic|Digest)[ ](?=[A-Za-z0-9+/_.~=-]{16})
      | \bice-pwd:
                                                        # key log
      | \b(?:CLIENT_RANDOM|[A-Z]{4,8}(?:_[A-Z0-9]{1,16}){0,4}_SECRET(?:_[0-9]{1,3})?)[ ][0-9a-fA-F]{16,128}[ ]
      | (?<![A-Za-z0-9])(?=eyJ[A-Za-z0-9_-]{4})         # JSON web token
      | \bIdentity:[ ]?(?=[A-Za-z0-9_-]{0,4096}\.)      # PASSporT, full or compact (RFC 8224 4)
    )
    (?:QUOTE[^"\\]*(?:QUOTE)?|[^\s"\\;,|]+)
    """


def _compiled(quote: str) -> re.Pattern[str]:
    return re.compile(_EXPRESSION.replace("QUOTE", quote), re.VERBOSE | re.IGNORECASE)


_SECRET = _compiled(r'\\?"')
_SECRET_IN_JSON = _compiled(r'\\"')  # there a bare quotation mark ends the string

# A text with none of these has nothing to remove: far cheaper to see than by the expression itself. Each stands by a
# character that it needs, and most texts lack.
_WITH_COLON = ("inline:", "ice-pwd:", "identity:")
_WITH_EQUALS = ("resp", "rspauth", "nonce", "auts", "ck=", "ck =", "ik=", "ik =", "password")
_WITH_BLANK = ("mikey", "bearer ", "basic ", "digest ", "client_random", "_secret")


def _suspicious(text: str) -> bool:
    lower = text.lower()
    return (
        "eyj" in lower
        or (":" in lower and _any(_WITH_COLON, lower))
        or ("=" in lower and _any(_WITH_EQUALS, lower))
        or ((" " in lower or "\t" in lower) and _any(_WITH_BLANK, lower))
    )


def _any(hints: tuple[str, ...], lower: str) -> bool:
    for hint in hints:  # noqa: SIM110  # a loop is half the cost of any() over a generator
        if hint in lower:
            return True
    return False


def scrub(text: str) -> str:
    """The text without SDES and MIKEY keys, digest values, tokens and key-log secrets."""
    if not _suspicious(text):
        return text
    return _SECRET.sub(lambda found: found["head"] + REMOVED, text)


def scrub_json(text: str) -> str:
    """The same for a line of JSON, which stays JSON: what is removed lies within one string."""
    if not _suspicious(text):
        return text
    return _SECRET_IN_JSON.sub(lambda found: found["head"] + REMOVED, text)


def clean(text: str) -> str:
    """The text with every character that is not printable made visible.

    Nothing is cut; cleaning twice changes nothing.
    """
    return text if text.isprintable() else safe(text, len(text))
