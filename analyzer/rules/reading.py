"""What the rules of a kind read of an entity, no finer than they look at it.

A hop with 500 packets and one with 501 are one and the same to rules that ask whether there are any. So a field that is
only held against numbers counts by which of them it is above, and one whose size alone is asked for by its size.
What is unknown counts as that, whatever would settle it.
"""

import dataclasses
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from analyzer.core.frozen import frozen
from analyzer.core.unknown import Need, Unknown
from analyzer.rules.compile import Look
from analyzer.rules.evaluate import Rule
from analyzer.rules.types import fields_of

UNKNOWN = object()  # stands for every unknown: what settles it does not change the verdict


@frozen
class Mark(Need):
    """Stands for whatever would settle one field of the entity: `what` is the path to it."""


@frozen
class _Attribute:
    """A field of the entity that rules read; `inner` is the one of an entity in it that is all they read there."""

    name: str
    inner: str
    may_be_unknown: bool
    may_be_absent: bool

    def __str__(self) -> str:
        return f"{self.name}.{self.inner}" if self.inner else self.name


def _attribute(cls: type, path: str) -> _Attribute:
    _, name, *more = path.split(".")
    field = fields_of(cls)[name]
    if not more or field.type.cls is None or field.may_be_unknown or field.may_be_absent:
        return _Attribute(field.attribute, "", field.may_be_unknown, field.may_be_absent)
    inner = fields_of(field.type.cls)[more[0]]
    return _Attribute(field.attribute, inner.attribute, inner.may_be_unknown, inner.may_be_absent)


class Reading:
    """Makes one key of an entity: entities with equal keys are decided alike. `places` are those in the key that
    belong to each rule."""

    def __init__(self, cls: type, rules: Iterable[Rule]) -> None:
        looks = [[(_attribute(cls, path), look) for path, look in rule.looks()] for rule in rules]
        found: dict[_Attribute, set[Look]] = {}
        for each in looks:
            for attribute, look in each:
                found.setdefault(attribute, set()).add(look)
        outer = {each: seen for each, seen in found.items() if not each.inner}
        sized = [each for each, seen in outer.items() if seen == {"size"} and not each.may_be_absent]
        held = {
            each: sorted(bound for bound in seen if isinstance(bound, int))
            for each, seen in outer.items()
            if not seen & {"size", "whole"} and not each.may_be_absent
        }
        whole = [each for each in outer if each not in sized and each not in held]
        certain = tuple(each.name for each in whole if not each.may_be_unknown)
        others = tuple(each.name for each in whole if each.may_be_unknown)
        sizes = tuple(each.name for each in sized)
        above = tuple((each.name, bound) for each, bounds in held.items() for bound in bounds)
        self._certain, self._others, self._sized = _reader(certain), _reader(others), _reader(sizes)
        self._held = tuple((attrgetter(name), bound) for name, bound in above)
        self._inner = tuple((each.name, each.inner) for each in found if each.inner)
        inner = tuple(".".join(names) for names in self._inner)
        self._names = certain + others + sizes + tuple(name for name, _ in above) + inner
        wanted = [{str(attribute) for attribute, _ in each} for each in looks]
        self.places = tuple(tuple(at for at, name in enumerate(self._names) if name in names) for names in wanted)

    def key(self, entity: Any) -> tuple[Any, ...]:
        """What rules see of the entity."""
        return (
            *self._certain(entity),
            *[UNKNOWN if value.__class__ is Unknown else value for value in self._others(entity)],
            *[UNKNOWN if value.__class__ is Unknown else len(value) for value in self._sized(entity)],
            *[UNKNOWN if (value := get(entity)).__class__ is Unknown else value > bound for get, bound in self._held],
            *[_inside(getattr(entity, name), field) for name, field in self._inner],
        )

    def marked(self, entity: Any, key: tuple[Any, ...]) -> Any:
        """The entity with each unknown field telling its own name instead of its needs."""
        marked: dict[str, Any] = {}
        for name, value in zip(self._names, key, strict=True):
            if value is UNKNOWN:
                mark = Unknown((Mark("message", name),))
                outer, _, inner = name.partition(".")
                whole = marked.get(outer) or getattr(entity, outer)
                marked[outer] = dataclasses.replace(whole, **{inner: mark}) if inner else mark
        return dataclasses.replace(entity, **marked) if marked else entity


def _reader(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda _entity: ()
    get = attrgetter(names[0])
    return lambda entity: (get(entity),)


def _inside(whole: Any, field: str) -> Any:
    """A field of an entity in an entity; the whole where that is not known, which its type excludes."""
    value = whole if whole.__class__ is Unknown else getattr(whole, field)
    return UNKNOWN if value.__class__ is Unknown and value is not whole else value
