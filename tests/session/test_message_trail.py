"""Sessions known again by what is said in them (hops.md section 4): bodies of MSRP, whole messages of BFCP."""

from itertools import combinations

from analyzer.core.limits import Limits
from analyzer.session.message_trail import KEPT, MessageTrails
from tests.pipeline.wire import at, flow

ONE, TWO, THREE, FOUR = (at("192.0.2.1", port) for port in (1, 2, 3, 4))
NEAR, FAR = (ONE, TWO), (THREE, FOUR)


def trails(near: list[str], far: list[str], limits: Limits | None = None) -> MessageTrails:
    made = MessageTrails(limits or Limits())
    for ends, said in ((NEAR, near), (FAR, far)):
        for text in said:
            made.note(flow(*ends), text, len(text))
    return made


def test_the_same_messages_in_either_direction_are_one_session() -> None:
    said = [f"this is message {number}" for number in range(5)]
    made = trails(said, said)
    assert made.same(NEAR, FAR) == made.same(FAR, NEAR) == made.same(NEAR[::-1], FAR) == 5


def test_one_long_message_is_enough_and_one_short_one_is_not() -> None:
    assert trails(["who wants the floor"], ["who wants the floor"]).same(NEAR, FAR) == 1
    assert trails(["ok"], ["ok"]).same(NEAR, FAR) == 0
    assert trails(["ok", "no"], ["ok", "no"]).same(NEAR, FAR) == 2


def test_whole_messages_go_before_their_chunks() -> None:
    """A relay may cut a message into other chunks (RFC 4975 5.1); where none was whole, chunks are what there is."""
    said = [f"this is message {number}" for number in range(4)]
    made = trails(said, said)
    for ends, at_byte in ((NEAR, 5), (FAR, 9)):
        for text in said:
            for part in (text[:at_byte], text[at_byte:]):
                made.note(flow(*ends), part, len(part), part=True)
    assert made.same(NEAR, FAR) == 4
    cut = MessageTrails(Limits())
    for ends in (NEAR, FAR):
        for number in range(4):
            cut.note(flow(*ends), f"part {number} of a long message", 30, part=True)
    assert cut.same(NEAR, FAR) == 4


def test_messages_that_differ_are_two_sessions() -> None:
    assert trails(["a message of one", "and of another"], ["a message of one", "and of a third"]).same(NEAR, FAR) == 0
    assert trails([], ["a message of one"]).same(NEAR, FAR) == 0


def test_a_hop_whose_beginning_was_not_captured_is_known() -> None:
    said = [f"this is message {number}" for number in range(20)]
    assert trails(said, said[8:]).same(NEAR, FAR) == 12


def test_what_is_kept_is_bounded() -> None:
    made = trails([f"{number}" for number in range(10 * KEPT)], [f"{number}" for number in range(10 * KEPT)])
    assert made.same(NEAR, FAR) == KEPT
    small = trails(["a long enough message"], ["a long enough message"], Limits(flows=1))
    assert small.same(NEAR, FAR) == 0


def test_hundreds_of_simultaneous_chats_stay_apart() -> None:
    """Everybody is greeted alike and answers alike; what each says beside that is its own."""
    made = MessageTrails(Limits())
    sessions = [(at("192.0.2.1", 1_000 + number), at("192.0.2.2", 2855)) for number in range(300)]
    for number, ends in enumerate(sessions):
        for text in ("Welcome to the conference", "ok", f"this is {number} speaking", "bye"):
            made.note(flow(*ends), text, len(text))
    assert {made.same(a, b) for a, b in combinations(sessions, 2)} == {0}
