"""A REFER, what may have come of it, and how sure that is (RFC 3515, RFC 3892).

The score, per cent: 40 for target and time, which have to agree; 30 where the request comes from who was referred, by
From, asserted identity or Contact; 40 where its Referred-By is the referrer; 40 where it carries the Replaces that the
REFER gave; 10 where it starts at the element that the REFER reached; 10 where the NOTIFY tells its outcome. 70 are
needed. Another referrer, another Replaces, another outcome, or a REFER that was refused, rule it out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.formats.referral import parse_replaces
from analyzer.formats.uri import parse_name_addr
from analyzer.session.call_links import NodeOf
from analyzer.session.correlation_keys import person
from analyzer.session.legs import CallState
from analyzer.session.model.states import RelationGround
from analyzer.session.records import MessageRecord

WEIGHTS: dict[RelationGround, int] = {
    "target": 40, "identity": 30, "referred_by": 40, "replaces": 40, "element": 10, "outcome": 10,
}  # fmt: skip
ACCEPTED = 70
_SURE = 99  # at most: a referral names no dialog
_HOPS = 16
Way = tuple[int, int]  # addresses that a request passed between
Trait = tuple[str, ...]


@dataclass(slots=True, eq=False)
class Request:
    """What may have come of a REFER: the first request of a call, or a BYE in one."""

    call: str
    call_id: str
    method: str
    at_ns: int
    cseq: int | None
    targets: frozenset[str]
    persons: frozenset[str]
    referrer: str
    replaces: str
    cites: tuple[Cite, ...]
    ways: list[Way] = field(default_factory=list)
    status: int | None = None
    asked_by: "list[Refer]" = field(default_factory=list)

    def traits(self) -> Iterator[Trait]:
        """Traits of a REFER that may have asked for it, the most telling first."""
        if self.replaces:
            yield self.method, "replaces", self.replaces
        for target in sorted(self.targets):
            if self.referrer:
                yield self.method, target, "by", self.referrer
            for one in sorted(self.persons):
                yield self.method, target, "of", one


@dataclass(slots=True, eq=False)
class Refer:
    """A REFER to one target. `until_ns`: nothing that comes later was asked for by it."""

    call: str
    call_id: str
    method: str
    key: tuple[object, ...]
    cseq: int | None
    target: str
    at_ns: int
    until_ns: int
    referrers: frozenset[str]
    referred: frozenset[str]
    replaces: str
    cites: tuple[Cite, ...]
    ways: list[Way] = field(default_factory=list)
    refused: bool = False
    status: int | None = None
    told: tuple[Cite, ...] = ()
    led_to: list[Request] = field(default_factory=list)

    def traits(self) -> Iterator[Trait]:
        """By which it is found: without one of them no request is related to it."""
        if self.replaces:
            yield self.method, "replaces", self.replaces
        for one in sorted(self.referrers):
            yield self.method, self.target, "by", one
        for one in sorted(self.referred):
            yield self.method, self.target, "of", one


@frozen
class Relation:
    """That a request was asked for by a REFER. Calls are told by the id that the report has for them: None for dialogs
    that are no call. `status`: the final one that the referred party told, None where that was not seen."""

    asking: str | None
    caused: str | None
    call_ids: tuple[str, str]
    method: str
    score: int
    grounds: tuple[RelationGround, ...]
    status: int | None
    cites: tuple[Cite, ...]


def refer_of(call: CallState, record: MessageRecord, target: str, method: str, lasts_ns: int) -> Refer:
    """What a REFER says, as its first hop shows it."""
    asked = record.refer_to
    return Refer(
        call=call.name,
        call_id=call.call_id,
        method=method,
        key=(call.name, record.from_tag, record.cseq, target),
        cseq=record.cseq,
        target=target,
        at_ns=record.ts_ns,
        until_ns=record.ts_ns + lasts_ns,
        referrers=_persons([record.referred_by, *record.asserted, *_addresses(record, "from")]),
        referred=_persons([record.request_uri, *_addresses(record, "to")]),
        replaces=asked.replaces.call_id if asked is not None and asked.replaces is not None else "",
        cites=record.cites,
        ways=[_way(record)],
    )


def request_of(call: CallState, record: MessageRecord) -> Request:
    """What a request says that a REFER may have asked for, as its first hop shows it."""
    own = [*_addresses(record, "from"), *_addresses(record, "contact"), *record.asserted, *record.preferred]
    return Request(
        call=call.name,
        call_id=call.call_id,
        method=record.method,
        at_ns=record.ts_ns,
        cseq=record.cseq,
        targets=_persons([record.request_uri, *_addresses(record, "to")]),
        persons=_persons(own),
        referrer=person(record.referred_by),
        replaces=next((parse_replaces(value).call_id for value in record.all("replaces")), ""),
        cites=record.cites,
        ways=[_way(record)],
    )


def targets_of(record: MessageRecord) -> Iterable[tuple[str, str]]:
    """Whom a REFER asks to contact, and how: one in Refer-To, or each of the list in its body (RFC 5368)."""
    asked = record.refer_to
    if asked is None:
        return
    if not asked.list:
        yield person(asked.uri), asked.method
        return
    for recipient in record.bodies.recipients.recipients if record.bodies.recipients is not None else ():
        yield person(recipient.uri), asked.method


def passed(ways: list[Way], record: MessageRecord) -> None:
    """The same request on another hop."""
    if _way(record) not in ways and len(ways) < _HOPS:
        ways.append(_way(record))


def _way(record: MessageRecord) -> Way:
    return record.carrier.endpoints.src.ip, record.carrier.endpoints.dst.ip


def _addresses(record: MessageRecord, header: str) -> list[str]:
    return [parse_name_addr(value).uri for value in record.all(header)[:1]]


def _persons(uris: Iterable[str]) -> frozenset[str]:
    return frozenset(map(person, uris)) - {""}


def fits(refer: Refer, request: Request) -> bool:
    """Whether a request, as it is sent, may be what a REFER asks for: nothing in it contradicts."""
    if refer.target not in request.targets or refer.call == request.call:
        return False
    other_referrer = bool(request.referrer) and request.referrer not in refer.referrers
    return refer.replaces == request.replaces and not other_referrer


def score(refer: Refer, request: Request, node: NodeOf) -> int:
    """How sure it is that a request was asked for by a REFER, per cent; 0: it was not."""
    if refer.refused or request.at_ns > refer.until_ns or not fits(refer, request):
        return 0
    if refer.status is not None and request.status is not None and (refer.status < 300) != (request.status < 300):
        return 0
    return min(_SURE, sum(WEIGHTS[ground] for ground in grounds(refer, request, node)))


def grounds(refer: Refer, request: Request, node: NodeOf) -> Iterator[RelationGround]:
    """What a REFER and a request have in common."""
    yield "target"
    if refer.referred & request.persons:
        yield "identity"
    if request.referrer and request.referrer in refer.referrers:
        yield "referred_by"
    if refer.replaces and refer.replaces == request.replaces:
        yield "replaces"
    if _last(refer.ways, node) & _first(request.ways, node):
        yield "element"
    if refer.status is not None and request.status is not None:
        yield "outcome"


def _first(ways: Sequence[Way], node: NodeOf) -> set[object]:
    """The element where what was captured of a way begins."""
    sources, targets = {node(way[0]) for way in ways}, {node(way[1]) for way in ways}
    return sources - targets or sources


def _last(ways: Sequence[Way], node: NodeOf) -> set[object]:
    """The element where it ends."""
    sources, targets = {node(way[0]) for way in ways}, {node(way[1]) for way in ways}
    return targets - sources or targets
