"""Floors in the table for people: each request with its life, under the conference, or the call that has none."""

import io

from analyzer.export.options import ExportOptions
from analyzer.export.table import write_table
from analyzer.report.messaging import Floor, FloorRequest, FloorStep
from analyzer.report.model import Report
from analyzer.report.traffic import Call, Conference

STEPS = (
    FloorStep("Requested", None, 2, None), FloorStep("Pending", 1, None, None), FloorStep("Granted", None, 7, None),
    FloorStep("Released", None, 2, None),
)  # fmt: skip
ASKED = Floor(4711, 1, labels=("10",), requests=(FloorRequest(5, 2, 3, steps=STEPS),))


def shown(calls: tuple[Call, ...], conferences: tuple[Conference, ...]) -> str:
    out = io.BytesIO()
    write_table(Report(calls=calls, conferences=conferences), out, ExportOptions())
    return out.getvalue().decode()


def test_a_request_has_its_life() -> None:
    table = shown((), (Conference("conference-1", "mrf", floor_control=(ASKED, Floor(4711, 2))),))
    lines = [" ".join(line.split()) for line in table.partition("Floors\n")[2].splitlines()]
    assert lines[1:6] == [
        "conference-1 4711/1 10 #5 2 for 3 Requested",
        "Pending, queue 1",
        "Granted by user 7",
        "Released by user 2",
        "conference-1 4711/2 - - - nobody asked for it",
    ]


def test_floors_stand_once() -> None:
    """Those of a call that goes to a conference stand under it."""
    inside = Call("call-1", ("a",), conference="conference-1", floors=(ASKED,))
    alone = Call("call-2", ("b",), floors=(ASKED,))
    assert "Floors" not in shown((inside,), ())
    assert shown((alone, inside), ()).count("4711/1") == 1
