"""The ladder of the lab's conference: messages and floors among the SIP messages."""

from analyzer.app.ladders import Ladder, draw
from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.pipeline.closing import ClosedCall
from tests.conftest import SAMPLES


def test_messages_and_floor_events_are_drawn() -> None:
    """On the access (opened) and in the core; frames as FACTS.txt's tools list them: FloorRequest 93 and 94."""
    drawn: list[Ladder] = []

    def watch(closed: ClosedCall) -> None:
        if closed.call_id == "call-1":
            drawn.append(draw(closed))

    keys = (SAMPLES / "e2ae-all.tls-keylog.txt",)
    analyze(Settings(captures=(str(SAMPLES / "e2ae-all.pcapng"),), keys=keys), Silent(), watch)
    (ladder,) = drawn
    events = [(event.label, event.frame) for event in ladder.events if event.kind == "other"]
    assert [frame for label, frame in events if label == "FloorRequest floor 1"] == [93, 94]
    assert [frame for label, frame in events if label == "FloorRequestStatus #1 Released"] == [473, 477]
    assert sum(label == "MSRP 200 OK" for label, _ in events) == 12
    assert sum(label == "MSRP SEND 1-135/135" for label, _ in events) == 12
    assert [event.ts_ns for event in ladder.events] == sorted(event.ts_ns for event in ladder.events)
