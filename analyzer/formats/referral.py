"""REFER: who is asked to contact whom, for whom, and what came of it (RFC 3515, RFC 3892, RFC 3420)."""

from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.numbers import decimal
from analyzer.core.text import decode
from analyzer.formats.headers import parameters, split
from analyzer.formats.uri import address_uri, parse_uri, unescape

SIPFRAG = "message/sipfrag"
_METHODS = 32


@frozen
class Replaces:
    """The dialog that the new one takes the place of (RFC 3891 6.1)."""

    call_id: str
    from_tag: str
    to_tag: str
    early_only: bool


@frozen
class ReferTo:
    """A Refer-To: `uri` without the method and headers it asks for. `list`: the recipients stand in the body (cid:)."""

    uri: str
    method: str
    replaces: Replaces | None
    headers: tuple[tuple[str, str], ...]
    list: bool


@frozen
class SipFrag:
    """The beginning of a message/sipfrag: a status line, or a request line, and the headers that follow."""

    status: int | None
    reason: str
    method: str
    uri: str
    headers: tuple[tuple[str, str], ...]

    @property
    def final(self) -> bool:
        """The referred request has ended (RFC 3515 2.4.5)."""
        return self.status is not None and self.status >= 200


def parse_refer_to(value: str) -> ReferTo:
    """Reads a Refer-To value; total."""
    uri = address_uri(value)
    bare, _, tail = uri.partition("?")
    where, params = parameters(bare)
    kept = "".join(f";{part}" for part in split(bare, ";")[1:] if part.partition("=")[0].strip().lower() != "method")
    headers = tuple(
        (name.strip(), unescape(text))
        for name, equals, text in (field.partition("=") for field in tail.split("&")[:_METHODS])
        if equals
    )
    replaces = next((text for name, text in headers if name.lower() == "replaces"), None)
    return ReferTo(
        uri=where + kept,
        method=(params.get("method") or "INVITE").upper(),
        replaces=parse_replaces(replaces) if replaces is not None else None,
        headers=headers,
        list=parse_uri(where).scheme == "cid",
    )


def parse_replaces(value: str) -> Replaces:
    """Reads a Replaces value; what is not given is empty."""
    call_id, params = parameters(value)
    return Replaces(call_id, params.get("from-tag", ""), params.get("to-tag", ""), "early-only" in params)


def parse_referred_by(value: str) -> str:
    """The URI of a Referred-By."""
    return address_uri(value)


def parse_sipfrag(body: bytes, limits: Limits) -> SipFrag:
    """Reads a message/sipfrag; total. Without a start line the status is None and the method empty."""
    lines = decode(body[: limits.header_bytes]).replace("\r\n", "\n").split("\n", limits.headers)
    head, _, rest = lines[0].partition(" ")
    status: int | None = None
    method = uri = reason = ""
    start = 1
    if head.upper() == "SIP/2.0":
        code, _, reason = rest.partition(" ")
        status = decimal(code, 3) if len(code) == 3 else None
    elif rest.upper().endswith(" SIP/2.0") and head.isalpha():
        method, uri = head, rest[: -len(" SIP/2.0")].strip()
    else:
        start = 0
    headers: list[tuple[str, str]] = []
    for line in lines[start : limits.headers]:
        if not line.strip():
            break
        name, colon, value = line.partition(":")
        if colon:
            headers.append((name.strip(), value.strip()))
    return SipFrag(status, reason, method, uri, tuple(headers))
