"""Conversations of BFCP by RFC 8855 5 and 8, message for message, fed to the session layer."""

from dataclasses import dataclass, field, replace

from analyzer.core.addresses import Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.bfcp import names
from analyzer.protocols.bfcp.message import Attribute, BfcpMessage
from analyzer.session.carrier import Carrier
from analyzer.session.messaging import Messaging
from tests.pipeline.wire import at
from tests.protocols.bfcp.writer import message

SERVER = at("192.0.2.9", 5070)
STATUS = {word: number for number, word in names.STATUSES.items()}


def number(kind: int, value: int) -> Attribute:
    return Attribute(kind, True, value.to_bytes(2, "big"))


def floor(value: int) -> Attribute:
    return number(names.FLOOR_ID, value)


def information(
    request: int, word: str, *floors: int, queue: int = 0, by: int | None = None, of: int | None = None, uri: str = ""
) -> Attribute:
    """FLOOR-REQUEST-INFORMATION with an overall status (RFC 8855 5.2.15)."""
    status = Attribute(names.REQUEST_STATUS, True, bytes((STATUS[word], queue)))
    members = [Attribute(names.OVERALL_REQUEST_STATUS, True, request.to_bytes(2, "big"), (status,))]
    members += [number(names.FLOOR_REQUEST_STATUS, each) for each in floors]
    if of is not None:
        members.append(number(names.BENEFICIARY_INFORMATION, of))
    if by is not None:
        told = (Attribute(names.USER_URI, False, uri.encode()),) if uri else ()
        members.append(Attribute(names.REQUESTED_BY_INFORMATION, True, by.to_bytes(2, "big"), told))
    return Attribute(names.FLOOR_REQUEST_INFORMATION, True, request.to_bytes(2, "big"), tuple(members))


@dataclass
class Talk:
    """Feeds messages between clients and the server; frame numbers count up from 1."""

    protocol: int = 6
    conference: int = 4711
    limits: Limits = field(default_factory=Limits)
    found: list[Anomaly] = field(default_factory=list)
    frame: int = 0

    def __post_init__(self) -> None:
        self.messaging = Messaging(self.limits)

    def say(
        self, client: int, primitive: int, *attributes: Attribute, tid: int = 1, up: bool = True,
        user: int | None = None, responder: bool = False, conference: int | None = None, second: float = 0,
    ) -> BfcpMessage:  # fmt: skip
        """One message of the client with this user id, or to it."""
        self.frame += 1
        end = at(f"192.0.2.{client}", 40_000 + client)
        src, dst = (end, SERVER) if up else (SERVER, end)
        cite = Cite(0, self.frame, 0, 60, self.frame * 1_000_000 + int(second * 1e9))
        version = 1 if self.protocol == 6 else 2
        said = replace(
            message(primitive, *attributes, version=version, responder=responder, transaction=tid),
            conference_id=self.conference if conference is None else conference,
            user_id=client if user is None else user,
            cites=(cite,),
        )
        carrier = Carrier(0, Endpoints(src, dst, self.protocol), "tcp" if self.protocol == 6 else "udp", "", self.frame)
        self.found += self.messaging.take(said, carrier)
        return said

    @property
    def codes(self) -> list[str]:
        """What was wrong, by name."""
        return [anomaly.kind.code for anomaly in self.found]
