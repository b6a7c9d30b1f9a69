"""--no-decrypt opens nothing: what SRTP is then rests on the signalling and its shape, and the report says so."""

from pathlib import Path

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent, WrongUse

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CAPTURE = str(SAMPLES / "e2e-sdes-clear-sip.pcapng")  # SDES keys readable in SIP without TLS: samples/README.md


def test_nothing_is_opened_and_the_report_says_so() -> None:
    opened = analyze(Settings((CAPTURE,)), Silent()).report
    closed = analyze(Settings((CAPTURE,), decrypt=False), Silent()).report
    assert opened is not None
    assert closed is not None
    assert sum(stream.decrypted for stream in opened.streams) > 0
    assert all(stream.decrypted == 0 and stream.key is None for stream in closed.streams)
    assert not closed.keys
    assert any("--no-decrypt" in note for note in closed.coverage.notes)
    media = [hop for hop in closed.hops if hop.plane == "media"]
    assert {hop.evidence for hop in media} <= {"negotiated_and_structural", "negotiated_only", "structural_only"}
    assert [stream.packets for stream in closed.streams] == [stream.packets for stream in opened.streams]


def test_keys_with_nothing_to_open_are_wrong_use() -> None:
    with pytest.raises(WrongUse, match="--no-decrypt"):
        analyze(Settings((CAPTURE,), keys=(SAMPLES / "e2ae-all.tls-keylog.txt",), decrypt=False), Silent())
