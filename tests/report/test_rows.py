"""The fast way to JSON against the plain one: the standard encoder over the tree."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.report.evidence import Cite
from analyzer.report.model import Hop, Report
from analyzer.report.rows import AmendedRows, PackedRows, Rows, encode_row, those
from analyzer.report.tree import to_tree
from tests import factories


def _plain(row: object) -> bytes:
    return json.dumps(to_tree(row), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


@given(factories.any_row(Report))
def test_a_row_is_what_the_standard_encoder_makes_of_its_tree(report: Report) -> None:
    for row in (*report.findings, *report.calls, *report.hops, *report.streams, *report.captures, report.sip):
        assert encode_row(row) == _plain(row)


def test_text_is_cleaned_quoted_and_scrubbed() -> None:
    key = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    row = Cite('a"b\\c\u202e\n', 0, 1, 2, 3, f"offers {key}|2^20 and password=")
    shown = json.loads(encode_row(row))
    assert shown["capture"] == 'a"b\\c\\u202e\\u000a'
    assert key not in shown["note"]
    assert shown["note"].endswith("password=")


def test_an_optional_field_at_its_default_is_left_out() -> None:
    assert encode_row(Cite("capture-1", 0, 1, 2, 3)) == (
        b'{"capture":"capture-1","interface":0,"frame":1,"offset":2,"length":3}'
    )


@given(st.lists(st.integers(0, 2**70), max_size=200), st.slices(200))
def test_packed_rows_are_the_rows(numbers: list[int], part: slice) -> None:
    plain = [str(number).encode() for number in numbers]
    packed = PackedRows()
    for row in plain:
        packed.append(row)
    assert list(packed) == plain
    assert len(packed) == len(plain)
    assert [packed[index] for index in range(-len(plain), len(plain))] == plain + plain
    assert packed[part] == plain[part]


def test_packed_rows_are_small_and_end_where_they_end() -> None:
    row = encode_row(Cite("capture-1", 0, 1, 2, 3))
    packed = PackedRows()
    for _ in range(6_400):
        packed.append(row)
    assert sum(map(len, packed._blocks)) < 6_400 * len(row) / 10
    with pytest.raises(IndexError):
        packed[6_400]


def test_those_make_only_the_rows_that_are_wanted() -> None:
    hops = [factories.hop(id=f"hop-{n}", call=f"call-{n % 3}" if n % 4 else None) for n in range(24)]
    for rows in (hops, Rows.of(Hop, hops)):
        assert list(those(rows, "call", lambda call: call == "call-1")) == [hop for hop in hops if hop.call == "call-1"]
        assert list(those(rows, "call", lambda call: call is None)) == [hop for hop in hops if hop.call is None]


def test_amended_rows_say_what_became_known_later() -> None:
    rows = [encode_row(factories.call(id=f"call-{number}", conference=None)) for number in range(3)]
    amended = AmendedRows(rows, {1: {"conference": "conference-2"}})
    wanted = [rows[0], encode_row(factories.call(id="call-1", conference="conference-2")), rows[2]]
    assert (list(amended), amended[1], amended[-1], amended[1:]) == (wanted, wanted[1], wanted[2], wanted[1:])
    assert len(amended) == 3
