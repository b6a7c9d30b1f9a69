"""Where ICE may move a medium to: the candidates that a description lists (RFC 8839 5.1)."""

from analyzer.core.addresses import Address, parse_ip
from analyzer.core.numbers import decimal
from analyzer.protocols.sdp.session import Media

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
