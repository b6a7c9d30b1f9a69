"""Content types and multipart bodies (RFC 2045 5.1, RFC 2046 5.1, RFC 3420), within bounds."""

from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.text import decode, encode
from analyzer.formats.headers import parameters

_PLAIN = frozenset(("application/sdp", "text/plain", "message/cpim", "application/pidf+xml"))  # of one part
BOUNDARY_MOST = 200
"""Characters of a boundary that is used; RFC 2046 5.1.1 allows 70."""


@frozen
class BodyPart:
    """One leaf of a body: its lower-case media type without parameters, its disposition type, its bytes."""

    content_type: str
    disposition: str
    body: bytes


def media_type(value: str) -> tuple[str, dict[str, str]]:
    """The lower-case `type/subtype` of a Content-Type value and its parameters."""
    kind, params = parameters(value)
    return kind.replace(" ", "").lower(), params


def parts_of(content_type: str, disposition: str, body: bytes, limits: Limits) -> tuple[tuple[BodyPart, ...], bool]:
    """The leaves of a body in order, and whether a bound cut them short."""
    if not disposition and content_type in _PLAIN:
        return (BodyPart(content_type, "", body),), limits.body_parts < 1
    found: list[BodyPart] = []
    pending = [(content_type, disposition, body, 0)]
    cut = False
    while pending:
        kind, disposal, data, depth = pending.pop()
        name, params = media_type(kind)
        boundary = params.get("boundary", "")
        nested = name.startswith("multipart/") and 0 < len(boundary) <= BOUNDARY_MOST
        if len(found) >= limits.body_parts:
            return tuple(found), True
        if not nested or depth >= limits.nesting:
            cut = cut or nested
            found.append(BodyPart(name, parameters(disposal)[0].lower(), data))
            continue
        pieces, more = _split(data, b"--" + encode(boundary), limits.body_parts)
        cut = cut or more
        for piece in reversed(pieces):
            inner, inner_disposal, content, long = _entity(piece, limits.header_bytes)
            cut = cut or long
            pending.append((inner, inner_disposal, content, depth + 1))
    return tuple(found), cut


def _split(data: bytes, mark: bytes, most: int) -> tuple[list[bytes], bool]:
    sections = (b"\n" + data).split(b"\n" + mark, most + 2)
    pieces: list[bytes] = []
    for section in sections[1:]:
        if section.startswith(b"--"):
            return pieces, False
        if len(pieces) >= most:
            return pieces, True
        _, _, piece = section.partition(b"\n")
        pieces.append(piece.removesuffix(b"\r"))
    return pieces, False


def _entity(piece: bytes, most: int) -> tuple[str, str, bytes, bool]:
    if piece.startswith((b"\r\n", b"\n")):
        return "text/plain", "", piece.partition(b"\n")[2], False
    ends = [(at, len(mark)) for mark in (b"\n\r\n", b"\n\n") if (at := piece.find(mark)) >= 0]
    at, size = min(ends, default=(len(piece), 0))
    kind, disposal = "text/plain", ""
    for line in decode(piece[: min(at, most)]).replace("\r", "").replace("\n ", " ").replace("\n\t", " ").split("\n"):
        name, _, value = line.partition(":")
        match name.strip().lower():
            case "content-type" | "c":
                kind = value.strip()
            case "content-disposition":
                disposal = value.strip()
    return kind, disposal, piece[at + size :], at > most
