"""The HTTP head that opens a WebSocket (RFC 6455 4), read as far as the analysis needs it."""

from analyzer.core.frozen import frozen
from analyzer.core.numbers import decimal
from analyzer.core.text import decode, safe
from analyzer.formats.headers import parameters, split

STARTS = (b"GET ", b"HTTP/1.")
_HEADERS = 512


@frozen
class Head:
    """An HTTP request or response head. `upgrade`: it asks for or grants a WebSocket."""

    request: bool
    upgrade: bool
    subprotocol: str
    extensions: tuple[str, ...]
    deflate: bool
    client_no_takeover: bool
    server_no_takeover: bool
    body: int


def starts(data: bytes | bytearray, at: int = 0) -> bool | None:
    """Whether an HTTP head starts at `at`; None while too few bytes tell."""
    for start in STARTS:
        seen = bytes(data[at : at + len(start)])
        if seen == start:
            return True
        if start.startswith(seen):
            return None
    return False


def read_head(raw: bytes) -> Head:
    """The head in `raw`, start line to empty line. Unknown or broken lines are passed over."""
    first, *lines = raw.split(b"\r\n", _HEADERS)
    values: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = decode(line).partition(":")
        values.setdefault(name.strip().lower(), []).append(value.strip())

    def listed(name: str) -> tuple[str, ...]:
        return split(", ".join(values.get(name, ())))

    request = first.startswith(b"GET ")
    asked = "websocket" in (token.lower() for token in listed("upgrade"))
    granted = request or first.split(b" ")[1:2] == [b"101"]
    extensions = [parameters(text) for text in listed("sec-websocket-extensions")]
    deflate = [options for name, options in extensions if name.strip().lower() == "permessage-deflate"]
    agreed = deflate[0] if deflate else {}
    length = decimal(values.get("content-length", ["0"])[0]) or 0
    return Head(
        request=request,
        upgrade=asked and granted,
        subprotocol=safe(", ".join(listed("sec-websocket-protocol"))),
        extensions=tuple(safe(name.strip()) for name, _ in extensions),
        deflate=bool(deflate),
        client_no_takeover="client_no_context_takeover" in agreed,
        server_no_takeover="server_no_context_takeover" in agreed,
        body=length,
    )
