"""Which connections an MSRP or BFCP m-line negotiated, and which sessions run on them.

MSRP is found by the URIs of a=path, wherever the connection runs (RFC 4975 8.1); then by the session ids alone, and by
the addresses of the c= and m= lines, since a middlebox may rewrite hosts (CEMA, RFC 6714). BFCP is found by address,
then told apart by conference and user id (RFC 8856 5).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.severity import Severity
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.msrp_uri import session_id
from analyzer.protocols.sdp.session import Media
from analyzer.session import msrp_relays
from analyzer.session.bfcp_sessions import BfcpSession
from analyzer.session.claims import Claims
from analyzer.session.connection_roles import active_first, active_opened, listening, served_as_agreed
from analyzer.session.connections import Connection
from analyzer.session.messaging import Messaging
from analyzer.session.msrp_sessions import MsrpSession, matches
from analyzer.session.offer_answer import Negotiation

MSRP_IDS = define(
    "msrp.sdp_mismatch", Severity.MEDIUM, "An MSRP session has other session ids than its SDP", "RFC 4975 5.4, 7.3"
)
BFCP_IDS = define(
    "bfcp.sdp_mismatch",
    Severity.MEDIUM,
    "BFCP names another conference, user or floor than its SDP",
    "RFC 8856 5.2-5.4",
)

BFCP_ROLE = define(
    "bfcp.sdp_role", Severity.MEDIUM, "The floor control server is the end that a=floorctrl makes a client",
    "RFC 8856 5.1",
)  # fmt: skip

TCP, UDP = 6, 17
_VERSIONS = ("1", "2")  # of BFCP (RFC 8855 5.1)
_FILES = 32  # of one m-line
_LOOKED = 1_024  # sessions without its ids that are looked at for one m-line, beyond one of each connection
_STRANGERS = 16  # sessions at the addresses of one m-line without its ids that are judged; the others are counted
MsrpGrounds = Literal["path", "session_id", "address"]
BfcpGrounds = Literal["identifiers", "address"]
FindConnections = Callable[[Address, int], list[Connection]]
FindConnection = Callable[[Endpoints], Connection | None]


@dataclass(frozen=True, slots=True)
class BoundMsrp:
    """An MSRP session and how it was found to be the m-line's. `ids_match`: both session ids are those of the SDP.

    `active_opened`: the end that is active by SDP opened the connection; `active_first`: who opened it spoke first.
    """

    session: MsrpSession
    by: MsrpGrounds
    ids_match: bool
    active_opened: Tristate
    active_first: Tristate


@dataclass(frozen=True, slots=True)
class BoundBfcp:
    """A BFCP session and how it was found to be the m-line's; `mismatches` are the words for ids that differ."""

    session: BfcpSession
    by: BfcpGrounds
    mismatches: tuple[str, ...]
    labels: dict[int, tuple[str, ...]] = field(default_factory=dict)  # a=label of the media of each floor
    described: bool = True  # the SDP names a conference id
    labels_known: Tristate = True  # each of the labels is that of an m-line beside it
    role_agreed: Tristate = True  # the floor control server is the end that a=floorctrl makes one
    versions_agreed: bool = True  # a=bfcpver, where there is one, has each version on the wire (RFC 8856 5.5)


@dataclass(frozen=True, slots=True)
class Bound:
    """What an m-line's packets are."""

    connections: list[Connection]
    msrp: tuple[BoundMsrp, ...] = ()
    bfcp: tuple[BoundBfcp, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()


@dataclass(frozen=True, slots=True)
class Tables:
    """Where connections and sessions are looked up."""

    listening: FindConnections
    between: FindConnection
    messaging: Messaging
    claims: Claims


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
        return _msrp(negotiations, calls, _alive(found, lived), tables)
    reached = _by_address(last, tables.listening) + [each for each in named if _reaches(each, last)]
    by_address = _alive(reached, lived) or _alive(elsewhere(), lived)
    if not by_address and last.offer.is_msrp:
        by_address = _alive(_by_path(_paths(negotiations), last, tables), lived)
    if last.offer.is_msrp:
        return _msrp(negotiations, calls, by_address, tables)
    if last.offer.is_bfcp:
        return _bfcp(negotiations, calls, by_address, tables)
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
    found = [tables.between(each.endpoints) for each in _with_ids(_paths(negotiations), tables)]
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


# -- MSRP ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Paths:
    """The ends that the descriptions name, as (offer, answer) of each negotiation; an answer may not be known."""

    pairs: tuple[tuple[str, str], ...]

    def judge(self, session: MsrpSession) -> tuple[MsrpGrounds, bool] | None:
        """How a session is known by its URIs, and whether both ids are right; None where neither is."""
        ids = set(session.session_ids)
        best: tuple[MsrpGrounds, bool] | None = None
        for offered, answered in self.pairs:
            if answered and matches(session, offered, answered):
                return "path", True
            named = {session_id(uri) for uri in (offered, answered) if uri}
            if ids <= named:
                best = ("session_id", True)
            elif ids & named and best is None:
                best = ("session_id", not answered)
        return best


def _msrp(
    negotiations: Sequence[Negotiation], calls: Sequence[str], by_address: list[Connection], tables: Tables
) -> Bound:
    paths, sessions = _paths(negotiations), tables.messaging.msrp_sessions
    bound: list[BoundMsrp] = []

    def made(session: MsrpSession, by: MsrpGrounds, ids_match: bool, on: Connection) -> BoundMsrp:
        return BoundMsrp(session, by, ids_match, active_opened(on, negotiations), active_first(session, on))

    kept: dict[int, Connection] = {}
    others: list[Connection] = []
    own: dict[Endpoints, list[MsrpSession]] = {}
    for session in _with_ids(paths, tables):
        own.setdefault(_either_way(session.endpoints), []).append(session)
    for connection in by_address:
        ends = _either_way(Endpoints(connection.src, connection.dst, connection.ip_protocol))
        judged = [(session, paths.judge(session)) for session in own.get(ends, ())]
        right = [made(session, *how, connection) for session, how in judged if how is not None]
        if right:
            kept[connection.ordinal] = connection
            bound += right
        else:
            others.append(connection)
    wrong: list[Anomaly] = [
        Anomaly(MSRP_IDS, (each.session.first,), "one end is not the one negotiated")
        for each in bound
        if not each.ids_match
    ]
    strangers: list[MsrpSession] = []
    further: list[MsrpSession] = []
    unjudged, looked = 0, 0
    for connection in others:
        carried, count = sessions.between(
            connection.src, connection.dst, connection.ip_protocol, max(1, _LOOKED - looked)
        )
        looked += len(carried)
        ids = [identifier for session in carried for identifier in session.session_ids]
        if kept and not ids:
            continue  # nothing was read of it, and the m-line's own connection is known
        if tables.claims.foreign(ids, calls):
            continue
        kept[connection.ordinal] = connection
        judged_here = carried[: max(0, _STRANGERS - len(strangers))]
        bound += [made(session, "address", False, connection) for session in judged_here]
        strangers += judged_here
        further += carried[len(judged_here) :][:1]
        unjudged += count - len(judged_here)
    if paths.pairs:
        wrong += [Anomaly(MSRP_IDS, (session.first,), "neither end is one negotiated") for session in strangers]
        if unjudged:
            wrong.append(
                Anomaly(
                    MSRP_IDS, ((further or strangers[-1:])[0].first,), f"nor of {unjudged} sessions that are not judged"
                )
            )
    return Bound([kept[ordinal] for ordinal in sorted(kept)], tuple(bound), (), tuple(wrong))


def _either_way(ends: Endpoints) -> Endpoints:
    """The two ends of a flow, whoever sent."""
    return ends if ends.src <= ends.dst else ends.reverse


def _with_ids(paths: _Paths, tables: Tables) -> list[MsrpSession]:
    """The sessions, on whatever hop, that have an id of the descriptions, oldest first."""
    found = {
        session.ordinal: session
        for identifier in dict.fromkeys(session_id(uri) for pair in paths.pairs for uri in pair if uri)
        for session in tables.messaging.msrp_sessions.with_id(identifier)
    }
    return [found[ordinal] for ordinal in sorted(found)]


def _paths(negotiations: Sequence[Negotiation]) -> _Paths:
    return _Paths(
        tuple(
            (n.offer.path[-1], n.answer.path[-1] if n.answer and n.answer.path else "")
            for n in negotiations
            if n.offer.path
        )
    )


def _by_path(paths: _Paths, last: Negotiation, tables: Tables) -> list[Connection]:
    """Connections anywhere that carry the session: behind NAT, or where the hosts of the URIs are names.

    Where an address is known, it must be one of the connection's: the same session runs on every hop.
    """
    ips = {media.ip for media in (last.offer, last.answer) if media is not None and media.ip is not None}
    found: dict[int, Connection] = {}
    for offered, answered in paths.pairs:
        for uri in filter(None, (offered, answered)):
            for session in tables.messaging.msrp_sessions.with_id(session_id(uri)):
                ends = {session.endpoints.src.ip, session.endpoints.dst.ip}
                how = paths.judge(session)
                if how is None or not how[1] or (ips and not ips & ends):
                    continue
                connection = tables.between(session.endpoints)
                if connection is not None:
                    found[connection.ordinal] = connection
    return list(found.values())


# -- BFCP ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Ids:
    """What the descriptions say: conference and user ids, the floors with the labels of their media, the versions."""

    pairs: set[tuple[int, int | None]] = field(default_factory=set)
    floors: dict[int, tuple[str, ...]] = field(default_factory=dict)
    versions: set[int] = field(default_factory=set)

    def mismatches(self, session: BfcpSession) -> tuple[str, ...]:
        """The ids on the wire that no description has, in words."""
        words = []
        conferences = {conference for conference, _ in self.pairs}
        users = {user for _, user in self.pairs if user is not None}
        if conferences:
            words += [f"conference {number}" for number in session.conferences if number not in conferences]
        if users:
            words += [f"user {number}" for number in session.users if number not in users]
        if self.floors:
            words += [f"floor {number}" for number in session.floors if number not in self.floors]
        return tuple(words)

    def agree(self, session: BfcpSession) -> bool:
        """Whether the session has the conference, and the user where one was assigned."""
        return any(
            conference in session.conferences and (user is None or not session.users or user in session.users)
            for conference, user in self.pairs
        )


def _bfcp(
    negotiations: Sequence[Negotiation], calls: Sequence[str], by_address: list[Connection], tables: Tables
) -> Bound:
    ids = _Ids()
    for negotiation in negotiations:
        for media in (negotiation.offer, negotiation.answer):
            if media is not None:
                ids.floors |= dict(media.floorids)
                ids.versions |= {int(word) for word in media.bfcpver if word in _VERSIONS}
                if media.confid is not None:
                    ids.pairs.add((media.confid, media.userid))
    agreeing: list[Connection] = []
    others: list[Connection] = []
    silent: list[Connection] = []
    for connection in by_address:
        sessions = _bfcp_on(connection, tables)
        if not sessions:
            silent.append(connection)
        elif any(map(ids.agree, sessions)):
            agreeing.append(connection)
        else:
            keys = [(c, u) for session in sessions for c in session.conferences for u in session.users]
            if not tables.claims.foreign(keys, calls):
                others.append(connection)
    kept = sorted(agreeing + others + ([] if agreeing else silent), key=lambda connection: connection.ordinal)
    labels = _labels_known(negotiations)
    bound: list[BoundBfcp] = []
    wrong: list[Anomaly] = []
    for connection in kept:
        for session in _bfcp_on(connection, tables):
            mismatches = ids.mismatches(session)
            by: BfcpGrounds = "identifiers" if ids.agree(session) else "address"
            role = served_as_agreed(session, connection, negotiations)
            versions = not ids.versions or ids.versions >= session.versions.keys()
            bound.append(BoundBfcp(session, by, mismatches, ids.floors, bool(ids.pairs), labels, role, versions))
            if role is False:
                wrong.append(Anomaly(BFCP_ROLE, (session.first,), f"server {session.server}"))
            if mismatches:
                wrong.append(Anomaly(BFCP_IDS, (session.first,), ", ".join(mismatches[:8])))
    return Bound(kept, (), tuple(bound), tuple(wrong))


def _labels_known(negotiations: Sequence[Negotiation]) -> Tristate:
    """Whether the labels of a=floorid are labels of media in the same description (RFC 8856 5.4)."""
    seen = False
    for negotiation in negotiations:
        exchange = negotiation.exchange
        for media, described in ((negotiation.offer, exchange.offer), (negotiation.answer, exchange.answer)):
            named = {label for _, labels in media.floorids for label in labels} if media else set()
            if named and described is not None:
                seen = True
                if not named <= {each.label for each in described.session.media}:
                    return False
    return seen or Unknown.of("message", "a description whose a=floorid names media")


def _bfcp_on(connection: Connection, tables: Tables) -> Sequence[BfcpSession]:
    sessions = tables.messaging.bfcp_sessions
    return sessions.between(connection.src, connection.dst, connection.ip_protocol)
