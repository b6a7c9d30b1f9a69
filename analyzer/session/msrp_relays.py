"""MSRP over relays (RFC 4976): a relay ends the connection and its TLS, so a session has a hop on each side of it."""

from collections.abc import Callable
from dataclasses import replace

from analyzer.core.addresses import Address
from analyzer.formats.msrp_uri import parse_uri
from analyzer.session.connections import Connection
from analyzer.session.model.media import MediaHop
from analyzer.session.offer_answer import Negotiation

_LONGEST = 16  # ends and relays of one session
_TCP = 6


def chain(last: Negotiation) -> tuple[Address, ...]:
    """Where the session of an m-line runs, from the offerer over its relays and the answerer's to the answerer: each
    a=path has the relays before the end (RFC 4975 8.3). Empty without a relay, or where a host is a name."""
    if last.answer is None or not last.offer.is_msrp or not last.offer.path or not last.answer.path:
        return ()
    raw = (*reversed(last.offer.path), *last.answer.path)
    uris = [parse_uri(each) for each in raw[: _LONGEST + 1]]
    places = tuple(uri.address for uri in uris if uri is not None and uri.address is not None)
    return places if 2 < len(places) == len(raw) <= _LONGEST else ()


def joins(connection: Connection, near: Address, far: Address) -> bool:
    """Whether it is between two neighbours of a chain, whichever of them connected."""
    ends = {connection.src, connection.dst}
    there = near in ends or far in ends
    return there and connection.ip_protocol == _TCP and {end.ip for end in ends} == {near.ip, far.ip}


def connections(near: Address, far: Address, find: Callable[[Address, int], list[Connection]]) -> list[Connection]:
    """Those between two neighbours of a chain."""
    return [each for end in (near, far) for each in find(end, _TCP) if joins(each, near, far)]


def ended_by_relay(hop: MediaHop) -> MediaHop:
    """A hop next to a relay: its protection ends there, and the relay reads what it passes on (RFC 4976 9.2)."""
    if hop.confidentiality != "yes":
        return hop
    return replace(
        hop,
        scope="hop_by_hop",
        scope_detail="hop_by_hop_tls",
        termination="proven_by_keys" if hop.evidence == "keyed_verified" else "assumed",
        end_to_end=False,
        passed_on=False,
    )
