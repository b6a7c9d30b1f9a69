"""What a message shows of its sender where it leaves the trust domain, and whether its asserted identity has form."""

from collections.abc import Iterable, Sequence

from analyzer.core.remembered import remembered
from analyzer.core.unknown import Unknown
from analyzer.formats.headers import split
from analyzer.formats.uri import address_uri, parse_name_addr, parse_uri, same_user
from analyzer.session.records import MessageRecord

INSIDE = frozenset({"p-access-network-info", "p-charging-vector", "p-charging-function-addresses"})
NOWHERE = "invalid"  # the domain of no host (RFC 2606 2): anonymous.invalid, and unknown.invalid of TS 23.003
NOBODY = "anonymous"
_MARKS = {ord(mark): None for mark in "-.() /"}  # of telephone numbers as people write them
_NUMBER_DIGITS = 5  # that make a number: shorter ones are extensions and names
_MAX_PAI = 2  # RFC 3325 9.1
_RESIDUES = (
    "from", "contact", "reply-to", "referred-by", "history-info", "diversion", "call-info", "p-preferred-identity",
    "remote-party-id",
)  # fmt: skip
_WORDS = 4  # characters of a user part by which a text names somebody


def anonymous(uri: str) -> bool:
    """An identity that names nobody (RFC 3323 4.1.1.3)."""
    if _names_somebody(uri):
        return False
    parsed = parse_uri(uri)
    return parsed.host.rpartition(".")[2] == NOWHERE or parsed.user.lower() == NOBODY


def _names_somebody(text: str) -> bool:
    """Whether no URI in a text can be anonymous: neither word stands in it, and none is hidden by a percent escape."""
    lower = text.lower()
    return NOWHERE not in lower and NOBODY not in lower and "%" not in lower


def well_formed(asserted: Sequence[str]) -> bool:
    """One sip, sips or tel URI, or one sip(s) and one tel (RFC 3325 9.1)."""
    if not asserted:
        return True
    schemes = [uri.partition(":")[0].lower() for uri in asserted]
    if len(schemes) > _MAX_PAI or not set(schemes) <= {"sip", "sips", "tel"}:
        return False
    return len(schemes) < _MAX_PAI or schemes.count("tel") == 1


@remembered
def misleading(value: str) -> bool:
    """Whether a name-addr has a display name that reads as an identity, and as another than its URI (RFC 3325 9.1)."""
    named = parse_name_addr(value)
    shown = named.display.strip().strip("<>").lower()
    if "@" in shown:
        return not same_user(shown if ":" in shown else f"sip:{shown}", named.uri)
    digits = shown.translate(_MARKS).removeprefix("+")
    if len(digits) < _NUMBER_DIGITS or not (digits.isascii() and digits.isdigit()):
        return False
    own = parse_uri(named.uri).user.partition(";")[0].translate(_MARKS).removeprefix("+")
    return not (own.endswith(digits[-_NUMBER_DIGITS:]) or digits.endswith(own[-_NUMBER_DIGITS:] or digits))


def from_uri(message: MessageRecord) -> str:
    """The URI of From."""
    return address_uri(next(iter(message.all("from")), ""))


def from_differs(message: MessageRecord) -> bool:
    """From names somebody, who is none of the asserted identities."""
    shown = from_uri(message)
    return bool(shown) and not anonymous(shown) and not any(same_user(shown, uri) for uri in message.asserted)


def anonymity_asked(message: MessageRecord) -> bool:
    """The user wants to be nobody to the called: Privacy user, or an anonymous From (RFC 3323 4.1.1, 4.2)."""
    if "user" in message.privacy:
        return True
    value = next(iter(message.all("from")), "")
    return not _names_somebody(value) and anonymous(address_uri(value))


def caller_identities(messages: Iterable[MessageRecord]) -> tuple[str, ...]:
    """What is asserted of those who send the first requests."""
    return tuple(dict.fromkeys([uri for m in messages if m.asserted and m.initial for uri in m.asserted]))


def inside_headers(message: MessageRecord) -> tuple[str, ...] | Unknown:
    """Headers of charging and location that belong inside the trust domain."""
    found = tuple(dict.fromkeys([header.raw_name for header in message.headers if header.name in INSIDE]))
    if not found and not message.complete:
        return Unknown.of("frames", "the whole message: it was captured in part")
    return found


def residue(message: MessageRecord, known: Sequence[str]) -> tuple[str, ...] | Unknown:
    """Headers, and `sdp`, where one of the sender's identities still stands; unknown if none of them is known."""
    users = {user for uri in known if not anonymous(uri) and len(user := parse_uri(uri).user) > 1}
    if not users:
        return Unknown.of("vantage", "a hop where the caller's asserted identity is seen")
    numbers = {number for user in users if (number := _digits(user))}
    there = {header.name for header in message.headers}
    found = [
        name
        for name in _RESIDUES
        if name in there
        for value in message.all(name)
        if any(_names(part, users, numbers) for part in split(value))
    ]
    telling = [user.lower() for user in users if len(user) >= _WORDS]
    if any(user in value.lower() for value in message.all("subject") for user in telling):
        found.append("subject")
    origin = message.sdp.origin if message.sdp is not None else None
    if origin is not None and (origin.username in users or _digits(origin.username) in numbers):
        found.append("sdp")
    return tuple(dict.fromkeys(found))


def _names(value: str, users: set[str], numbers: set[str]) -> bool:
    parsed = parse_name_addr(value)
    user = parse_uri(parsed.uri).user
    return user in users or _digits(user) in numbers or any(each in parsed.display for each in users)


def _digits(user: str) -> str:
    """A user that is a telephone number, however written, as its digits; else empty."""
    digits = user.partition(";")[0].translate(_MARKS).removeprefix("+")
    return digits if len(digits) >= _NUMBER_DIGITS and digits.isascii() and digits.isdigit() else ""
