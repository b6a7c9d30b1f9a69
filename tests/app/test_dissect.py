"""`show CAPTURE FRAME --dissect`: tshark's words for a frame, with a key log, without secrets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from analyzer.app.dissect import NotAKeyLog, NoTshark, dissect
from analyzer.cli.main import run
from tests.conftest import ROOT, SAMPLES

SECRET = re.compile(r'inline:[A-Za-z0-9+/]|: "?[0-9a-f]{28,}|response="[0-9a-f]')


def _show(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"from {run.__module__} import run; run()", "show", *args, "--dissect"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.tshark
def test_a_frame_by_tshark() -> None:
    done = _show(str(SAMPLES / "plain-rtp.pcapng"), "5")
    assert done.returncode == 0, done.stderr
    assert "Method: REGISTER" in done.stdout and "Layer SIP" in done.stdout


@pytest.mark.tshark
@pytest.mark.parametrize(
    ("sample", "frame", "words"),
    [
        ("plain-rtp", 5, "Digest Authentication Response: [removed]"),  # an Authorization header, by tshark
        ("e2e-sdes-clear-sip", 19, "Master Key: [removed]"),  # a=crypto, by tshark
    ],
)
def test_no_secret_of_the_frame_is_shown(sample: str, frame: int, words: str) -> None:
    lines = dissect(str(SAMPLES / f"{sample}.pcapng"), frame)
    assert any(words in line for line in lines)
    assert [line for line in lines if SECRET.search(line)] == []


@pytest.mark.tshark
def test_with_a_key_log() -> None:
    """Frame 23 is the INVITE of ue1, in TLS (the sample's FACTS)."""
    keys = [SAMPLES / "e2ae-all.tls-keylog.txt"]
    capture = str(SAMPLES / "e2ae-all.pcapng")
    lines = dissect(capture, 23, keys)
    assert any("INVITE sip:" in line for line in lines)
    assert [line for line in lines if SECRET.search(line)] == []
    assert not any("INVITE sip:" in line for line in dissect(capture, 23))


@pytest.mark.tshark
def test_keys_that_tshark_cannot_be_told_of(tmp_path: Path) -> None:
    bundle = tmp_path / "keys.yaml"
    bundle.write_text("format: 1\nkeys: []\n")
    with pytest.raises(NotAKeyLog, match=r"keys\.yaml: --dissect takes one key log"):
        dissect(str(SAMPLES / "e2ae-all.pcapng"), 23, [bundle])
    assert _show(str(SAMPLES / "e2ae-all.pcapng"), "23", "--keys", str(tmp_path / "gone")).returncode == 2


@pytest.mark.tshark
def test_a_frame_that_is_not_there() -> None:
    assert dissect(str(SAMPLES / "plain-rtp.pcapng"), 999_999) == []


def test_without_tshark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoTshark):
        dissect(str(SAMPLES / "plain-rtp.pcapng"), 5)
