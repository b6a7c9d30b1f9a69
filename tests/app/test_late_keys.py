"""Keys that come after the packets they open: the captures are read twice, once at most, and nothing is late then."""

import base64
import io
import struct
import sys
from pathlib import Path

import pytest
from pylibsrtp import Policy, Session

from analyzer.app import offline
from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.capture import reader
from analyzer.report.model import Report
from tests.pipeline.sdp import audio
from tests.pipeline.wire import Wire, at, message, rtp

ALICE, BOB, A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060), at("192.0.2.1", 4000), at("192.0.2.2", 5000)
KEYS = bytes(range(30)), bytes(range(100, 130))
COUNT = 600


class Heard(Silent):
    """Remembers what was remarked."""

    def __init__(self) -> None:
        self.remarks: list[str] = []

    def remark(self, text: str) -> None:
        """See Observer."""
        self.remarks.append(text)


def capture(*, offer_first: bool = True, answer_last: bool = True) -> bytes:
    """A call whose media is there before its answer: six hundred packets, and 256 are kept."""
    wire = Wire()
    lines = [f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(key).decode()}\r\n" for key in KEYS]
    invite = message("INVITE", "call", audio(A, "RTP/SAVP", lines[0]))
    answer = message("INVITE", "call", audio(B, "RTP/SAVP", lines[1]), status=200)
    if offer_first:
        wire.udp(ALICE, BOB, invite)
    if not answer_last:
        wire.udp(BOB, ALICE, answer)
    policy = Policy(KEYS[1], Policy.SSRC_ANY_OUTBOUND, srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80)
    sender = Session(policy)
    for number in range(1, COUNT + 1):
        wire.udp(B, A, sender.protect(rtp(number)))
    if not offer_first:
        wire.udp(ALICE, BOB, invite)
    if answer_last:
        wire.udp(BOB, ALICE, answer)
    wire.udp(ALICE, BOB, message("ACK", "call"))
    return wire.pcap()


def stream(report: Report | None) -> tuple[object, ...]:
    assert report is not None
    (row,) = report.streams
    return row.authenticated, row.auth_failed, row.failure


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The engines that were made."""
    made: list[object] = []
    original = offline.Engine

    def counted(*args: object) -> object:
        made.append(args)
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(offline, "Engine", counted)
    return made


@pytest.mark.parametrize("offer_first", [True, False])
def test_a_second_pass_opens_what_came_before_its_key(tmp_path: Path, passes: list[object], offer_first: bool) -> None:
    path = tmp_path / "late.pcap"
    path.write_bytes(capture(offer_first=offer_first))
    observer = Heard()
    run = analyze(Settings(captures=(str(path),)), observer)
    assert stream(run.report) == (COUNT, 0, None)
    assert len(passes) == 2
    assert observer.remarks == ["keys came after the packets that they open: the captures are read a second time"]
    assert run.facts.captures_given == 1


def test_one_pass_is_enough_where_nothing_is_late(tmp_path: Path, passes: list[object]) -> None:
    path = tmp_path / "early.pcap"
    path.write_bytes(capture(answer_last=False))
    assert stream(analyze(Settings(captures=(str(path),)), Silent()).report) == (COUNT, 0, None)
    assert len(passes) == 1


def test_the_report_is_that_of_a_call_whose_keys_were_early(tmp_path: Path) -> None:
    """But for frame numbers."""
    states = []
    for name in ("late", "early"):
        path = tmp_path / f"{name}.pcap"
        path.write_bytes(capture(answer_last=name == "late"))
        report = analyze(Settings(captures=(str(path),)), Silent()).report
        assert report is not None
        states.append([(hop.state, hop.evidence, hop.packets) for hop in report.hops if hop.plane == "media"])
    assert states[0] == states[1]
    assert states[0][0][:2] == ("srtp_sdes", "keyed_verified")


def test_standard_input_is_read_twice_too(monkeypatch: pytest.MonkeyPatch, passes: list[object]) -> None:
    class Piped:
        buffer = io.BytesIO(capture())

    monkeypatch.setattr(sys, "stdin", Piped)
    assert stream(analyze(Settings(captures=("-",)), Silent()).report) == (COUNT, 0, None)
    assert len(passes) == 2


def test_secrets_at_the_end_of_a_capture_open_what_came_before(
    shared: Path, tmp_path: Path, passes: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """pcapng 4.7: a secrets block may stand anywhere. FACTS.txt: four streams, each packet authenticated."""
    monkeypatch.setattr(reader, "_BLOCK", 65_536)  # so that the capture is not one batch
    log = (shared / "lab" / "e2ae-sdes.tls-keylog.txt").read_bytes()
    padded = log + bytes(-len(log) % 4)
    size = 20 + len(padded)
    block = struct.pack("<IIII", 0x0000000A, size, 0x544C534B, len(log)) + padded + struct.pack("<I", size)
    path = tmp_path / "secrets-last.pcapng"
    path.write_bytes((shared / "lab" / "e2ae-sdes.pcapng").read_bytes() + block)
    report = analyze(Settings(captures=(str(path),)), Silent()).report
    assert report is not None
    assert len(passes) == 2
    verified = [row for row in report.streams if row.authenticated]
    assert len(verified) == 4
    assert all(row.authenticated == row.packets for row in verified)
    assert [key.kind for key in report.keys].count("tls-keylog") == 1
