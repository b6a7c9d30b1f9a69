"""Text from the wire, made fit to show: nothing hostile reaches a terminal, page, log or file name."""

import unicodedata

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}  # all that str.isprintable refuses
ELLIPSIS = "…"


def decode(data: bytes) -> str:
    """Wire bytes as text, losing nothing: UTF-8 where it is, each other byte as a surrogate escape."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The wire bytes of a text from `decode`."""
    return text.encode("utf-8", "surrogateescape")


def _shown(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\u{code:04x}"


def safe(value: str | bytes, limit: int = 200) -> str:
    """The text with every control, bidirectional, zero-width or undecodable character made visible as an escape.

    At most `limit` characters, an ellipsis marking the cut. The result is printable and valid UTF-8.
    """
    text = decode(value[: 4 * limit + 4]) if isinstance(value, bytes) else value
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    cut = len(text) > limit
    text = text[:limit]
    if not (text.isascii() and text.isprintable()):
        text = "".join(c if c == " " or unicodedata.category(c) not in _INVISIBLE else _shown(c) for c in text)
    return text + ELLIPSIS if cut else text
