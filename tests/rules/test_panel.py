"""Rules of a kind judged together give what each gives alone, in the same words and with the same needs."""

import itertools
from collections import Counter
from dataclasses import fields, is_dataclass, replace
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
from analyzer.session.model.signalling import Mediasec

SETTLED = (Verdict.PASS, Verdict.NOT_APPLICABLE)


def _entities(rules: tuple[Rule, ...]) -> list[Any]:
    """The entities of the rules' own tests, and each with any one field unknown for a reason of its own. Of the first
    test of a rule also with one unknown in an entity in it."""
    found = []
    for rule in rules:
        wholes = [build_entity(ENTITIES[rule.kind], test.given) for test in rule.tests if isinstance(test, InlineTest)]
        for number, whole in enumerate(wholes):
            lacking = [
                replace(whole, **{field.name: Unknown.of("key", f"{field.name} of {rule.id}, {number}")})
                for field in fields(whole)
            ]
            found += [whole, *lacking]
        found += [inner for whole in wholes[:1] for inner in _lacking_inside(whole, rule.id)]
    return found


def _lacking_inside(whole: Any, why: str) -> list[Any]:
    """An entity with each field of an entity in it unknown."""
    return [
        replace(whole, **{field.name: replace(held, **{each.name: Unknown.of("key", f"{each.name} in {why}")})})
        for field in fields(whole)
        if is_dataclass(held := getattr(whole, field.name)) and not isinstance(held, Unknown)
        for each in fields(held)
    ]


@lru_cache(maxsize=1)
def _alone() -> dict[str, list[tuple[Any, dict[str, Outcome]]]]:
    """By kind: each entity, and what each rule says of it by itself."""
    rules, _ = load_rules([bundled_rules_dir()])
    return {
        kind: [(entity, {rule.id: rule.judge(entity) for rule in of_kind}) for entity in _entities(of_kind)]
        for kind, of_kind in rules.by_kind.items()
    }


def test_what_would_settle_an_unknown_costs_no_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many UEs there are whose registration was not seen, their media are judged once."""
    of_kind = load_rules([bundled_rules_dir()])[0].by_kind["media_description"]
    decided = Counter[str]()
    decide = Rule.decide

    def counted(rule: Rule, *about: Any) -> Any:
        decided[rule.id] += 1
        return decide(rule, *about)

    monkeypatch.setattr(Rule, "decide", counted)
    panel = Panel(of_kind)
    whole = build_entity(ENTITIES["media_description"], {"e2ae": "requested", "role": "offer", "from_ue": True})
    for number in range(5):
        missing = Unknown.of("message", f"the registration of 10.0.0.{number}")
        entity = replace(whole, mediasec=Mediasec(missing, missing, missing))
        opened = {ruled.rule.id: needs(ruled.decision, entity) for ruled in panel.judge(entity)}
        assert opened["REG-09"] == missing.needs  # asks for nothing but what the network announced
    assert set(decided.values()) == {1}
    assert decided.keys() == {rule.id for rule in of_kind}


def test_numbers_at_and_beside_a_bound_are_told_apart() -> None:
    rules, _ = load_rules([bundled_rules_dir()])
    tried = 0
    for of_kind in rules.by_kind.values():
        panel = Panel(of_kind)
        for rule in of_kind:
            bounds = [(path.partition(".")[2], look) for path, look in rule.looks() if isinstance(look, int)]
            for test in (test for test in rule.tests if isinstance(test, InlineTest)):
                whole = build_entity(ENTITIES[rule.kind], test.given)
                for entity in [replace(whole, **{f: bound + by}) for f, bound in bounds for by in (-1, 0, 1)]:
                    found = {ruled.rule.id: ruled.decision.verdict for ruled in panel.judge(entity)}
                    verdict = rule.decide(entity).verdict
                    assert found.get(rule.id) == (None if verdict in SETTLED else verdict), (rule.id, entity)
                    tried += 1
    assert tried


def test_rules_that_are_alike_call_an_entity_the_same() -> None:
    """docs/rules-writing.md: `same_as` alone says which occurrences are one finding."""
    rules, _ = load_rules([bundled_rules_dir()])
    shared = 0
    for kind, of_kind in rules.by_kind.items():
        panel = Panel(of_kind)
        for test in (test for rule in of_kind for test in rule.tests if isinstance(test, InlineTest)):
            entity = build_entity(ENTITIES[kind], test.given)
            names: dict[int, tuple[str, ...]] = {}
            for rule, _, alike in panel.judge(entity):
                same = rule.same(entity)
                assert names.setdefault(alike, same) == same, rule.id
                shared += len(same) > 0
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
