"""The native formats: JSON whole, and JSON lines."""

import json
from collections.abc import Sequence
from typing import BinaryIO, get_origin

from analyzer.export.options import ExportOptions
from analyzer.report.codec import fragments, write_json
from analyzer.report.model import Report
from analyzer.report.rows import encode_row
from analyzer.report.tree import plan

_SINGULAR = {
    "captures": "capture", "clock": "clock", "registrations": "registration", "esp": "esp", "calls": "call",
    "conferences": "conference", "hops": "hop", "streams": "stream", "tls": "tls", "keys": "key",
    "anomalies": "anomaly", "rules": "rule", "clauses": "clause", "notes": "note", "findings": "finding",
}  # fmt: skip


def write_native(report: Report, out: BinaryIO, options: ExportOptions) -> None:  # noqa: ARG001  every exporter's shape
    """The report as `mediasec-report/1`."""
    write_json(report, out)


def write_ndjson(report: Report, out: BinaryIO, options: ExportOptions) -> None:  # noqa: ARG001  every exporter's shape
    """One JSON object a line: first `{"type": "report", ...}` with the counts, then each row with its `type`."""
    parts = [b'"type":"report"']
    for field in plan(Report):
        if get_origin(field.hint) is not Sequence:
            value = encode_row(getattr(report, field.attribute))
            parts.append(json.dumps(field.name).encode() + b":" + value)
    out.write(b"{" + b",".join(parts) + b"}\n")
    for field in plan(Report):
        if get_origin(field.hint) is Sequence:
            head = b'{"type":"' + _SINGULAR[field.attribute].encode() + b'",'
            out.writelines(head + fragment[1:] + b"\n" for fragment in fragments(getattr(report, field.attribute)))
