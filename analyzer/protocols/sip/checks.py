"""What a message's values do wrong: the checks too dear for every copy of a message (RFC 3261 19, 20, 25)."""

import re
from collections.abc import Iterator, Sequence

from analyzer.core.addresses import parse_ip
from analyzer.core.anomalies import Anomaly, AnomalyKind
from analyzer.core.limits import Limits
from analyzer.core.numbers import decimal, hexadecimal
from analyzer.core.text import safe
from analyzer.formats.headers import split
from analyzer.formats.mime import BOUNDARY_MOST, media_type, parts_of
from analyzer.protocols.sip import anomalies as kinds
from analyzer.protocols.sip.message import ADDRESSES, UNIQUE, Header, Message

Problem = tuple[AnomalyKind, str]
_TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")
_HOST = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")
_ONE_ADDRESS = frozenset(("from", "to", "refer-to", "referred-by", "reply-to"))
_SECONDS = ("expires", "min-expires", "min-se", "retry-after")
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4}"
    r" [0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"(?<!\\)[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # a quoted pair may hold any of them
_COOKIE = "z9hG4bK"
_REMEMBERED, _LONGEST = 4_096, 512  # headers that are known to be right, characters of one
_RIGHT: set[Header] = set()

# Values of the shapes that nearly all have, about which there is nothing to say: each stays within what is looked at
# below, without escapes, IPv6 references, header parts, ports of five digits above 59,999 and `expires`.
_PLACE = r"[A-Za-z0-9._-]{1,253}(?::(?:[1-5][0-9]{4}|[1-9][0-9]{0,3}))?"
_PARAMETER = r";(?![Ee][Xx][Pp])[A-Za-z0-9.-]{1,32}(?:=[A-Za-z0-9.!%*_+`'~-]{1,128})?"
_URI_PARAMETER = r";[A-Za-z0-9.-]{1,32}(?:=[A-Za-z0-9._+-]{1,64})?"
_URI = rf"sips?:(?:[A-Za-z0-9_.!~*'()&=+$,/-]{{1,128}}@)?{_PLACE}(?:{_URI_PARAMETER}){{0,12}}"
_USUAL_URI = re.compile(_URI)
_USUAL_ADDRESS = re.compile(
    rf"(?:\"[A-Za-z0-9 ,.@'+()_-]{{0,64}}\" ?|[A-Za-z0-9.!%*_+`'~ -]{{0,64}})<{_URI}>(?:{_PARAMETER}){{0,12}}"
)
_USUAL_VIA = re.compile(rf"SIP/2\.0/[A-Z]{{1,8}} {_PLACE}(?:{_PARAMETER}){{0,12}}")


def check(message: Message, limits: Limits = Limits()) -> tuple[Anomaly, ...]:  # noqa: B008  (Limits is frozen)
    """What the values of a message do wrong, each kind and detail once; the reader's own anomalies are not repeated."""
    found: list[Problem] = []
    if message.is_request and _USUAL_URI.fullmatch(message.request_uri) is None:
        found += _request_uri(message.request_uri)
    start = f"{message.method}{message.request_uri}{message.reason}"
    if not start.isprintable() and _CONTROL.search(start):
        found.append((kinds.CONTROL, "start line"))
    if not _RIGHT.issuperset(message.headers):
        found += [problem for header in message.headers if header not in _RIGHT for problem in _header(header)]
    if message.body:
        found += _body(message, limits)
    if not found:
        return ()
    return tuple(Anomaly(kind, message.cites, safe(detail)) for kind, detail in dict.fromkeys(found))


def _header(header: Header) -> Sequence[Problem]:
    """What one header does wrong. Messages of a dialog repeat most of theirs, so one that is right is remembered."""
    name, raw_name, value = header
    problems = () if _is_usual(name, value) else tuple(_header_problems(name, value))
    if not problems and name not in UNIQUE and len(raw_name) + len(value) <= _LONGEST:
        if len(_RIGHT) >= _REMEMBERED:
            _RIGHT.clear()
        _RIGHT.add(header)
    return problems


def _is_usual(name: str, value: str) -> bool:
    if name == "via":
        usual = _USUAL_VIA.fullmatch(value) is not None
        return usual and not value.endswith(_COOKIE) and f"{_COOKIE};" not in value
    return name in ADDRESSES and _USUAL_ADDRESS.fullmatch(value) is not None


def _header_problems(name: str, value: str) -> Iterator[Problem]:
    if not value.isascii() and any("\udc80" <= char <= "\udcff" for char in value):
        yield kinds.UTF8, name
    if not value.isprintable() and _CONTROL.search(value):
        yield kinds.CONTROL, name
    if name == "via":
        yield from _via(value)
    elif name in ADDRESSES:
        for part in (value,) if name in _ONE_ADDRESS else split(value, keep_empty=True):
            yield from _address(name, part)
    elif name == "date" and not _DATE.fullmatch(value):
        yield kinds.DATE, value
    elif name in _SECONDS:
        yield from _seconds(name, value)
    elif name == "warning" and decimal(value.split(" ", 1)[0], 3) is None:
        yield kinds.NUMBER, f"{name}: {value}"


def _body(message: Message, limits: Limits) -> Iterator[Problem]:
    value = message.first("content-type") or ""
    if value == "application/sdp":
        return
    kind, params = media_type(value)
    if not kind.startswith("multipart/"):
        return
    if not 0 < len(params.get("boundary", "")) <= BOUNDARY_MOST:
        yield kinds.BOUNDARY, value
    elif parts_of(value, "", message.body, limits)[1]:
        yield kinds.PARTS_LIMIT, f"{limits.body_parts} parts, {limits.nesting} levels"


def _seconds(name: str, value: str) -> Iterator[Problem]:
    number = decimal(re.split(r"[;( \t]", value, maxsplit=1)[0])
    if number is None or number >= 1 << 32:
        yield kinds.NUMBER, f"{name}: {value}"


def _request_uri(uri: str) -> Iterator[Problem]:
    yield from _uri(uri)
    if uri[:4].lower() in ("sip:", "sips") and "?" in uri.rpartition("@")[2]:
        yield kinds.URI_HEADERS, uri


def _uri(uri: str) -> Iterator[Problem]:
    scheme, colon, rest = uri.partition(":")
    if not colon or not scheme or not set(scheme) <= _TOKEN:
        yield kinds.URI, uri
    if scheme.lower() not in ("sip", "sips"):
        return
    user, _, place = rest.rpartition("@")
    escapes = user.split("%")[1:] + place.split("%")[1:]
    if any(len(escape) < 2 or hexadecimal(escape[:2], 2) is None for escape in escapes):
        yield kinds.URI, f"escape in {uri}"
    where = re.split(r"[;?]", place, maxsplit=1)[0]
    if where.startswith("[") and ":::" in where:  # the ABNF of RFC 3261 allows it: to be tolerated
        yield kinds.IPV6_COLONS, where
        where = where.replace(":::", "::", 1)
    if not is_host_port(where):
        yield kinds.URI, f"host {where}"


def is_host_port(text: str) -> bool:
    """Whether a text is a host name, IPv4 address or IPv6 reference with, if any, a port from 1 to 65535."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host or parse_ip(host) is None or (rest and rest[0] != ":"):
            return False
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = text.partition(":")
        if not host or not set(host) <= _HOST:
            return False
    return not colon or 0 < (decimal(port, 5) or 0) < 1 << 16


def _via(value: str) -> Iterator[Problem]:
    for hop in split(value, keep_empty=True):
        sent, *params = split(hop, ";", keep_empty=True)
        words = [word.strip() for word in sent.split("/", 2)]
        transport, _, place = words[-1].partition(" ")
        compact = place.replace(" ", "").replace("\t", "")
        if len(words) < 3 or not all(words) or not set(transport) <= _TOKEN or not is_host_port(compact):
            yield kinds.VIA, hop or "an empty hop"
        elif "" in params:
            yield kinds.VIA, f"an empty parameter: {hop}"
        elif any(part.replace(" ", "") == f"branch={_COOKIE}" for part in params):
            yield kinds.BRANCH, hop
        if any(part.replace(" ", "").lower().startswith("received=[") for part in params):
            yield kinds.RECEIVED, hop


def _address(name: str, value: str) -> Iterator[Problem]:
    if value == "*" and name == "contact":
        return
    display, uri, behind, bracketed = _dissect(value)
    problem = ""
    if not bracketed and ("?" in uri or "," in uri):
        problem = "a URI with ? or , is not in brackets"
    elif any(char in uri for char in " \t<"):
        problem = "blank inside the URI"
    elif not display.startswith('"') and not set(display) <= _TOKEN | {" ", "\t"}:
        problem = "display name needs quotes"
    elif behind.strip() and not behind.lstrip().startswith(";"):
        problem = "text behind the address"
    else:
        params = split(behind, ";", keep_empty=True)[1:]
        if "" in params:
            problem = "an empty parameter"
        for part in params:
            key, _, text = part.partition("=")
            if key.strip().lower() == "expires":
                yield from _seconds(f"{name} expires", text.strip())
    if problem:
        yield kinds.ADDRESS, f"{name}: {problem}: {value}"
    else:
        yield from _uri(uri)


def _dissect(value: str) -> tuple[str, str, str, bool]:
    """Display name, URI, what follows, and whether the URI stands in brackets."""
    after = 0
    if value.startswith('"'):
        after = 1
        while after < len(value) and value[after] != '"':
            after += 2 if value[after] == "\\" else 1
        after += 1
    opening = value.find("<", after)
    if opening < 0:
        uri, semicolon, rest = value.partition(";")
        return "", uri.strip(), semicolon + rest, False
    closing = value.find(">", opening)
    closing = len(value) if closing < 0 else closing
    return value[:opening].strip(), value[opening + 1 : closing], value[closing + 1 :], True
