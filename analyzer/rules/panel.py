"""The rules of one kind of entity at work together, so that equal entities cost one look-up.

A decision depends only on the values that its rule reads, and on an unknown one only by its being unknown. So what
was decided is remembered by those values, with each unknown in its place; what would settle a remembered open verdict
is read off the entity at hand.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

from analyzer.core.frozen import frozen
from analyzer.core.severity import Verdict
from analyzer.core.unknown import Need, Unknown
from analyzer.rules.evaluate import Decision, Rule
from analyzer.rules.types import fields_of
from analyzer.session.model import ENTITIES

REMEMBERED = 1_024  # combinations of values, for a kind of entity and for each rule
_SETTLED = (Verdict.PASS, Verdict.NOT_APPLICABLE)
_UNKNOWN = object()  # stands for every unknown: what settles it does not change the verdict


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


@frozen
class _Mark(Need):
    """Stands for whatever would settle one field of the entity: `what` is the path to it."""


@frozen
class _Attribute:
    """A field of the entity that rules read; `inner` is the one of an entity in it that is all they read there."""

    name: str
    inner: str
    may_be_unknown: bool

    def __str__(self) -> str:
        return f"{self.name}.{self.inner}" if self.inner else self.name


def _attribute(cls: type, path: str) -> _Attribute:
    _, name, *more = path.split(".")
    field = fields_of(cls)[name]
    if not more or field.type.cls is None or field.may_be_unknown or field.may_be_absent:
        return _Attribute(field.attribute, "", field.may_be_unknown)
    inner = fields_of(field.type.cls)[more[0]]
    return _Attribute(field.attribute, inner.attribute, inner.may_be_unknown)


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
        cls = ENTITIES[rules[0].kind]
        reads = [dict.fromkeys(_attribute(cls, path) for path in rule.reads()) for rule in rules]
        found = dict.fromkeys(each for names in reads for each in names)
        certain = tuple(each.name for each in found if not (each.inner or each.may_be_unknown))
        others = tuple(each.name for each in found if each.may_be_unknown and not each.inner)
        self._inner = tuple((each.name, each.inner) for each in found if each.inner)
        self._certain, self._others = _reader(certain), _reader(others)
        self._names = certain + others + tuple(".".join(names) for names in self._inner)
        self._places = tuple(tuple(self._names.index(str(each)) for each in names) for names in reads)
        same_as = [tuple([path.source for path in rule.same_as]) for rule in rules]
        self._alike = tuple([same_as.index(each) for each in same_as])
        self._by_rule: tuple[dict[tuple[Any, ...], Decision], ...] = tuple({} for _ in rules)
        self._known: dict[tuple[Any, ...], _Judged] = {}
        self._tallies = tuple(Tally() for _ in rules)

    def judge(self, entity: Any) -> Sequence[Ruled]:
        """Judges an entity by every rule; gives what failed or is open."""
        others = [_UNKNOWN if value.__class__ is Unknown else value for value in self._others(entity)]
        inner = [_inside(getattr(entity, name), field) for name, field in self._inner]
        key = (*self._certain(entity), *others, *inner)
        judged = self._known.get(key)
        if judged is None:
            judged = self._judged(entity, key)
        judged.times += 1
        return judged.rest

    def _judged(self, entity: Any, key: tuple[Any, ...]) -> _Judged:
        marked: Any = None
        decisions = []
        for rule, places, known in zip(self._rules, self._places, self._by_rule, strict=True):
            part = tuple([key[place] for place in places])
            decision = known.get(part)
            if decision is None:
                marked = marked or self._marked(entity, key)
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

    def _marked(self, entity: Any, key: tuple[Any, ...]) -> Any:
        """The entity with each unknown field telling its own name instead of its needs."""
        marked: dict[str, Any] = {}
        for name, value in zip(self._names, key, strict=True):
            if value is _UNKNOWN:
                mark = Unknown((_Mark("message", name),))
                outer, _, inner = name.partition(".")
                whole = marked.get(outer) or getattr(entity, outer)
                marked[outer] = dataclasses.replace(whole, **{inner: mark}) if inner else mark
        return dataclasses.replace(entity, **marked) if marked else entity

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


def _reader(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda entity: tuple([getattr(entity, name) for name in names])


def _inside(whole: Any, field: str) -> Any:
    """A field of an entity in an entity; the whole where that is not known, which its type excludes."""
    value = whole if whole.__class__ is Unknown else getattr(whole, field)
    return _UNKNOWN if value.__class__ is Unknown and value is not whole else value


def needs(decision: Decision, entity: object) -> tuple[Need, ...]:
    """What would settle a panel's open decision on this entity."""
    found: dict[Need, None] = {}
    for need in decision.needs:
        if isinstance(need, _Mark):
            found.update(dict.fromkeys(attrgetter(need.what)(entity).needs))
        else:
            found[need] = None
    return tuple(found)
