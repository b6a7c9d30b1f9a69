"""PASSporT, the signed claim of an Identity header: full and compact form, read totally (RFC 8224 4, 8.1; RFC 8225).

What is wrong is a list of sentences beside the values; nothing raises. The signature is checked elsewhere, over
`signing_input`.
"""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import field

from analyzer.core.frozen import frozen
from analyzer.core.text import decode
from analyzer.formats.headers import parameters

MAX_TOKEN = 16_384  # characters of one token
MAX_CLAIMS = 64  # identities of a destination, fingerprints of mky
EXTENSIONS = frozenset({"shaken", "div", "div-o", "rph", "sph", "rcd", "msgi"})
_BASE64URL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_NUMBER = frozenset("0123456789*#")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
Json = dict[str, object]


@frozen
class Party:
    """Identities of one claim: telephone numbers (`tn`) and URIs, as written."""

    numbers: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.numbers or self.uris)


@frozen
class Passport:
    """One token with the parameters of its header. `signing_input` is empty for the compact form.

    `header` and `claims` are what was decoded; a claim of the wrong type is as if it were absent, and a problem.
    """

    token: str
    compact: bool
    info: str
    alg: str
    ppt: str
    signature: bytes
    signing_input: str = ""
    header: Json = field(default_factory=dict)
    claims: Json = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    x5u: str = ""
    iat: int | None = None
    orig: Party = Party()
    dest: Party = Party()
    div: Party = Party()
    attest: str = ""
    mky: tuple[tuple[str, str], ...] | None = None  # (hash function, lower-case digest without colons)
    resource_priority: tuple[str, ...] = ()


class _Refused(Exception):  # noqa: N818  # caught in this module
    pass


def parse_passport(value: str) -> Passport:
    """Reads one value of an Identity header."""
    token, params = parameters(value)
    token = token.strip().strip('"')
    problems: list[str] = []
    info = params.get("info", "").strip().removeprefix("<").removesuffix(">")
    if not info:
        problems.append("no info parameter")
    parts = token.split(".") if len(token) <= MAX_TOKEN else []
    if len(parts) != 3:
        problems.append("not three parts separated by dots" if parts else "longer than the bound")
        parts = ["", "", ""]
    head, payload, tail = parts
    compact = not head and not payload
    signature = _bytes(tail, "signature", problems)
    header = {} if compact else _object(head, "header", problems)
    claims = {} if compact else _object(payload, "payload", problems)
    alg = params.get("alg", "") or _text(header, "alg")
    ppt = params.get("ppt", "") or _text(header, "ppt")
    if not compact:
        _check(header, claims, params, info, problems)
    orig = _party(claims.get("orig"), "orig", problems)
    _shapes(claims, problems)
    return Passport(
        token=token,
        compact=compact,
        info=info,
        alg=alg,
        ppt=ppt,
        signature=signature,
        signing_input="" if compact else f"{head}.{payload}",
        header=header,
        claims=claims,
        x5u=_text(header, "x5u"),
        iat=_iat(claims, problems),
        orig=orig,
        dest=_party(claims.get("dest"), "dest", problems),
        div=_party(claims.get("div"), "div", problems) if "div" in claims else Party(),
        attest=_text(claims, "attest"),
        mky=_mky(claims["mky"], problems) if "mky" in claims else None,
        resource_priority=_priorities(claims.get("rph")),
        problems=tuple(dict.fromkeys(problems)),
    )


def _check(header: Json, claims: Json, params: dict[str, str], info: str, problems: list[str]) -> None:
    if _text(header, "typ") != "passport":
        problems.append("typ is not passport")
    if not _text(header, "alg"):
        problems.append("no alg in the header")
    if not _text(header, "x5u") and "x5c" not in header:
        problems.append("no x5u in the header")
    elif info and "x5u" in header and info != _text(header, "x5u"):
        problems.append("info is not x5u")
    for name in ("alg", "ppt"):
        if params.get(name) and params[name] != _text(header, name):
            problems.append(f"the parameter {name} is not the header's")
    for name in ("orig", "dest", "iat"):
        if name not in claims:
            problems.append(f"no claim {name}")
    ppt = _text(header, "ppt")
    if ppt and ppt not in EXTENSIONS:
        problems.append("an unknown ppt")
    if ppt == "shaken" and (_text(claims, "attest") not in ("A", "B", "C") or not _text(claims, "origid")):
        problems.append("shaken without attest A, B or C and origid")
    elif ppt == "shaken" and not _UUID.fullmatch(_text(claims, "origid")):
        problems.append("origid is not a UUID")
    if ppt in ("div", "div-o") and not isinstance(claims.get("div"), dict):
        problems.append("div without its claim")
    if ppt == "rph" and not isinstance(claims.get("rph"), dict):
        problems.append("rph without its claim")


def _bytes(text: str, what: str, problems: list[str]) -> bytes:
    if not text or not _BASE64URL.issuperset(text):
        problems.append(f"the {what} is not base64url")
        return b""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        problems.append(f"the {what} is not base64url")
        return b""


def _object(text: str, what: str, problems: list[str]) -> Json:
    data = _bytes(text, what, problems)
    if not data:
        return {}
    try:
        value = json.loads(decode(data), object_pairs_hook=_pairs, parse_constant=_refuse)
    except _Refused:
        problems.append(f"the {what} has a name twice, or a number that is none")
        return {}
    except (ValueError, RecursionError):
        problems.append(f"the {what} is not JSON")
        return {}
    if not isinstance(value, dict):
        problems.append(f"the {what} is not a JSON object")
        return {}
    return value


def _pairs(pairs: list[tuple[str, object]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused
    return found


def _refuse(_: str) -> object:
    raise _Refused


def _text(values: Json, name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""


def _iat(claims: Json, problems: list[str]) -> int | None:
    value = claims.get("iat")
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40:
        return value
    if "iat" in claims:
        problems.append("iat is not a time in seconds")
    return None


def _texts(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(item for item in items[:MAX_CLAIMS] if isinstance(item, str))


def _party(value: object, name: str, problems: list[str]) -> Party:
    if value is None:
        return Party()
    if not isinstance(value, dict):
        problems.append(f"{name} is not a JSON object")
        return Party()
    party = Party(_texts(value.get("tn")), _texts(value.get("uri")))
    if not party:
        problems.append(f"{name} names nobody")
    if not all(number and _NUMBER.issuperset(number) for number in party.numbers):
        problems.append(f"a tn of {name} is not canonical")
    return party


def _shapes(claims: Json, problems: list[str]) -> None:
    """One identity, as a text, originates a call and was diverted from; those called stand in arrays (RFC 8225 5.2.1,
    RFC 8946 3)."""
    for name in ("orig", "div"):
        value = claims.get(name)
        named = [value[form] for form in ("tn", "uri") if form in value] if isinstance(value, dict) else []
        if len(named) > 1 or not all(isinstance(each, str) for each in named):
            problems.append(f"{name} is not one identity")
    dest = claims.get("dest")
    if isinstance(dest, dict) and not all(isinstance(dest[form], list) for form in ("tn", "uri") if form in dest):
        problems.append("an identity of dest stands in no array")


def _mky(value: object, problems: list[str]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    if not isinstance(value, list):
        problems.append("mky is no array")
    items: Sequence[object] = value if isinstance(value, list) else [value]
    for item in items[:MAX_CLAIMS]:
        if isinstance(item, dict) and _text(item, "alg") and _text(item, "dig"):
            found.append((_text(item, "alg").lower(), _text(item, "dig").replace(":", "").lower()))
            if ":" in _text(item, "dig"):
                problems.append("a dig of mky has colons")
        else:
            problems.append("an mky without alg and dig")
    if found != sorted(found, key=lambda pair: pair[0] + pair[1]):
        problems.append("mky is not sorted")
    return tuple(found)


def _priorities(value: object) -> tuple[str, ...]:
    return _texts(value.get("auth")) if isinstance(value, dict) else ()


def serialize(values: Json) -> str:
    """JSON as PASSporT signs it: names in lexicographic order, no blanks (RFC 8225 9), as base64url."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode("ascii").rstrip("=")
