"""Closures of the three-valued logic: strict operators, Kleene's && and ||, quantifiers and loops."""

from collections.abc import Callable
from typing import Any, TypeAlias

from analyzer.core.unknown import Unknown
from analyzer.rules.values import BudgetError, RuleError, merge

Fn: TypeAlias = Callable[[list[Any]], Any]


def strict1(op: Callable[[Any], Any], operand: Fn, absent: bool = False) -> Fn:
    """One operand; unknown passes through, an absent one is an error unless `absent`."""

    def run(env: list[Any]) -> Any:
        value = operand(env)
        if value.__class__ is Unknown:
            return value
        if value is None and not absent:
            raise RuleError("value is absent")
        return op(value)

    return run


def strict2(op: Callable[[Any, Any], Any], left: Fn, right: Fn, absent: bool = False) -> Fn:
    """Two operands; unknown passes through, an absent one is an error unless `absent`."""

    def run(env: list[Any]) -> Any:
        a = left(env)
        b = right(env)
        if a.__class__ is Unknown:
            return merge(a, b) if b.__class__ is Unknown else a
        if b.__class__ is Unknown:
            return b
        if (a is None or b is None) and not absent:
            raise RuleError("value is absent")
        return op(a, b)

    return run


def compared(op: Callable[[Any, Any], Any], left: Fn, value: object) -> Fn:
    """Equality with a literal: the commonest condition."""

    def run(env: list[Any]) -> Any:
        a = left(env)
        return a if a.__class__ is Unknown else op(a, value)

    return run


def _joined(decisive: bool, left: Fn, right: Fn) -> Fn:
    def guarded(fn: Fn, env: list[Any]) -> Any:
        try:
            value = fn(env)
        except RuleError as fault:
            return fault
        return RuleError("value is absent") if value is None else value

    def run(env: list[Any]) -> Any:
        a = guarded(left, env)
        if a is decisive:
            return a
        b = guarded(right, env)
        if b is decisive:
            return b
        if a.__class__ is Unknown:
            return merge(a, b) if b.__class__ is Unknown else a
        if b.__class__ is Unknown:
            return b
        if isinstance(a, RuleError):
            raise a
        if isinstance(b, RuleError):
            raise b
        return not decisive

    return run


def both(left: Fn, right: Fn) -> Fn:
    """Kleene's and; false absorbs an error or an unknown."""
    return _joined(False, left, right)


def either(left: Fn, right: Fn) -> Fn:
    """Kleene's or; true absorbs an error or an unknown."""
    return _joined(True, left, right)


def _spend(env: list[Any]) -> None:
    env[1] -= 1
    if env[1] < 0:
        raise BudgetError("loop budget spent")


def quantified(items: Fn, slot: int, condition: Fn, stop: bool) -> Fn:
    """`exists` (stop at true) or `all` (stop at false), Kleene over the elements."""

    def run(env: list[Any]) -> Any:
        values = items(env)
        if values.__class__ is Unknown:
            return values
        if values is None:
            raise RuleError("value is absent")
        unknown: Unknown | None = None
        fault: RuleError | None = None
        for value in values:
            _spend(env)
            env[slot] = value
            try:
                found = condition(env)
            except RuleError as raised:
                fault = raised
                continue
            if found is stop:
                return stop
            if isinstance(found, Unknown):
                unknown = found if unknown is None else merge(unknown, found)
        if unknown is not None:
            return unknown
        if fault is not None:
            raise fault
        return not stop

    return run


def selected(items: Fn, slot: int, condition: Fn | None, result: Fn | None) -> Fn:
    """`filter` and `map`: the chosen elements, or what is made of them; one unknown makes the whole unknown."""

    def run(env: list[Any]) -> Any:
        values = items(env)
        if values.__class__ is Unknown:
            return values
        if values is None:
            raise RuleError("value is absent")
        chosen: list[Any] = []
        unknown: Unknown | None = None
        for value in values:
            _spend(env)
            env[slot] = value
            keep = True if condition is None else condition(env)
            made = (value if result is None else result(env)) if keep is True else keep
            if isinstance(made, Unknown):
                unknown = made if unknown is None else merge(unknown, made)
            elif keep is True:
                chosen.append(made)
        return tuple(chosen) if unknown is None else unknown

    return run


def gathered(fns: list[Fn]) -> Fn:
    """A list of values; one unknown makes the whole unknown."""

    def run(env: list[Any]) -> Any:
        values = tuple(fn(env) for fn in fns)
        unknowns = [value for value in values if isinstance(value, Unknown)]
        if not unknowns:
            return values
        whole = unknowns[0]
        for other in unknowns[1:]:
            whole = merge(whole, other)
        return whole

    return run


def mapping(keys: tuple[str, ...], values: tuple[Any, ...]) -> dict[str, Any]:
    """A map; a key given twice is an error."""
    made = dict(zip(keys, values, strict=True))
    if len(made) < len(keys):
        raise RuleError("duplicate key in map")
    return made


def item_of_list(values: tuple[Any, ...], index: int) -> Any:
    """An element; an index beyond the list is an error."""
    if 0 <= index < len(values):
        return values[index]
    raise RuleError("index out of range")


def item_of_map(values: dict[str, Any], key: str) -> Any:
    """An element; a missing key is an error."""
    if key in values:
        return values[key]
    raise RuleError("no such key")
