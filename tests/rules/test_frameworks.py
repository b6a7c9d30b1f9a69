"""Frameworks: every statement has rules or says why it has none, and stands in the report (TS 33.328 Annex G.2)."""

import re
from pathlib import Path

import pytest

from analyzer.app.prepare import prepare
from analyzer.app.settings import Settings, Silent
from analyzer.rules.bundled import bundled_rules_dir
from analyzer.rules.frameworks import load_framework, load_frameworks
from analyzer.rules.load import load_rules

HEAD = b"format: 1\nframework: f\ntitle: t\ndocument: d\nrequirements:\n"


def test_bundled_frameworks_name_rules_that_are_there() -> None:
    frameworks, problems = load_frameworks(bundled_rules_dir())
    rules, _ = load_rules([bundled_rules_dir()])
    assert not problems
    known = {rule.id for rule in rules.rules}
    named = [(each.id, rule) for framework in frameworks for each in framework.requirements for rule in each.rules]
    assert [(requirement, rule) for requirement, rule in named if rule not in known] == []


def test_every_statement_of_annex_g_has_its_row() -> None:
    frameworks, _ = load_frameworks(bundled_rules_dir())
    named = {each.id for framework in frameworks for each in framework.requirements}
    assert named >= {f"G-{number:02}" for number in range(1, 23)} | {f"NO-{number:02}" for number in range(1, 17)}


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{id: a, says: s}", "a requirement has rules, or says why"),
        ("{id: a, rules: [r]}", "key 'says' is missing"),
        ("{id: a, says: s, rule: [r]}", "unknown key 'rule'; did you mean 'rules'?"),
        ("{id: a, says: s, rules: r}", "expected a list"),
        ("{id: a, says: s, reference: [r]}", "expected text"),
    ],
)
def test_a_mistake_is_named_with_its_place(entry: str, problem: str) -> None:
    _, problems = load_framework(HEAD + f"  - {entry}\n".encode(), "f.yaml")
    assert any(problem in each.message for each in problems)
    assert all(re.match(r"f\.yaml:6:\d+: ", str(each)) for each in problems)


def test_a_statement_stands_once() -> None:
    entry = b"  - {id: a, says: s, reference: r}\n"
    _, problems = load_framework(HEAD + entry + entry, "f.yaml")
    assert [problem.message for problem in problems] == ["duplicate requirement 'a'"]


def test_any_run_is_prepared_with_them(tmp_path: Path) -> None:
    setup = prepare(Settings(captures=(str(tmp_path),)), Silent())
    assert [framework.name for framework in setup.frameworks][:1] == ["annex-g"]
