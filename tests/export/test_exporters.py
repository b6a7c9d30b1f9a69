"""Every exporter: total, repeatable, and harmless whatever the report holds."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings

from analyzer.export.ladder import LadderEvent, ladder
from analyzer.export.options import ExportOptions
from analyzer.export.registry import EXPORTERS
from analyzer.report.model import Report
from tests import factories

PLAIN = ExportOptions()
SGR = re.compile(r"\x1b\[[0-9;]*m")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def written(name: str, report: Report, options: ExportOptions = PLAIN) -> str:
    out = io.BytesIO()
    EXPORTERS[name](report, out, options)
    return out.getvalue().decode("utf-8")


@pytest.mark.parametrize("name", EXPORTERS)
@settings(max_examples=12)
@given(report=factories.any_row(Report))
def test_any_report_is_written_twice_the_same_without_control_characters(name: str, report: Report) -> None:
    text = written(name, report)
    assert text == written(name, report)
    assert not CONTROL.search(text.replace("\r\n", "\n") if name.startswith("csv") else text)


@settings(max_examples=12)
@given(report=factories.any_row(Report))
def test_a_coloured_table_has_no_escape_but_colours(report: Report) -> None:
    text = written("table", report, ExportOptions(terminal=True, color=True, width=80))
    assert not CONTROL.search(SGR.sub("", text))


def test_hostile_text_is_inert_everywhere() -> None:
    for hostile in factories.HOSTILE:
        report = factories.report(findings=(factories.finding(message=hostile, title=hostile, where={"x": hostile}),))
        json.loads(written("sarif", report))
        ET.fromstring(written("junit", report))
        for row in csv.reader(io.StringIO(written("csv", report))):
            assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


@pytest.mark.parametrize("width", [80, 120])
def test_a_piped_table_fits_and_says_everything_in_words(width: int) -> None:
    text = written("table", factories.report(), ExportOptions(width=width))
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= width
    for word in ("3 pass", "1 fail", "1 open", "2 n/a", "PROTECTED", "CLEAR", "key: the key of stream-1", "HIGH (1)"):
        assert word in text


def test_ndjson_rows_are_objects_with_a_type() -> None:
    rows = [json.loads(line) for line in written("ndjson", factories.report()).splitlines()]
    assert rows[0]["type"] == "report"
    assert {"hop", "finding", "call"} <= {row["type"] for row in rows}


def test_sarif_has_the_shape_of_the_specification() -> None:
    """By the text of SARIF 2.1.0 (3.14, 3.27, 3.30); the official schema is not among the installed packages."""
    tree = json.loads(written("sarif", factories.report()))
    run = tree["runs"][0]
    assert tree["version"] == "2.1.0"
    (result,) = run["results"]
    assert (result["kind"], result["level"]) == ("fail", "error")
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "SRTP-01"
    place = result["locations"][0]["physicalLocation"]
    assert place["region"]["byteOffset"] == 1024
    assert run["artifacts"][place["artifactLocation"]["index"]]["location"]["uri"] == "captures/edge.pcapng"
    assert run["artifacts"][0]["hashes"] == {"sha-256": "ab" * 32}
    everything = json.loads(written("sarif", factories.report(), ExportOptions(all_verdicts=True)))
    assert {(r["kind"], r["level"]) for r in everything["runs"][0]["results"]} == {("fail", "error"), ("open", "none")}


def test_findings_come_worst_first() -> None:
    mixed = tuple(factories.finding(id=f"f-{s}", severity=s) for s in ("low", "critical", "info", "high"))
    rows = list(csv.DictReader(io.StringIO(written("csv", factories.report(findings=mixed)))))
    assert [row["severity"] for row in rows] == ["critical", "high", "low", "info"]


def test_frames_have_one_row_each() -> None:
    frames = factories.report().frames()
    assert {name: len(frame) for name, frame in frames.items()} == {"calls": 1, "hops": 2, "streams": 1, "findings": 2}
    assert list(frames["hops"]["state"]) == ["srtp_sdes", "clear"]


def test_the_ladder_points_the_right_way() -> None:
    events = [
        LadderEvent(0, "ue", "proxy", "INVITE", 1),
        LadderEvent(5_000, "proxy", "ue", "200 \x1b OK", 2, "response"),
    ]
    lines = ladder(events, ("ue", "proxy"), (factories.hop(),))
    assert "#1" in lines[1]
    assert lines[1].rstrip("|").endswith(">")
    assert "|<-" in lines[2]
    assert all(line.isprintable() for line in lines)
    assert any("PROTECTED" in line for line in lines)
