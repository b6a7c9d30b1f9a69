"""CSV (RFC 4180) of one section, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable
from typing import Any, BinaryIO

from analyzer.export.options import ExportOptions, ordered
from analyzer.report.border import scrub
from analyzer.report.frames import columns, flat
from analyzer.report.model import Call, Finding, Hop, Report, Stream

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> str:
    """One cell: text that a spreadsheet would run as a formula gets an apostrophe in front (OWASP, CSV injection)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = scrub(str(value))
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _write(rows: Iterable[Any], cls: type, out: BinaryIO) -> None:
    names = columns(cls)
    out.write(_line(names))
    for row in rows:
        values = flat(row)
        out.write(_line([cell(values.get(name)) for name in names]))


def _line(cells: list[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode("utf-8")


def write_findings(report: Report, out: BinaryIO, options: ExportOptions) -> None:  # noqa: ARG001  every exporter's shape
    """Findings, worst first."""
    _write(ordered(report.findings), Finding, out)


def write_hops(report: Report, out: BinaryIO, options: ExportOptions) -> None:  # noqa: ARG001  every exporter's shape
    """Hops."""
    _write(report.hops, Hop, out)


def write_streams(report: Report, out: BinaryIO, options: ExportOptions) -> None:  # noqa: ARG001  every exporter's shape
    """Media streams."""
    _write(report.streams, Stream, out)


def write_calls(report: Report, out: BinaryIO, options: ExportOptions) -> None:  # noqa: ARG001  every exporter's shape
    """Calls."""
    _write(report.calls, Call, out)
