"""The functions rules may call, each with its types."""

from collections.abc import Callable
from typing import Any, TypeAlias

import re2

from analyzer.core.unknown import Unknown
from analyzer.formats.yaml_reader import near
from analyzer.rules import logic
from analyzer.rules.syntax import Call, Literal
from analyzer.rules.types import BOOL, DURATION, INT, STRING, Type, agree
from analyzer.rules.values import bounded, duration_ns, same_user

Typed: TypeAlias = tuple[Type, logic.Fn]
Wrong: TypeAlias = Callable[[int, str], Typed]
FUNCTIONS = {
    "size": "size(x): characters of a string, elements of a list or map",
    "has": "has(x.field): the field is not absent",
    "matches": "text.matches('pattern'): an RE2 pattern, literal, found anywhere in the text",
    "startsWith": "text.startsWith(text)",
    "endsWith": "text.endsWith(text)",
    "contains": "text.contains(text)",
    "duration": 'duration("5s"): h m s ms us ns',
    "same_user": "same_user(uri, uri): both name one user",
    "in_zone": 'in_zone(address, "core"): the topology puts the address into the zone',
    "within": "within(d, t1, t2): the two times are at most d apart",
}
_TEXT: dict[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": str.__contains__,
}


def call(node: Call, args: list[Typed], wrong: Wrong) -> Typed:
    """Checks and compiles a call; a method's target is the first argument."""
    name, kinds, fns = node.name, [kind for kind, _ in args], [fn for _, fn in args]
    if name not in FUNCTIONS:
        return wrong(node.at, f"unknown function '{name}'{near(name, FUNCTIONS)}")
    method = name in ("matches", *_TEXT)
    if name != "size" and method != (node.target is not None) and name != "matches":
        return wrong(node.at, f"write {FUNCTIONS[name].partition(':')[0]}")
    if name == "size":
        if len(kinds) != 1 or kinds[0].kind not in ("string", "list", "map", "any"):
            return wrong(node.at, "size() takes one string, list or map")
        return INT, logic.strict1(len, fns[0])
    want = [DURATION, DURATION, DURATION] if name == "within" else [STRING] if name == "duration" else [STRING, STRING]
    if len(kinds) != len(want):
        return wrong(node.at, f"{name}() takes {len(want)} arguments: {FUNCTIONS[name]}")
    for kind, wanted in zip(kinds, want, strict=True):
        if not agree(kind, wanted):
            return wrong(node.at, f"{name}() needs {wanted}, not {kind}")
    literal = node.args[-1].value if isinstance(node.args[-1], Literal) else None
    if name == "duration":
        return _duration(node, literal, wrong)
    if name == "matches":
        return _matches(node, literal, fns[0], wrong)
    if name in _TEXT:
        return BOOL, logic.strict2(_TEXT[name], fns[0], fns[1])
    if name == "same_user":
        return BOOL, logic.strict2(same_user, fns[0], fns[1])
    if name == "within":
        return BOOL, _within(*fns)
    return BOOL, _in_zone(*fns)


def _duration(node: Call, literal: object, wrong: Wrong) -> Typed:
    value = duration_ns(literal) if isinstance(literal, str) else None
    if value is None:
        return wrong(node.args[0].at, 'duration() takes a literal such as "1h30m", "5s" or "20ms"')
    return DURATION, lambda _env: value


def _matches(node: Call, literal: object, text: logic.Fn, wrong: Wrong) -> Typed:
    if not isinstance(literal, str):
        return wrong(node.at, "matches() takes a literal pattern")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        search = re2.compile(literal, options).search
    except re2.error as error:
        return wrong(node.args[-1].at, f"bad pattern: {error}")
    return BOOL, logic.strict1(lambda value: search(value.encode("utf-8", "replace").decode()) is not None, text)


def _within(limit: logic.Fn, first: logic.Fn, second: logic.Fn) -> logic.Fn:
    apart = logic.strict2(lambda a, b: abs(bounded(a - b)), first, second)
    return logic.strict2(lambda most, found: found <= most, limit, apart)


def _in_zone(address: logic.Fn, zone: logic.Fn) -> logic.Fn:
    def run(env: list[Any]) -> Any:
        def inside(text: str, wanted: str) -> Any:
            found = env[2](text) if env[2] is not None else None
            return Unknown.of("topology", f"the zone of {text}") if found is None else found == wanted

        return logic.strict2(inside, address, zone)(env)

    return run
