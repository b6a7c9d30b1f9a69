"""The media hops of a call put on its path: what each end is, what keys it has, and the verdict on its protection."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from analyzer.core.addresses import Address
from analyzer.core.secrets import Secret
from analyzer.core.unknown import Tristate, Unknown
from analyzer.protocols.sdp.session import Media
from analyzer.session.connections import Connection
from analyzer.session.joining import previous_hops, vias
from analyzer.session.legs import CallState, LegState
from analyzer.session.media.record import RtcpRecord, StreamRecord
from analyzer.session.model.media import MediaHop
from analyzer.session.model.states import CoreSide
from analyzer.session.offer_answer import Negotiation, chosen_crypto, rtp_address
from analyzer.session.placement import Placement
from analyzer.session.scope import NOTHING, Consecutive, Path, PathHop

FindConnections = Callable[[Address, int], list[Connection]]


def from_elements(
    legs: Sequence[LegState], listening: Sequence[Address], find: FindConnections, protocol: int
) -> Iterator[tuple[Connection, Address]]:
    """Connections to a listening end from an element of the legs, with that end of theirs: who connects may have
    written any address into its description (RFC 4145 4)."""
    senders = {end for leg in legs for end in (leg.initiator, leg.responder)}
    for end in dict.fromkeys(listening):
        for connection in find(end, protocol):
            peer = connection.src if connection.dst == end else connection.dst
            if peer.ip in senders and peer.ip != end.ip:
                yield connection, peer


def path_hop(
    entity: MediaHop,
    last: Negotiation,
    legs: Sequence[LegState],
    placement: Placement,
    streams: Sequence[StreamRecord] = (),
    connections: Sequence[Connection] = (),
    rtcp: Sequence[RtcpRecord] = (),
    shaken: Sequence[Connection] = (),
) -> PathHop:
    """A hop where it lies: `legs` are those whose descriptions name it, `last` what was agreed last, `shaken` the
    handshakes that key its streams."""
    first = min(legs, key=_ordinal)
    final = max(legs, key=_ordinal)
    return PathHop(
        entity=entity,
        index=last.index,
        first_leg=first.ordinal,
        last_leg=final.ordinal,
        left_final=_final(placement, last.initiator, first.initiator),
        right_final=_final(placement, last.responder, final.responder),
        keys=_keys(last),
        offerer=last.offer.ip,
        offered=_offered(first, last),
        prints=_prints(last),
        reports=frozenset(_reports(rtcp)),
        streams=tuple(streams),
        connections=tuple(connections),
        handshakes=frozenset([item.handshake for item in (*connections, *shaken) if item.handshake]),
    )


def _ordinal(leg: LegState) -> int:
    return leg.ordinal


def _reports(rtcp: Sequence[RtcpRecord]) -> Iterator[tuple[int | str, int]]:
    """What names a sender report wherever it passes; a relay that gives a stream a new SSRC keeps its CNAME and times
    (RFC 3550 6.4.1, 7.1). Who receives it names it by its SSRC and the middle of its time."""
    for flow in rtcp:
        yield from flow.references
        for report in flow.reports:
            if report.ntp:
                yield report.ssrc, report.ntp
                if flow.cname:
                    yield flow.cname, report.ntp


def _final(placement: Placement, media: Media | None, sip_end: int) -> Tristate:
    """Whether a UE or a conference server is where an end of the medium is."""
    address = rtp_address(media) if media is not None else None
    ip = address.ip if address is not None else media.ip if media is not None and media.ip is not None else sip_end
    return placement.either(placement.is_ue(ip), placement.is_server(ip))


def _keys(last: Negotiation) -> frozenset[Secret]:
    lines = [line for line in chosen_crypto(last) if line is not None]
    return frozenset(key.key for line in lines for key in line.keys if key.key is not None)


def _offered(leg: LegState, last: Negotiation) -> tuple[object, ...]:
    """An INVITE that is forked keeps Call-ID and CSeq on every branch (RFC 3261 16.6), and the offer in it its keys."""
    line, _ = chosen_crypto(last)
    return leg.call_id, last.exchange.offer.cseq, frozenset(key.key for key in line.keys) if line is not None else None


def _prints(last: Negotiation) -> frozenset[bytes]:
    sides = [media for media in (last.offer, last.answer) if media is not None]
    return frozenset(each.digest for media in sides for each in media.fingerprints if each.digest)


def consecutive(call: CallState, placement: Placement) -> Consecutive:
    """Whether one leg follows another with nothing between: the next hop of one message by its Vias, or beyond an
    element that makes a call of its own. What no topology places may be such an element."""
    legs = {leg.ordinal: leg for leg in call.legs.values()}
    before: dict[int, int] | None = None  # looked for when somebody asks: a call of one leg has none

    def follows(one: int, other: int) -> bool:
        nonlocal before
        if before is None:
            before = previous_hops(list(legs.values()))
        near, far = legs[one], legs[other]
        if other in before:
            return before[other] == one
        if near.call_id == far.call_id and vias(near) and vias(far):
            return vias(far) == vias(near) + 1
        nodes = [placement.topology.node_of(ip) for ip in (near.responder, far.initiator)]
        return None in nodes or nodes[0] is nodes[1]

    return follows


def whole_path(call: CallState, placement: Placement) -> bool:
    """Whether the signalling of a call was seen on every hop, from a UE or a server to the other one."""
    legs = [leg for leg in call.legs.values() if leg.messages]
    follows = consecutive(call, placement)
    ends = (legs[0].initiator, legs[-1].responder) if legs else ()
    final = [placement.either(placement.is_ue(ip), placement.is_server(ip)) is True for ip in ends]
    return bool(final) and all(final) and all(follows(a.ordinal, b.ordinal) for a, b in pairwise(legs))


NO_CORE_SIDE = Unknown.of("vantage", "the media of this call beyond the access edge, opened or in clear")
UNSEEN = Unknown.of("vantage", "the hop of this medium beyond the element that ends this one")


def judged(path: Path, hops: Sequence[PathHop]) -> list[MediaHop]:
    """The hops' entities with how far their protection reaches, those of an access with what became of their medium
    beyond the edge. An entity was made as one of which nothing of that is known."""
    beyond: dict[int, list[MediaHop]] = {}
    for hop in hops:
        if hop.entity.access is False and hop.entity.packets:
            beyond.setdefault(hop.index, []).append(hop.entity)
    entities = []
    for at, hop in enumerate(hops):
        entity, verdict = hop.entity, path.verdict(at)
        if verdict is not NOTHING:
            entity = replace(
                entity,
                scope=verdict.scope,
                scope_detail=verdict.detail,
                termination=verdict.termination,
                end_to_end=verdict.scope == "e2e" if verdict.passed_on is not None else UNSEEN,
                passed_on=verdict.passed_on if verdict.passed_on is not None else UNSEEN,
            )
        if entity.access is True and hop.index in beyond:
            entity = replace(entity, core_side=core_side(beyond[hop.index]))
        entities.append(entity)
    return entities


def core_side(beyond: Sequence[MediaHop]) -> CoreSide | Unknown:
    """What the hops of a medium beyond the access edge show of it."""
    if any(hop.secure_negotiated is True and hop.confidentiality == "no" for hop in beyond):
        return "unsecured"
    known = [hop.confidentiality for hop in beyond if not isinstance(hop.confidentiality, Unknown)]
    if not beyond or len(known) < len(beyond):
        return NO_CORE_SIDE
    return "clear" if "no" in known else "protected"
