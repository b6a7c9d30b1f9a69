"""Which BFCP sessions an m-line negotiated: found by address, told apart by conference and user id (RFC 8856 5)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.severity import Severity
from analyzer.core.unknown import Tristate, Unknown
from analyzer.session.bfcp_sessions import BfcpSession
from analyzer.session.bound import BfcpGrounds, Bound, BoundBfcp, Tables
from analyzer.session.connection_roles import served_as_agreed
from analyzer.session.connections import Connection
from analyzer.session.offer_answer import Negotiation

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

_VERSIONS = ("1", "2")  # of BFCP (RFC 8855 5.1)


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


def bind_bfcp(
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
