"""Who opens a negotiated connection, who begins TLS on it and who speaks first (RFC 4145; RFC 4975 5.4; RFC 8856 8)."""

from collections.abc import Sequence

from analyzer.core.addresses import Address
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.msrp_uri import parse_uri
from analyzer.protocols.sdp.session import Media
from analyzer.session.bfcp_sessions import BfcpSession
from analyzer.session.connections import Connection
from analyzer.session.msrp_sessions import MsrpSession
from analyzer.session.offer_answer import Negotiation, rtp_address


def listening(media: Media | None) -> list[Address]:
    """Where an end of a connection-oriented medium may listen, each place once: its c= and m= lines, its path URIs."""
    if media is None:
        return []
    found = [address] if (address := rtp_address(media)) is not None else []
    uris = (parse_uri(uri) for uri in media.path)
    found += [uri.address for uri in uris if uri is not None and uri.address is not None]
    return list(dict.fromkeys(found))


def in_force(negotiations: Sequence[Negotiation], ts_ns: int) -> Negotiation | None:
    """The last negotiation that was complete at a time, else the first that is: roles outlive a re-negotiation."""
    done = [each for each in negotiations if each.answer is not None and each.exchange.answer is not None]
    before = [each for each in done if each.exchange.answer is not None and each.exchange.answer.ts_ns <= ts_ns]
    return before[-1] if before else next(iter(done), None)


def tls_by_offerer(connections: Sequence[Connection], negotiations: Sequence[Negotiation]) -> Tristate:
    """Whether the offerer sent the ClientHello on every connection."""
    verdicts = [_by_offerer(each.tls_client, each, in_force(negotiations, each.first_ns)) for each in connections]
    missing = Unknown.of("message", "the ClientHello, and the offer and answer that it follows")
    return False if False in verdicts else missing if not verdicts or None in verdicts else True


def setup_of(negotiation: Negotiation) -> str:
    """a=setup of the answer."""
    return negotiation.answer.setup.strip().lower() if negotiation.answer is not None else ""


def setup_agrees(negotiation: Negotiation) -> bool:
    """Whether a=setup of offer and answer leaves one end active, the other passive; what is not said is as it fits."""
    offered, answered = negotiation.offer.setup.strip().lower(), setup_of(negotiation)
    if answered and answered not in ("active", "passive"):
        return False  # actpass is no answer; under holdconn nothing is opened
    return not offered or not answered or offered == "actpass" or {offered, answered} == {"active", "passive"}


def tls_by_active(connections: Sequence[Connection], negotiations: Sequence[Negotiation]) -> Tristate:
    """Whether the end that is active by a=setup sent the ClientHello on every connection (RFC 5763 5, RFC 8842 5)."""
    verdicts: list[bool | None] = []
    for each in connections:
        last = in_force(negotiations, each.first_ns)
        by_offerer = _by_offerer(each.tls_client, each, last)
        setup = setup_of(last) if last is not None else ""
        known = by_offerer is not None and setup in ("active", "passive")
        verdicts.append(by_offerer == (setup == "passive") if known else None)
    missing = Unknown.of("message", "the ClientHello, and the offer and answer with a=setup that it follows")
    return False if False in verdicts else missing if not verdicts or None in verdicts else True


def clients_certified(connections: Sequence[Connection]) -> Tristate:
    """Whether the client of every handshake showed a certificate."""
    said = {each.client_certified for each in connections}
    missing = Unknown.of("key", "the client's part of the handshake, whole, in clear or opened")
    return False if False in said else missing if not said or None in said else True


def active_opened(connection: Connection, negotiations: Sequence[Negotiation]) -> Tristate:
    """Whether the end that is active by SDP opened the connection: a=setup of the answer, without it the offerer."""
    last = in_force(negotiations, connection.first_ns)
    by_offerer = _by_offerer(connection.opened_by, connection, last)
    if last is None or last.answer is None or by_offerer is None:
        return Unknown.of("message", "the SYN of the connection, and the offer and answer that it follows")
    expected = {"active": False, "passive": True, "": True}.get(last.answer.setup.lower())
    return Unknown.of("message", "who is active by a=setup") if expected is None else by_offerer == expected


def active_first(session: MsrpSession, connection: Connection) -> Tristate:
    """Whether the end that opened the connection spoke first, by a SEND (RFC 4975 5.4)."""
    if connection.opened_by is None:
        return Unknown.of("message", "the SYN of the connection")
    return session.endpoints.src == connection.opened_by and session.begun_by == "SEND"


def served_as_agreed(session: BfcpSession, connection: Connection, negotiations: Sequence[Negotiation]) -> Tristate:
    """Whether the floor control server is the end that a=floorctrl makes one, else the answerer (RFC 8856 5.1)."""
    last = in_force(negotiations, connection.first_ns)
    by_offerer = _by_offerer(session.server, connection, last)
    if last is None or last.answer is None or by_offerer is None:
        return Unknown.of("message", "the offer and answer, and addresses that tell their ends")
    words = {word.lower() for word in (last.answer if last.answer.floorctrl else last.offer).floorctrl}
    if not last.answer.floorctrl:  # what the offer lets the offerer be
        return not by_offerer or bool(words & {"s-only", "c-s"})
    return "c-s" in words or ("c-only" if by_offerer else "s-only") in words


def _by_offerer(end: Address | None, connection: Connection, last: Negotiation | None) -> bool | None:
    """Whether an end of a connection is the offerer's; None where the addresses do not tell."""
    if end is None or last is None or last.answer is None:
        return None
    peer = connection.dst if connection.src == end else connection.src
    ours, theirs = set(listening(last.offer)), set(listening(last.answer))
    for place, is_peer in ((peer, True), (end, False)):
        if (place in ours) != (place in theirs):
            return (place in theirs) == is_peer
    own_ips, their_ips = _ips(last.offer), _ips(last.answer)
    for ip, is_peer in ((peer.ip, True), (end.ip, False)):
        if (ip in own_ips) != (ip in their_ips):
            return (ip in their_ips) == is_peer
    return None


def _ips(media: Media) -> set[int]:
    return {address.ip for address in listening(media)} | ({media.ip} if media.ip is not None else set())
