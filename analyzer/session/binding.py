"""Which connections an MSRP or BFCP m-line negotiated, and which sessions run on them."""

from collections.abc import Callable, Iterator, Sequence

from analyzer.core.addresses import Address, Endpoints
from analyzer.protocols.sdp.session import Media
from analyzer.session import msrp_relays
from analyzer.session.bfcp_binding import bind_bfcp
from analyzer.session.bound import Bound, FindConnections, Tables
from analyzer.session.connection_roles import listening
from analyzer.session.connections import Connection
from analyzer.session.msrp_binding import bind_msrp, by_path, paths_of, with_ids
from analyzer.session.offer_answer import Negotiation

TCP, UDP = 6, 17
_FILES = 32  # of one m-line


def ip_protocol(media: Media) -> int:
    """17 where the m-line's transport is UDP, or DTLS of before RFC 8841; else 6."""
    proto = media.proto.upper()
    return UDP if proto.startswith(("UDP", "DTLS")) else TCP


def bind(
    negotiations: Sequence[Negotiation],
    calls: Sequence[str],
    lived: tuple[int, int],
    tables: Tables,
    elsewhere: Callable[[], list[Connection]],
    between: tuple[Address, Address] | None = None,
) -> Bound:
    """The connections of an m-line over all its negotiations, of those that lived between the two times.

    `elsewhere` gives connections that no address of the descriptions leads to, for where nothing else is found.
    `between` asks for those of two neighbours on a way over relays.
    """
    last = negotiations[-1]
    named = _by_ids(negotiations, tables)
    if between is not None:
        found = msrp_relays.connections(*between, tables.listening)
        found += [each for each in named if msrp_relays.joins(each, *between)]
        return bind_msrp(negotiations, calls, _alive(found, lived), tables)
    reached = _by_address(last, tables.listening) + [each for each in named if _reaches(each, last)]
    by_address = _alive(reached, lived) or _alive(elsewhere(), lived)
    if not by_address and last.offer.is_msrp:
        by_address = _alive(by_path(paths_of(negotiations), last, tables), lived)
    if last.offer.is_msrp:
        return bind_msrp(negotiations, calls, by_address, tables)
    if last.offer.is_bfcp:
        return bind_bfcp(negotiations, calls, by_address, tables)
    return Bound(by_address)


def _alive(connections: list[Connection], lived: tuple[int, int]) -> list[Connection]:
    """Those of a span of time, each once, in the order of first sight."""
    alive = {each.ordinal: each for each in connections if each.last_ns >= lived[0] and each.first_ns <= lived[1]}
    return [alive[ordinal] for ordinal in sorted(alive)]


def _ways(last: Negotiation) -> tuple[tuple[list[Address], set[int]], ...]:
    """Where each end listens, and the addresses its peer has; those may not be known."""
    ours, theirs = listening(last.offer), listening(last.answer)
    own_ips = {a.ip for a in ours} | ({last.offer.ip} if last.offer.ip is not None else set())
    their_ips = {a.ip for a in theirs} | ({last.answer.ip} if last.answer and last.answer.ip is not None else set())
    return (ours, their_ips), (theirs, own_ips)


def _by_address(last: Negotiation, find: FindConnections) -> list[Connection]:
    protocol = ip_protocol(last.offer)
    return [
        connection
        for ends, peers in _ways(last)
        for end in ends
        for connection in find(end, protocol)
        if not peers or peers & {connection.src.ip, connection.dst.ip}
    ]


def _reaches(connection: Connection, last: Negotiation) -> bool:
    """Whether it is one of those that `_by_address` looks for."""
    ends = {connection.src, connection.dst}
    ips = {end.ip for end in ends}
    right = connection.ip_protocol == ip_protocol(last.offer)
    return right and any(ends & set(there) and (not peers or peers & ips) for there, peers in _ways(last))


def _by_ids(negotiations: Sequence[Negotiation], tables: Tables) -> list[Connection]:
    """Connections anywhere whose messages have ids of the descriptions: found however many share the addresses."""
    messaging = tables.messaging
    found = [tables.between(each.endpoints) for each in with_ids(paths_of(negotiations), tables)]
    for conference, user in {pair for each in negotiations for pair in _assigned(each)}:
        for session in messaging.bfcp_sessions.with_ids(conference, user):
            found.append(tables.between(Endpoints(session.client, session.server, session.ip_protocol)))
    return [each for each in found if each is not None]


def _assigned(negotiation: Negotiation) -> Iterator[tuple[int, int]]:
    """Conference and user ids of the m-line's descriptions (RFC 8856 5.2)."""
    for media in (negotiation.offer, negotiation.answer):
        if media is not None and media.confid is not None and media.userid is not None:
            yield media.confid, media.userid


def files(negotiations: Sequence[Negotiation]) -> tuple[tuple[str, str], ...]:
    """The files an m-line describes (RFC 5547 6): a=file-selector, and which end sends them by its direction."""
    found: dict[str, str] = {}
    for negotiation in negotiations:
        offer = negotiation.offer
        if offer.file_selector and len(found) < _FILES:
            sender = {"sendonly": "offerer", "recvonly": "answerer"}.get(offer.direction, "unknown")
            found.setdefault(offer.file_selector, sender)
    return tuple(found.items())
