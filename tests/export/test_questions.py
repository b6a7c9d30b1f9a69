"""The section of open verdicts: a paragraph a rule, and what to do about each kind of missing evidence."""

import dataclasses
from typing import get_args

import pytest

from analyzer.export.options import ExportOptions
from analyzer.export.questions import open_verdicts
from analyzer.export.table import render
from analyzer.report.codec import ReportError, from_json, to_json
from analyzer.report.evidence import Need
from analyzer.report.model import Finding
from analyzer.report.words import NeedWord
from tests import factories


def _shown(*findings: Finding) -> list[str]:
    report = factories.report(findings=findings)
    return render(open_verdicts(report), ExportOptions(width=200)).strip().split("\n")


def test_a_paragraph_a_rule() -> None:
    """Places of one rule are added up; each kind of evidence is named once, the first four of it."""
    zones = [factories.open_finding(id=str(n), needs=(Need("topology", f"the zone of {n}"),)) for n in range(6)]
    both = factories.open_finding(
        id="6", needs=(Need("key", "the key"), Need("topology", "the zone of 0")), occurrences=3
    )
    other = dataclasses.replace(both, rule="Z-1", title="Other", id="7", occurrences=1)
    rule, title = both.rule, both.title
    assert _shown(*zones, both, other) == [
        "Open: 10 verdicts of 2 rules",
        f"  OPEN {rule}  {title} (9 times)",
        "    key: the key",
        "    topology: the zone of 0, the zone of 1, the zone of 2, the zone of 3 and 2 more",
        "  OPEN Z-1  Other (1 time)",
        "    key: the key",
        "    topology: the zone of 0",
        "What would settle it:",
        "  topology (10 verdicts): say it in the topology file (mediasec topology init CAPTURE drafts one)",
        "  key (4 verdicts): give the key (--keys; mediasec keys check CAPTURE lists what is closed)",
    ]


@pytest.mark.parametrize("kind", get_args(NeedWord))
def test_every_kind_of_evidence_has_advice(kind: NeedWord) -> None:
    assert any(
        line.startswith(f"  {kind} (1 verdict): ") for line in _shown(factories.open_finding(needs=(Need(kind, "x"),)))
    )


def test_nothing_open_is_no_section() -> None:
    assert _shown(factories.finding()) == [""]


def test_a_kind_that_is_none_is_refused_before_it_gets_here() -> None:
    saved = to_json(factories.report(findings=(factories.open_finding(),)))
    with pytest.raises(ReportError):
        from_json(saved.replace(b'"kind": "key"', b'"kind": "luck"').replace(b'"kind":"key"', b'"kind":"luck"'))
