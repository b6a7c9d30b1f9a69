"""docs/python.md: its code runs, from top to bottom, and says what the command says."""

import ast
import contextlib
import io
import re
import subprocess
import sys
from typing import Any

import pytest

import analyzer
from analyzer.report.codec import to_json
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def said() -> list[str]:
    """What each block of the page prints."""
    found: list[str] = []
    names: dict[str, Any] = {}
    with contextlib.chdir(ROOT):
        for block in BLOCKS:
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(block, "docs/python.md", "exec"), names)
            found.append(out.getvalue())
    return found


def test_its_code_runs_and_shows_something(said: list[str]) -> None:
    assert len(said) == len(BLOCKS) >= 5
    assert all(said)


def test_it_says_what_the_golden_report_says(said: list[str]) -> None:
    """The command's own report of the same files, in tests/golden: its high findings, calls and counts."""
    golden = analyzer.read_report(ROOT / "tests" / "golden" / "reports" / "e2ae-all.keys.topology.json")
    high = [each for each in golden.findings if each.verdict == "fail" and each.severity == "high"]
    assert said[0].splitlines() == [
        f"{each.rule} {each.message} {[cite.frame for cite in each.evidence]}" for each in high
    ]
    counts = golden.summary.verdicts
    assert said[1].splitlines()[-1] == f"{counts.fail} failed, {counts.open} open"
    assert len(said[1].splitlines()) == len(golden.calls) + 1
    clear = [hop for hop in golden.hops if hop.plane == "media" and hop.state == "clear"]
    assert clear
    assert all(hop.id in said[2] for hop in clear)


def test_a_report_read_back_is_the_report_that_was_written() -> None:
    path = ROOT / "tests" / "golden" / "reports" / "e2ae-all.json"
    assert to_json(analyzer.read_report(path)) == path.read_bytes()


def test_mistakes_are_exceptions_that_name_them() -> None:
    capture = ROOT / "samples" / "plain-rtp.pcapng"
    with pytest.raises(analyzer.WrongUse) as wrong:
        analyzer.analyze(capture, topology=ROOT / "README.md", keys=[ROOT / "no-such-key"])
    assert len(wrong.value.problems) >= 2
    with pytest.raises(analyzer.CaptureProblem, match=r"no-such-file\.pcap"):
        analyzer.analyze("no-such-file.pcap")
    with pytest.raises(analyzer.CaptureProblem, match="none was given"):
        analyzer.analyze()
    with pytest.raises(analyzer.ReportError):
        analyzer.read_report(ROOT / "README.md")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = analyzer.nothing  # type: ignore[attr-defined]  # what is asked of it


def test_the_package_loads_nothing_until_it_is_used() -> None:
    """`mediasec --help` imports it: what takes time is loaded by the first use."""
    code = "import sys, analyzer; print([n for n in ('numpy', 'pandas', 'analyzer.app.offline') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ast.literal_eval(done.stdout) == []
