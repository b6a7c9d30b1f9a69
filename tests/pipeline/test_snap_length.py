"""Frames captured in part: said, counted, and held against nobody on the wire."""

import re
import subprocess
from io import BytesIO
from pathlib import Path

import pytest

from analyzer.core.limits import Limits
from analyzer.export.options import ExportOptions
from analyzer.export.registry import EXPORTERS
from analyzer.protocols.sip.message import Message
from analyzer.protocols.sip.parser import recognise
from tests.factories import capture, report
from tests.pipeline.sdp import invite_ok
from tests.pipeline.wire import Wire, anomalies, at, message, rows, rtp

A, B = at("10.0.0.1", 5060), at("192.0.2.1", 5060)
MEDIA_A, MEDIA_B = at("10.0.0.1", 4000), at("192.0.2.1", 6000)


def call(snap: int) -> Wire:
    wire = Wire(snap=snap)
    invite_ok(wire, A, B, MEDIA_A, MEDIA_B)
    for number in range(10):
        wire.udp(MEDIA_A, MEDIA_B, rtp(number))
    return wire


@pytest.mark.parametrize("snap", [68, 96, 200, 300, 330])
@pytest.mark.tshark
def test_what_was_cut_is_counted_and_nobody_on_the_wire_is_blamed(snap: int, tmp_path: Path) -> None:
    """tshark tells how many frames are longer than what was captured of them."""
    wire = call(snap)
    path = tmp_path / "cut.pcap"
    path.write_bytes(wire.pcap())
    command = ["tshark", "-r", str(path), "-Y", "frame.cap_len < frame.len", "-T", "fields", "-e", "frame.number"]
    cut = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    engine = wire.run()
    assert engine.cut_frames.counts[0] == len(cut) > 0
    assert set(anomalies(engine)) <= {"capture.frame_cut", "sip.cut"}
    assert anomalies(engine)["capture.frame_cut"] == len(cut)
    assert {entry.kind.origin for entry in engine.ledger.entries()} == {"capture"}
    (entry,) = (entry for entry in engine.ledger.entries() if entry.kind.code == "capture.frame_cut")
    assert [str(cite.frame) for cite in entry.cites] == cut[:20]
    assert engine.signalling.counts.malformed == 0


def test_whole_frames_are_not_counted() -> None:
    engine = call(262_144).run()
    assert engine.cut_frames.counts.total() == 0
    assert anomalies(engine) == {}


def test_the_number_is_that_of_all_batches_and_the_cites_are_bounded() -> None:
    wire = Wire(snap=40)
    for number in range(100):
        wire.udp(MEDIA_A, MEDIA_B, rtp(number))
    for size in (1, 7, 1_000):
        engine = wire.run(rows=size, limits=Limits(cites_per_anomaly=5))
        (entry,) = engine.ledger.entries()
        assert (entry.count, len(entry.cites)) == (100, 5)


@pytest.mark.parametrize("left", range(60, 440, 7))
def test_a_message_cut_anywhere_has_only_whole_lines_and_no_faults(left: int) -> None:
    whole = message("INVITE", "call", b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nt=0 0\r\n" * 4)
    assert left < len(whole)
    (found,) = recognise(whole[:left], (), Limits(), len(whole) - left) or ()
    (full,) = recognise(whole, (), Limits()) or ()
    assert isinstance(found, Message)
    assert isinstance(full, Message)
    assert found.headers == full.headers[: len(found.headers)]
    assert (found.cut, found.complete, [a.kind.code for a in found.anomalies]) == (True, False, ["sip.cut"])


def test_faults_of_what_was_captured_are_still_the_senders() -> None:
    whole = message("INVITE", "call").replace(b"Max-Forwards: 70", b"Max-Forwards: 700")
    (found,) = recognise(whole[:200], (), Limits(), len(whole) - 200) or ()
    assert isinstance(found, Message)
    assert {a.kind.code for a in found.anomalies} == {"sip.max_forwards", "sip.cut"}


def test_a_whole_message_before_octets_that_were_not_captured_is_whole() -> None:
    """RFC 3261 18.3: what is behind the body that Content-Length ends is discarded."""
    (found,) = recognise(message("OPTIONS", "call"), (), Limits(), 9) or ()
    assert isinstance(found, Message)
    assert (found.cut, found.complete, [a.kind.code for a in found.anomalies]) == (False, True, ["sip.body_trailing"])


def test_a_call_whose_answer_was_cut_is_not_said_to_be_unanswered() -> None:
    (row,) = rows(call(96).run().closer.calls)
    assert row["outcome"] == "unknown"


def test_the_table_and_the_report_say_how_many() -> None:
    made = report(captures=(capture(cut=970),))
    out = BytesIO()
    EXPORTERS["table"](made, out, ExportOptions())
    shown = out.getvalue().decode()
    assert re.search(r"FRAMES +CUT +DROPPED", shown, re.IGNORECASE)
    assert "970" in shown
