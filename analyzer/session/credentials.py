"""What a message shows of HTTP authentication: schemes and the names of parameters, never a value (RFC 3261 22;
RFC 3310; TS 24.229 7.2A).
"""

from analyzer.core.frozen import frozen
from analyzer.formats.headers import split, unquote
from analyzer.session.records import MessageRecord

_CHALLENGES = ("www-authenticate", "proxy-authenticate")
_CREDENTIALS = ("authorization", "proxy-authorization")
_FIELDS = frozenset(_CHALLENGES + _CREDENTIALS)
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_MAX_NAMES = 24
_MAX_SCHEMES = 8
_LONGEST = 32  # characters of a scheme
_AKA_MEANS = {  # what parameters hold under AKA (RFC 3310 3.1 to 3.4; TS 24.229 5.1.1)
    "nonce": "nonce (RAND, AUTN)",
    "username": "username (private identity)",
    "response": "response (made with RES)",
    "auts": "auts (resynchronisation)",
}


@frozen
class Authentication:
    """Schemes as words: basic, digest-md5, digest-sha-256, akav1-md5, ...; `credentials` those that a challenge is
    answered with, `schemes` all that are named; parameter names in order of first sight, of AKA with what they hold."""

    challenge: bool = False
    credentials: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    aka_keys: bool = False


NOTHING = Authentication()


def authentication(message: MessageRecord) -> Authentication:
    """The authentication headers of a message. Credentials without a response prove nothing and are no use of one."""
    if _FIELDS.isdisjoint([header.name for header in message.headers]):
        return NOTHING
    challenges = [value for name in _CHALLENGES for value in message.all(name)]
    answers = [value for name in _CREDENTIALS for value in message.all(name)]
    names: dict[str, None] = {}
    schemes: dict[str, None] = {}
    used: dict[str, None] = {}
    keys = False
    for number, value in enumerate((*challenges, *answers)):
        word, params = _parts(value)
        scheme = _scheme(word, params)
        means = _AKA_MEANS if scheme.startswith("aka") else {}
        names.update(dict.fromkeys([means.get(name, name) for name in params]))
        if scheme:
            schemes[scheme] = None
        if number < len(challenges):
            keys |= bool(params.get("ik") or params.get("ck"))
        elif scheme and (word != "digest" or params.get("response")):
            used[scheme] = None
    shown = (tuple(used)[:_MAX_SCHEMES], tuple(schemes)[:_MAX_SCHEMES], tuple(names)[:_MAX_NAMES])
    return Authentication(bool(challenges), *shown, keys)


def _scheme(word: str, params: dict[str, str]) -> str:
    """basic, digest-md5, akav1-md5, ...; a digest that names no algorithm is MD5 (RFC 3261 22.4, RFC 2617 3.2.1), or
    not yet any where it answers nothing."""
    if word != "digest":
        return word[:_LONGEST]
    algorithm = params.get("algorithm", "").lower()[:_LONGEST]
    if algorithm.startswith("aka"):
        return algorithm
    if not algorithm and "response" in params and not params["response"]:
        return "digest"
    return f"digest-{algorithm.removesuffix('-sess') or 'md5'}"


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
