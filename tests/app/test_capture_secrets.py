"""Keys that a pcapng brings along (Decryption Secrets Block, pcapng 4.7) open what a key file would."""

import os
import subprocess
from pathlib import Path

import pytest

from analyzer.app.live import LiveSettings, watch
from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from tests.conftest import SAMPLES

CAPTURE, KEYS = SAMPLES / "e2ae-all.pcapng", SAMPLES / "e2ae-all.tls-keylog.txt"


@pytest.fixture
def with_secrets(tmp_path: Path) -> Path:
    path = tmp_path / "dsb.pcapng"
    subprocess.run(["editcap", "--inject-secrets", f"tls,{KEYS}", CAPTURE, path], check=True)
    return path


@pytest.mark.tshark  # editcap comes with it
def test_offline_and_as_a_stream(with_secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = ("signalling",)
    by_file = analyze(Settings((str(CAPTURE),), (KEYS,), rules=pack), Silent()).report
    inside = analyze(Settings((str(with_secrets),), rules=pack), Silent()).report
    monkeypatch.setattr("analyzer.app.live.standard_input", lambda: with_secrets.open("rb", buffering=0))
    stream = watch(Settings(rules=pack), LiveSettings(("-",)), Silent(), lambda *_: None).report
    assert by_file is not None and inside is not None and stream is not None
    assert by_file.tls and all(connection.decrypted for connection in by_file.tls)
    for report in (inside, stream):
        assert [t.decrypted for t in report.tls] == [t.decrypted for t in by_file.tls]
        assert report.sip == by_file.sip
        assert report.summary.verdicts == by_file.summary.verdicts


def test_a_stream_that_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    monkeypatch.setattr("analyzer.app.live.standard_input", lambda: os.fdopen(reading, "rb", buffering=0))
    run = watch(Settings(rules=("signalling",)), LiveSettings(("-",)), Silent(), lambda *_: None)
    assert run.report is None
    assert run.problems == ["-: is empty"]
