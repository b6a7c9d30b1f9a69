"""Random typed rules against Google's CEL: the same text gives the same value wherever nothing is unknown.

And what we decide while fields are unknown, CEL decides the same once they are known, whatever they turn out to be.
"""

from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

import cel_expr_python.cel as cel
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.core.unknown import Unknown
from analyzer.rules.compile import Compiled, compile_expression
from analyzer.rules.values import RuleError
from analyzer.session.model.base import Duration, rule_field


@dataclass(frozen=True, slots=True)
class Part:
    """An entity inside another."""

    name: str = rule_field("a text")
    count: int = rule_field("a number")


@dataclass(frozen=True, slots=True)
class Whole:
    """One field of each type that the model may use."""

    flag: bool | Unknown = rule_field("a flag")
    count: int | Unknown = rule_field("a number")
    share: float | Unknown = rule_field("a double")
    text: str | Unknown = rule_field("a text")
    maybe: str | None = rule_field("a text that may be absent")
    lasted: Duration | Unknown = rule_field("a duration")
    names: tuple[str, ...] | Unknown = rule_field("a list of texts")
    numbers: tuple[int, ...] | Unknown = rule_field("a list of numbers")
    parts: tuple[Part, ...] | Unknown = rule_field("a list of entities")
    sizes: dict[str, int] | Unknown = rule_field("a map")


_TEXT = st.text(alphabet="abAB.é1 \U0001f4de", max_size=4)
_NUMBER = st.integers(-3, 3) | st.sampled_from([2**63 - 1, -(2**63)])
_WHOLES = st.builds(
    Whole,
    flag=st.booleans(),
    count=_NUMBER,
    share=st.sampled_from([-1.5, 0.0, 0.5, 2.0, 1e308]),
    text=_TEXT,
    maybe=st.none() | _TEXT,
    lasted=st.integers(-5, 5).map(lambda s: s * 1_000_000_000),
    names=st.lists(_TEXT, max_size=3).map(tuple),
    numbers=st.lists(_NUMBER, max_size=3).map(tuple),
    parts=st.lists(st.builds(Part, name=_TEXT, count=_NUMBER), max_size=3).map(tuple),
    sizes=st.dictionaries(st.sampled_from(["a", "b"]), _NUMBER),
)
_MAY_BE_UNKNOWN = [field.name for field in fields(Whole) if field.name != "maybe"]


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(c):08x}" if ord(c) > 126 else c for c in text) + '"'


@st.composite
def _expression(draw: st.DrawFn, kind: str, depth: int, loops: tuple[str, ...] = ()) -> str:
    """Text of an expression of a kind. `loops` are the macro variables in scope, by their kind: `s1`, `i1`, `p1`."""

    def sub(of: str, inner: tuple[str, ...] = loops) -> str:
        return draw(_expression(of, depth - 1, inner))

    leaves: dict[str, list[str]] = {
        "bool": ["w.flag", "true", "false"],
        "int": ["w.count", "0", "1", "-2", str(2**63 - 1)],
        "double": ["w.share", "0.0", "1.5"],
        "string": ["w.text", '""', '"a"', _quoted("é"), _quoted("\U0001f4de")],
        "duration": ["w.lasted", 'duration("1s")', 'duration("-1m30s")', 'duration("1.5s")'],
        "strings": ["w.names", "[]", '["a", "b"]'],
        "ints": ["w.numbers", "[1, 2]"],
    }
    for loop in loops:
        if loop[0] == "s":
            leaves["string"].append(loop)
        elif loop[0] == "i":
            leaves["int"].append(loop)
        else:
            leaves["string"].append(f"{loop}.name")
            leaves["int"].append(f"{loop}.count")
    if depth <= 0 or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(leaves[kind]))
    shapes = ["?:", *_SHAPES[kind]]
    shape = draw(st.sampled_from([s for s in shapes if s not in _LOOPS or len(loops) < 2]))
    if shape == "?:":
        return f"({sub('bool')} ? {sub(kind)} : {sub(kind)})"
    if shape in ("exists", "all", "exists_one", "filter-s", "map-s", "map-i", "filter-i"):
        return _loop(draw, sub, shape, loops)
    if shape == "order":
        of = draw(st.sampled_from(["int", "double", "string", "bool", "duration"]))
        return f"({sub(of)} {draw(st.sampled_from(['<', '<=', '>', '>=']))} {sub(of)})"
    if shape == "equal":
        of = draw(st.sampled_from(["int", "double", "string", "bool", "duration", "strings", "ints"]))
        return f"({sub(of)} {draw(st.sampled_from(['==', '!=']))} {sub(of)})"
    if shape == "arithmetic":
        signs = {"int": "+-*/%", "double": "+-*/", "duration": "+-"}[kind]
        return f"({sub(kind)} {draw(st.sampled_from(signs))} {sub(kind)})"
    if shape == "in":
        of, many = draw(st.sampled_from([("string", "strings"), ("int", "ints"), ("string", "w.sizes")]))
        return f"({sub(of)} in {many if many[0] == 'w' else sub(many)})"
    if shape == "text":
        return f"{sub('string')}.{draw(st.sampled_from(['startsWith', 'endsWith', 'contains']))}({sub('string')})"
    if shape == "size":
        return f"size({draw(st.sampled_from([sub('string'), sub('strings'), sub('ints'), 'w.sizes', 'w.parts']))})"
    if shape == "index":
        of = {"string": ["w.names", "strings"], "int": ["w.numbers", "ints"]}[kind][1]
        return f"{sub(of)}[{sub('int')}]"
    return shape.format(*(sub(kind) for _ in range(2)), text=sub("string"), flag=sub("bool"), other=sub("bool"))


_LOOPS = {"exists", "all", "exists_one", "filter-s", "filter-i", "map-s", "map-i"}
_SHAPES = {
    "bool": [
        "order", "equal", "in", "text", "exists", "all", "exists_one", "!{flag}", "({flag} && {other})",
        "({flag} || {other})", "has(w.maybe)", "(w.maybe == {text})", "(w.maybe != {text})",
        "{text}.matches('^a.?[^B]*$')", "{text}.matches('[0-9]|é')",
    ],
    "int": ["arithmetic", "size", "index", "-{0}", "w.sizes[{text}]", "w.sizes.a"],
    "double": ["arithmetic", "-{0}"],
    "string": ["({0} + {1})", "index"],
    "duration": ["arithmetic"],
    "strings": ["({0} + {1})", "filter-s", "map-s", "[{text}]"],
    "ints": ["({0} + {1})", "filter-i", "map-i"],
}  # fmt: skip


def _loop(draw: st.DrawFn, sub: Any, shape: str, loops: tuple[str, ...]) -> str:
    number = len(loops) + 1
    if shape == "filter-s":
        var = f"s{number}"
        return f"{sub('strings')}.filter({var}, {sub('bool', (*loops, var))})"
    if shape == "filter-i":
        var = f"i{number}"
        return f"{sub('ints')}.filter({var}, {sub('bool', (*loops, var))})"
    var, over = draw(st.sampled_from([("s", "strings"), ("i", "ints"), ("p", "w.parts"), ("s", "w.sizes")]))
    var, items = f"{var}{number}", over if over[0] == "w" else sub(over)
    if shape.startswith("map-"):
        if over == "w.sizes":
            items = sub("strings")
        made = sub("string" if shape == "map-s" else "int", (*loops, var))
        return f"{items}.map({var}, {made})"
    return f"{items}.{shape}({var}, {sub('bool', (*loops, var))})"


_ENV = cel.NewEnv(variables={"w": cel.Type.DYN})
_KINDS = st.sampled_from(["bool", "bool", "bool", "int", "double", "string", "duration", "strings", "ints"])
_ERROR = "error"


def _ours(text: str, whole: Whole) -> Any:
    made = compile_expression(text, "w", Whole)
    assert isinstance(made, Compiled), (text, made)
    try:
        return made.run(whole)
    except RuleError:
        return _ERROR


def _data(whole: Whole) -> dict[str, Any]:
    plain = {field.name: getattr(whole, field.name) for field in fields(Whole) if field.name != "lasted"}
    plain["parts"] = [{"name": part.name, "count": part.count} for part in whole.parts]
    return plain | {"names": list(whole.names), "numbers": list(whole.numbers)}


def _theirs(text: str, whole: Whole) -> Any:
    """CEL knows `has` of a map's key only: an absent field is null here; and takes no durations inside a map."""
    text = text.replace("has(w.maybe)", "(w.maybe != null)")
    text = text.replace("w.lasted", f'duration("{whole.lasted // 1_000_000_000}s")')
    try:
        value = _ENV.compile(text).eval(data={"w": _data(whole)})
    except RuntimeError:
        return _ERROR
    return _ERROR if value.type() == cel.Type.ERROR else _plain(value.plain_value())


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1) * 1000
    return tuple(map(_plain, value)) if isinstance(value, list) else value


@settings(max_examples=400)
@given(_KINDS.flatmap(lambda kind: _expression(kind, 3)), _WHOLES)
def test_the_same_value(text: str, whole: Whole) -> None:
    ours, theirs = _ours(text, whole), _theirs(text, whole)
    assert repr(ours) == repr(theirs), text


@settings(max_examples=400)
@given(_expression("bool", 3), _WHOLES, _WHOLES, st.lists(st.sampled_from(_MAY_BE_UNKNOWN), unique=True))
def test_what_is_decided_early_stays(text: str, whole: Whole, other: Whole, hidden: list[str]) -> None:
    early = _ours(text, replace(whole, **dict.fromkeys(hidden, Unknown())))
    if isinstance(early, bool):
        later = replace(whole, **{name: getattr(other, name) for name in hidden})
        assert _theirs(text, later) in (early, _ERROR), text
