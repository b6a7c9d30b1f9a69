"""A media hop as rules see it."""

from collections.abc import Sequence

from analyzer.core.cites import Cite
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
from analyzer.session.media_path import core_side
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


def media_entity(
    candidate: Candidate,
    sources: MediaSources,
    protection: Protection,
    facts: Facts,
    packets: list[StreamRecord] | list[Connection],
    rtcp: RtcpState = "missing",
) -> MediaHop:
    """What rules see of a hop: what was agreed on it, and what was seen of its packets."""
    placement = sources.placement
    last = candidate.negotiations[-1]
    leg = candidate.legs[0]
    offerer = leg.initiator if last.exchange.offer.from_initiator else leg.responder
    answerer = leg.responder if offerer == leg.initiator else leg.initiator
    a = candidate.offer_address.ip if candidate.offer_address else last.offer.ip or offerer
    b = candidate.answer_address.ip if candidate.answer_address else _peer(a, packets) or answerer
    marks: list[E2ae] = [m.e2ae for n in candidate.negotiations for m in (n.offer, n.answer) if m and m.e2ae != "none"]
    mark = "applied" if "applied" in marks else marks[0] if marks else "none"
    access = placement.access(a, b)
    ue = next((ip for ip in (a, b) if placement.is_ue(ip) is True), None)
    medium = medium_name(candidate.first)
    exchange = last.exchange
    connections = [item for item in packets if isinstance(item, Connection)]
    counted = sum(item.packets for item in packets)
    firsts = [cite for item in packets for cite in _first_cites(item)]
    unseen = Unknown.of("message", "the answer to this offer")
    zrtp = _zrtp_spoken(candidate, packets, sources.zrtp)
    return MediaHop(
        medium=medium,
        from_addr=named(placement, a, candidate.offer_address.port if candidate.offer_address else None),
        to_addr=named(placement, b, candidate.answer_address.port if candidate.answer_address else None),
        from_node=placement.node(a),
        to_node=placement.node(b),
        from_zone=placement.zone(a),
        to_zone=placement.zone(b),
        zones=placement.zones(a, b),
        inferred=placement.inferred,
        access=access,
        server=placement.either(placement.is_server(a), placement.is_server(b)),
        gateway="gateway" in (placement.role(a), placement.role(b)),
        core_side=core_side(()),  # the other hops of the call decide
        proto=last.answer.proto if last.answer else unseen,
        secure_negotiated=unseen if facts.agreed == "unknown" else facts.agreed == "secure",
        clear_negotiated=unseen if facts.agreed == "unknown" else facts.agreed in ("clear", "opportunistic"),
        e2ae=mark,
        state=protection.state,
        confidentiality=protection.confidentiality,
        integrity=protection.integrity,
        peer_auth=_peer_auth(protection.state),
        key_exchange="ipsec" if protection.state in _BY_ESP else _key_exchange(facts, zrtp),
        evidence=protection.evidence,
        scope="unknown",  # the whole path decides
        scope_detail="none",
        termination="unknown",
        end_to_end=unseen,
        passed_on=unseen,
        packets=counted,
        rtcp=rtcp if rtcp != "unknown" else Unknown.of("key", "the SRTP master key of this RTCP"),
        cema=_cema(candidate.negotiations),
        setup=setup_of(last),
        setup_agrees=setup_agrees(last),
        tls_by_active=tls_by_active(connections, candidate.negotiations),
        fingerprinted=bool(last.offer.fingerprints and last.answer and last.answer.fingerprints),
        client_certified=clients_certified(connections),
        handshake_seen=True,
        tls_by_offerer=tls_by_offerer(connections, candidate.negotiations),
        rtcp_first=(),
        first_clear=(),
        forked=False,  # the other hops of the call decide
        fork_reuses_key=False,
        rtcp_unencrypted_agreed=any(line is not None and line.unencrypted_srtcp for line in chosen_crypto(last)),
        levels_in_clear=False,
        dtmf_packets=0,
        opportunistic=opportunistic(last),
        unexpected_srtp=_unexpected(facts),
        zrtp=zrtp,
        mediasec=sources.registrations.mediasec(ue, medium, keyed_by_dtls(last.offer)),
        policy=_policy(placement, medium),
        offer=exchange.offer.cites,
        answer=exchange.answer.cites if exchange.answer else (),
        first=tuple(firsts[:1]),
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


def _first_cites(item: StreamRecord | Connection) -> list[Cite]:
    if isinstance(item, StreamRecord):
        return [item.first]
    return [first for first, _, _ in item.sightings.values()]


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
