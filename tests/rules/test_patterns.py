"""Patterns of rules are RE2's: no pattern, on no text, takes more than linear time, and a large one is refused."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from analyzer.core.unknown import Unknown
from analyzer.rules.compile import Compiled, compile_expression
from analyzer.session.model.base import rule_field
from tests.linear import assert_linear


@dataclass(frozen=True, slots=True)
class Said:
    """An entity with a text."""

    text: str | Unknown = rule_field("a text")


EVIL = [
    "^(a+)+$",
    "^(a|aa)+$",
    "(a*)*b",
    "^(.*)*$b",
    "(x+x+)+y",
    "(a|a)*$c",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "a{0,200}b",
]


@pytest.mark.parametrize("pattern", EVIL)
def test_a_pattern_takes_linear_time(pattern: str) -> None:
    """Each takes a backtracking engine exponential or high polynomial time (OWASP: ReDoS)."""
    compiled = compile_expression(f"it.text.matches('{pattern}')", "it", Said)
    assert isinstance(compiled, Compiled)

    def prepare(count: int) -> Callable[[], object]:
        said = Said("a" * count + "!")
        return lambda: compiled.run(said)

    assert_linear(prepare, 200_000)


@pytest.mark.parametrize("pattern", ["(a{1000}){1000}", "((a{100}){100}){100}", "x{1001}", "(", r"(a)\1", "(?=a)a"])
def test_a_pattern_that_is_too_large_or_needs_backtracking_is_refused_where_it_stands(pattern: str) -> None:
    """RE2 knows neither back references nor look-ahead (RE2 syntax)."""
    wrong = compile_expression(f"it.text.matches(r'{pattern}')", "it", Said)
    assert not isinstance(wrong, Compiled)
    assert [problem.message.startswith("bad pattern") for problem in wrong] == [True]
