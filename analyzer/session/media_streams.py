"""Which streams are those of a medium: between the addresses described, or where ICE, STUN and NAT moved them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from analyzer.core.addresses import Address
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.severity import Severity
from analyzer.session.bundling import belongs
from analyzer.session.claims import ice_fragment
from analyzer.session.hops import Move
from analyzer.session.ice import fragments
from analyzer.session.ice_checks import IceFlow
from analyzer.session.legs import CallState
from analyzer.session.media.record import Span, StreamRecord
from analyzer.session.media_candidates import Candidate, places
from analyzer.session.media_sources import MediaSources

SHARED = define(
    "ice.fragments_shared",
    Severity.MEDIUM,
    "Calls that do not belong together name the same fragments of ICE: their checks bind no media",
    "RFC 8445 5.3",
)
CROWDED = define(
    "rtp.contributors_limit",
    Severity.LOW,
    "More contributing sources of one stream than are told apart",
    "RFC 3550 5.1",
)
_EARLY_NS = 1_000_000_000  # media may reach the tap this long before the message that announced it
_OPEN_END = 1 << 63  # a call whose end was not seen has all the media that still comes
_MOVES = 16  # of one medium that are named


@frozen
class MediumStreams:
    """The streams of a medium. `whole`: there were no more than are looked at. `packets` are distinct ones. `moves`
    say where streams ran that did not run as described."""

    records: list[StreamRecord]
    whole: bool
    packets: int
    moves: tuple[Move, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()


def span_of(call: CallState) -> Span:
    """When packets of a call may have come."""
    last_ns = _OPEN_END if call.ended_ns is None else call.ended_ns
    return Span(call.first_ns - _EARLY_NS, last_ns, call.names or (call.name,))


def streams_of(call: CallState, candidate: Candidate, sources: MediaSources) -> MediumStreams:
    """The streams of a medium: those on flows that checks of ICE verify, else those at the addresses described.

    The fragments of ICE tell calls apart that share an address, which addresses cannot.
    """
    span = span_of(call)
    lookup = _Lookup(sources, span)
    flows, shared = ice_flows(candidate, span, sources)
    found: list[StreamRecord] = []
    moves: tuple[Move, ...] = ()
    if flows:
        found = lookup.on_flows(candidate, flows)
        used = [(record.endpoints.src, record.endpoints.dst) for record in found]
        moves = checked_moves(used, candidate, flows)  # the same for every m-line of a flow
    if not found:
        found, moves = lookup.described(candidate)
    together = candidate.together
    records = [each for each in _ordered(found) if together is None or belongs(each, candidate.own, together)]
    packets = _packets(records) if moves else sum([record.packets for record in records])
    crowded = [
        Anomaly(CROWDED, (record.first,), f"{len(record.contributors)} sources")
        for record in records
        if record.more_contributors
    ]
    return MediumStreams(records, lookup.whole, packets, moves, (*shared, *crowded))


def ice_flows(candidate: Candidate, span: Span, sources: MediaSources) -> tuple[list[IceFlow], tuple[Anomaly, ...]]:
    """The flows of a medium by the checks of ICE. Where another medium of the call between other addresses has the same
    fragments, only those with an end that this one describes; none where another call has them."""
    flows = sources.ice.flows(candidate.negotiations, span)
    if not flows:
        return [], ()
    for offer, answer in fragments(candidate.negotiations):
        if not sources.tables.claims.alone((ice_fragment(offer), ice_fragment(answer)), span.calls):
            return [], (Anomaly(SHARED, (flows[0].cite,), "the addresses described are what is left"),)
    if candidate.repeated:
        own = {candidate.offer_address, candidate.answer_address}
        flows = [flow for flow in flows if flow.offerer in own or flow.answerer in own]
    return flows, ()


def checked_moves(
    used: Iterable[tuple[Address, Address]], candidate: Candidate, flows: Sequence[IceFlow]
) -> tuple[Move, ...]:
    """Of the flows that checks verify those that are used, unless both ends are as described."""
    described, pairs = {candidate.offer_address, candidate.answer_address}, set(map(frozenset, used))
    moved = (
        Move(flow.offerer, flow.answerer, "ice_check", (flow.cite,))
        for flow in flows
        if (ends := frozenset((flow.offerer, flow.answerer))) in pairs and ends != described
    )
    return tuple(islice(moved, _MOVES))


def _ordered(records: Iterable[StreamRecord]) -> list[StreamRecord]:
    """Each once, by ordinal."""
    return [record for _, record in sorted({record.ordinal: record for record in records}.items())]


class _Lookup:
    """Takes streams for one medium; `whole` until there were more at an address than are looked at."""

    def __init__(self, sources: MediaSources, span: Span) -> None:
        self._sources = sources
        self._span = span
        self.whole = True

    def _towards(self, target: Address) -> list[StreamRecord]:
        lot = self._sources.take(target, self._span.first_ns, self._span.last_ns)
        self.whole = self.whole and lot.whole
        return lot.records

    def _own(self, records: Iterable[StreamRecord]) -> list[StreamRecord]:
        return [record for record in records if record.parted_by not in self._span.calls]

    def on_flows(self, candidate: Candidate, flows: Sequence[IceFlow]) -> list[StreamRecord]:
        """Streams on checked flows, and those from one described address to the other; none if nothing ran on them."""
        checked = self._between((flow.offerer, flow.answerer) for flow in flows)
        if not checked:
            self.whole = True
            return []
        ours, theirs = candidate.offer_address, candidate.answer_address
        return [*checked, *(self._between([(ours, theirs)]) if ours is not None and theirs is not None else ())]

    def _between(self, pairs: Iterable[tuple[Address, Address]]) -> list[StreamRecord]:
        """Streams between pairs of addresses, either way."""
        found: list[StreamRecord] = []
        for pair in pairs:
            for src, dst in (pair, pair[::-1]):
                lot = self._sources.take_between(src, dst, self._span.first_ns, self._span.last_ns)
                self.whole = self.whole and lot.whole
                found += self._own(lot.records)
        return found

    def described(self, candidate: Candidate) -> tuple[list[StreamRecord], tuple[Move, ...]]:
        """Streams towards either end, from the other where there are any (else NAT moved their source)."""
        found: list[StreamRecord] = []
        ends = (candidate.offer_address, candidate.answer_address)
        ours, theirs = places(candidate)
        near, far = self._translated(ours), self._translated(theirs)
        for targets, senders, beyond, others in ((ours, theirs, near, far), (theirs, ours, far, near)):
            hosts = {sender.ip for sender in (*senders, *others)}
            towards = self._own([record for target in targets for record in self._towards(target)])
            exact = [record for record in towards if record.endpoints.src.ip in hosts]
            found += exact or towards
            moved = self._own([record for target in beyond for record in self._towards(target)]) if beyond else ()
            found += [record for record in moved if record.endpoints.src.ip in hosts]
        seen = {record.ordinal for record in found}
        looked = 0
        for sent in tuple(found):  # symmetric RTP: the answer goes where packets came from (RFC 4961)
            if sent.endpoints.src not in ends:
                if looked >= self._sources.limits.streams_per_address:
                    self.whole = False
                    break
                back = self._towards(sent.endpoints.src)
                looked += len(back)
                answers = (record for record in self._own(back) if record.endpoints.src == sent.endpoints.dst)
                fresh = [record for record in answers if record.ordinal not in seen]
                seen.update(record.ordinal for record in fresh)
                found += fresh
        return found, tuple(_mapped(found, near, far)) if near or far else ()

    def _translated(self, addresses: Sequence[Address]) -> dict[Address, Cite]:
        """The other addresses of an end beyond a NAT or a relay, with the responses that show them."""
        found = [each for address in addresses for each in self._sources.ice.translated(address, self._span)]
        return {address: cite for address, cite in found if address not in addresses}


def _mapped(
    records: Sequence[StreamRecord], near: Mapping[Address, Cite], far: Mapping[Address, Cite]
) -> Iterator[Move]:
    """The pairs of addresses of which one is known by a response of STUN alone."""
    named: set[frozenset[Address]] = set()
    for record in records:
        src, dst = record.endpoints.src, record.endpoints.dst
        for offerer, answerer in ((src, dst), (dst, src)):
            shown = tuple(table[end] for table, end in ((near, offerer), (far, answerer)) if end in table)
            if shown and frozenset((src, dst)) not in named and len(named) < _MOVES:
                named.add(frozenset((src, dst)))
                yield Move(offerer, answerer, "mapped_address", shown)


def _packets(records: Sequence[StreamRecord]) -> int:
    """Packets of streams, those that were seen on both sides of a NAT once: one SSRC at one time, one end the same."""
    counted: list[StreamRecord] = []
    for record in sorted(records, key=lambda each: (-each.packets, each.ordinal)):
        if not any(_twins(record, other) for other in counted):
            counted.append(record)
    return sum(record.packets for record in counted)


def _twins(one: StreamRecord, other: StreamRecord) -> bool:
    same = (one.endpoints.src == other.endpoints.src) != (one.endpoints.dst == other.endpoints.dst)
    return one.ssrc == other.ssrc and same and one.first_ns <= other.last_ns and other.first_ns <= one.last_ns
