"""JSON out and in: deterministic, loss-free, and every problem named."""

import dataclasses
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.report.codec import ReportError, from_json, to_json, write_json
from analyzer.report.model import Call, Report
from analyzer.report.rows import Rows, encode_row
from tests import factories


@given(factories.any_row(Report))
def test_what_is_written_is_read_back_the_same(report: Report) -> None:
    data = to_json(report)
    assert to_json(from_json(data)) == data


def test_a_report_without_odd_text_equals_itself_after_a_round_trip() -> None:
    report = factories.report()
    assert from_json(to_json(report)) == report


def test_order_of_maps_does_not_show() -> None:
    one = dataclasses.replace(factories.report().sip, requests={"ACK": 1, "INVITE": 2})
    two = dataclasses.replace(one, requests={"INVITE": 2, "ACK": 1})
    assert to_json(factories.report(sip=one)) == to_json(factories.report(sip=two))


def test_one_row_a_line() -> None:
    lines = to_json(factories.report(calls=(factories.call(), factories.call(id="call-2")))).split(b"\n")
    rows = [line for line in lines if line.startswith(b'{"id":"call-')]
    assert [json.loads(row.rstrip(b","))["id"] for row in rows] == ["call-1", "call-2"]


def test_sections_may_be_lazy_or_encoded_already() -> None:
    calls = [factories.call(id=f"call-{n}") for n in range(5)]
    expected = to_json(factories.report(calls=calls))
    lazy = io.BytesIO()
    write_json(factories.report(calls=iter(calls)), lazy)
    assert lazy.getvalue() == expected
    assert to_json(factories.report(calls=Rows(Call, [encode_row(call) for call in calls]))) == expected


def test_rows_are_a_sequence_of_their_objects() -> None:
    calls = tuple(factories.call(id=f"call-{n}") for n in range(4))
    rows = Rows.of(Call, calls)
    assert rows == calls
    assert calls == rows
    assert rows[1:3] == calls[1:3]
    assert rows[-1] == calls[-1]
    assert list(rows) == list(calls)
    assert Rows.of(Call, calls[:2]) != calls


def test_a_fragment_that_is_no_row_is_our_fault() -> None:
    with pytest.raises(ValueError, match="not a Call row"):
        Rows(Call, [b"{}"])[0]


def problems(tree: object) -> tuple[str, ...]:
    with pytest.raises(ReportError) as caught:
        from_json(json.dumps(tree).encode())
    return caught.value.problems


def test_every_problem_is_named_by_its_path() -> None:
    tree = json.loads(to_json(factories.report()))
    tree["hops"][1]["state"] = "encrypted"
    tree["hops"][0]["packets"] = "many"
    tree["findings"][0]["evidence"][1]["frame"] = None
    tree["calls"][0]["kolor"] = 1
    del tree["summary"]["verdicts"]["n/a"]
    del tree["keys"]
    found = problems(tree)
    assert any(line.startswith("hops[1].state: expected one of ") for line in found)
    assert "hops[0].packets: expected an integer, not a string" in found
    assert "findings[0].evidence[1].frame: expected an integer, not null" in found
    assert "calls[0]: unknown key kolor" in found
    assert "summary.verdicts.n/a: the key is missing" in found
    assert "keys: the key is missing" in found
    assert len(found) == 6


def test_a_boolean_is_no_integer() -> None:
    tree = json.loads(to_json(factories.report()))
    tree["hops"][0]["packets"] = True
    assert problems(tree) == ("hops[0].packets: expected an integer, not a boolean",)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff", b"[]", b"{}", b'{"schema": "mediasec-report/2"}', b"NaN", b"[" * 100_000, b"1" * 5_000,
        b'{"schema": "mediasec-report/1", "schema": "mediasec-report/1"}', b'{"schema": "mediasec-report/1"}',
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(ReportError):
        from_json(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_report_or_refused(data: bytes) -> None:
    with pytest.raises(ReportError):
        from_json(data)


def test_a_saved_report_cannot_smuggle_control_characters_in() -> None:
    tree = json.loads(to_json(factories.report()))
    tree["findings"][0]["message"] = "\x1b[31m"
    assert from_json(json.dumps(tree).encode()).findings[0].message == "\\u001b[31m"
