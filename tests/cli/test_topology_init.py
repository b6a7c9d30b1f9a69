"""`mediasec topology init` prints a draft that loads (tests/session/test_drafting.py holds drafts against the lab)."""

import pytest

from analyzer.cli.main import run
from analyzer.session.topology import load
from tests.conftest import ROOT


@pytest.mark.parametrize("name", ["bfcp-udp", "mid-call-wrapped"])
def test_a_draft_is_printed(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["mediasec", "topology", "init", str(ROOT / "samples" / f"{name}.pcapng")])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code in (0, None)
    topology, problems = load(capsys.readouterr().out.encode(), "draft.yaml")
    assert problems == []
    assert {node.role for node in topology.nodes} >= {"ue", "conference-server"}
