"""`--call`: the report of one call has its hops, streams and findings, and no others."""

import json
from pathlib import Path

import pytest

from analyzer.cli.main import run
from tests.conftest import SAMPLES


@pytest.mark.parametrize("named", ["call-2", None])
def test_one_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str | None) -> None:
    """By its id or by a Call-ID. Each call of the sample has two SRTP and two plain streams (FACTS: e2ae-all)."""
    out = tmp_path / "report.json"
    capture, topology = SAMPLES / "e2ae-all.pcapng", SAMPLES / "lab.topology.yaml"
    given = [str(capture), "--keys", str(capture.with_suffix(".tls-keylog.txt")), "--topology", str(topology), "-q"]

    def report(*arguments: str) -> dict[str, list[dict[str, object]]]:
        monkeypatch.setattr("sys.argv", ["mediasec", "analyze", *given, "--format", f"json={out}", *arguments])
        with pytest.raises(SystemExit):
            run()
        tree: dict[str, list[dict[str, object]]] = json.loads(out.read_bytes())
        return tree

    whole = report()
    wanted = next(call for call in whole["calls"] if call["id"] == "call-2")
    one = report("--call", named or str(wanted["call_ids"][0]))  # type: ignore[index]  # a list in the tree
    assert [call["id"] for call in one["calls"]] == ["call-2"]
    assert {hop["call"] for hop in one["hops"]} == {stream["call"] for stream in one["streams"]} == {"call-2"}
    assert (len(one["streams"]), len(whole["streams"])) == (4, 8)
    assert one["findings"]
    assert all(finding["where"]["call"] == "call-2" for finding in one["findings"])  # type: ignore[index]  # as above
