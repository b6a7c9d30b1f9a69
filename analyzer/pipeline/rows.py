"""What the session layer found, as rows of the report."""

from collections.abc import Callable, Sequence

from analyzer.core.secrets import Secret
from analyzer.core.unknown import Unknown
from analyzer.formats.uri import address_uri
from analyzer.pipeline.call_media import media_rows
from analyzer.pipeline.messaging_rows import bfcp_rows, floor_rows, msrp_rows
from analyzer.pipeline.places import Places
from analyzer.report.evidence import Sighting
from analyzer.report.traffic import Call, Continuation, Hop, Leg, Link, Moved, Stream
from analyzer.session.call_floors import CallFloor
from analyzer.session.file_transfers import FileTransfers
from analyzer.session.hops import HopFact, Seen, named
from analyzer.session.legs import CallState, LegState
from analyzer.session.media.failure import SENTENCES, Explained
from analyzer.session.media.record import RtcpRecord, StreamRecord
from analyzer.session.media_hops import ClaimedStream
from analyzer.session.model.media import MediaHop
from analyzer.session.model.states import HopState
from analyzer.session.placement import Placement

_LONGEST = 256  # characters of an identity that is shown


def _known(value: str | Unknown) -> str | None:
    return None if isinstance(value, Unknown) else value


def _tri(value: str | Unknown) -> str:
    return "unknown" if isinstance(value, Unknown) else value


def _seen(seen: Sequence[Seen], places: Places) -> tuple[Sighting, ...]:
    return tuple(places.sighting(item.first, item.last, item.packets) for item in seen)


def hop_row(
    fact: HopFact, hop_id: str, call_id: str | None, legs: dict[int, str], places: Places, media: Sequence[str] = ()
) -> Hop:
    """A hop of either plane; `media` are the ids of the media hops of its call."""
    entity = fact.entity
    shared = {
        "id": hop_id,
        "call": call_id,
        "leg": legs.get(fact.legs[0]) if fact.legs else None,
        "from_addr": entity.from_addr,
        "to_addr": entity.to_addr,
        "from_zone": _known(entity.from_zone),
        "to_zone": _known(entity.to_zone),
        "inferred": entity.inferred,
        "state": _tri(entity.state),
        "confidentiality": _tri(entity.confidentiality),
        "integrity": _tri(entity.integrity),
        "evidence": entity.evidence,
        "sightings": _seen(fact.seen, places),
        "packets": entity.packets,
        "negotiated": fact.negotiated or None,
        "observed": fact.observed if fact.observed not in ("", "none") else None,
    }
    if isinstance(entity, MediaHop):
        return Hop(
            plane="media",
            medium=entity.medium,
            transport=_known(entity.proto) or "",
            peer_auth=_tri(entity.peer_auth),  # type: ignore[arg-type]  # yes, no or unknown
            key_exchange=entity.key_exchange,
            scope=entity.scope,
            scope_detail=entity.scope_detail,
            termination=entity.termination,
            moved=tuple(
                Moved(str(each.offerer), str(each.answerer), each.by, tuple(map(places.cite, each.cites)))
                for each in fact.moves
            ),
            continued=tuple(Continuation(media[other.at], other.by, other.score) for other in fact.continued),
            rtcp=_tri(entity.rtcp) if fact.rtcp else None,  # type: ignore[arg-type]  # one of the words of RtcpState
            rtcp_packets=sum(flow.packets for flow in fact.rtcp),
            rtcp_authenticated=sum(flow.authenticated for flow in fact.rtcp) if _tried(fact.rtcp) else None,
            rtcp_failed=sum(flow.failed for flow in fact.rtcp) if _tried(fact.rtcp) else None,
            **shared,  # type: ignore[arg-type]  # one mapping for both planes
        )
    return Hop(plane="signalling", medium="sip", transport=entity.transport, **shared)  # type: ignore[arg-type]  # as above


def _tried(flows: Sequence[RtcpRecord]) -> bool:
    return any(flow.authenticated or flow.failed for flow in flows)


def _claimed(leg: LegState, header: str) -> str | None:
    """The URI of From or To of a leg's first message."""
    return next((address_uri(value)[:_LONGEST] for value in leg.first.all(header)), None) or None


def call_row(
    call: CallState,
    call_id: str,
    legs: dict[int, str],
    hops: list[tuple[str, HopFact]],
    placement: Placement,
    places: Places,
    name_key: Callable[[Secret], str],
    conference: str | None = None,
    floors: Sequence[CallFloor] = (),
    files: FileTransfers | None = None,
) -> Call:
    """A call with its legs, the path of each medium, its sessions and floors."""
    first = next(iter(call.legs.values()))
    identities = dict.fromkeys(
        uri
        for leg in call.legs.values()
        for message in leg.messages
        if placement.is_ue(message.carrier.endpoints.src.ip) is not True  # what a UE asserts of itself is no assertion
        for uri in message.asserted
    )
    return Call(
        id=call_id,
        call_ids=tuple(filter(None, call.call_ids or (call.call_id,))),
        conference=conference,
        legs=tuple(
            Leg(
                legs[leg.ordinal],
                leg.call_id,
                named(placement, leg.initiator),
                named(placement, leg.responder),
                _known(placement.zone(leg.initiator)),
                _known(placement.zone(leg.responder)),
                leg.outcome,  # type: ignore[arg-type]  # one of the words of Outcome
                places.cite(leg.first.cites[0]) if leg.messages and leg.first.cites else None,
            )
            for leg in call.legs.values()
        ),
        participants=tuple(identities)[:64],
        claimed_from=_claimed(first, "from"),
        claimed_to=_claimed(first, "to"),
        start_ns=call.first_ns,
        end_ns=call.last_ns,
        outcome=first.outcome,  # type: ignore[arg-type]  # as above
        media=media_rows(call, hops, name_key),
        links=tuple(
            Link(link.kind, link.score, link.call_ids, tuple(places.cite(cite) for cite in link.cites))
            for link in call.links
        ),
        msrp=msrp_rows(hops, places, files),
        bfcp=bfcp_rows(hops, places),
        floors=floor_rows(floors, places),
    )


def _state(word: str) -> HopState:
    return word  # type: ignore[return-value]  # states come from entities, whose fields are checked


def stream_row(
    record: StreamRecord,
    stream_id: str,
    claimed: ClaimedStream | None,
    places: Places,
    name_key: Callable[[Secret], str],
    probe: Callable[[StreamRecord], Explained],
    call_id: str | None,
) -> Stream:
    """A media stream; `claimed` says what its hop found it to be, `name_key` what the report calls a key, `probe` what
    is to be said of one without any."""
    jitter = record.jitter(claimed.clock) if claimed and claimed.clock else None
    protection = _tri(claimed.state) if claimed else "unknown"
    verified = record.verification
    why = _why(record, claimed, probe)
    return Stream(
        id=stream_id,
        ssrc=f"0x{record.ssrc:08x}",
        src=str(record.endpoints.src),
        dst=str(record.endpoints.dst),
        sightings=tuple(places.sighting(view.first, view.last, view.packets) for view in record.views),
        payload_types=tuple([kind for kind, _ in record.payload_types]),
        packets=record.packets,
        lost=record.lost,
        duplicates=record.duplicates,
        reordered=record.reordered,
        replayed=record.replayed,
        csrc=tuple([f"0x{source:08x}" for source, _ in record.contributors]),
        jitter_ms=round(jitter / 1e6, 2) if jitter is not None else None,
        protection=_state(protection),
        suite=verified.suite if verified else None,
        key=name_key(verified.key) if verified and verified.key is not None else None,
        authenticated=verified.authenticated if verified else None,
        auth_failed=verified.failed if verified else None,
        decrypted=verified.decrypted if verified else 0,
        failure=why.failure if why else None,
        failure_detail=_sentence(why) if why else None,
        call=call_id,
    )


_CLOSED = frozenset({"srtp_sdes", "srtp_dtls", "srtp_mikey", "srtp_unknown_keying"})


def _why(
    record: StreamRecord, claimed: ClaimedStream | None, probe: Callable[[StreamRecord], Explained]
) -> Explained | None:
    """Why a stream is not open: as the keys say, or, where it has none and is or should be SRTP, for want of one."""
    found = record.verification
    if found is not None:
        return Explained(found.failure, found.detail) if found.failure is not None else None
    state = claimed.state if claimed is not None else ""
    if not (any(need.kind == "key" for need in state.needs) if isinstance(state, Unknown) else state in _CLOSED):
        return None
    tried = record.tried
    return Explained(tried.failure, tried.detail) if tried and tried.failure else probe(record)


def _sentence(why: Explained) -> str:
    sentence = SENTENCES[why.failure]
    return f"{sentence.removesuffix('.')} ({why.detail})." if why.detail else sentence
