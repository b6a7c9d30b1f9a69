"""The connections and sessions of an MSRP or BFCP m-line, and where they are looked up."""

from collections.abc import Callable
from dataclasses import field
from typing import Literal

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate
from analyzer.session.bfcp_sessions import BfcpSession
from analyzer.session.claims import Claims
from analyzer.session.connections import Connection
from analyzer.session.messaging import Messaging
from analyzer.session.msrp_sessions import MsrpSession

MsrpGrounds = Literal["path", "session_id", "address"]
BfcpGrounds = Literal["identifiers", "address"]
FindConnections = Callable[[Address, int], list[Connection]]
FindConnection = Callable[[Endpoints], Connection | None]


@frozen
class BoundMsrp:
    """An MSRP session and how it was found to be the m-line's. `ids_match`: both session ids are those of the SDP.

    `active_opened`: the end that is active by SDP opened the connection; `active_first`: who opened it spoke first.
    """

    session: MsrpSession
    by: MsrpGrounds
    ids_match: bool
    active_opened: Tristate
    active_first: Tristate


@frozen
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


@frozen
class Bound:
    """What an m-line's packets are."""

    connections: list[Connection]
    msrp: tuple[BoundMsrp, ...] = ()
    bfcp: tuple[BoundBfcp, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()


@frozen
class Tables:
    """Where connections and sessions are looked up."""

    listening: FindConnections
    between: FindConnection
    messaging: Messaging
    claims: Claims
