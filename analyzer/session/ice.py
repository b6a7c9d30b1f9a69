"""Where ICE may move a medium to: the candidates that descriptions list (RFC 8839 5.1), and what names its checks."""

from collections.abc import Iterator, Sequence

from analyzer.core.addresses import Address, parse_ip
from analyzer.core.numbers import decimal
from analyzer.protocols.sdp.session import Media
from analyzer.session.offer_answer import Negotiation

MAX_CANDIDATES = 16  # of one m-line that are looked at
_RTP = "1"  # the component that carries RTP; with rtcp-mux, RTCP too


def candidate_addresses(media: Media) -> tuple[Address, ...]:
    """The UDP candidates for RTP with numeric addresses, in the order of the description."""
    if not media.candidates:
        return ()
    found: dict[Address, None] = {}
    for name, value in media.attributes:
        parts = value.split() if name.lower() == "candidate" else []
        if len(parts) < 8 or parts[1] != _RTP or parts[2].lower() != "udp" or len(found) >= MAX_CANDIDATES:
            continue
        ip, port = parse_ip(parts[4]), decimal(parts[5])
        if ip is not None and port and port <= 65_535:
            found[Address(ip, port)] = None
    return tuple(found)


def fragments(negotiations: Sequence[Negotiation]) -> Iterator[tuple[Media, Media]]:
    """Offer and answer of each negotiation in which both name a fragment and a password (RFC 8839 5.4)."""
    for each in negotiations:
        offer, answer = each.offer, each.answer
        if answer is None or not (offer.ice_ufrag and answer.ice_ufrag):
            continue
        if offer.ice_pwd is not None and answer.ice_pwd is not None:
            yield offer, answer
