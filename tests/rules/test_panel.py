"""Rules of a kind judged together give what each gives alone, in the same words and with the same needs."""

import itertools
from collections import Counter
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import pytest

from analyzer.core.severity import Verdict
from analyzer.core.unknown import Unknown
from analyzer.rules.bundled import bundled_rules_dir
from analyzer.rules.evaluate import InlineTest, Outcome, Rule
from analyzer.rules.load import load_rules
from analyzer.rules.panel import Panel, needs
from analyzer.rules.tooling import build_entity
from analyzer.session.model import ENTITIES

SETTLED = (Verdict.PASS, Verdict.NOT_APPLICABLE)


def _entities(rules: tuple[Rule, ...]) -> list[Any]:
    """The entities of the rules' own tests, and each with any one field unknown for a reason of its own."""
    found = []
    for rule in rules:
        for test in (test for test in rule.tests if isinstance(test, InlineTest)):
            whole = build_entity(ENTITIES[rule.kind], test.given)
            lacking = [
                replace(whole, **{field.name: Unknown.of("key", f"{field.name} of {test.name}")})
                for field in fields(whole)
            ]
            found += [whole, *lacking]
    return found


@lru_cache(maxsize=1)
def _alone() -> dict[str, list[tuple[Any, dict[str, Outcome]]]]:
    """By kind: each entity, and what each rule says of it by itself."""
    rules, _ = load_rules([bundled_rules_dir()])
    return {
        kind: [(entity, {rule.id: rule.judge(entity) for rule in of_kind}) for entity in _entities(of_kind)]
        for kind, of_kind in rules.by_kind.items()
    }


def test_rules_that_are_alike_call_an_entity_the_same() -> None:
    """docs/rules-writing.md: `same_as` alone says which occurrences are one finding."""
    rules, _ = load_rules([bundled_rules_dir()])
    shared = 0
    for kind, of_kind in rules.by_kind.items():
        panel = Panel(of_kind)
        for entity, _ in _alone()[kind]:
            names: dict[int, tuple[str, ...]] = {}
            for rule, _, alike in panel.judge(entity):
                assert names.setdefault(alike, rule.same(entity)) == rule.same(entity), rule.id
                shared += len(rule.same_as) > 0
    assert shared


@pytest.mark.parametrize("remembered", [3, 1_024])
def test_a_panel_decides_what_its_rules_decide(remembered: int) -> None:
    rules, _ = load_rules([bundled_rules_dir()])
    for kind, of_kind in rules.by_kind.items():
        panel = Panel(of_kind, remembered)
        counts: Counter[tuple[str, Verdict]] = Counter()
        judged = _alone()[kind]
        for entity, alone in itertools.chain(judged, judged):
            counts.update((name, outcome.verdict) for name, outcome in alone.items())
            together = {ruled.rule.id: ruled.decision for ruled in panel.judge(entity)}
            assert together.keys() == {name for name, out in alone.items() if out.verdict not in SETTLED}, kind
            for name, decision in together.items():
                assert (decision.verdict, decision.reason) == (alone[name].verdict, alone[name].reason)
                assert needs(decision, entity) == alone[name].needs
        for name, tally in panel.tallies().items():
            noted = {rule.id for rule in of_kind if rule.note} & {name}
            found = tally.counts | ({Verdict.FAIL: tally.notes} if noted else {})
            assert found == {verdict: counts[name, verdict] for verdict in Verdict}
