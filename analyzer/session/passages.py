"""Messages followed through the elements of a call: each copy that came in, with the copy that went on.

A copy goes on from the element it came to. Across one Call-ID the number of Via headers grows by the hops of a request
(RFC 3261 16.6) and shrinks by those of a response; a call of several Call-IDs is joined at its first requests.
"""

from collections.abc import Iterator, Sequence
from operator import attrgetter

from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.headers import split
from analyzer.formats.uri import all_among, among
from analyzer.session.carrier import integrity
from analyzer.session.credentials import integrity_flag
from analyzer.session.legs import CallState
from analyzer.session.model.people import Passage
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord
from analyzer.session.registrations import Registrations

MAX_ONWARD = 16  # copies of one message that an element sends (forks)
_WINDOW_NS = 32_000_000_000  # 64 * T1, how long a transaction lasts (RFC 3261 17.1.1.2)
_TELLING = ("identity", "p-asserted-identity", "p-preferred-identity", "privacy")
_WITHHELD = "id"  # the priv-value that keeps asserted identities inside the trust domain (RFC 3325 7)
_ORDINAL = attrgetter("ordinal")
_Key = tuple[str, str, int | None, str, int | None]


def followed(call: CallState, placement: Placement) -> Iterator[tuple[MessageRecord, MessageRecord]]:
    """Each message of a call as it came into an element, with each copy of it that left, in capture order."""
    messages = [m for leg in call.legs.values() for m in leg.messages if not m.retransmission]
    messages.sort(key=_ORDINAL)
    onward: dict[_Key, list[MessageRecord]] = {}
    first: dict[tuple[str, str], list[MessageRecord]] = {}
    places = []
    for message in messages:
        ends = placement.ends(message.carrier.endpoints.src.ip, message.carrier.endpoints.dst.ip)
        places.append(ends.to_node)
        onward.setdefault(_key(message, ends.from_node), []).append(message)
        if message.initial:
            first.setdefault((ends.from_node, message.method), []).append(message)
    for message, place in zip(messages, places, strict=True):
        others = onward.get(_key(message, place), ())
        if others or message.initial:
            for copy in _copies(message, others, first.get((place, message.method), ())):
                yield message, copy


def passage(
    came: MessageRecord,
    left: MessageRecord,
    placement: Placement,
    registrations: Registrations,
    post_decrypt: frozenset[int] = frozenset(),
) -> Passage | None:
    """What an element did to the asserted and signed identities of a message; None where neither copy has any.

    `post_decrypt` are vantage points behind a decrypting element: what they show says nothing of the wire.
    """
    if _telling(came) or _telling(left):
        return _passage(came, left, placement, registrations, post_decrypt)
    return None


def _telling(message: MessageRecord) -> bool:
    return any(header.name in _TELLING for header in message.headers) or bool(integrity_flag(message))


def _key(message: MessageRecord, place: str) -> _Key:
    return place, message.method, message.status, message.call_id, message.cseq


def _copies(
    message: MessageRecord, onward: Sequence[MessageRecord], first: Sequence[MessageRecord]
) -> list[MessageRecord]:
    """Those of the same message that go on from an element, else of the first requests that start there."""
    same = [
        other
        for other in onward
        if abs(other.ts_ns - message.ts_ns) <= _WINDOW_NS
        and (other.vias > message.vias if message.request else other.vias < message.vias)
    ]
    if same:
        nearest = min(same, key=lambda other: abs(other.vias - message.vias)).vias
        return [other for other in same if other.vias == nearest][:MAX_ONWARD]
    if not message.initial:
        return []
    found = [
        other for other in first if other.call_id != message.call_id and 0 <= other.ts_ns - message.ts_ns <= _WINDOW_NS
    ]
    return found[:MAX_ONWARD]


def _passage(
    came: MessageRecord,
    left: MessageRecord,
    placement: Placement,
    registrations: Registrations,
    post_decrypt: frozenset[int],
) -> Passage:
    source, here, target = came.carrier.endpoints.src.ip, came.carrier.endpoints.dst.ip, left.carrier.endpoints.dst.ip
    out: tuple[str, ...] | Unknown = left.asserted
    if not left.complete and not left.asserted:
        out = Unknown.of("frames", "the whole message as it went on: it was captured in part")
    from_ue = placement.is_ue(source)
    known = _registered(source, registrations)
    tokens, kept = _tokens(came), _tokens(left)
    return Passage(
        at=placement.node(here),
        request=came.request,
        method=came.method,
        initial=came.initial,
        from_node=placement.node(source),
        at_node=placement.node(here),
        to_node=placement.node(target),
        from_ue=from_ue,
        trusted_onward=placement.trusted(left.carrier.endpoints.src.ip, target),
        asserted_in=came.asserted,
        asserted_out=out,
        privacy_in=came.privacy,
        privacy_lost=_privacy_lost(came, left),
        claim_believed=_believed(came, out, known),
        registered=_all_registered(out, known),
        signed_in=len(tokens),
        signed_kept=_kept(tokens, kept, left.complete),
        integrity_flag=(flag := integrity_flag(left)),
        flag_from_ue=bool(flag) and from_ue is True and integrity_flag(came) == flag,
        arrived_protected=_protected(came, post_decrypt),
        verdict_forged=_verstat(came) and (_verstat(left) or _maybe(left)),
        first=tuple(dict.fromkeys((*came.cites, *left.cites))),
    )


def _protected(came: MessageRecord, post_decrypt: frozenset[int]) -> Tristate:
    if came.carrier.vantage in post_decrypt:
        return Unknown.of("vantage", "the wire before the element that decrypts")
    found = integrity(came.carrier.state, (came.carrier,))
    return found if isinstance(found, Unknown) else found == "yes"


def _privacy_lost(came: MessageRecord, left: MessageRecord) -> Tristate:
    if _WITHHELD not in came.privacy or _WITHHELD in left.privacy or (left.complete and not left.asserted):
        return False
    return True if left.complete else Unknown.of("frames", "the whole message as it went on: it was captured in part")


def _registered(ue: int, registrations: Registrations) -> tuple[str, ...] | None:
    """What is registered from an address; None if no registration of it was seen to succeed."""
    found = [binding for binding in registrations.of(ue) if binding.accepted]
    if not found:
        return None
    return tuple(dict.fromkeys(uri for b in found for uri in (b.aor, *(b.associated or ()))))


_UNSEEN = Unknown.of("message", "the registration of the UE with its answer, for what it has registered")

_WILDCARD = Unknown.of("message", "whether a wildcarded identity of the registration holds what is asserted")


def _believed(came: MessageRecord, out: tuple[str, ...] | Unknown, known: tuple[str, ...] | None) -> Tristate:
    if isinstance(out, Unknown):
        return out
    survived = among(came.asserted, out)
    if not survived:
        return False
    registered = _all_registered(survived, known)
    return registered if isinstance(registered, Unknown) else not registered


def _all_registered(out: tuple[str, ...] | Unknown, known: tuple[str, ...] | None) -> Tristate:
    if isinstance(out, Unknown):
        return out
    if known is None:
        return _UNSEEN
    return all_among(out, known) or (_WILDCARD if any("!" in uri for uri in known) else False)


def _tokens(message: MessageRecord) -> set[str]:
    return {part for value in message.all("identity") for part in split(value)}


def _kept(tokens: set[str], behind: set[str], complete: bool) -> Tristate:
    if tokens <= behind:
        return True
    return False if complete else Unknown.of("frames", "the whole message as it went on: it was captured in part")


def _verstat(message: MessageRecord) -> bool:
    values = (*message.all("from"), *message.all("p-asserted-identity"))
    return any("verstat=" in value.lower() for value in values)


def _maybe(message: MessageRecord) -> Tristate:
    return False if message.complete else Unknown.of("frames", "the whole message as it went on")
