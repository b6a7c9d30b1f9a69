"""More evidence settles an open verdict and never turns one verdict into another."""

import itertools
from dataclasses import fields, replace

import pytest

from analyzer.core.severity import Verdict
from analyzer.core.unknown import Unknown
from analyzer.rules.bundled import bundled_rules_dir
from analyzer.rules.evaluate import InlineTest
from analyzer.rules.load import load_pack, load_rules
from analyzer.rules.tooling import build_entity
from analyzer.session.model import ENTITIES

PACK = """
format: 1
pack: mine
title: Mine
rules:
  - id: MINE-01
    title: Media is encrypted
    severity: high
    about: a
    why: b
    fix: c
    refs: [{doc: RFC 3711}]
    each: media_hop
    assert: hop.confidentiality == "yes"
    message: "{hop.medium} is in clear"
    same_as: [hop.from_node, hop.to_node, hop.medium]
"""
PLACED = {"medium": "audio", "from_node": "ue1", "to_node": "pcscf-1"}


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


@pytest.mark.parametrize(
    ("own", "asked"),
    [
        ("", "not known whether this holds: Media is encrypted (from ue1, to pcscf-1, medium audio)"),
        ('open: "not known whether {hop.medium} of {hop.from_node} is 100% closed"',
         "not known whether audio of ue1 is 100% closed"),
    ],
)  # fmt: skip
def test_an_open_verdict_asks_and_never_says_what_a_failure_says(own: str, asked: str) -> None:
    """architecture.md: missing evidence is its own verdict. What is missing is what a test's `given` leaves out."""
    (rule,), problems = load_pack((PACK + (f"    {own}\n" if own else "")).encode(), "mine.yaml")
    assert not problems
    outcome = rule.judge(build_entity(ENTITIES["media_hop"], PLACED))
    assert (outcome.verdict, outcome.message) == (Verdict.OPEN, f"{asked}; missing: field confidentiality")
    failed = rule.judge(build_entity(ENTITIES["media_hop"], PLACED | {"confidentiality": "no"}))
    assert (failed.verdict, failed.message) == (Verdict.FAIL, "audio is in clear")


def test_a_question_has_the_placeholders_of_a_message() -> None:
    _, problems = load_pack((PACK + '    open: "not known whether {hop.mediun}"\n').encode(), "mine.yaml")
    assert [problem.line for problem in problems] == [len(PACK.splitlines()) + 1]
    assert "did you mean 'medium'" in problems[0].message


def test_every_bundled_rule_asks_where_it_is_open() -> None:
    rules, _ = load_rules([bundled_rules_dir()])
    opened = 0
    for rule in rules.rules:
        for test in (test for test in rule.tests if isinstance(test, InlineTest) and test.expect is Verdict.OPEN):
            entity = build_entity(ENTITIES[rule.kind], test.given)
            outcome = rule.judge(entity)
            assert outcome.message.startswith("not known whether "), rule.id
            assert "; missing: " in outcome.message, rule.id
            assert rule.words(entity) not in outcome.message, rule.id
            opened += 1
    assert opened > 100
