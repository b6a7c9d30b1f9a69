"""Floors from request to release, as the flows of RFC 8855 4 and 10 to 13 have them."""

from analyzer.core.limits import Limits
from analyzer.protocols.bfcp import names
from analyzer.protocols.bfcp.message import Attribute
from analyzer.session.floors import FloorControl
from tests.pipeline.wire import at
from tests.session.bfcp_talk import SERVER, STATUS, Talk, floor, information, number


def control(talk: Talk) -> FloorControl:
    found = talk.messaging.floors.get(SERVER, talk.conference)
    assert found is not None
    return found


def steps(talk: Talk, request: int) -> list[tuple[str, int | None, int | None, int]]:
    """Status, queue position, by whom, frame."""
    found = control(talk).requests[request].steps
    return [(step.status, step.queue_position, step.by, step.cite.frame) for step in found]


def test_requested_granted_released() -> None:
    """RFC 8855 4, figure 2: the server's later news have transaction 0."""
    talk = Talk()
    talk.say(1, 1, floor(543), tid=123)
    talk.say(1, 4, information(789, "Pending", 543, queue=3), tid=123, up=False)
    talk.say(1, 4, information(789, "Accepted", 543, queue=1), tid=0, up=False)
    talk.say(1, 4, information(789, "Granted", 543), tid=0, up=False)
    assert control(talk).holders(543) == (1,)
    talk.say(1, 2, number(names.FLOOR_REQUEST_ID, 789), tid=154)
    talk.say(1, 4, information(789, "Released", 543), tid=154, up=False)
    assert steps(talk, 789) == [
        ("Requested", None, 1, 1),
        ("Pending", 3, None, 2),
        ("Accepted", 1, None, 3),
        ("Granted", 0, None, 4),
        ("Released", 0, 1, 6),
    ]
    assert control(talk).holders(543) == ()
    assert talk.codes == []


def test_a_chair_grants_and_revokes() -> None:
    """RFC 8855 11: Granted and Revoked name the chair that decided; another user's action is refused (13.6)."""
    talk = Talk()
    talk.say(1, 1, floor(1), tid=5)
    talk.say(1, 4, information(7, "Pending", 1), tid=5, up=False)
    talk.say(2, 9, information(7, "Granted", 1), tid=8)
    talk.say(2, 10, tid=8, up=False)
    talk.say(1, 4, information(7, "Granted", 1), tid=0, up=False)
    talk.say(3, 9, information(7, "Revoked", 1), tid=9)
    talk.say(3, 13, Attribute(names.ERROR_CODE, True, b"\5"), tid=9, up=False)
    talk.say(2, 9, information(7, "Revoked", 1), tid=10)
    talk.say(2, 10, tid=10, up=False)
    talk.say(1, 4, information(7, "Revoked", 1), tid=0, up=False)
    assert [(word, by) for word, _, by, _ in steps(talk, 7)] == [
        ("Requested", 1), ("Pending", None), ("Granted", 2), ("Revoked", 2),
    ]  # fmt: skip
    decided = [(d.user_id, d.status, d.outcome) for d in control(talk).chair]
    assert decided == [(2, "Granted", "accepted"), (3, "Revoked", "refused"), (2, "Revoked", "accepted")]
    (session,) = talk.messaging.bfcp_sessions.between(at("192.0.2.3", 40_003), SERVER, 6)
    assert [(e.code, e.name, e.asked) for e in session.errors] == [(5, "Unauthorized Operation", "ChairAction")]


def test_others_learn_by_floor_status() -> None:
    """RFC 8855 12.1: one request told to two clients is one request; beneficiary and requester differ."""
    talk = Talk()
    talk.say(1, 1, floor(1), number(names.BENEFICIARY_ID, 3), tid=5)
    talk.say(1, 4, information(7, "Granted", 1), tid=5, up=False)
    talk.say(2, 7, floor(1), tid=6)
    talk.say(2, 8, floor(1), information(7, "Granted", 1, by=1, of=3), tid=6, up=False)
    talk.say(2, 8, floor(1), information(7, "Released", 1, by=1, of=3), tid=0, up=False)
    (request,) = control(talk).of(1)
    assert (request.user_id, request.beneficiary_id, request.status_name) == (1, 3, "Released")
    assert [word for word, *_ in steps(talk, 7)] == ["Requested", "Granted", "Released"]


def test_a_request_of_several_floors_has_a_state_in_each() -> None:
    """RFC 8855 5.2.17: the first floor is granted, the second is not yet."""
    talk = Talk()
    word = lambda name: (Attribute(names.REQUEST_STATUS, True, bytes((STATUS[name], 0))),)  # noqa: E731  # two of them
    parts = (
        Attribute(names.FLOOR_REQUEST_STATUS, True, b"\0\1", word("Granted")),
        Attribute(names.FLOOR_REQUEST_STATUS, True, b"\0\2", word("Pending")),
    )
    talk.say(1, 1, floor(1), floor(2), tid=5)
    talk.say(1, 4, Attribute(names.FLOOR_REQUEST_INFORMATION, True, b"\0\7", parts), tid=5, up=False)
    assert [request.request_id for request in control(talk).of(2)] == [7]
    assert control(talk).holders(1) == (1,)
    assert control(talk).holders(2) == ()


def test_what_has_ended_does_not_change() -> None:
    talk = Talk()
    talk.say(1, 4, information(7, "Denied", 1), tid=0, up=False)
    talk.say(1, 4, information(7, "Granted", 1), tid=0, up=False)
    assert talk.codes == ["bfcp.request_after_end"]
    assert [word for word, *_ in steps(talk, 7)] == ["Denied", "Granted"]


def test_conferences_and_servers_are_apart() -> None:
    talk = Talk()
    talk.say(1, 4, information(7, "Granted", 1), tid=0, up=False)
    talk.say(2, 4, information(7, "Denied", 1), tid=0, up=False, conference=9)
    words = {c.conference_id: c.requests[7].status_name for c in talk.messaging.floors.all()}
    assert words == {4711: "Granted", 9: "Denied"}


def test_floods_are_bounded() -> None:
    limits = Limits(bfcp_requests=4, bfcp_steps=3, bfcp_conferences=2)
    talk = Talk(limits=limits)
    for request in range(20):
        talk.say(1, 4, information(request, "Pending", request, queue=1), tid=0, up=False)
    assert len(control(talk).requests) == 4
    assert len(control(talk).floors) == 4
    assert set(talk.codes) == {"bfcp.floors_limit"}
    for place in range(2, 20):
        talk.say(1, 4, information(19, "Pending", 19, queue=place), tid=0, up=False)
    assert len(control(talk).requests[19].steps) == 3
    assert control(talk).requests[19].steps[-1].queue_position == 19
    for conference in range(5):
        talk.say(1, 4, information(1, "Granted", 1), tid=0, up=False, conference=conference)
    assert len(talk.messaging.floors.all()) == 2
    assert talk.messaging.evicted == 4
