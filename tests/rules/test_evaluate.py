"""More evidence settles an open verdict and never turns one verdict into another."""

import itertools
from dataclasses import fields, replace

from analyzer.core.severity import Verdict
from analyzer.core.unknown import Unknown
from analyzer.rules.bundled import bundled_rules_dir
from analyzer.rules.evaluate import InlineTest
from analyzer.rules.load import load_rules
from analyzer.rules.tooling import build_entity
from analyzer.session.model import ENTITIES


def test_verdicts_are_monotone() -> None:
    rules, _ = load_rules([bundled_rules_dir()])
    checked = 0
    for rule in rules.rules:
        for test in (test for test in rule.tests if isinstance(test, InlineTest)):
            entity = build_entity(ENTITIES[rule.kind], test.given)
            known = [f.name for f in fields(entity) if not isinstance(getattr(entity, f.name), Unknown)]
            full = rule.judge(entity).verdict
            for hidden in itertools.chain(itertools.combinations(known, 1), itertools.combinations(known, 2)):
                less = rule.judge(replace(entity, **dict.fromkeys(hidden, Unknown()))).verdict
                assert less in (Verdict.OPEN, full), (rule.id, test.name, hidden)
                checked += 1
    assert checked > 100
