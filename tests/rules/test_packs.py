"""The bundled packs lint, their inline tests hold, and hostile text gives problems."""

import cel_expr_python.cel as cel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.rules.bundled import bundled_rules_dir
from analyzer.rules.compile import Compiled, compile_expression
from analyzer.rules.load import load_pack
from analyzer.rules.syntax import Problem, parse
from analyzer.rules.tooling import lint
from analyzer.rules.values import RuleError
from analyzer.session.model import MediaHop


def test_bundled_packs_lint() -> None:
    assert [str(problem) for problem in lint([bundled_rules_dir()])] == []


@given(st.text() | st.text(alphabet="()[]{}!-&|<>=.,?:'\"ab1 \\"))
def test_any_text_parses_or_is_refused(text: str) -> None:
    assert parse(text) is not None


@pytest.mark.parametrize("bomb", ["(" * 3000, "!" * 3000 + "true", "[" * 3000, "1" + "+1" * 1500, "a" + ".b" * 1500])
def test_nesting_is_bounded(bomb: str) -> None:
    assert isinstance(parse(bomb), Problem)


@given(st.binary(max_size=200))
def test_any_bytes_load(data: bytes) -> None:
    _rules, problems = load_pack(data, "x.yaml")
    assert problems


def test_a_misspelt_field_is_named() -> None:
    made = compile_expression("hop.from_zne == 'core'", "hop", MediaHop)
    assert made == [Problem(1, 5, "MediaHop has no field 'from_zne'; did you mean 'from_zone'?")]


_INTS = st.recursive(
    st.integers(-(2**63), 2**63 - 1).map(str) | st.integers(-3, 3).map(str),
    lambda part: st.tuples(part, st.sampled_from("+-*/%"), part).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=5,
)
_BOOLS = st.recursive(
    st.tuples(_INTS, st.sampled_from(["==", "<", ">=", "!="]), _INTS).map(" ".join),
    lambda part: st.tuples(part, st.sampled_from(["&&", "||"]), part).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=4,
)


@given(_INTS | _BOOLS)
def test_agrees_with_cel(text: str) -> None:
    made = compile_expression(text, "hop", MediaHop)
    assert isinstance(made, Compiled)
    try:
        ours = made.run(None)
    except RuleError:
        ours = "error"
    try:
        value = cel.NewEnv().compile(text).eval(data={})
        theirs = value.value()
        if not isinstance(theirs, bool | int):
            theirs = "error"
    except RuntimeError:
        theirs = "error"
    assert ours == theirs


@pytest.mark.parametrize(
    "rule",
    [
        "{id: [a]}",
        "{id: {a: b}}",
        "{id: a, tests: [{name: n, given: {}, expect: [pass]}]}",
        "{id: a, tests: [{name: n, given: {capture: c, keys: 5}, expect: {}}]}",
    ],
)
def test_a_value_of_the_wrong_kind_is_a_problem(rule: str) -> None:
    _rules, problems = load_pack(f"format: 1\npack: p\ntitle: t\nrules:\n  - {rule}\n".encode(), "x.yaml")
    assert problems
