"""What runs beside the streams of an RTP hop: its RTCP, and the DTLS handshakes that key it."""

from collections.abc import Callable, Sequence

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.unknown import Tristate, Unknown
from analyzer.crypto.srtp.suites import suite_of_profile
from analyzer.net.packets import UDP
from analyzer.protocols.sdp.session import Media
from analyzer.session.connections import Connection
from analyzer.session.legs import CallState
from analyzer.session.media.record import RtcpRecord, StreamRecord
from analyzer.session.model.states import YesNo
from analyzer.session.offer_answer import Negotiation, rtcp_address, rtp_address
from analyzer.session.stream_protection import certificates_say

Pair = tuple[Address, Address]


def rtcp_of(
    negotiations: Sequence[Negotiation],
    records: Sequence[StreamRecord],
    between: Callable[[Address, Address], list[RtcpRecord]],
) -> tuple[RtcpRecord, ...]:
    """RTCP between the negotiated addresses, and between those where streams really ran: muxed or one port above."""
    pairs: dict[frozenset[Address], Pair] = {}
    for negotiation in negotiations:
        ours = rtcp_address(negotiation.offer)
        theirs = rtcp_address(negotiation.answer) if negotiation.answer else None
        if ours is not None and theirs is not None:
            pairs.setdefault(frozenset((ours, theirs)), (ours, theirs))
    ran: dict[frozenset[Address], Endpoints] = {}
    for record in records:
        ran.setdefault(frozenset(record.endpoints[:2]), record.endpoints)
    for src, dst, _ in ran.values():
        above = Address(src.ip, src.port + 1), Address(dst.ip, dst.port + 1)
        for pair in ((src, dst), above):
            pairs.setdefault(frozenset(pair), pair)
    found = {(flow.src, flow.dst): flow for pair in pairs.values() for flow in between(*pair)}
    return tuple(sorted(found.values(), key=lambda flow: (flow.first.ts_ns, flow.first.frame)))


def secured_since(negotiations: Sequence[Negotiation]) -> int | None:
    """When a medium that was agreed in clear first came to be agreed with keys and stayed so; None: it was never in
    clear by agreement, or is again."""
    since: int | None = None
    in_clear = False
    for each in sorted(negotiations, key=lambda each: each.exchange.offer.ts_ns):
        if each.answer is None or each.exchange.answer is None:
            continue
        if not (each.answer.secure_profile or each.answer.keying):
            in_clear, since = True, None
        elif in_clear and since is None:
            since = each.exchange.answer.ts_ns
    return since


def handshakes(
    last: Negotiation, records: Sequence[StreamRecord], between: Callable[[Endpoints], Connection | None]
) -> list[Connection]:
    """The DTLS handshakes that key a medium: between the negotiated addresses, or where its streams really ran.

    Each pair is looked up: an address that many calls share has as many handshakes.
    """
    pairs = {Endpoints(record.endpoints.src, record.endpoints.dst, UDP): None for record in records}
    ours, theirs = rtp_address(last.offer), rtp_address(last.answer) if last.answer else None
    if ours is not None and theirs is not None:
        pairs[Endpoints(ours, theirs, UDP)] = None
    met = [connection for pair in pairs if (connection := between(pair)) is not None and connection.protocol == "dtls"]
    return list({connection.ordinal: connection for connection in met}.values())


def handshake_seen(
    begun: frozenset[int], last: Negotiation, found: Sequence[Connection], records: Sequence[StreamRecord]
) -> Tristate:
    """Whether DTLS was spoken between the addresses of a medium that it keys (RFC 5763 5).

    That it was not is known only where the medium was captured from the call's beginning (`begun`: where that was
    seen), and ICE moved it nowhere.
    """
    if found:
        return True
    moved = bool(last.offer.candidates or (last.answer is not None and last.answer.candidates))
    if moved or not captured_from_start(begun, records):
        return Unknown.of("vantage", "the DTLS handshake of this medium")
    return False


def beginnings(call: CallState) -> frozenset[int]:
    """The places that saw the first INVITE of a call, on any of its legs."""
    return frozenset([at for leg in call.legs.values() if leg.first.initial for at in leg.first.sightings])


def captured_from_start(begun: frozenset[int], records: Sequence[StreamRecord]) -> bool:
    """Whether a place that saw streams of a call saw its first INVITE, too."""
    return not begun.isdisjoint([view.vantage for record in records for view in record.views])


_LEVELS = frozenset({
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level", "urn:ietf:params:rtp-hdrext:csrc-audio-level",
})  # fmt: skip


def levels_in_clear(last: Negotiation) -> bool:
    """Whether both ends agree on audio levels that are not encrypted: an a=extmap that names them directly, and not
    behind the URI of RFC 6904."""
    sides = [_levels(media) for media in (last.offer, last.answer) if media is not None]
    return len(sides) == 2 and bool(sides[0] & sides[1])


def _levels(media: Media) -> set[str]:
    words = [value.split() for name, value in media.attributes if name == "extmap"]
    return {found[1].lower() for found in words if len(found) > 1} & _LEVELS


def encrypts(connection: Connection) -> bool:
    """Whether the SRTP profile that a handshake agreed on has a cipher (RFC 5764 4.1.2)."""
    suite = suite_of_profile(connection.srtp_profile) if connection.srtp_profile is not None else None
    return suite is None or suite.encrypts


def peers_proven(last: Negotiation, found: Sequence[Connection]) -> YesNo | Unknown:
    """Whether the certificates of the handshakes that key a medium are those that SDP fingerprints (RFC 5763 5).

    "no" if one of them is not; unknown where no certificate was seen, as in DTLS 1.3 without secrets.
    """
    verdicts = {certificates_say(connection, last) for connection in found}
    if "fp_mismatch" in verdicts:
        return "no"
    if verdicts == {"fp_ok"}:
        return "yes"
    return Unknown.of("key", "what proves the peer's identity: a certificate that matches its fingerprint")
