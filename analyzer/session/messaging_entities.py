"""What rules judge of MSRP and BFCP sessions."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.msrp_uri import session_id
from analyzer.session.bound import BoundBfcp, BoundMsrp
from analyzer.session.carrier import confidentiality
from analyzer.session.floors import FloorBook
from analyzer.session.hops import HopFact
from analyzer.session.legs import CallState
from analyzer.session.media_path import consecutive, whole_path
from analyzer.session.model.media import MediaHop
from analyzer.session.model.messaging import BfcpSession, MsrpRelay, MsrpSession
from analyzer.session.msrp_sessions import MsrpSession as MsrpTraffic
from analyzer.session.path_uses import IdUse
from analyzer.session.placement import Placement

_HEX = frozenset("0123456789abcdefABCDEF")
_VERSION = ("bfcp.version", "bfcp.flags", "bfcp.reserved")
_ROLE = ("bfcp.role", "bfcp.unreliable_only", "bfcp.transaction_id", "bfcp.responder_flag", "bfcp.primitive")


def msrp_entity(
    bound: BoundMsrp,
    fact: HopFact,
    hop: MediaHop,
    call: CallState,
    ids: Mapping[str, IdUse],
    placement: Placement,
    unbound: Sequence[MsrpTraffic],
) -> MsrpSession:
    """An MSRP session on a media hop; `ids` are those of the call's descriptions, `unbound` the sessions with one of
    its ids that are on no hop of the call."""
    session = bound.session
    own = [ids[each] for each in session.session_ids if each in ids]
    return MsrpSession(
        from_node=hop.from_node,
        to_node=hop.to_node,
        zones=hop.zones,
        server=hop.server,
        confidentiality=hop.confidentiality,
        bound=bound.by,
        ids_match=bound.ids_match,
        accepted=session.accepted,
        transport=session.transport,
        relayed=session.relayed,
        active_opened=bound.active_opened,
        active_first=bound.active_first,
        id_bits=_bits(session.uris),
        id_known=any(each.known for each in own),
        id_reused=_any(each.reused for each in own),
        connections=_connections(bound, fact.sessions, unbound),
        path_in_clear=_path_in_clear(session.session_ids, fact, call, placement),
        faults=sum(session.faults.values()),
        first=(session.first,),
        offer=hop.offer,
        answer=hop.answer,
    )


def relay_entity(session: MsrpTraffic, placement: Placement, post_decrypt: frozenset[int]) -> MsrpRelay:
    """A client's connection to an MSRP relay."""
    carrier = session.carrier
    client, relay = carrier.endpoints.src.ip, carrier.endpoints.dst.ip
    return MsrpRelay(
        from_node=placement.node(client),
        to_node=placement.node(relay),
        zones=placement.zones(client, relay),
        confidentiality=confidentiality("unknown_post_decrypt" if carrier.vantage in post_decrypt else carrier.state),
        accepted=session.responses["200"] > 0,
        first=(session.first,),
    )


def bfcp_entity(bound: BoundBfcp, hop: MediaHop, floors: FloorBook, call: CallState) -> BfcpSession:
    """A BFCP session on a media hop of a call. What may lie before or behind the capture is not said to be missing."""
    session = bound.session
    begun = any(leg.messages and leg.first.initial for leg in call.legs.values())
    return BfcpSession(
        from_node=hop.from_node,
        to_node=hop.to_node,
        zones=hop.zones,
        reliable=session.reliable,
        confidentiality=hop.confidentiality,
        described=bound.described or Unknown.of("message", "a description with a=confid"),
        mismatches=bound.mismatches,
        users=len(session.users),
        labels_known=bound.labels_known,
        conference_id=min(session.conferences, default=0),
        chairs=_chairs(bound, floors),
        version_faults=sum(session.faults[code] for code in _VERSION) + (not bound.versions_agreed),
        role_faults=sum(session.faults[code] for code in _ROLE) + (bound.role_agreed is False),
        told_to_protect=session.told_to_protect,
        served_after=session.served_after,
        hello_first=session.hello_first or _unless(begun, "the beginning of the call"),
        goodbye=session.goodbye or _unless(call.ended_ns is not None, "the end of the call"),
        first=(session.first,),
        offer=hop.offer,
        answer=hop.answer,
    )


def _unless(captured: bool, what: str) -> Tristate:
    return False if captured else Unknown.of("frames", what)


def _any(values: Iterable[Tristate]) -> Tristate:
    """Whether one is true (Kleene or)."""
    found = list(values)
    return True in found or next((each for each in found if isinstance(each, Unknown)), False)


def _bits(uris: Sequence[str]) -> int | Unknown:
    """Bits that the shorter id can hold: 4 for each character of hexadecimal ids, 6 for each of others."""
    ids = [session_id(uri) for uri in uris if session_id(uri) != uri]
    if len(ids) < 2:
        return Unknown.of("message", "the session ids of both ends")
    return min(math.floor(len(each) * (4 if set(each) <= _HEX else 6)) for each in ids)


def _connections(
    bound: BoundMsrp, sessions: Sequence[BoundMsrp | BoundBfcp], unbound: Sequence[MsrpTraffic]
) -> int | Unknown:
    """Connections that carry the session while this one does; one after another is a reconnection.

    One from an address that no description names, to the same end, may be somebody else's, or this one seen before
    an address translation.
    """
    own = bound.session
    count = sum(_beside(each.session, own) for each in sessions if isinstance(each, BoundMsrp))
    ends = {own.endpoints.src, own.endpoints.dst}
    stranger = next((e for e in unbound if _beside(e, own) and ends & {e.endpoints.src, e.endpoints.dst}), None)
    if stranger is None or count > 1:
        return count
    other = next(iter({stranger.endpoints.src, stranger.endpoints.dst} - ends))
    return Unknown.of("message", f"whether {other}, which carries the session too, is another end of it")


def _beside(session: MsrpTraffic, own: MsrpTraffic) -> bool:
    """It is accepted, has the same ids, and runs while the other one does."""
    return (
        session.accepted
        and set(session.session_ids) == set(own.session_ids)
        and session.first.ts_ns <= own.last.ts_ns
        and own.first.ts_ns <= session.last.ts_ns
    )


def _path_in_clear(ids: Sequence[str], fact: HopFact, call: CallState, placement: Placement) -> Tristate:
    """Whether a message of the hop's legs showed the path on the wire. That none did takes all of its legs."""
    wanted, seen = set(ids), False
    unknown: Unknown | None = None
    for leg in call.legs.values():
        if leg.ordinal not in fact.legs:
            continue
        for message in leg.messages:
            paths = [uri for media in message.sdp.media for uri in media.path] if message.sdp else []
            if not wanted & {session_id(uri) for uri in paths}:
                continue
            hidden = confidentiality(message.carrier.state)
            if hidden == "no":
                return True
            seen = seen or hidden == "yes"
            unknown = hidden if isinstance(hidden, Unknown) else unknown
    if unknown is not None or not seen:
        return unknown or Unknown.of("message", "the descriptions with the path of this session")
    if not (_between_ends(fact, call, placement) or whole_path(call, placement)):
        return Unknown.of("vantage", "the signalling of this session on every hop between its ends")
    return False


def _between_ends(fact: HopFact, call: CallState, placement: Placement) -> bool:
    """Whether the hop's legs lead from one of its ends to the other."""
    legs = [leg for leg in call.legs.values() if leg.ordinal in fact.legs]
    ends = {placement.node(leg.initiator) for leg in legs[:1]} | {placement.node(leg.responder) for leg in legs[-1:]}
    follows = consecutive(call, placement)
    in_a_row = all(follows(a.ordinal, b.ordinal) for a, b in pairwise(legs))
    return in_a_row and {fact.entity.from_node, fact.entity.to_node} == ends


def _chairs(bound: BoundBfcp, floors: FloorBook) -> int:
    by_floor: dict[tuple[int, int], set[int]] = {}
    for conference in bound.session.conferences:
        control = floors.get(bound.session.server, conference)
        for decision in control.chair if control else ():
            if decision.outcome == "accepted":
                for floor in decision.floors:
                    by_floor.setdefault((conference, floor), set()).add(decision.user_id)
    return max(map(len, by_floor.values()), default=0)
