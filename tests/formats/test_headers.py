"""Header values (RFC 3261 7.3.1, 25.1)."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.formats.headers import balanced, parameters, split
from tests.linear import assert_linear

TEXT = st.text(alphabet='ab",;\\<>= %\u00e9\udc80', max_size=40)


@given(TEXT, st.sampled_from([",", ";"]), st.booleans())
def test_any_value_is_split_and_no_character_is_lost(value: str, separator: str, keep: bool) -> None:
    parts = split(value, separator, keep)
    kept = "".join("".join(parts).split()).replace(separator, "")
    assert kept == "".join(value.split()).replace(separator, "")
    assert keep or all(parts)


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("a, b", ("a", "b")),
        ('"a, b" <sip:c>, d', ('"a, b" <sip:c>', "d")),
        (r'"a\", b" <sip:c>,d', (r'"a\", b" <sip:c>', "d")),
        ("<sip:a;b,c>;d, e", ("<sip:a;b,c>;d", "e")),
        (" , ,", ()),
        ("", ()),
    ],
)
def test_commas_in_quotes_and_brackets_do_not_separate(value: str, parts: tuple[str, ...]) -> None:
    assert split(value) == parts


def test_empty_parts_are_kept_on_demand() -> None:
    assert split("a;;b;", ";", keep_empty=True) == ("a", "", "b", "")


def test_parameters() -> None:
    """Names without case; the first of two wins; a value may be quoted; a name may stand alone."""
    assert parameters('<sip:a;x=1>; TAG = b ;lr;q="a;\\"b";tag=c') == (
        "<sip:a;x=1>",
        {"tag": "b", "lr": "", "q": 'a;"b'},
    )


@pytest.mark.parametrize(
    ("value", "closed"), [('"a"', True), ('"a', False), (r'"a\"', False), (r'"a\\"', True), ("a", True), ('""', True)]
)
def test_quotes_are_balanced(value: str, closed: bool) -> None:
    assert balanced(value) == closed


def test_a_backslash_outside_quotes_escapes_nothing() -> None:
    """quoted-pair is part of quoted-string only."""
    assert not balanced('\\"')


@pytest.mark.parametrize("unit", [",", '"', "\\", "<", "a;"])
def test_time_is_linear(unit: str) -> None:
    assert_linear(lambda size: partial(parameters, '"' + unit * size), 60_000)
    assert_linear(lambda size: partial(split, "<" + unit * size), 60_000)
