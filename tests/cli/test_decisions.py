"""A baseline of a run knows all of that run; an accepted finding does not fail it."""

from pathlib import Path

import pytest

from analyzer.cli.main import run
from tests.conftest import SAMPLES

E2AE = [str(SAMPLES / "e2ae-all.pcapng"), "--keys", str(SAMPLES / "e2ae-all.tls-keylog.txt"), "--topology",
        str(SAMPLES / "lab.topology.yaml"), "-q", "--fail-on", "medium"]  # fmt: skip


def _code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["mediasec", *arguments])
    with pytest.raises(SystemExit) as ended:
        run()
    return int(ended.value.code or 0)


def test_a_baseline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved, known = tmp_path / "report.json", tmp_path / "known.json"
    assert _code(monkeypatch, "analyze", *E2AE, "--format", f"json={saved}") == 1
    assert _code(monkeypatch, "baseline", "write", str(saved), "-o", str(known)) == 0
    assert _code(monkeypatch, "analyze", *E2AE, "--baseline", str(known)) == 1
    assert "[known]" in capsys.readouterr().out
    assert _code(monkeypatch, "analyze", *E2AE, "--baseline", str(known), "--new-only") == 0
    assert "that the baseline knows are left out" in capsys.readouterr().out


def test_mistakes_end_the_command_before_the_capture_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _code(monkeypatch, "analyze", "no-such.pcap", "--new-only") == 2
    assert capsys.readouterr().err == "mediasec: --new-only: give the known findings with --baseline\n"
    assert _code(monkeypatch, "baseline", "write", str(tmp_path / "none.json"), "-o", str(tmp_path / "known.json")) == 3
    assert not (tmp_path / "known.json").exists()
