"""a=file-selector: the file that an MSRP m-line offers or asks for (RFC 5547 6)."""

from analyzer.core.frozen import frozen
from analyzer.core.numbers import decimal
from analyzer.formats.uri import unescape

_DIGITS = 18
_FIELDS = 16


@frozen
class FileSelector:
    """What is told of a file; "" and None where it is not. `hash` is the algorithm, `digest` its value, hexadecimal."""

    name: str = ""
    type: str = ""
    size: int | None = None
    hash: str = ""
    digest: str = ""


def parse(value: str) -> FileSelector:
    """Reads a value: `name:"a b.jpg" type:image/jpeg size:32349 hash:sha-1:72:24:...`. Total."""
    found: dict[str, str] = {}
    rest = value.strip()
    while rest and len(found) < _FIELDS:
        key, colon, rest = rest.partition(":")
        if not colon:
            break
        if rest.startswith('"'):
            text, _, rest = rest[1:].partition('"')
        else:
            text, _, rest = rest.partition(" ")
            while key.strip().lower() == "type" and ";" in text and '="' in text and text.count('"') % 2:
                more, quote, rest = rest.partition('"')
                text += " " + more + quote
                if not quote:
                    break
        found.setdefault(key.strip().lower(), text)
        rest = rest.strip()
    algorithm, _, digest = found.get("hash", "").lower().partition(":")
    return FileSelector(
        unescape(found.get("name", "")), found.get("type", "").partition(";")[0].lower(),
        decimal(found.get("size", ""), _DIGITS), algorithm, digest.replace(":", ""),
    )  # fmt: skip
