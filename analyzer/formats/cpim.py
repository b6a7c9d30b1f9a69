"""message/cpim, the envelope of messages in a chat room (RFC 3862): who wrote to whom, and what."""

from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.numbers import hexadecimal
from analyzer.core.text import decode
from analyzer.formats.mime import media_type

_ESCAPES = {"\\": "\\", '"': '"', "'": "'", "b": "\b", "t": "\t", "n": "\n", "r": "\r"}


@frozen
class Cpim:
    """One message/cpim. Header values are unescaped (2.3.4), addresses keep name and angle brackets.

    `content_type` is the lower-case media type inside, "text/plain" where none is given; `complete` is false where the
    headers or the content headers do not end, or are more than are read.
    """

    from_: str
    to: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    content_type: str
    content_headers: tuple[tuple[str, str], ...]
    body: bytes
    complete: bool

    @property
    def from_uri(self) -> str:
        """The URI of the From header."""
        return uri_of(self.from_)


def uri_of(address: str) -> str:
    """What stands between the last angle brackets of a header value, or the value without them."""
    _, bracket, rest = address.rpartition("<")
    return rest.partition(">")[0].strip() if bracket else address.strip()


def parse(data: bytes, limits: Limits) -> Cpim:
    """Reads a message/cpim body; total."""
    headers, rest, ended = _block(data, limits)
    content_headers, body, closed = _block(rest, limits)
    kind = next((value for name, value in content_headers if name.lower() == "content-type"), "text/plain")
    return Cpim(
        from_=next((_unescape(value) for name, value in headers if name.lower() == "from"), ""),
        to=tuple(_unescape(value) for name, value in headers if name.lower() == "to"),
        headers=tuple((name, _unescape(value)) for name, value in headers),
        content_type=media_type(kind)[0],
        content_headers=content_headers,
        body=body,
        complete=ended and closed,
    )


def _block(data: bytes, limits: Limits) -> tuple[tuple[tuple[str, str], ...], bytes, bool]:
    """The headers up to an empty line, what follows it, and whether all of that was there."""
    found: list[tuple[str, str]] = []
    at, most = 0, min(len(data), limits.header_bytes)
    while at < most and len(found) < limits.headers:
        newline = data.find(b"\n", at, most)
        line = decode(data[at : newline if newline >= 0 else most]).removesuffix("\r")
        if newline < 0:
            break
        at = newline + 1
        if not line:
            return tuple(found), data[at:], True
        name, colon, value = line.partition(":")
        if line[0] in " \t" and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        elif colon:
            found.append((name.strip(), value.strip()))
    return tuple(found), data[at:], False


def _unescape(value: str) -> str:
    if "\\" not in value:
        return value
    out: list[str] = []
    at = 0
    while at < len(value):
        char, following = value[at], value[at + 1 : at + 2]
        code = hexadecimal(value[at + 2 : at + 6]) if following == "u" and len(value) >= at + 6 else None
        if code is not None and 0xD800 <= code <= 0xDFFF:
            code = None  # half of a pair is no character
        if char != "\\":
            out.append(char)
            at += 1
        elif code is not None:
            out.append(chr(code))
            at += 6
        else:
            out.append(_ESCAPES.get(following, following))
            at += 2
    return "".join(out)
