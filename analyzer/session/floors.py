"""Floors of a conference: who asked for them, who got them, who let them go or lost them (RFC 8855 4, 5.2.5).

One state for each floor control server and conference, fed by every connection to it: a participant learns by
FloorStatus of what others asked for, and the same request is told to many.
"""

from dataclasses import dataclass, field

from analyzer.core.addresses import Address
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.protocols.bfcp import names
from analyzer.protocols.bfcp.message import BfcpMessage, FloorRequest

AFTER_END = define(
    "bfcp.request_after_end", Severity.LOW, "A floor request that has ended changes its state", "RFC 8855 5.2.5"
)
LIMIT = define("bfcp.floors_limit", Severity.MEDIUM, "More floor requests of a conference than are followed", "")

GRANTED, REVOKED = 3, 7
ENDED = frozenset({4, 5, 6, 7})  # Denied, Cancelled, Released, Revoked
_FLOOR_REQUEST, _FLOOR_RELEASE, _CHAIR_ACTION, _ERROR = 1, 2, 9, 13
_TELLING = frozenset({4, 6, 8})  # FloorRequestStatus, UserStatus, FloorStatus


@frozen
class Step:
    """One change of a floor request. `by` is the user that asked for it, None where the server decided alone."""

    status: str  # Requested, or a word of RFC 8855 5.2.5
    queue_position: int | None
    by: int | None
    cite: Cite


@frozen
class ChairDecision:
    """A ChairAction: what a chair decided on a request. `outcome` is accepted, refused or unanswered."""

    request_id: int | None
    user_id: int
    status: str
    floors: tuple[int, ...]
    outcome: str
    cite: Cite


@dataclass(slots=True)
class FloorRequestState:
    """One floor request while it is followed. `status` is the number of its overall status, 0 before any."""

    request_id: int
    floors: tuple[int, ...] = ()
    user_id: int | None = None
    beneficiary_id: int | None = None
    priority: int | None = None
    status: int = 0
    queue_position: int | None = None
    floor_status: dict[int, int] = field(default_factory=dict)  # of single floors, where it is told
    steps: list[Step] = field(default_factory=list)

    @property
    def status_name(self) -> str:
        """The overall status in words."""
        return names.STATUSES.get(self.status, "Requested")

    def holds(self, floor_id: int) -> bool:
        """Whether the request has the floor."""
        return self.floor_status.get(floor_id, self.status) == GRANTED if floor_id in self.floors else False


@dataclass(slots=True)
class FloorControl:
    """The floors of one conference at one floor control server."""

    server: Address
    conference_id: int
    requests: dict[int, FloorRequestState] = field(default_factory=dict)
    floors: dict[int, Cite] = field(default_factory=dict)  # each floor named on the wire, and where first
    chair: list[ChairDecision] = field(default_factory=list)

    def of(self, floor_id: int) -> list[FloorRequestState]:
        """The requests for a floor, in the order in which they were seen."""
        return [request for request in self.requests.values() if floor_id in request.floors]

    def holders(self, floor_id: int) -> tuple[int, ...]:
        """The users that have a floor: its beneficiaries."""
        found = (
            r.beneficiary_id if r.beneficiary_id is not None else r.user_id
            for r in self.of(floor_id)
            if r.holds(floor_id)
        )
        return tuple(user for user in found if user is not None)


class FloorBook:
    """Every conference's floors, at most `bfcp_conferences`; the one that was quiet longest makes room.

    Of one conference `bfcp_requests` requests and floors are followed, of one request `bfcp_steps` steps.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._conferences: dict[tuple[Address, int], FloorControl] = {}
        self.evicted = 0

    def get(self, server: Address, conference_id: int) -> FloorControl | None:
        """The floors of a conference at a server."""
        return self._conferences.get((server, conference_id))

    def all(self) -> list[FloorControl]:
        """Every conference that is followed."""
        return list(self._conferences.values())

    def take(self, message: BfcpMessage, server: Address, asked: BfcpMessage | None) -> list[Anomaly]:
        """Takes a message of a conference; `asked` is the request that it responds to, where it was seen."""
        key = (server, message.conference_id)
        control = self._conferences.pop(key, None) or FloorControl(server, message.conference_id)
        self._conferences[key] = control
        if len(self._conferences) > self._limits.bfcp_conferences:
            del self._conferences[next(iter(self._conferences))]
            self.evicted += 1
        found: list[Anomaly] = []
        self._name_floors(control, message)
        if message.primitive == _CHAIR_ACTION:
            self._chair(control, message)
            return found
        if asked is not None and asked.primitive == _CHAIR_ACTION:
            _answered(control, asked, message)
        for told in message.floor_requests if message.primitive in _TELLING else ():
            self._told(control, told, message, asked, found)
        return found

    def _name_floors(self, control: FloorControl, message: BfcpMessage) -> None:
        told = [floor for request in message.floor_requests for floor, _ in request.floors]
        for floor in (*message.floor_ids, *told):
            if floor is not None and len(control.floors) < self._limits.bfcp_requests:
                control.floors.setdefault(floor, message.cites[0])

    def _told(
        self, control: FloorControl, told: FloorRequest, message: BfcpMessage, asked: BfcpMessage | None,
        found: list[Anomaly],
    ) -> None:  # fmt: skip
        number = told.floor_request_id
        if number is None:
            return
        request = control.requests.get(number)
        mine = asked if asked is not None and asked.primitive == _FLOOR_REQUEST else None
        if request is not None and mine is not None and request.status in ENDED:
            request = None  # the identifier of a request that has ended, used again
        if request is None:
            if len(control.requests) >= self._limits.bfcp_requests and number not in control.requests:
                oldest = next(
                    (n for n, r in control.requests.items() if r.status in ENDED), next(iter(control.requests))
                )
                del control.requests[oldest]
                found.append(Anomaly(LIMIT, message.cites))
            request = control.requests[number] = FloorRequestState(number)
        if mine is not None and not request.steps:
            _describe(request, mine)
            self._step(request, Step("Requested", None, mine.user_id, mine.cites[0]))
        self._state(request, told, message, self._by(control, request, told, asked), found)

    def _state(
        self, request: FloorRequestState, told: FloorRequest, message: BfcpMessage, by: int | None,
        found: list[Anomaly],
    ) -> None:  # fmt: skip
        floors = tuple(floor for floor, _ in told.floors if floor is not None)
        request.floors = request.floors or floors
        request.floor_status |= {floor: status for floor, status in told.floors if floor is not None and status}
        request.user_id = request.user_id if told.requested_by_id is None else told.requested_by_id
        request.beneficiary_id = request.beneficiary_id if told.beneficiary_id is None else told.beneficiary_id
        status = told.status if told.status is not None else next((s for _, s in told.floors if s), None)
        if status is None or (status, told.queue_position) == (request.status, request.queue_position):
            return
        if request.status in ENDED and status != request.status:
            found.append(
                Anomaly(AFTER_END, message.cites, f"request {request.request_id}: {names.STATUSES.get(status, status)}")
            )
        request.status, request.queue_position = status, told.queue_position
        self._step(request, Step(request.status_name, told.queue_position, by, message.cites[0]))

    @staticmethod
    def _by(
        control: FloorControl, request: FloorRequestState, told: FloorRequest, asked: BfcpMessage | None
    ) -> int | None:
        """Who brought a change about: who released it, the chair that decided so, else nobody but the server."""
        if asked is not None and asked.primitive == _FLOOR_RELEASE:
            return asked.user_id
        word = names.STATUSES.get(told.status or 0, "")
        decided = [d for d in control.chair if d.request_id == request.request_id and d.status == word]
        return decided[-1].user_id if decided and decided[-1].outcome != "refused" else None

    def _step(self, request: FloorRequestState, step: Step) -> None:
        if len(request.steps) < self._limits.bfcp_steps:
            request.steps.append(step)
        else:
            request.steps[-1] = step

    def _chair(self, control: FloorControl, message: BfcpMessage) -> None:
        for told in message.floor_requests[:4]:
            status = next((status for _, status in told.floors if status), told.status)
            control.chair.append(
                ChairDecision(
                    told.floor_request_id,
                    message.user_id,
                    names.STATUSES.get(status or 0, ""),
                    tuple(floor for floor, _ in told.floors if floor is not None),
                    "unanswered",
                    message.cites[0],
                )
            )
        del control.chair[: -self._limits.bfcp_steps]


def _describe(request: FloorRequestState, asked: BfcpMessage) -> None:
    request.floors = asked.floor_ids
    request.user_id = asked.user_id
    request.beneficiary_id = next((each.number for each in asked.find(names.BENEFICIARY_ID)), None)
    request.priority = next((each.priority for each in asked.find(names.PRIORITY)), None)


def _answered(control: FloorControl, asked: BfcpMessage, message: BfcpMessage) -> None:
    """ChairActionAck, or an Error: what became of the decision."""
    outcome = "refused" if message.primitive == _ERROR else "accepted"
    control.chair[:] = [
        ChairDecision(d.request_id, d.user_id, d.status, d.floors, outcome, d.cite) if d.cite == asked.cites[0] else d
        for d in control.chair
    ]
