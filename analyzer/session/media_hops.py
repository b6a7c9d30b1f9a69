"""Media hops of a call: what offer and answer agreed against the packets between the two addresses.

A hop is between the two elements that terminate its transport. Legs of a call whose descriptions name the same two
addresses share one hop: what stands between them only relays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.unknown import Unknown
from analyzer.protocols.sdp.session import Codec
from analyzer.session.binding import UDP, bind, files, ip_protocol
from analyzer.session.bound import Bound, BoundBfcp, BoundMsrp
from analyzer.session.carrier import esp_rank
from analyzer.session.connection_roles import listening
from analyzer.session.connections import Connection
from analyzer.session.descriptions import medium_name
from analyzer.session.forking import with_forks
from analyzer.session.hops import HopFact, Seen
from analyzer.session.ice_checks import IceFlow
from analyzer.session.legs import CallState
from analyzer.session.media.evidence import MediaEvidence, codec_of
from analyzer.session.media.keyed import Weighed, all_verified, key_exchange, keyed, weigh
from analyzer.session.media.record import StreamRecord
from analyzer.session.media.rtcp_flows import rtcp_state
from analyzer.session.media_beside import (
    beginnings,
    captured_from_start,
    encrypts,
    handshake_seen,
    handshakes,
    levels_in_clear,
    peers_proven,
    rtcp_of,
    secured_since,
)
from analyzer.session.media_candidates import Candidate, candidates
from analyzer.session.media_entity import RtpSeen, media_entity
from analyzer.session.media_path import consecutive, from_elements, judged, path_hop
from analyzer.session.media_sources import Between, MediaSources
from analyzer.session.media_state import Agreed, Facts, Observed, Protection, decide, in_esp
from analyzer.session.media_streams import checked_moves, ice_flows, span_of, streams_of
from analyzer.session.model.media import MediaHop
from analyzer.session.model.states import HopState
from analyzer.session.msrp_relays import chain, ended_by_relay
from analyzer.session.offer_answer import (
    Negotiation,
    chosen_crypto,
    keying,
    opportunistic,
)
from analyzer.session.scope import Path, PathHop
from analyzer.session.stream_protection import Around, connection_protection

_KEYED = ("srtp_sdes", "srtp_dtls", "srtp_mikey")
_WEAK_TO_STRONG: tuple[Observed, ...] = ("rtp", "unknown", "srtp", "zrtp", "none")


@frozen
class ClaimedStream:
    """A stream that belongs to a hop, with what it was found to be."""

    record: StreamRecord
    evidence: MediaEvidence
    state: HopState | Unknown
    clock: int | None
    begun: bool = False  # the capture has it from the beginning of its call


@frozen
class MediaHops:
    """The media hops of a call, the streams they claim, what in their sessions departs from the SDP."""

    hops: tuple[HopFact, ...]
    streams: tuple[ClaimedStream, ...]
    anomalies: tuple[Anomaly, ...] = ()


def media_hops(call: CallState, sources: MediaSources) -> MediaHops:
    """Every media hop of a call, along its path."""
    facts: list[HopFact] = []
    path: list[PathHop] = []
    relayed: list[HopFact] = []
    anomalies: list[Anomaly] = []
    claimed: dict[int, ClaimedStream] = {}
    for candidate in candidates(call):
        records: list[StreamRecord] = []
        connections: list[Connection] = []
        shaken: list[Connection] = []
        if candidate.first.is_rtp:
            fact, streams, shaken, doubts = _rtp_hop(call, candidate, sources)
            claimed |= {stream.record.ordinal: stream for stream in streams}
            anomalies += doubts
            records = [stream.record for stream in streams]
        elif over := _relayed_hops(call, candidate, sources):
            relayed += [fact for fact, _ in over]
            anomalies += [anomaly for _, bound in over for anomaly in bound.anomalies]
            continue
        else:
            fact, bound = _connection_hop(call, candidate, sources)
            connections = bound.connections
            anomalies += bound.anomalies
        facts.append(fact)
        if isinstance(fact.entity, MediaHop):
            last, placement = candidate.negotiations[-1], sources.placement
            legs = candidate.legs
            path.append(path_hop(fact.entity, last, legs, placement, records, connections, fact.rtcp, shaken))
    reach = Path(path, sources.compare, consecutive(call, sources.placement))
    entities = with_forks(path, judged(reach, path))
    hops = []
    for at, (fact, entity) in enumerate(zip(facts, entities, strict=True)):
        continued = reach.continued(at)
        changed = continued or entity is not fact.entity
        hops.append(replace(fact, entity=entity, continued=continued) if changed else fact)
    return MediaHops((*hops, *relayed), tuple(claimed.values()), tuple(anomalies))


# -- RTP -----------------------------------------------------------------------------------------------------------


def _agreed(last: Negotiation) -> Agreed:
    if last.answer is None:
        return "unknown"
    if keying(last) != "none":
        return "secure" if last.answer.secure_profile or last.answer.keying else "clear"
    if last.answer.secure_profile:
        return "secure"
    return "opportunistic" if opportunistic(last) else "clear"


def _rtp_hop(
    call: CallState, candidate: Candidate, sources: MediaSources
) -> tuple[HopFact, list[ClaimedStream], list[Connection], tuple[Anomaly, ...]]:
    """The hop, its streams, the handshakes that key them, what is doubtful about whose they are."""
    last = candidate.negotiations[-1]
    rtpmap: dict[int, Codec] = {}
    for negotiation in candidate.negotiations:
        rtpmap |= negotiation.offer.rtpmap | (negotiation.answer.rtpmap if negotiation.answer else {})
    agreed = _agreed(last)
    found = streams_of(call, candidate, sources)
    whole = found.whole
    records = [keyed(record, agreed) for record in found.records]
    weighed = [weigh(record, rtpmap) for record in records]
    evidences = [
        _with_zrtp(record, each.evidence, agreed, sources.zrtp) for record, each in zip(records, weighed, strict=True)
    ]
    seen: list[Observed] = [evidence.observed for evidence in evidences] + ["unknown"] * (not whole)
    observed: Observed = min(seen, key=_WEAK_TO_STRONG.index, default="none")
    lines = [line for line in chosen_crypto(last) if line is not None]
    how = key_exchange(records, keying(last))
    shaken = handshakes(last, records, sources.tables.between) if how == "dtls" else []
    facts = Facts(
        agreed=agreed,
        keying=how,
        observed=observed,
        verified=all_verified(weighed) if whole else None,
        unencrypted=any(line.unencrypted_srtp for line in lines)
        or any(record.verification.unencrypted for record in records if record.verification is not None)
        or not all(map(encrypts, shaken)),
        unauthenticated=any(line.unauthenticated_srtp for line in lines),
        doubtful=any(each.refusals.undecided for each in weighed),
    )
    decided = decide(facts)
    protection = in_esp(decided, min((record.ipsec for record in records), key=esp_rank, default=None))
    if not records:
        span = span_of(call)
        protection = _unless_sealed(protection, candidate, sources, (span.first_ns, span.last_ns))
    elif candidate.first.medium == "image" and protection.state in _KEYED:
        protection = replace(protection, state="rtp_encapsulated_srtp")  # T.38 in RTP (RFC 4612)
    begun = beginnings(call)
    streams = []
    for record, evidence, each in zip(records, evidences, weighed, strict=True):
        own = decided
        if (evidence.observed, each.verified) != (facts.observed, facts.verified):
            own = decide(replace(facts, observed=evidence.observed, verified=each.verified))
        state = in_esp(own, record.ipsec).state
        clock = _clock(record, rtpmap)
        streams.append(ClaimedStream(record, evidence, state, clock, captured_from_start(begun, [record])))
    grounds = tuple(dict.fromkeys([ground for evidence in evidences for ground in evidence.grounds]))
    if not whole:
        grounds += ("more streams run to these addresses than are looked at",)
    span = span_of(call)
    control = rtcp_of(candidate.negotiations, records, lambda a, b: sources.rtcp(a, b, span))
    weakest = [flow.first for flow in control if flow.plain] or [flow.first for flow in control]
    clear = sorted(_clear_cites(records, evidences, weighed), key=lambda cite: cite.ts_ns)
    events = [kind for kind, codec in rtpmap.items() if codec.name.lower() == "telephone-event"]
    since = secured_since(candidate.negotiations) if agreed == "secure" and clear else None
    by_dtls = how == "dtls"
    told = by_dtls and protection.state in ("srtp_dtls", "srtp_unencrypted")
    packets = RtpSeen(
        found.packets,
        rtcp_state(control),
        rtcp_first=tuple(weakest[:1]),
        first_clear=tuple(clear[:1]),
        levels_in_clear=levels_in_clear(last),
        dtmf_packets=sum([count for record in records for kind, count in record.payload_types if kind in events]),
        upgraded=since is not None and clear[0].ts_ns < since,
        shaken=shaken if by_dtls else None,
        handshake_seen=handshake_seen(begun, last, shaken, records) if by_dtls else True,
        peer_auth=peers_proven(last, shaken) if told else None,
    )
    entity = media_entity(candidate, sources, protection, facts, records, packets)
    negotiated = _negotiated_text(last, facts)
    legs = tuple([leg.ordinal for leg in candidate.legs])
    fact = HopFact(
        entity,
        legs,
        _seen(records),
        negotiated,
        observed,
        grounds,
        index=candidate.index,
        rtcp=control,
        moves=found.moves,
    )
    return fact, streams, shaken, found.anomalies


def _clear_cites(
    records: Sequence[StreamRecord], evidences: Sequence[MediaEvidence], weighed: Sequence[Weighed]
) -> Iterator[Cite]:
    """Of each stream in clear the first such packet: its first, unless its others verify."""
    for record, evidence, each in zip(records, evidences, weighed, strict=True):
        if evidence.observed == "rtp":
            yield each.refusals.first or record.first


def _with_zrtp(record: StreamRecord, evidence: MediaEvidence, agreed: Agreed, zrtp: Between) -> MediaEvidence:
    """ZRTP explains ciphertext that was not agreed otherwise, and leaves open what cannot be told from ciphertext."""
    ends = record.endpoints
    if agreed == "secure" or evidence.observed not in ("srtp", "unknown") or not zrtp(ends.src, ends.dst):
        return evidence
    return replace(evidence, observed="zrtp", grounds=(*evidence.grounds, "ZRTP was spoken between the addresses"))


def _clock(record: StreamRecord, rtpmap: dict[int, Codec]) -> int | None:
    codec = codec_of(record.statistics.payload_type, rtpmap)
    return codec.clock if codec else None


def _seen(records: list[StreamRecord]) -> tuple[Seen, ...]:
    places: dict[int, tuple[Cite, Cite, int]] = {}
    for record in records:
        for view in record.views:
            known = places.get(view.vantage)
            if known is None:
                places[view.vantage] = (view.first, view.last, view.packets)
            else:
                first = min(known[0], view.first, key=lambda cite: (cite.ts_ns, cite.frame))
                last = max(known[1], view.last, key=lambda cite: (cite.ts_ns, cite.frame))
                places[view.vantage] = (first, last, known[2] + view.packets)
    return tuple(Seen(vantage, *place) for vantage, place in places.items())


def _negotiated_text(last: Negotiation, facts: Facts) -> str:
    if last.answer is None:
        return f"{last.offer.proto} offered, no answer seen"
    line = chosen_crypto(last)[1]
    suite = f" {line.suite}" if line else ""
    return f"{last.answer.proto}{suite}" if facts.agreed != "opportunistic" else f"{last.answer.proto}, keys declined"


# -- connections: MSRP, BFCP and others -------------------------------------------------------------------------------


def _relayed_hops(call: CallState, candidate: Candidate, sources: MediaSources) -> list[tuple[HopFact, Bound]]:
    """A hop on each side of each relay that a=path names; none where nothing was seen to run that way."""
    found = []
    for near, far in pairwise(chain(candidate.negotiations[-1])):
        part = replace(candidate, offer_address=near, answer_address=far)
        fact, bound = _connection_hop(call, part, sources, (near, far))
        if isinstance(fact.entity, MediaHop):
            fact = replace(fact, entity=ended_by_relay(fact.entity))
        found.append((fact, bound))
    return found if any(bound.connections for _, bound in found) else []


def _connection_hop(
    call: CallState,
    candidate: Candidate,
    sources: MediaSources,
    between: tuple[Address, Address] | None = None,
) -> tuple[HopFact, Bound]:
    last = candidate.negotiations[-1]
    span = span_of(call)
    lived = span[:2]
    flows, shared = ice_flows(candidate, span, sources)
    peers: dict[int, Address] = {}

    def elsewhere() -> list[Connection]:
        if checked := _checked(flows, sources):
            return checked
        theirs, find = listening(last.answer), sources.tables.listening
        pairs = list(from_elements(candidate.legs, theirs, find, ip_protocol(last.offer)))
        peers.update((connection.ordinal, peer) for connection, peer in pairs)
        return [connection for connection, _ in pairs]

    bound = bind(candidate.negotiations, call.names or (call.name,), lived, sources.tables, elsewhere, between)
    connections = bound.connections
    for connection in connections:
        candidate.offer_address = peers.get(connection.ordinal, candidate.offer_address)
    around = min((connection.ipsec for connection in connections), key=esp_rank, default=None)
    beside = Around(_refused(bound.bfcp), sources.trust)
    protection = in_esp(connection_protection(medium_name(candidate.first), connections, last, beside), around)
    protection = _unless_sealed(protection, candidate, sources, lived) if not connections else protection
    facts = Facts(
        agreed="unknown" if last.answer is None else "secure" if last.answer.tls else "clear",
        keying="tls" if last.offer.tls else "none",
        observed="none",
    )
    entity = media_entity(candidate, sources, protection, facts, connections)
    seen: dict[int, Seen] = {}
    for connection in connections:
        for vantage, (first, final, packets) in connection.sightings.items():
            known = seen.get(vantage)
            seen[vantage] = Seen(
                vantage, known.first if known else first, final, packets + (known.packets if known else 0)
            )
    observed = "+".join(dict.fromkeys(c.protocol for c in connections if c.protocol))
    text = last.answer.proto if last.answer else f"{last.offer.proto} offered, no answer seen"
    legs = tuple(leg.ordinal for leg in candidate.legs)
    sessions: tuple[BoundMsrp | BoundBfcp, ...] = (*bound.msrp, *bound.bfcp)
    seen_at = tuple(seen.values())
    moves = checked_moves([(each.src, each.dst) for each in connections], candidate, flows)
    described = files(candidate.negotiations)
    fact = HopFact(entity, legs, seen_at, text, observed, (), sessions, described, candidate.index, moves=moves)
    return fact, replace(bound, anomalies=(*bound.anomalies, *shared))


def _checked(flows: Sequence[IceFlow], sources: MediaSources) -> list[Connection]:
    """The connections, over datagrams, on flows that checks of ICE verify (RFC 8839 4)."""
    found = (sources.tables.between(Endpoints(flow.offerer, flow.answerer, UDP)) for flow in flows)
    return [connection for connection in found if connection is not None]


def _refused(sessions: Sequence[BoundBfcp]) -> int | None:
    """The code of the Error that refused every BFCP session of a medium in clear; None if one was served."""
    codes = [bound.session.refused for bound in sessions if bound.session.transport in ("tcp", "udp")]
    return codes[0] if codes and None not in codes else None


def _unless_sealed(
    found: Protection, candidate: Candidate, sources: MediaSources, lived: tuple[int, int]
) -> Protection:
    """The protection of a hop of which nothing was seen: it may run in the ESP between its ends that stays closed."""
    one, other = candidate.offer_address, candidate.answer_address
    if one is None or other is None or not sources.sealed(one.ip, other.ip, lived):
        return found
    need = Unknown.of("key", "the key of the ESP association between the two addresses")
    return Protection("tunnel_opaque", need, need, "structural_only")
