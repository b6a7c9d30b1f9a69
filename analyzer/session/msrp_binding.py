"""Which MSRP sessions an m-line negotiated, and the connections that carry them.

They are found by the URIs of a=path, wherever the connection runs (RFC 4975 8.1); then by the session ids alone, and by
the addresses of the c= and m= lines, since a middlebox may rewrite hosts (CEMA, RFC 6714).
"""

from collections.abc import Sequence

from analyzer.core.addresses import Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.frozen import frozen
from analyzer.core.severity import Severity
from analyzer.formats.msrp_uri import session_id
from analyzer.session.bound import Bound, BoundMsrp, MsrpGrounds, Tables
from analyzer.session.connection_roles import active_first, active_opened
from analyzer.session.connections import Connection
from analyzer.session.msrp_sessions import MsrpSession, matches
from analyzer.session.offer_answer import Negotiation

MSRP_IDS = define(
    "msrp.sdp_mismatch", Severity.MEDIUM, "An MSRP session has other session ids than its SDP", "RFC 4975 5.4, 7.3"
)

_LOOKED = 1_024  # sessions without its ids that are looked at for one m-line, beyond one of each connection
_STRANGERS = 16  # sessions at the addresses of one m-line without its ids that are judged; the others are counted


@frozen
class Paths:
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


def bind_msrp(
    negotiations: Sequence[Negotiation], calls: Sequence[str], by_address: list[Connection], tables: Tables
) -> Bound:
    paths, sessions = paths_of(negotiations), tables.messaging.msrp_sessions
    bound: list[BoundMsrp] = []

    def made(session: MsrpSession, by: MsrpGrounds, ids_match: bool, on: Connection) -> BoundMsrp:
        return BoundMsrp(session, by, ids_match, active_opened(on, negotiations), active_first(session, on))

    kept: dict[int, Connection] = {}
    others: list[Connection] = []
    own: dict[Endpoints, list[MsrpSession]] = {}
    for session in with_ids(paths, tables):
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


def with_ids(paths: Paths, tables: Tables) -> list[MsrpSession]:
    """The sessions, on whatever hop, that have an id of the descriptions, oldest first."""
    found = {
        session.ordinal: session
        for identifier in dict.fromkeys(session_id(uri) for pair in paths.pairs for uri in pair if uri)
        for session in tables.messaging.msrp_sessions.with_id(identifier)
    }
    return [found[ordinal] for ordinal in sorted(found)]


def paths_of(negotiations: Sequence[Negotiation]) -> Paths:
    return Paths(
        tuple(
            (n.offer.path[-1], n.answer.path[-1] if n.answer and n.answer.path else "")
            for n in negotiations
            if n.offer.path
        )
    )


def by_path(paths: Paths, last: Negotiation, tables: Tables) -> list[Connection]:
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
