"""The rules of one kind of entity at work together, so that equal entities cost one look-up.

A decision depends only on the values that its rule reads, and on an unknown one only by its being unknown. So what
was decided is remembered by those values, no finer than the rules look at them; what would settle a remembered open
verdict is read off the entity at hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

from analyzer.core.severity import Verdict
from analyzer.core.unknown import Need
from analyzer.rules.evaluate import Decision, Rule
from analyzer.rules.reading import Mark, Reading
from analyzer.session.model import ENTITIES

REMEMBERED = 1_024  # combinations of values, for a kind of entity and for each rule
_SETTLED = (Verdict.PASS, Verdict.NOT_APPLICABLE)


class Ruled(NamedTuple):
    """A decision that leaves more than a count: failed or open. `alike` numbers the rule's `same_as` among those of its
    panel: rules with one number call an entity the same."""

    rule: Rule
    decision: Decision
    alike: int


@dataclass(slots=True)
class Tally:
    """How often a rule reached each verdict; `notes` are the failures of a rule that only notes."""

    counts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    notes: int = 0

    def add(self, rule: Rule, verdict: Verdict, times: int) -> None:
        """Counts a verdict."""
        if rule.note and verdict is Verdict.FAIL:
            self.notes += times
        else:
            self.counts[verdict] += times


@dataclass(slots=True)
class _Judged:
    """What all rules decided for one combination of values, and how often it came."""

    decisions: tuple[Decision, ...]
    rest: tuple[Ruled, ...]
    times: int = 0


class Panel:
    """Every rule of one kind."""

    def __init__(self, rules: tuple[Rule, ...], remembered: int = REMEMBERED) -> None:
        self._rules = rules
        self._bound = remembered
        self._reading = Reading(ENTITIES[rules[0].kind], rules)
        same_as = [tuple([path.source for path in rule.same_as]) for rule in rules]
        self._alike = tuple([same_as.index(each) for each in same_as])
        self._by_rule: tuple[dict[tuple[Any, ...], Decision], ...] = tuple({} for _ in rules)
        self._known: dict[tuple[Any, ...], _Judged] = {}
        self._tallies = tuple(Tally() for _ in rules)

    def judge(self, entity: Any) -> Sequence[Ruled]:
        """Judges an entity by every rule; gives what failed or is open."""
        key = self._reading.key(entity)
        judged = self._known.get(key)
        if judged is None:
            judged = self._judged(entity, key)
        judged.times += 1
        return judged.rest

    def _judged(self, entity: Any, key: tuple[Any, ...]) -> _Judged:
        marked: Any = None
        decisions = []
        for rule, places, known in zip(self._rules, self._reading.places, self._by_rule, strict=True):
            part = tuple([key[place] for place in places])
            decision = known.get(part)
            if decision is None:
                marked = marked or self._reading.marked(entity, key)
                decision = rule.decide(marked)
                if len(known) >= self._bound:
                    known.clear()
                known[part] = decision
            decisions.append(decision)
        if len(self._known) >= self._bound:
            self._count()
        rest = [
            Ruled(rule, decision, alike)
            for rule, decision, alike in zip(self._rules, decisions, self._alike, strict=True)
            if decision.verdict not in _SETTLED
        ]
        judged = self._known[key] = _Judged(tuple(decisions), tuple(rest))
        return judged

    def _count(self) -> None:
        """Carries what was counted by value over to the rules, and forgets the values."""
        for judged in self._known.values():
            for rule, tally, decision in zip(self._rules, self._tallies, judged.decisions, strict=True):
                tally.add(rule, decision.verdict, judged.times)
        self._known.clear()

    def tallies(self) -> dict[str, Tally]:
        """How often each rule reached each verdict, by rule id."""
        self._count()
        return {rule.id: tally for rule, tally in zip(self._rules, self._tallies, strict=True)}


def needs(decision: Decision, entity: object) -> tuple[Need, ...]:
    """What would settle a panel's open decision on this entity."""
    found: dict[Need, None] = {}
    for need in decision.needs:
        if isinstance(need, Mark):
            found.update(dict.fromkeys(attrgetter(need.what)(entity).needs))
        else:
            found[need] = None
    return tuple(found)
