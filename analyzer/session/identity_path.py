"""The headers that name people, followed hop by hop: who inserted, changed or removed each, at which boundary.

Two ways in which one changes: an element passes a message on with another header than it came with, and an end of a
dialog names itself otherwise than before (connected identity, RFC 4916).
"""

from collections.abc import Iterable, Iterator

from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.headers import split
from analyzer.formats.uri import address_uri, all_among, parse_name_addr, parse_uri, same_user, telephone
from analyzer.protocols.sip.message import Header
from analyzer.session.kept_headers import MAX_VALUES
from analyzer.session.legs import LegState
from analyzer.session.model.people import (
    ConnectedIdentity,
    Crossing,
    HeaderChange,
    IdentityHeader,
    IdentityHeaderName,
)
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord
from analyzer.session.shown_identities import anonymous

SHOWN = 8  # identities of one header that are shown
_LONGEST = 256  # characters of one that is shown
_NAMES: dict[str, IdentityHeaderName] = {
    "from": "From",
    "p-asserted-identity": "P-Asserted-Identity",
    "p-preferred-identity": "P-Preferred-Identity",
    "privacy": "Privacy",
    "identity": "Identity",
    "history-info": "History-Info",
    "referred-by": "Referred-By",
}
_CROSSING_WORDS: dict[Crossing, str] = {
    "enters": "into the trust domain",
    "leaves": "out of the trust domain",
    "inside": "inside the trust domain",
    "outside": "outside the trust domain",
}
_FROM_CHANGE = "from-change"  # the option tag of RFC 4916 4.3
_PERSONS = ("p-asserted-identity", "p-preferred-identity")
_UPDATING = ("INVITE", "UPDATE")  # the requests in a dialog that bring a connected identity (RFC 4916 4.2)
_PART = Unknown.of("frames", "the whole message on both sides of the element: it was captured in part")
Held = dict[str, list[str]]


# -- an element passes a message on --------------------------------------------------------------------------------


def identity_headers(came: MessageRecord, left: MessageRecord, placement: Placement) -> Iterator[IdentityHeader]:
    """What an element did to each of the headers: of a request that starts something all that stand on a side, of
    other messages those that are another."""
    before, behind = _telling(came), _telling(left)
    if before == behind and not came.initial:
        return
    held, kept = _held(before), _held(behind)
    whole = _whole(came) and _whole(left)
    for key, name in _NAMES.items():
        if key in held or key in kept:
            what = _what(key, held.get(key, []), kept.get(key, []), whole)
            if what != "kept" or came.initial:
                yield _entity(name, what, (came, left), (held.get(key, []), kept.get(key, [])), placement)


def _telling(message: MessageRecord) -> list[Header]:
    return [header for header in message.headers if header.name in _NAMES]


def _whole(message: MessageRecord) -> bool:
    return message.complete and len(message.headers) < MAX_VALUES


def _held(headers: Iterable[Header]) -> Held:
    """The members of each header, as they are compared."""
    found: Held = {}
    for name, _, value in headers:
        if name == "privacy":
            parts = [part for word in value.lower().split(";") if (part := word.strip())]
        elif name == "from":
            parts = [value.strip()]
        else:
            parts = list(split(value))
        found.setdefault(name, []).extend(parts)
    return found


def _what(name: str, before: list[str], behind: list[str], whole: bool) -> HeaderChange | Unknown:
    if before == behind:
        return "kept"
    lost, new = not _among(name, before, behind), not _among(name, behind, before)
    if not lost and not new:
        return "kept"
    if not whole and not (before and behind and name == "from"):
        return _PART
    if not before or not behind:
        return "removed" if before else "inserted"
    return "changed" if lost else "extended"


def _among(name: str, some: list[str], others: list[str]) -> bool:
    """Whether each value stands among the others; of From by name and user, of asserted identities by user."""
    if name == "from":
        return all(any(_same_from(one, other) for other in others[:1]) for one in some[:1])
    if name in _PERSONS:
        return all_among(_uris(some), _uris(others))
    return set(some) <= set(others)


def _uris(values: Iterable[str]) -> list[str]:
    return [address_uri(value) for value in values]


def _same_from(one: str, other: str) -> bool:
    first, second = parse_name_addr(one), parse_name_addr(other)
    return first.display == second.display and (first.uri == second.uri or same_user(first.uri, second.uri))


def _entity(
    name: IdentityHeaderName,
    what: HeaderChange | Unknown,
    copies: tuple[MessageRecord, MessageRecord],
    values: tuple[list[str], list[str]],
    placement: Placement,
) -> IdentityHeader:
    came, left = copies
    source, here, target = came.carrier.endpoints.src.ip, came.carrier.endpoints.dst.ip, left.carrier.endpoints.dst.ip
    before, behind = shown(name, values[0]), shown(name, values[1])
    from_zone, to_zone = placement.zone(source), placement.zone(target)
    crossing = _crossing(source, target, placement)
    return IdentityHeader(
        name=name,
        what=what,
        at=placement.node(here),
        request=came.request,
        method=came.method,
        initial=came.initial,
        from_node=placement.node(source),
        at_node=placement.node(here),
        to_node=placement.node(target),
        from_zone=from_zone,
        to_zone=to_zone,
        crossing=crossing,
        boundary=boundary(from_zone, to_zone, crossing),
        from_ue=placement.is_ue(source),
        same_dialog=came.call_id == left.call_id and came.from_tag == left.from_tag,
        another_user=name == "From" and bool(before) and bool(behind) and not _one_user(before[0], behind[0]),
        anonymised=name == "From" and bool(behind) and anonymous(behind[0]),
        before=before,
        after=behind,
        first=tuple(dict.fromkeys((*came.cites, *left.cites))),
    )


def _one_user(one: str, other: str) -> bool:
    """Two URIs name one user part, whatever the host: an element that hides the inside of a network rewrites hosts."""
    if one == other:
        return True
    number = telephone(one)
    return parse_uri(one).user == parse_uri(other).user or (bool(number) and number == telephone(other))


def shown(name: IdentityHeaderName, values: list[str]) -> tuple[str, ...]:
    """A header as it may be shown: URIs without display names and parameters, privacy words, tokens as a number."""
    if name == "Identity":
        return (f"{len(values)} PASSporT{'s' if len(values) > 1 else ''}",) if values else ()
    if name == "Privacy":
        return tuple(value[:_LONGEST] for value in values[:SHOWN])
    return tuple(uri[:_LONGEST] for uri in _uris(values[:SHOWN]))


def _crossing(source: int, target: int, placement: Placement) -> Crossing | Unknown:
    before, behind = placement.in_trust_domain(source), placement.in_trust_domain(target)
    if isinstance(before, Unknown):
        return before
    if isinstance(behind, Unknown):
        return behind
    if before:
        return "inside" if behind else "leaves"
    return "enters" if behind else "outside"


def boundary(from_zone: str | Unknown, to_zone: str | Unknown, crossing: Crossing | Unknown) -> str:
    """The two zones, or the one that both are, and what lies between them, in words."""
    named = ["unknown zone" if isinstance(zone, Unknown) else zone for zone in (from_zone, to_zone)]
    zones = " > ".join(dict.fromkeys(named))
    return zones if isinstance(crossing, Unknown) else f"{zones}, {_CROSSING_WORDS[crossing]}"


# -- an end of a dialog names itself otherwise ---------------------------------------------------------------------


def connected_identities(leg: LegState, placement: Placement) -> Iterator[ConnectedIdentity]:
    """Each request inside a dialog, on one hop, that may bring, or brings, another From than its sender had before.

    Held against what passed on that hop before, so that what an element on the way writes is not laid at the sender's
    door.
    """
    known: dict[str, tuple[str, MessageRecord]] = {}  # by tag: From or To as it stood, and the message
    supports: dict[str, Tristate] = {}
    for message in leg.messages:
        sender = message.from_tag if message.request else message.to_tag
        if not sender or message.retransmission:
            continue
        value = _first(message, "from" if message.request else "to")
        former = known.get(sender)
        if former is None:
            known[sender] = value, message
        elif message.request and message.to_tag and (former[0] != value or message.method in _UPDATING):
            yield from _connected(message, former, value, supports.get(message.to_tag, _UNHEARD), placement)
            known[sender] = value, message
        if message.method in _UPDATING and supports.get(sender) is not True:
            supports[sender] = _announces(message)


_UNHEARD = Unknown.of("message", "a message of the other end, for whether it supports from-change")


def _first(message: MessageRecord, name: str) -> str:
    for header in message.headers:
        if header.name == name:
            return header.value
    return ""


def _announces(message: MessageRecord) -> Tristate:
    if any(word.strip().lower() == _FROM_CHANGE for value in message.all("supported") for word in value.split(",")):
        return True
    return False if message.complete else _UNHEARD


def _connected(
    message: MessageRecord, former: tuple[str, MessageRecord], value: str, agreed: Tristate, placement: Placement
) -> Iterator[ConnectedIdentity]:
    before, after = address_uri(former[0]), address_uri(value)
    changed = before != after and not same_user(before, after)
    if not (before and after) or not (changed or message.method in _UPDATING):
        return
    source, target = message.carrier.endpoints.src.ip, message.carrier.endpoints.dst.ip
    ends = placement.ends(source, target)
    yield ConnectedIdentity(
        at=ends.from_node,
        sends="sends" if message.vias <= 1 else "passes on",
        method=message.method,
        from_node=ends.from_node,
        to_node=ends.to_node,
        from_zone=ends.from_zone,
        to_zone=ends.to_zone,
        boundary=boundary(ends.from_zone, ends.to_zone, _crossing(source, target, placement)),
        changed=changed,
        agreed=agreed,
        before=(before[:_LONGEST],),
        after=(after[:_LONGEST],),
        first=tuple(dict.fromkeys((*former[1].cites, *message.cites))),
    )
