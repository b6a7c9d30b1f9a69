"""What the judge keeps: every occurrence is counted, whether its place is told apart or not."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analyzer.app.live import line
from analyzer.core.limits import Limits
from analyzer.core.severity import Verdict
from tests.bench.generate import generate
from tests.golden.runs import rules, run, setup, tree
from tests.pipeline.sip_text import dialog, request
from tests.pipeline.wire import Wire, at

CALLS = 6


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls that are alike but for their addresses, and no topology: most rules stay open for each of them."""
    path = tmp_path_factory.mktemp("calls") / "calls.pcap"
    generate(path, CALLS, packets=20)
    return path


def _findings(capture: Path, open_places: int, verdict: str) -> list[dict[str, Any]]:
    report = run(capture, setup(limits=replace(Limits(), open_places=open_places)))
    assert report is not None
    return [finding for finding in tree(report)["findings"] if finding["verdict"] == verdict]


def _occurrences(findings: list[dict[str, Any]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for finding in findings:
        counts[finding["rule"]] += finding["occurrences"]
    return counts


def test_further_open_places_of_a_rule_are_one_finding(capture: Path) -> None:
    apart, bounded = _findings(capture, CALLS, "open"), _findings(capture, 2, "open")
    assert _occurrences(bounded) == _occurrences(apart)
    told = [finding for finding in bounded if finding["where"]]
    assert all(finding in apart for finding in told)
    places, told_places = (Counter(finding["rule"] for finding in found) for found in (apart, told))
    assert told_places == Counter({rule: min(count, 2) for rule, count in places.items()})
    further = [finding for finding in bounded if not finding["where"]]
    assert sorted(finding["rule"] for finding in further) == sorted(rule for rule, count in places.items() if count > 2)
    assert len({finding["id"] for finding in bounded}) == len(bounded)
    assert all(finding["needs"] and finding["evidence"] for finding in further)


def test_what_is_open_is_asked_in_the_report_and_live() -> None:
    """docs/rules-writing.md: what an open verdict says is never what a failure says. One REGISTER, never answered."""
    wire = Wire()
    head = dialog("r", 1, "REGISTER", via=["10.1.0.2"], caller="<sip:a@b>;tag=a", called="<sip:a@b>")
    listed = "Security-Client: sdes-srtp;mediasec"
    wire.udp(at("10.1.0.2", 5060), at("10.1.0.1", 5060), request("REGISTER", "sip:b", [*head, listed]))
    engine = wire.run(rules=rules())
    opened = [found for found in engine.judge.findings if found.verdict is Verdict.OPEN]
    assert opened
    for found in opened:
        assert found.message.startswith("not known whether "), found.rule.id
        told = line(found, engine, 0)
        assert told.startswith(f"00:00:00 open {found.rule.id} {found.rule.severity.label} not known whether ")


def test_what_fails_is_told_place_by_place(capture: Path) -> None:
    found = _findings(capture, 2, "fail")
    assert found == _findings(capture, CALLS, "fail")
    assert Counter(finding["rule"] for finding in found)["SIG-18"] == CALLS  # a=crypto in clear SIP, per element pair
