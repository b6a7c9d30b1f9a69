"""From a tree to a typed Python closure: every name and operand type is checked at load.

A closure takes the environment `[entity, loop budget, zone lookup, loop variables...]` and returns a value, which may
be `Unknown`; it raises `RuleError` for an evaluation error and `BudgetError` when its loops run too long.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from typing import Literal as Word

from analyzer.core.frozen import frozen
from analyzer.core.unknown import Unknown
from analyzer.formats.yaml_reader import near
from analyzer.rules import functions, logic
from analyzer.rules.syntax import (
    MACROS,
    Binary,
    Call,
    Expr,
    Index,
    ListOf,
    Literal,
    MapOf,
    Name,
    Problem,
    Select,
    Ternary,
    Unary,
    parse,
    place,
)
from analyzer.rules.types import ANY, BOOL, DOUBLE, INT, NULL, STRING, Type, agree, fields_of
from analyzer.rules.values import RuleError, bounded, divide, modulo

LOOP_BUDGET = 20_000
MAX_LOOPS = 3
Fn: TypeAlias = Callable[[list[Any]], Any]
Typed: TypeAlias = tuple[Type, Fn]
Look: TypeAlias = int | Word["size", "whole"]
"""How closely an expression looks at a field: at its size alone, at whether it is above a number, or at all of it."""
_ORDERED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_ABOVE = {">": (0,), "<=": (0,), ">=": (-1,), "<": (-1,), "==": (-1, 0), "!=": (-1, 0)}
"""What decides a comparison of an integer: whether it is above the other one, or above the one before that."""
_ROOT_SLOT = 0


@frozen
class Compiled:
    """An expression ready to run: its type, the entity's field paths it reads, the constants it uses, and how closely
    it looks at each field, each time."""

    source: str
    type: Type
    fn: Fn
    slots: int
    reads: tuple[tuple[str, Fn], ...]
    constants: frozenset[str]
    looks: tuple[tuple[str, Look], ...]

    def run(self, entity: object, zone_of: Callable[[str], str | None] | None = None) -> Any:
        """The value for one entity; raises RuleError or BudgetError."""
        return self.fn([entity, LOOP_BUDGET, zone_of] + [None] * self.slots)


@dataclass(slots=True)
class Scope:
    """What an expression may name, and what was found wrong."""

    source: str
    root: str
    entity: Type
    constants: dict[str, tuple[Type, Any]]
    loops: dict[str, tuple[int, Type]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    paths: dict[str, Fn] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    looks: list[tuple[str, Look]] = field(default_factory=list)
    slots: int = 0

    def looked(self, node: Expr, looks: tuple[Look, ...]) -> None:
        """Says how closely the field is looked at that was read last, if the node is that and no more."""
        path = _path(node)
        if path is not None and self.looks[-1:] == [(path, "whole")]:
            self.looks[-1:] = [(path, look) for look in looks]

    def wrong(self, at: int, message: str) -> Typed:
        """Records a problem; the result stands in for the expression, so that checking can go on."""
        self.problems.append(Problem(*place(self.source, at), message))
        return ANY, _nothing


def _nothing(_env: list[Any]) -> Any:
    raise RuleError("not compiled")


def compile_expression(
    source: str, root: str, entity: type, constants: dict[str, tuple[Type, Any]] | None = None, want: Type | None = None
) -> Compiled | list[Problem]:
    """Parses, checks and compiles; or every problem found. `root` is the entity's variable, `want` the type wanted."""
    tree = parse(source)
    if isinstance(tree, Problem):
        return [tree]
    scope = Scope(source, root, Type("entity", cls=entity), constants or {})
    kind, fn = build(tree, scope)
    if want is not None and not agree(kind, want) and not scope.problems:
        scope.wrong(tree.at, f"the expression is a {kind}, not a {want}")
    if scope.problems:
        return sorted(scope.problems, key=lambda problem: (problem.line, problem.column))
    paths, looks = tuple(scope.paths.items()), tuple(scope.looks)
    return Compiled(source, kind, fn, scope.slots, paths, frozenset(scope.used), looks)


def build(node: Expr, scope: Scope) -> Typed:
    """Checks and compiles one node."""
    match node:
        case Literal(_, value):
            return _literal(value), lambda _env: value
        case Name():
            return _name(node, scope)
        case Select():
            return _select(node, scope)
        case Index():
            return _index(node, scope)
        case Unary():
            return _unary(node, scope)
        case Binary():
            return _binary(node, scope)
        case Ternary():
            return _ternary(node, scope)
        case ListOf():
            return _list(node, scope)
        case MapOf():
            return _map(node, scope)
        case Call():
            return _call(node, scope)


def _literal(value: object) -> Type:
    return {bool: BOOL, int: INT, float: DOUBLE, str: STRING}.get(type(value), NULL)


def _name(node: Name, scope: Scope) -> Typed:
    name = node.name
    if name in scope.loops:
        slot, kind = scope.loops[name]
        return kind, lambda env: env[slot]
    if name == scope.root:
        return scope.entity, lambda env: env[_ROOT_SLOT]
    if name in scope.constants:
        scope.used.add(name)
        kind, value = scope.constants[name]
        return kind, lambda _env: value
    known = {*scope.loops, scope.root, *scope.constants}
    return scope.wrong(node.at, f"unknown name '{name}'{near(name, known)}")


def _path(node: Expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, Select):
        parts.append(node.name)
        node = node.operand
    return ".".join([node.name, *reversed(parts)]) if isinstance(node, Name) else None


def _select(node: Select, scope: Scope) -> Typed:
    kind, operand = build(node.operand, scope)
    name = node.name
    if kind.kind == "any":
        return ANY, _nothing
    if kind.kind == "map":
        return kind.element or ANY, logic.strict2(logic.item_of_map, operand, lambda _env: name)
    if kind.cls is None:
        return scope.wrong(node.at, f"a {kind} has no field '{name}'")
    info = fields_of(kind.cls).get(name)
    if info is None:
        return scope.wrong(node.at, f"{kind.cls.__name__} has no field '{name}'{near(name, fields_of(kind.cls))}")
    get = operator.attrgetter(info.attribute)
    rooted = isinstance(node.operand, Name) and node.operand.name == scope.root
    fn: Fn = (lambda env: get(env[_ROOT_SLOT])) if rooted else logic.strict1(get, operand)
    path = _path(node)
    if path and path.split(".", 1)[0] == scope.root:
        scope.paths.pop(path.rpartition(".")[0], None)
        scope.paths[path] = fn
        scope.looks.append((path, "whole"))
    return info.type, fn


def _index(node: Index, scope: Scope) -> Typed:
    kind, operand = build(node.operand, scope)
    index_kind, index = build(node.index, scope)
    if kind.kind == "any":
        return ANY, _nothing
    if kind.kind not in ("list", "map"):
        return scope.wrong(node.at, f"a {kind} cannot be indexed")
    wanted = INT if kind.kind == "list" else STRING
    if not agree(index_kind, wanted):
        return scope.wrong(node.index.at, f"a {kind} is indexed by {wanted}, not {index_kind}")
    take = logic.item_of_list if kind.kind == "list" else logic.item_of_map
    return kind.element or ANY, logic.strict2(take, operand, index)


def _unary(node: Unary, scope: Scope) -> Typed:
    kind, operand = build(node.operand, scope)
    if node.op == "!":
        if not agree(kind, BOOL):
            return scope.wrong(node.at, f"'!' needs a bool, not {kind}")
        return BOOL, logic.strict1(operator.not_, operand)
    if kind.kind not in ("int", "double", "any"):
        return scope.wrong(node.at, f"'-' needs a number, not {kind}")
    negate: Callable[[Any], Any] = operator.neg if kind == DOUBLE else lambda value: bounded(-value)
    return kind, logic.strict1(negate, operand)


def _binary(node: Binary, scope: Scope) -> Typed:
    left_kind, left = build(node.left, scope)
    right_kind, right = build(node.right, scope)
    op = node.op
    if isinstance(node.right, Literal) and type(node.right.value) is int and left_kind == INT and op in _ABOVE:
        bound = node.right.value
        scope.looked(node.left, tuple([bound + by for by in _ABOVE[op]]))
    if op in ("&&", "||"):
        for side, kind in ((node.left, left_kind), (node.right, right_kind)):
            if not agree(kind, BOOL):
                return scope.wrong(side.at, f"'{op}' needs bools, not {kind}")
        return BOOL, (logic.both if op == "&&" else logic.either)(left, right)
    if op == "in":
        return _contains(node, scope, (left_kind, left), (right_kind, right))
    if op in ("==", "!="):
        return _equal(node, scope, (left_kind, left), (right_kind, right))
    if not agree(left_kind, right_kind):
        return scope.wrong(node.at, f"'{op}' cannot join {left_kind} and {right_kind}")
    kind = right_kind if left_kind == ANY else left_kind
    if op in _ORDERED:
        if kind.kind not in ("bool", "int", "double", "string", "duration", "any"):
            return scope.wrong(node.at, f"'{op}' cannot order {kind}")
        return BOOL, logic.strict2(_ORDERED[op], left, right)
    return _arithmetic(node, scope, kind, (left, right))


def _arithmetic(node: Binary, scope: Scope, kind: Type, sides: tuple[Fn, Fn]) -> Typed:
    op = node.op
    allowed = {"+": ("int", "double", "string", "list", "duration"), "-": ("int", "double", "duration"),
               "*": ("int", "double"), "/": ("int", "double"), "%": ("int",)}[op]  # fmt: skip
    if kind.kind not in (*allowed, "any"):
        return scope.wrong(node.at, f"'{op}' cannot join {kind} and {kind}")
    plain: Callable[[Any, Any], Any] = {"+": operator.add, "-": operator.sub, "*": operator.mul}.get(op, divide)
    if op == "%":
        plain = modulo
    if kind.kind in ("int", "duration") and op in "+-*":
        raw = plain
        plain = lambda a, b: bounded(raw(a, b))  # noqa: E731  (chosen among values, so it has no name of its own)
    result = Type("string") if kind.kind == "string" else kind
    return result, logic.strict2(plain, *sides)


def _word(node: Expr, kind: Type, scope: Scope) -> None:
    if isinstance(node, Literal) and isinstance(node.value, str) and kind.words and node.value not in kind.words:
        scope.wrong(node.at, f"'{node.value}' is none of this field's words{near(node.value, kind.words)}")


def _equal(node: Binary, scope: Scope, left: Typed, right: Typed) -> Typed:
    op, (left_kind, a), (right_kind, b) = node.op, left, right
    if NULL not in (left_kind, right_kind) and not agree(left_kind, right_kind):
        return scope.wrong(node.at, f"'{op}' cannot compare {left_kind} with {right_kind}")
    if "entity" in (left_kind.kind, right_kind.kind) and NULL not in (left_kind, right_kind):
        return scope.wrong(node.at, "entities cannot be compared; compare their fields")
    if "cites" in (left_kind.kind, right_kind.kind):
        return scope.wrong(node.at, "evidence is opaque to conditions")
    _word(node.left, right_kind, scope)
    _word(node.right, left_kind, scope)
    compare = operator.eq if op == "==" else operator.ne
    if isinstance(node.right, Literal):
        return BOOL, logic.compared(compare, a, node.right.value)
    return BOOL, logic.strict2(compare, a, b, absent=True)


def _contains(node: Binary, scope: Scope, left: Typed, right: Typed) -> Typed:
    kind = right[0]
    if kind.kind not in ("list", "map", "any"):
        return scope.wrong(node.right.at, f"'in' needs a list or map, not {kind}")
    element = STRING if kind.kind == "map" else kind.element or ANY
    if not agree(left[0], element) or left[0].kind in ("entity", "cites"):
        return scope.wrong(node.at, f"a {left[0]} cannot be in a {kind}")
    _word(node.left, element, scope)
    if isinstance(node.right, ListOf):
        for item in node.right.items:
            _word(item, left[0], scope)
    return BOOL, logic.strict2(lambda item, items: item in items, left[1], right[1], absent=True)


def _ternary(node: Ternary, scope: Scope) -> Typed:
    condition_kind, condition = build(node.condition, scope)
    then_kind, then = build(node.then, scope)
    other_kind, other = build(node.other, scope)
    if not agree(condition_kind, BOOL):
        return scope.wrong(node.condition.at, f"'?:' needs a bool condition, not {condition_kind}")
    if not agree(then_kind, other_kind):
        return scope.wrong(node.at, f"'?:' has branches of different types, {then_kind} and {other_kind}")

    def choose(env: list[Any]) -> Any:
        value = condition(env)
        if value is True:
            return then(env)
        if value is False:
            return other(env)
        if isinstance(value, Unknown):
            return value
        raise RuleError("condition is absent")

    kind = other_kind if then_kind == ANY else then_kind
    return (STRING if kind.kind == "string" else kind), choose


def _list(node: ListOf, scope: Scope) -> Typed:
    built = [build(item, scope) for item in node.items]
    for item, (kind, _) in zip(node.items, built, strict=True):
        if not agree(kind, built[0][0]):
            return scope.wrong(item.at, f"a list of {built[0][0]} cannot hold {kind}")
    fns = [fn for _, fn in built]
    if all(isinstance(item, Literal) for item in node.items):
        fixed = tuple(fn([]) for fn in fns)
        return Type("list", built[0][0] if built else ANY), lambda _env: fixed
    return Type("list", built[0][0] if built else ANY), logic.gathered(fns)


def _map(node: MapOf, scope: Scope) -> Typed:
    keys = [build(key, scope) for key, _ in node.entries]
    items = [build(value, scope) for _, value in node.entries]
    for (key, value), (key_kind, _), (kind, _) in zip(node.entries, keys, items, strict=True):
        if not agree(key_kind, STRING):
            return scope.wrong(key.at, f"a map's keys are strings, not {key_kind}")
        if not agree(kind, items[0][0]):
            return scope.wrong(value.at, f"a map of {items[0][0]} cannot hold {kind}")
    names, values = logic.gathered([fn for _, fn in keys]), logic.gathered([fn for _, fn in items])
    return Type("map", items[0][0] if items else ANY), logic.strict2(logic.mapping, names, values)


def _call(node: Call, scope: Scope) -> Typed:
    if node.name in MACROS and node.target is not None:
        return _macro(node, scope)
    if node.name == "has" and node.target is None:
        return _has(node, scope)
    args = ((node.target,) if node.target is not None else ()) + node.args
    built = [build(arg, scope) for arg in args]
    if node.name == "size" and args:
        scope.looked(args[0], ("size",))
    return functions.call(node, built, scope.wrong)


def _has(node: Call, scope: Scope) -> Typed:
    argument = node.args[0] if len(node.args) == 1 else None
    if not isinstance(argument, Select):
        return scope.wrong(node.at, "has() takes one field, as has(hop.proto)")
    kind, operand = build(argument.operand, scope)
    if kind.kind == "map":
        name = argument.name
        return BOOL, logic.strict1(lambda value: name in value, operand)
    _, whole = build(argument, scope)
    return BOOL, logic.strict1(lambda value: value is not None, whole, absent=True)


def _macro(node: Call, scope: Scope) -> Typed:
    name, args = node.name, node.args
    wanted = (2, 3) if name == "map" else (2,)
    if len(args) not in wanted or not isinstance(args[0], Name) or node.target is None:
        return scope.wrong(node.at, f"{name}() takes a variable and a condition, as zones.{name}(z, z == 'core')")
    variable = args[0].name
    kind, items = build(node.target, scope)
    if kind.kind not in ("list", "map", "any"):
        return scope.wrong(node.at, f"{name}() needs a list or map, not {kind}")
    if variable in scope.loops or variable == scope.root or variable in scope.constants:
        return scope.wrong(args[0].at, f"'{variable}' already has a meaning here")
    if len(scope.loops) >= MAX_LOOPS:
        return scope.wrong(node.at, f"loops are nested more than {MAX_LOOPS} deep")
    element = STRING if kind.kind == "map" else kind.element or ANY
    slot = 3 + len(scope.loops)
    scope.slots = max(scope.slots, len(scope.loops) + 1)
    scope.loops[variable] = (slot, element)
    built = [build(arg, scope) for arg in args[1:]]
    del scope.loops[variable]
    conditions = built[:1] if name != "map" else built[:-1]
    for arg, (found, _) in zip(args[1:], conditions, strict=False):
        if not agree(found, BOOL):
            return scope.wrong(arg.at, f"{name}() needs a bool condition, not {found}")
    fns = [fn for _, fn in built]
    if name in ("all", "exists"):
        return BOOL, logic.quantified(items, slot, fns[0], stop=name == "exists")
    if name == "exists_one":
        chosen = logic.selected(items, slot, fns[0], None)
        return BOOL, logic.strict1(lambda found: len(found) == 1, chosen)
    if name == "filter":
        return Type("list", element), logic.selected(items, slot, fns[0], None)
    condition = fns[0] if len(fns) == 2 else None
    return Type("list", built[-1][0]), logic.selected(items, slot, condition, fns[-1])
