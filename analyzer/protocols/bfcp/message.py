"""One BFCP message and its attributes (RFC 8855 5)."""

from collections.abc import Iterator

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.text import decode
from analyzer.protocols.bfcp import names


@frozen
class Attribute:
    """One attribute (5.2). `value` is its contents without padding; of a grouped one the identifier, 2 bytes."""

    type: int
    mandatory: bool
    value: bytes
    members: tuple["Attribute", ...] = ()

    @property
    def name(self) -> str:
        """Its name, or "attribute-N"."""
        return names.ATTRIBUTES.get(self.type, f"attribute-{self.type}")

    @property
    def number(self) -> int | None:
        """The identifier of a *-ID or grouped attribute."""
        value = self.value
        return value[0] << 8 | value[1] if len(value) >= 2 else None

    @property
    def text(self) -> str:
        """The contents of a *-INFO, *-NAME or *-URI attribute."""
        return decode(self.value)

    @property
    def status(self) -> tuple[int, int] | None:
        """The request status and queue position of a REQUEST-STATUS."""
        return (self.value[0], self.value[1]) if len(self.value) >= 2 else None

    @property
    def priority(self) -> int | None:
        """The value of a PRIORITY, above 4 taken as 4 (5.2.4)."""
        return min(self.value[0] >> 5, 4) if self.value else None


@frozen
class FloorRequest:
    """What a FLOOR-REQUEST-INFORMATION says. Statuses and queue positions are None where they are not given."""

    floor_request_id: int | None
    status: int | None
    queue_position: int | None
    floors: tuple[tuple[int | None, int | None], ...]  # floor id, its own status
    beneficiary_id: int | None
    requested_by_id: int | None

    @property
    def status_name(self) -> str:
        """The overall status in words, "" where it is unknown."""
        return names.STATUSES.get(self.status or 0, "")


@frozen
class BfcpMessage:
    """A message, or of a fragmented one a fragment.

    `fragment` is (offset, length) in 4-byte words; then `payload` is the fragment's bytes and there are no attributes.
    `length` is the Payload Length field, in words. `complete` is false where bytes of it were not captured.
    """

    version: int
    responder: bool
    fragment: tuple[int, int] | None
    reserved: int
    primitive: int
    length: int
    conference_id: int
    transaction_id: int
    user_id: int
    attributes: tuple[Attribute, ...]
    payload: bytes
    size: int
    cites: tuple[Cite, ...]
    complete: bool
    anomalies: tuple[Anomaly, ...]

    @property
    def name(self) -> str:
        """The primitive's name, or "primitive-N"."""
        return names.PRIMITIVES.get(self.primitive, f"primitive-{self.primitive}")

    def find(self, kind: int) -> Iterator[Attribute]:
        """The attributes of a type, on the top level."""
        return (each for each in self.attributes if each.type == kind)

    @property
    def floor_ids(self) -> tuple[int, ...]:
        """The floors named by FLOOR-ID."""
        return tuple(each.number for each in self.find(names.FLOOR_ID) if each.number is not None)

    @property
    def error_code(self) -> int | None:
        """The code of an Error."""
        return next((each.value[0] for each in self.find(names.ERROR_CODE) if each.value), None)

    @property
    def error_details(self) -> bytes:
        """The details of an Error; of code 4 one byte for each unknown attribute, its type in the upper 7 bits."""
        return next((each.value[1:] for each in self.find(names.ERROR_CODE)), b"")

    @property
    def floor_requests(self) -> tuple[FloorRequest, ...]:
        """What the message says of floor requests."""
        return tuple(map(_floor_request, self.find(names.FLOOR_REQUEST_INFORMATION)))


def _floor_request(information: Attribute) -> FloorRequest:
    overall = _status(information, names.OVERALL_REQUEST_STATUS)
    numbers = {member.type: member.number for member in information.members}
    floors = tuple(
        (member.number, next((each.status[0] for each in member.members if _is_status(each) and each.status), None))
        for member in information.members
        if member.type == names.FLOOR_REQUEST_STATUS
    )
    return FloorRequest(
        information.number, overall[0], overall[1], floors, numbers.get(names.BENEFICIARY_INFORMATION),
        numbers.get(names.REQUESTED_BY_INFORMATION),
    )  # fmt: skip


def _is_status(attribute: Attribute) -> bool:
    return attribute.type == names.REQUEST_STATUS


def _status(information: Attribute, kind: int) -> tuple[int | None, int | None]:
    for member in information.members:
        if member.type == kind:
            return next((each.status for each in member.members if _is_status(each) and each.status), (None, None))
    return None, None
