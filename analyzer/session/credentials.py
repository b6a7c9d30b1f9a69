"""What a message shows of HTTP authentication: schemes and the names of parameters, never a value (RFC 3261 22;
RFC 3310; TS 24.229 7.2A).
"""

from dataclasses import dataclass

from analyzer.formats.headers import split, unquote
from analyzer.session.records import MessageRecord

_CHALLENGES = ("www-authenticate", "proxy-authenticate")
_CREDENTIALS = ("authorization", "proxy-authorization")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_MAX_NAMES = 24


@dataclass(frozen=True, slots=True)
class Authentication:
    """Schemes as words: basic, digest-md5, digest-sha-256, akav1-md5, ...; parameter names in order of first sight."""

    challenge: bool = False
    credentials: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    aka_keys: bool = False


NOTHING = Authentication()


def authentication(message: MessageRecord) -> Authentication:
    """The authentication headers of a message. Credentials without a response prove nothing and are no use of one."""
    challenges = [value for name in _CHALLENGES for value in message.all(name)]
    answers = [value for name in _CREDENTIALS for value in message.all(name)]
    if not challenges and not answers:
        return NOTHING
    names: dict[str, None] = {}
    used: dict[str, None] = {}
    keys = False
    for value in challenges:
        _, params = _parts(value)
        names.update(dict.fromkeys(params))
        keys |= bool(params.get("ik") or params.get("ck"))
    for value in answers:
        scheme, params = _parts(value)
        names.update(dict.fromkeys(params))
        if scheme == "digest":
            algorithm = params.get("algorithm", "").lower() or "md5"
            if params.get("response"):
                used[algorithm if algorithm.startswith("aka") else f"digest-{algorithm.removesuffix('-sess')}"] = None
        elif scheme:
            used[scheme] = None
    return Authentication(bool(challenges), tuple(used)[:8], tuple(names)[:_MAX_NAMES], keys)


def integrity_flag(message: MessageRecord) -> str:
    """What the P-CSCF says of how a REGISTER reached it (TS 24.229 7.2A.2): yes, no, tls-yes, ...; empty: nothing."""
    if message.method != "REGISTER" or not message.request:
        return ""
    flags = (_parts(value)[1].get("integrity-protected", "") for value in message.all("authorization"))
    return next((flag.lower()[:24] for flag in flags if flag), "")


def _parts(value: str) -> tuple[str, dict[str, str]]:
    """The scheme, and the parameters by lower-case name; what has no parameter's form has no name."""
    scheme, _, rest = value.strip().partition(" ")
    params: dict[str, str] = {}
    for part in split(rest):
        name, equals, text = part.partition("=")
        name = name.strip().lower()
        if equals and len(name) <= 32 and _NAME.issuperset(name):
            params.setdefault(name, unquote(text.strip()))
    return scheme.lower(), params
