"""Rules at work: every entity judged, verdicts counted, findings gathered by what they are about.

One defect is one finding, however often it occurs: occurrences share an id (the rule and its `same_as` values), the
first gives the message, later ones add evidence up to a bound.
"""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TypeVar

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.severity import Verdict
from analyzer.core.unknown import Need
from analyzer.pipeline.ledger import Ledger
from analyzer.rules.evaluate import RULE_ERROR, Outcome, Rule, RuleSet
from analyzer.session.model import ENTITIES, field_name

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
_SETTLED = (Verdict.PASS, Verdict.NOT_APPLICABLE)
_REMEMBERED = 4_096  # combinations of field values a rule's verdict is remembered for


class _Settled:
    """A rule with the verdicts it reached by the values it read: equal values, equal verdict.

    Only verdicts that leave nothing but a count are remembered.
    """

    __slots__ = ("known", "read", "rule", "tally")

    def __init__(self, rule: Rule, tally: Tally) -> None:
        self.rule = rule
        self.tally = tally
        self.known: dict[object, Verdict] = {}
        names = {field_name(field): field.name for field in dataclasses.fields(ENTITIES[rule.kind])}
        read = dict.fromkeys(names[path.split(".")[1]] for path in rule.reads())
        self.read: Callable[[object], object] = attrgetter(*read) if read else lambda _entity: None

    def remember(self, key: object, verdict: Verdict) -> None:
        """Keeps a verdict, within the bound."""
        if len(self.known) < _REMEMBERED:
            self.known[key] = verdict


class Judge:
    """Applies a rule set. Findings beyond `Limits.findings` are counted, not kept."""

    def __init__(self, rules: RuleSet, limits: Limits, ledger: Ledger) -> None:
        self._limits = limits
        self._ledger = ledger
        self.tallies: dict[str, Tally] = {rule.id: Tally() for rule in rules.rules}
        self._by_kind = {
            kind: tuple(_Settled(rule, self.tallies[rule.id]) for rule in of_kind)
            for kind, of_kind in rules.by_kind.items()
        }
        self.findings: OrderedDict[tuple[str, str], Gathered] = OrderedDict()
        self.notes: OrderedDict[str, Gathered] = OrderedDict()
        self.dropped = 0
        self.fresh: list[Gathered] = []  # not yet handed to a live view

    def note(self, anomalies: Iterable[Anomaly]) -> None:
        """Anomalies that only show when a call is judged."""
        self._ledger.extend(anomalies)

    def judge(self, kind: str, entity: object, where: dict[str, str]) -> None:
        """Judges one entity by every rule of its kind."""
        for settled in self._by_kind.get(kind, ()):
            rule = settled.rule
            key = settled.read(entity)
            known = settled.known.get(key)
            if known is not None:
                settled.tally.counts[known] += 1
                continue
            outcome = rule.judge(entity)
            if not outcome.reason and outcome.verdict in _SETTLED:
                settled.remember(key, outcome.verdict)
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
