"""What the session layer found, as rows of the report."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from analyzer.capture.batch import Source
from analyzer.core.cites import Cite
from analyzer.core.secrets import Secret
from analyzer.core.unknown import Unknown
from analyzer.report.evidence import Cite as ReportCite
from analyzer.report.evidence import Sighting
from analyzer.report.traffic import Call, CallMedia, Hop, Leg, Link, Stream
from analyzer.session.hops import HopFact, Seen, named
from analyzer.session.legs import CallState
from analyzer.session.media.record import StreamRecord
from analyzer.session.media_hops import ClaimedStream
from analyzer.session.model.media import MediaHop
from analyzer.session.model.states import Evidence, HopState
from analyzer.session.placement import Placement

_NO_ASSURANCE = "NO_ASSURANCE_BEYOND_HOP"
_WEAKEST_FIRST: tuple[str, ...] = (
    "clear", "osrtp_clear", "clear_tcp", "clear_udp", "unknown", "srtp_unencrypted", "srtp_unauthenticated",
    "tls_fp_mismatch", "dtls_fp_mismatch", "srtp_unknown_keying", "zrtp", "srtp_mikey", "tls_unverified_cert",
    "dtls_unverified_cert", "srtp_sdes", "srtp_dtls", "tls_fp_ok", "dtls_fp_ok",
)  # fmt: skip
_GROUNDS: tuple[Evidence, ...] = (
    "none", "negotiated_only", "structural_only", "negotiated_and_structural", "keyed_verified",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are: captures and interfaces by source index."""

    sources: Sequence[Source]

    def cite(self, cite: Cite) -> ReportCite:
        """A cite as the report writes it."""
        source = self.sources[cite.source]
        return ReportCite(capture_id(source.capture), source.interface, cite.frame, cite.offset, cite.length)

    def sighting(self, first: Cite, last: Cite, packets: int) -> Sighting:
        """One vantage point of a hop or stream."""
        source = self.sources[first.source]
        return Sighting(capture_id(source.capture), source.interface, None, first.frame, last.frame, packets)


def capture_id(index: int) -> str:
    """capture-1, ..."""
    return f"capture-{index + 1}"


def _known(value: str | Unknown) -> str | None:
    return None if isinstance(value, Unknown) else value


def _tri(value: str | Unknown) -> str:
    return "unknown" if isinstance(value, Unknown) else value


def _seen(seen: Sequence[Seen], places: Places) -> tuple[Sighting, ...]:
    return tuple(places.sighting(item.first, item.last, item.packets) for item in seen)


def hop_row(fact: HopFact, hop_id: str, call_id: str | None, legs: dict[int, str], places: Places) -> Hop:
    """A hop of either plane."""
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
            **shared,  # type: ignore[arg-type]  # one mapping for both planes
        )
    return Hop(plane="signalling", medium="sip", transport=entity.transport, **shared)  # type: ignore[arg-type]  # as above


def weakest_state(states: Iterable[str]) -> HopState:
    """The weakest of some media states; unknown if there are none."""
    found = min(states, key=lambda s: _WEAKEST_FIRST.index(s) if s in _WEAKEST_FIRST else 4, default="unknown")
    return _state(found)


def call_row(
    call: CallState,
    call_id: str,
    legs: dict[int, str],
    hops: list[tuple[str, HopFact]],
    placement: Placement,
    places: Places,
    conference: str | None = None,
) -> Call:
    """A call with its legs and the path of each medium."""
    media: dict[str, list[tuple[str, MediaHop]]] = {}
    for hop_id, fact in hops:
        if isinstance(fact.entity, MediaHop):
            media.setdefault(fact.entity.medium, []).append((hop_id, fact.entity))
    rows = []
    for medium, path in media.items():
        states = [str(_tri(entity.state)) for _, entity in path]
        weakest = weakest_state(states)
        grounds = min((entity.evidence for _, entity in path), key=_GROUNDS.index)
        exposed = tuple(hop_id for hop_id, entity in path if entity.confidentiality == "no")
        ids = tuple(hop_id for hop_id, _ in path)
        rows.append(CallMedia(medium, ids, weakest, grounds, exposed, (_NO_ASSURANCE,)))
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
        call_ids=call.call_ids or (call.call_id,),
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
        start_ns=call.first_ns,
        end_ns=call.last_ns,
        outcome=first.outcome,  # type: ignore[arg-type]  # as above
        media=tuple(rows),
        links=tuple(
            Link(link.kind, link.score, link.call_ids, tuple(places.cite(cite) for cite in link.cites))
            for link in call.links
        ),
    )


def _state(word: str) -> HopState:
    return word  # type: ignore[return-value]  # states come from entities, whose fields are checked


def stream_row(
    record: StreamRecord,
    stream_id: str,
    claimed: ClaimedStream | None,
    places: Places,
    name_key: Callable[[Secret], str],
) -> Stream:
    """A media stream; `claimed` says what its hop found it to be, `name_key` what the report calls a key."""
    jitter = record.jitter_ns.get(claimed.clock) if claimed and claimed.clock else None
    protection = _tri(claimed.state) if claimed else "unknown"
    verified = record.verification
    return Stream(
        id=stream_id,
        ssrc=f"0x{record.ssrc:08x}",
        src=str(record.endpoints.src),
        dst=str(record.endpoints.dst),
        sightings=tuple(places.sighting(view.first, view.last, view.packets) for view in record.views),
        payload_types=tuple(record.payload_types),
        packets=record.packets,
        lost=record.lost,
        duplicates=record.duplicates,
        jitter_ms=round(jitter / 1e6, 2) if jitter is not None else None,
        protection=_state(protection),
        suite=verified.suite if verified else None,
        key=name_key(verified.key) if verified and verified.key is not None else None,
        authenticated=verified.authenticated if verified else None,
        auth_failed=verified.failed if verified else None,
        decrypted=verified.decrypted if verified else 0,
        failure=verified.failure if verified else None,
    )
