"""The ladder of the lab's conference: messages and floors among the SIP messages."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from analyzer.app.ladders import Ladder, draw, sessions
from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.cli.main import app
from analyzer.export.ladder import LadderEvent, ladder
from analyzer.pipeline.closing import ClosedCall
from tests.conftest import SAMPLES, SHARED
from tests.pipeline.wire import Wire
from tests.session.dialogs import Leg, send


def test_messages_and_floor_events_are_drawn() -> None:
    """On the access (opened) and in the core; frames as FACTS.txt's tools list them: FloorRequest 93 and 94."""
    drawn: list[Ladder] = []

    def watch(closed: ClosedCall) -> None:
        if closed.call_id == "call-1":
            drawn.append(draw(closed))

    keys = (SAMPLES / "e2ae-all.tls-keylog.txt",)
    analyze(Settings(captures=(str(SAMPLES / "e2ae-all.pcapng"),), keys=keys), Silent(), watch)
    (picture,) = drawn
    events = [(event.label, event.frame) for event in picture.events if event.kind == "other"]
    assert [frame for label, frame in events if label == "FloorRequest floor 1"] == [93, 94]
    assert [frame for label, frame in events if label == "FloorRequestStatus #1 Released"] == [473, 477]
    assert sum(label == "MSRP 200 OK" for label, _ in events) == 12
    assert sum(label == "MSRP SEND 1-135/135" for label, _ in events) == 12
    assert [event.ts_ns for event in picture.events] == sorted(event.ts_ns for event in picture.events)


def test_a_session_that_no_call_negotiated_is_drawn() -> None:
    """bfcp-udp has no SIP: each of its two sessions by its id, retransmissions told apart."""
    outcome = analyze(Settings(captures=(str(SAMPLES / "bfcp-udp.pcapng"),)), Silent(), lambda _: None)
    assert outcome.engine is not None
    drawn = sessions(outcome.engine)
    assert list(drawn) == ["bfcp-1", "bfcp-2"]
    labels = [event.label for event in drawn["bfcp-1"]]
    assert (labels[0], labels[-1]) == ("Hello", "GoodbyeAck")
    assert "FloorRequestStatus #1 Granted" in labels


def test_the_command_draws_sessions() -> None:
    capture = str(SAMPLES / "bfcp-udp.pcapng")
    result = CliRunner().invoke(app, ["show", capture, "bfcp-2", "--quiet"])
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "bfcp-2")
    assert "Pending queue 1" in result.stdout
    result = CliRunner().invoke(app, ["show", capture, "call-1", "--quiet"])
    assert result.exit_code == 2
    assert "no call or session is called call-1; the capture has bfcp-1, bfcp-2" in result.stderr


def test_what_a_message_is_about_is_not_cut_off() -> None:
    """Where columns are narrow a floor event is cut in its middle; media begin before what they carry."""
    events = [
        LadderEvent(0, "a", "b", "FloorRequestStatus #12 Released", 1, "other"),
        LadderEvent(0, "b", "a", "INVITE (audio, message, application)", 2),
    ]
    lines = ladder(events, ["a", "b"], width=55)
    assert "| FloorReque… #12 Released >|" in lines[1]
    assert "|< INVITE (audio, message,… |" in lines[2]


def test_a_frame_is_shown_with_its_capture_where_there_are_several(tmp_path: Path) -> None:
    leg = Leg("192.0.2.1", "192.0.2.9", "c")
    asks, answers = Wire(), Wire()
    send(asks, leg, "INVITE")
    answers.now_ns = asks.now_ns
    send(answers, leg, "INVITE", 200)
    (tmp_path / "a.pcap").write_bytes(asks.pcap())
    (tmp_path / "b.pcap").write_bytes(answers.pcap())
    both = [str(tmp_path / name) for name in ("a.pcap", "b.pcap")]
    lines = CliRunner().invoke(app, ["show", *both, "call-1", "--quiet"]).stdout.splitlines()
    assert "capture-1 #1 " in next(line for line in lines if "INVITE" in line)
    assert "capture-2 #1 " in next(line for line in lines if "200 Said" in line)
    alone = CliRunner().invoke(app, ["show", both[0], "call-1", "--quiet"]).stdout
    assert " #1 " in alone and "capture-1" not in alone


def test_the_command_tells_what_became_of_identities() -> None:
    """FACTS.txt of pai-spoof-removed: the UE asserts itself as chair in frame 18, the P-CSCF as ue1 in frame 20."""
    capture = SHARED / "captures" / "lab" / "pai-spoof-removed.pcapng"
    if not capture.is_file():
        pytest.skip("needs the captures of the lab")
    given = ["--keys", str(capture.with_suffix(".tls-keylog.txt")), "--topology", str(SAMPLES / "lab.topology.yaml")]
    result = CliRunner().invoke(app, ["show", str(capture), "call-1", *given, "--quiet"])
    said = " ".join(result.stdout.split())
    assert "ue1 > pcscf-1 > scscf (access > core, into the trust domain): P-Asserted-Identity changed: " in said
    assert ", frames 18, 20" in said
    assert "chair" not in said
