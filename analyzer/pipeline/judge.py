"""Rules at work: every entity judged, verdicts counted, findings gathered by what they are about.

One defect is one finding, however often it occurs: occurrences share an id (the rule and its `same_as` values), the
first gives the message, later ones add evidence up to a bound.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeVar

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.severity import Verdict
from analyzer.core.unknown import Need
from analyzer.pipeline.ledger import Ledger
from analyzer.rules.evaluate import RULE_ERROR, Outcome, Rule, RuleSet

_EVIDENCE = 20
_NEEDS = 8


@dataclass(slots=True)
class Tally:
    """How often a rule reached each verdict."""

    counts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    notes: int = 0


@dataclass(slots=True)
class Gathered:
    """One finding (or note) with all its occurrences."""

    rule: Rule
    id: str
    verdict: Verdict
    message: str
    where: dict[str, str]
    evidence: list[Cite]
    needs: list[Need]
    caveats: tuple[str, ...]
    occurrences: int = 1


Key = TypeVar("Key")


class Judge:
    """Applies a rule set. Findings beyond `Limits.findings` are counted, not kept."""

    def __init__(self, rules: RuleSet, limits: Limits, ledger: Ledger) -> None:
        self._rules = rules
        self._limits = limits
        self._ledger = ledger
        self.tallies: dict[str, Tally] = {rule.id: Tally() for rule in rules.rules}
        self.findings: OrderedDict[tuple[str, str], Gathered] = OrderedDict()
        self.notes: OrderedDict[str, Gathered] = OrderedDict()
        self.dropped = 0
        self.fresh: list[Gathered] = []  # not yet handed to a live view

    def judge(self, kind: str, entity: object, where: dict[str, str]) -> None:
        """Judges one entity by every rule of its kind."""
        for rule in self._rules.for_kind(kind):
            outcome = rule.judge(entity)
            if outcome.reason.startswith("rule_error"):
                self._ledger.add(Anomaly(RULE_ERROR, outcome.evidence, f"{rule.id}: {outcome.reason}"))
            tally = self.tallies[rule.id]
            if rule.note and outcome.verdict is Verdict.FAIL:
                tally.notes += 1
                self._gather(self.notes, outcome.finding, rule, outcome, where)
                continue
            tally.counts[outcome.verdict] += 1
            if outcome.verdict in (Verdict.FAIL, Verdict.OPEN):
                self._gather(self.findings, (outcome.finding, outcome.verdict.value), rule, outcome, where)

    def _gather(
        self, store: OrderedDict[Key, Gathered], key: Key, rule: Rule, outcome: Outcome, where: dict[str, str]
    ) -> None:
        known = store.get(key)
        if known is None:
            if len(store) >= self._limits.findings:
                self.dropped += 1
                return
            known = Gathered(
                rule, outcome.finding, outcome.verdict, outcome.message, where,
                list(outcome.evidence[:_EVIDENCE]), list(outcome.needs[:_NEEDS]), rule.caveats,
            )  # fmt: skip
            store[key] = known
            self.fresh.append(known)
            return
        known.occurrences += 1
        for cite in outcome.evidence:
            if len(known.evidence) < _EVIDENCE and cite not in known.evidence:
                known.evidence.append(cite)
        for need in outcome.needs:
            if len(known.needs) < _NEEDS and need not in known.needs:
                known.needs.append(need)

    def take_fresh(self) -> list[Gathered]:
        """Findings decided since the last call, for a live view."""
        fresh, self.fresh = self.fresh, []
        return fresh
