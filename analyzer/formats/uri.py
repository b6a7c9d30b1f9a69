"""URIs and name-addr as SIP carries them (RFC 3261 19.1, 20.10; RFC 3966)."""

from collections.abc import Sequence
from dataclasses import field
from functools import lru_cache

from analyzer.core.frozen import frozen
from analyzer.core.numbers import decimal, hexadecimal
from analyzer.core.text import decode, encode
from analyzer.formats.headers import parameters, unquote

_LONGEST = 512  # characters of two URIs that are remembered
_GLOBAL = 5  # digits that an international number has at least
MARKS = str.maketrans("", "", "-.() ")
"""Takes the visual separators out of a telephone number (RFC 3966 3)."""


@frozen
class Uri:
    """A URI in its parts. `user` of a tel URI is the number; of an unknown scheme `host` and `user` are empty."""

    raw: str
    scheme: str = ""
    user: str = ""
    password: str = ""
    host: str = ""
    port: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    headers: str = ""


@frozen
class NameAddr:
    """A display name, a URI and the header's parameters (those outside the angle brackets)."""

    display: str
    uri: str
    params: dict[str, str]


def unescape(text: str) -> str:
    """The text with its percent escapes resolved; a broken escape stays as it is."""
    if "%" not in text:
        return text
    first, *rest = encode(text).split(b"%")
    out = bytearray(first)
    for part in rest:
        code = hexadecimal(part[:2], 2) if len(part) >= 2 else None
        out += b"%" + part if code is None else bytes((code,)) + part[2:]
    return decode(bytes(out))


def host_port(text: str) -> tuple[str, int | None]:
    """Host, lower case and without IPv6 brackets, and port of `host[:port]`; an unreadable port is None."""
    text = text.strip()
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host.lower(), decimal(rest.strip().removeprefix(":").strip(), 5)
    if text.count(":") != 1:  # no port, or an IPv6 address without brackets (RFC 5118 4.1)
        return text.lower(), None
    host, _, port = text.partition(":")
    return host.strip().lower(), decimal(port.strip(), 5)


def parse_uri(raw: str) -> Uri:
    """Reads any URI; what cannot be read is left empty."""
    text = raw.strip().removeprefix("<").removesuffix(">").strip()
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower() if colon else ""
    if scheme == "tel":
        number, params = parameters(rest)
        return Uri(raw, scheme, unescape(number), params=params)
    if scheme not in ("sip", "sips"):
        return Uri(raw, scheme)
    userinfo, at, place = rest.rpartition("@")
    user, _, password = userinfo.partition(":")
    place, _, headers = place.partition("?")
    where, params = parameters(place)
    host, port = host_port(where)
    return Uri(raw, scheme, unescape(user) if at else "", unescape(password), host, port, params, headers)


def parse_name_addr(value: str) -> NameAddr:
    """Reads name-addr or addr-spec; without brackets the parameters are the header's (RFC 3261 20)."""
    opening, closing = _brackets(value)
    if opening < 0:
        uri, params = parameters(value)
        return NameAddr("", uri, params)
    _, params = parameters(value[closing + 1 :])
    return NameAddr(unquote(value[:opening].strip()), value[opening + 1 : closing].strip(), params)


def address_uri(value: str) -> str:
    """The URI that `parse_name_addr` reads, alone."""
    opening, closing = _brackets(value)
    return parameters(value)[0] if opening < 0 else value[opening + 1 : closing].strip()


def _brackets(value: str) -> tuple[int, int]:
    """Where the URI's angle brackets stand, behind a display name in quotes; the first is -1 where there are none."""
    quoted = value.find('"')
    after = 0
    if quoted >= 0 and not value[:quoted].strip():
        after = quoted + 1
        while after < len(value) and value[after] != '"':
            after += 2 if value[after] == "\\" else 1
        after += 1
    opening = value.find("<", after)
    closing = value.find(">", opening)
    return opening, len(value) if closing < 0 else closing


def same_user(first: str, second: str) -> bool:
    """Whether two URIs name one user: equal user and host, or one telephone number in either form."""
    return (_one_user if len(first) + len(second) <= _LONGEST else _one_user.__wrapped__)(first, second)


@lru_cache(maxsize=64)  # the messages of one call, on each of its legs, name the same few
def _one_user(first: str, second: str) -> bool:
    return not user_names(first).isdisjoint(user_names(second))


def among(some: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """The URIs that name a user whom one of the others names, or are one of them; linear in their number."""
    known: set[str] = set()
    for other in others:
        known.add(other)
        known |= user_names(other)
    return tuple([uri for uri in some if uri in known or not known.isdisjoint(user_names(uri))])


def all_among(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether `among` leaves out none of them."""
    return len(among(some, others)) == len(some)


def user_names(uri: str) -> frozenset[str]:
    """By what two URIs are known to name one user: user and host, and the telephone number in either form."""
    parsed = parse_uri(uri)
    found = {_number(parsed)} - {""}
    return frozenset(found | {f"{parsed.user}@{parsed.host}"} if parsed.host else found)


def telephone(uri: str) -> str:
    """The number of a tel URI, or of a SIP URI that says it is one, without its marks; empty if it is none."""
    return _number(parse_uri(uri))


def _number(uri: Uri) -> str:
    """A number in its international form. A user that is a plus sign and digits is one, said to be (user=phone) or not:
    elements that write it into another scheme often leave that out."""
    digits = uri.user.partition(";")[0].translate(MARKS)
    if not digits.startswith("+"):
        return ""
    said = uri.scheme == "tel" or uri.params.get("user") == "phone"
    return digits if said or (len(digits) > _GLOBAL and digits.isascii() and digits[1:].isdigit()) else ""
