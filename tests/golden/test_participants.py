"""Who takes part in a call: identities that the network asserted, not what a UE asserts of itself."""

from pathlib import Path

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.export.options import ExportOptions
from analyzer.export.table import render
from analyzer.export.tables import calls_table
from analyzer.report.model import Call
from tests.conftest import SAMPLES
from tests.pipeline.sip_text import dialog, request, response
from tests.pipeline.wire import Wire, at

ALICE, BOB = at("192.0.2.1", 5060), at("192.0.2.2", 5060)


def test_a_forged_assertion_makes_no_participant() -> None:
    """pai-spoof-removed: both UEs send PAI sip:chair@ims.example, which the P-CSCF replaces (FACTS.txt)."""
    keys = (SAMPLES / "pai-spoof-removed.tls-keylog.txt",)
    capture = (str(SAMPLES / "pai-spoof-removed.pcapng"),)
    report = analyze(Settings(captures=capture, keys=keys, reveal_identities=True), Silent()).report
    assert report is not None
    assert [set(call.participants) for call in report.calls] == [
        {"sip:ue1@ims.example", "sip:conf@ims.example"},
        {"sip:ue2@ims.example", "sip:conf@ims.example"},
    ]


def _calls(tmp_path: Path, *asserted: str) -> tuple[Call, ...]:
    """An INVITE of Alice to the sales, with P-Asserted-Identity or without, answered by Bob."""
    wire = Wire()
    parties = {"caller": '"Al" <sip:alice@a.example;x=1>;tag=a', "called": "sip:sales@b.example"}
    head = dialog("c", 1, "INVITE", via=["192.0.2.1"], **parties)
    pai = [f"P-Asserted-Identity: <{uri}>" for uri in asserted]
    wire.udp(ALICE, BOB, request("INVITE", "sip:sales@b.example", [*head, *pai]))
    wire.udp(BOB, ALICE, response(200, head))
    capture = tmp_path / "call.pcap"
    capture.write_bytes(wire.pcap())
    report = analyze(Settings(captures=(str(capture),), reveal_identities=True), Silent()).report
    assert report is not None
    return tuple(report.calls)


def test_who_from_and_to_name_is_told_apart_from_who_is_asserted(tmp_path: Path) -> None:
    """RFC 3261 20.20, 20.39: From and To are what the caller writes; RFC 3325: the network vouches elsewhere."""
    (call,) = _calls(tmp_path)
    assert call.participants == ()
    assert (call.claimed_from, call.claimed_to) == ("sip:alice@a.example;x=1", "sip:sales@b.example")
    shown = render(iter([calls_table([call])]), ExportOptions(width=120))
    assert "sip:alice@a.example;x=1 (From, unverified)" in shown
    assert "sip:sales@b.example (To, unverified)" in shown


def test_who_is_asserted_is_not_called_unverified(tmp_path: Path) -> None:
    (call,) = _calls(tmp_path, "sip:alice@a.example;x=1")
    shown = " ".join(render(iter([calls_table([call])]), ExportOptions(width=120)).split())
    assert "call-1 sip:alice@a.example;x=1 answered" in shown
    assert "From, unverified" not in shown
