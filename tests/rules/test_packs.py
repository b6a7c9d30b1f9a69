"""The bundled packs lint, their inline tests hold, and hostile text gives problems."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.rules.bundled import bundled_rules_dir
from analyzer.rules.compile import compile_expression
from analyzer.rules.load import load_pack
from analyzer.rules.syntax import Problem, parse
from analyzer.rules.tooling import lint
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
