"""A media hop as rules see it."""

from collections.abc import Sequence

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.session.connection_roles import (
    clients_certified,
    setup_agrees,
    setup_of,
    tls_by_active,
    tls_by_offerer,
)
from analyzer.session.connections import Connection
from analyzer.session.descriptions import keyed_by_dtls, medium_name
from analyzer.session.hops import named
from analyzer.session.media.record import StreamRecord
from analyzer.session.media_candidates import Candidate
from analyzer.session.media_path import NO_CORE_SIDE, UNSEEN
from analyzer.session.media_sources import Between, MediaSources
from analyzer.session.media_state import Facts, Protection
from analyzer.session.model.media import MediaHop
from analyzer.session.model.states import E2ae, KeyExchange, RtcpState, YesNo
from analyzer.session.offer_answer import (
    Negotiation,
    chosen_crypto,
    opportunistic,
)
from analyzer.session.placement import Placement

_BY_ESP = ("esp_only", "esp_null_auth")
_UPGRADED = Unknown.of("media", "whether packets in clear came after the agreement on keys: the first came before it")


@frozen
class RtpSeen:
    """What is known of the packets of an RTP hop beside its protection.

    `packets` are distinct ones, `rtcp_first` is the weakest RTCP, `shaken` are the handshakes that key it, None where
    DTLS does not; `upgraded`: packets in clear may have come before the agreement on keys.
    """

    packets: int
    rtcp: RtcpState = "missing"
    rtcp_first: tuple[Cite, ...] = ()
    first_clear: tuple[Cite, ...] = ()
    levels_in_clear: bool = False
    dtmf_packets: int = 0
    upgraded: bool = False
    shaken: Sequence[Connection] | None = None
    handshake_seen: Tristate = True
    peer_auth: YesNo | Unknown | None = None  # as certificates prove it; None where the state says it


def media_entity(
    candidate: Candidate,
    sources: MediaSources,
    protection: Protection,
    facts: Facts,
    packets: list[StreamRecord] | list[Connection],
    seen: RtpSeen | None = None,
) -> MediaHop:
    """What rules see of a hop: what was agreed on it, and what was seen of its packets. How far its protection reaches
    and what the other hops of the call decide is unknown so far."""
    placement = sources.placement
    last = candidate.negotiations[-1]
    leg = candidate.legs[0]
    offerer = leg.initiator if last.exchange.offer.from_initiator else leg.responder
    answerer = leg.responder if offerer == leg.initiator else leg.initiator
    a = candidate.offer_address.ip if candidate.offer_address else last.offer.ip or offerer
    b = candidate.answer_address.ip if candidate.answer_address else _peer(a, packets) or answerer
    marks: list[E2ae] = [m.e2ae for n in candidate.negotiations for m in (n.offer, n.answer) if m and m.e2ae != "none"]
    mark = "applied" if "applied" in marks else marks[0] if marks else "none"
    ends = placement.ends(a, b)
    ue = next((ip for ip in (a, b) if placement.is_ue(ip) is True), None)
    medium = medium_name(candidate.first)
    exchange = last.exchange
    connections = [item for item in packets if isinstance(item, Connection)]
    seen = seen or RtpSeen(sum([item.packets for item in packets]))
    shaken = connections if seen.shaken is None else seen.shaken
    unseen = Unknown.of("message", "the answer to this offer")
    zrtp = _zrtp_spoken(candidate, packets, sources.zrtp)
    return MediaHop(
        medium=medium,
        from_addr=named(placement, a, candidate.offer_address.port if candidate.offer_address else None),
        to_addr=named(placement, b, candidate.answer_address.port if candidate.answer_address else None),
        from_node=ends.from_node,
        to_node=ends.to_node,
        from_zone=ends.from_zone,
        to_zone=ends.to_zone,
        zones=ends.zones,
        inferred=placement.inferred,
        access=ends.access,
        server=placement.either(placement.is_server(a), placement.is_server(b)),
        gateway="gateway" in (placement.role(a), placement.role(b)),
        core_side=NO_CORE_SIDE,  # the other hops of the call decide
        proto=last.answer.proto if last.answer else unseen,
        secure_negotiated=_UPGRADED if seen.upgraded else _agreed(facts, unseen),
        clear_negotiated=unseen if facts.agreed == "unknown" else facts.agreed in ("clear", "opportunistic"),
        e2ae=mark,
        state=protection.state,
        confidentiality=protection.confidentiality,
        integrity=protection.integrity,
        peer_auth=seen.peer_auth or _peer_auth(protection.state),
        key_exchange="ipsec" if protection.state in _BY_ESP else _key_exchange(facts, zrtp),
        evidence=protection.evidence,
        scope="unknown",  # the whole path decides
        scope_detail="none",
        termination="unknown",
        end_to_end=UNSEEN,
        passed_on=UNSEEN,
        packets=seen.packets,
        rtcp=seen.rtcp if seen.rtcp != "unknown" else Unknown.of("key", "the SRTP master key of this RTCP"),
        cema=_cema(candidate.negotiations),
        setup=setup_of(last),
        setup_agrees=setup_agrees(last),
        tls_by_active=tls_by_active(shaken, candidate.negotiations),
        fingerprinted=bool(last.offer.fingerprints and last.answer and last.answer.fingerprints),
        client_certified=clients_certified(shaken),
        handshake_seen=seen.handshake_seen,
        tls_by_offerer=tls_by_offerer(connections, candidate.negotiations),
        rtcp_first=seen.rtcp_first,
        first_clear=seen.first_clear,
        forked=False,  # the other hops of the call decide
        fork_reuses_key=False,
        rtcp_unencrypted_agreed=any(line is not None and line.unencrypted_srtcp for line in chosen_crypto(last)),
        levels_in_clear=seen.levels_in_clear,
        dtmf_packets=seen.dtmf_packets,
        opportunistic=opportunistic(last),
        unexpected_srtp=_unexpected(facts),
        zrtp=zrtp,
        mediasec=sources.registrations.mediasec(ue, medium, keyed_by_dtls(last.offer)),
        policy=_policy(placement, medium),
        offer=exchange.offer.cites,
        answer=exchange.answer.cites if exchange.answer else (),
        first=_first(packets),
    )


def _peer(end: int, packets: list[StreamRecord] | list[Connection]) -> int | None:
    """Who is at the other end of the packets from and to an address, where nobody described it; None: several are."""
    pairs = [
        (i.endpoints.src.ip, i.endpoints.dst.ip) if isinstance(i, StreamRecord) else (i.src.ip, i.dst.ip)
        for i in packets
    ]
    peers = {src if dst == end else dst for src, dst in pairs if end in (src, dst)}
    return peers.pop() if len(peers) == 1 else None


def _cema(negotiations: Sequence[Negotiation]) -> bool:
    """CEMA was offered or taken, and no a=path leads over a relay, whose certificate SDP does not fingerprint."""
    sides = [media for each in negotiations for media in (each.offer, each.answer) if media is not None]
    return any(media.msrp_cema for media in sides) and all(len(media.path) <= 1 for media in sides)


def _first(packets: Sequence[StreamRecord | Connection]) -> tuple[Cite, ...]:
    """The first frame of what stands first."""
    for item in packets:
        if isinstance(item, StreamRecord):
            return (item.first,)
        for first, _, _ in item.sightings.values():
            return (first,)
    return ()


def _agreed(facts: Facts, unseen: Unknown) -> Tristate:
    return unseen if facts.agreed == "unknown" else facts.agreed == "secure"


def _unexpected(facts: Facts) -> Tristate:
    if facts.agreed == "unknown" or facts.observed == "unknown":
        return Unknown.of("message" if facts.agreed == "unknown" else "key", "whether plain RTP was agreed and sent")
    return facts.agreed in ("clear", "opportunistic") and facts.observed == "srtp"


def _peer_auth(state: object) -> YesNo | Unknown:
    if isinstance(state, str) and state.endswith(("_fp_ok", "_ca_cert")):
        return "yes"
    if isinstance(state, str) and ("clear" in state or state.endswith("_fp_mismatch")):
        return "no"
    return Unknown.of("key", "what proves the peer's identity: its fingerprint, or a certificate authority (--trust)")


def _key_exchange(facts: Facts, zrtp: bool) -> KeyExchange:
    if zrtp and facts.keying == "none":
        return "zrtp"  # in the media path: no description tells (RFC 6189)
    return "unknown" if facts.agreed == "unknown" and not facts.verified else facts.keying


def _policy(placement: Placement, medium: str) -> str | Unknown:
    name = "server_messaging" if medium in ("message", "bfcp") else "core_media"
    known = placement.topology.policy.get(name)
    return known or Unknown.of("topology", f"policy {name}")


def _zrtp_spoken(candidate: Candidate, packets: list[StreamRecord] | list[Connection], zrtp: Between) -> bool:
    """Whether ZRTP passed between the negotiated addresses, or where the streams really ran."""
    pairs = [(item.endpoints.src, item.endpoints.dst) for item in packets if isinstance(item, StreamRecord)]
    if candidate.offer_address is not None and candidate.answer_address is not None:
        pairs.append((candidate.offer_address, candidate.answer_address))
    return any(zrtp(a, b) for a, b in pairs)
