"""The samples say what samples/README.md says of them; its text comes from the lab's own record of what was run."""

import re
from pathlib import Path

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.report.exit_codes import exit_code
from tests.conftest import ROOT

SAMPLES = ROOT / "samples"
_ROW = re.compile(r"^\| ([a-z0-9-]+) \| (yes|no) \| (\d+) \| ([A-Z0-9., a-z-]+) \| (\d+) \|$", re.MULTILINE)
ROWS = _ROW.findall((SAMPLES / "README.md").read_text("utf-8"))


def test_every_sample_has_a_row() -> None:
    assert sorted(row[0] for row in ROWS) == sorted(
        path.stem for path in SAMPLES.glob("*.pcapng") if not path.with_suffix(".truth.yaml").exists()
    )


@pytest.mark.parametrize(("name", "keys", "calls", "failed", "code"), ROWS)
def test_a_sample_is_what_its_row_says(name: str, keys: str, calls: str, failed: str, code: str) -> None:
    key_log = SAMPLES / f"{name}.tls-keylog.txt"
    assert key_log.is_file() == (keys == "yes")
    settings = Settings(
        captures=(str(SAMPLES / f"{name}.pcapng"),),
        keys=(key_log,) if keys == "yes" else (),
        topology=SAMPLES / "lab.topology.yaml",
    )
    outcome = analyze(settings, Silent())
    assert outcome.report is not None
    found = {finding.rule for finding in outcome.report.findings if finding.verdict == "fail"}
    assert found == (set() if failed == "none" else set(failed.split(", ")))
    assert outcome.report.summary.calls == int(calls)
    assert exit_code(outcome.report, outcome.facts) == int(code)


def test_the_samples_stay_small() -> None:
    assert sum(path.stat().st_size for path in Path(SAMPLES).iterdir()) < 12_000_000
