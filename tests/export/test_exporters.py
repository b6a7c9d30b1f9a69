"""Every exporter: total, repeatable, and harmless whatever the report holds."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET

import jsonschema_rs
import pytest
from hypothesis import given, settings

from analyzer.export.ladder import LadderEvent, ladder
from analyzer.export.options import ExportOptions
from analyzer.export.registry import EXPORTERS
from analyzer.export.tables import short_path
from analyzer.report.model import Report
from tests import factories
from tests.export.official_schemas import SARIF, official_schema

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


def test_streams_of_no_call_are_listed() -> None:
    """Whatever was seen is somewhere on the page: a stream of a call on its hop, any other in a section of its own."""
    of_a_call, alone = factories.stream(), [factories.stream(id=f"stream-{n}", call=None) for n in range(2, 5)]
    for streams, shown in (([of_a_call], []), ([of_a_call, *alone], ["stream-2", "stream-3"])):
        text = written("table", factories.report(streams=streams), ExportOptions(width=120, calls=2))
        section = text.partition("Media streams of no call\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines() if line.startswith("stream-")] == shown
        assert ("1 more are not shown" in section) == bool(shown)


def test_ndjson_rows_are_objects_with_a_type() -> None:
    rows = [json.loads(line) for line in written("ndjson", factories.report()).splitlines()]
    assert rows[0]["type"] == "report"
    assert {"hop", "finding", "call"} <= {row["type"] for row in rows}


def test_sarif_has_the_shape_of_the_specification() -> None:
    """By the text of SARIF 2.1.0 (3.14, 3.27, 3.30)."""
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


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("hostile", ["plain", *factories.HOSTILE])
def test_sarif_is_valid_by_the_official_schema(every: bool, hostile: str) -> None:
    found = factories.finding(message=hostile, title=hostile, where={"hop": hostile})
    report = factories.report(findings=(found, *factories.report().findings))
    written_sarif = json.loads(written("sarif", report, ExportOptions(all_verdicts=every)))
    schema = official_schema(SARIF)
    for owner in ("run", "toolComponent"):
        language = schema["definitions"][owner]["properties"]["language"]
        language["pattern"] = language["pattern"].replace("{2}]", "{2}")  # published with a bracket too many
    problems = jsonschema_rs.validator_for(schema).iter_errors(written_sarif)
    assert [str(problem) for problem in problems] == []


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


def test_a_table_breaks_words_only_where_nothing_else_is_left() -> None:
    report = factories.report()
    narrow = written("table", report, ExportOptions(width=80))
    for hop in report.hops:
        for word in [hop.from_addr, hop.to_addr, *hop.evidence.split("_"), *(hop.negotiated or "").split(" ")]:
            assert word in narrow


def test_what_findings_of_a_rule_share_is_said_once() -> None:
    two = [factories.finding(id=ident, message=f"hop {ident}", fix="Turn it on.") for ident in ("a", "b")]
    text = written("table", factories.report(findings=tuple(two)))
    assert [text.count(part) for part in ("hop a", "hop b", "Turn it on.", f"FAIL {two[0].rule}")] == [1, 1, 1, 1]


def test_a_long_path_keeps_its_end() -> None:
    assert short_path("samples/a.pcap") == "samples/a.pcap"
    assert short_path("/one/two/three/four.pcap", 20) == ".../three/four.pcap"
    assert short_path("/one/" + "x" * 60) == ".../" + "x" * 60


def test_a_ladder_uses_the_width_it_has() -> None:
    event = LadderEvent(0, "ue1", "mrf", "INVITE (audio, message, application)", 1)
    assert any(event.label in line for line in ladder([event], width=80))
    lines = ladder([event, LadderEvent(1, "mrf", "x", "ACK", 2)], width=80)
    assert max(map(len, lines)) <= 80
    assert [lines[0].index(name) for name in ("mrf", "x")] == [
        at - len(n) // 2 for at, n in _rails(lines[1], "mrf", "x")
    ]


def _rails(line: str, *names: str) -> list[tuple[int, str]]:
    """Where the second and third rail of a line stand, with the names that belong to them."""
    at = [index for index, char in enumerate(line) if char == "|"]
    return list(zip(at[-len(names) :], names, strict=True))
