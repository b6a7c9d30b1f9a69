"""A report cut down to one call."""

from dataclasses import replace

from analyzer.report.model import Report
from analyzer.report.rows import those


def find_call(report: Report, wanted: str) -> str | None:
    """The id of the call that an id or a Call-ID names."""
    for call in report.calls:
        if wanted == call.id or wanted in call.call_ids:
            return call.id
    return None


def only_call(report: Report, call_id: str) -> Report:
    """The call, its hops, their streams and its findings. Counts stay those of the whole run."""
    return replace(
        report,
        calls=list(those(report.calls, "id", lambda value: value == call_id)),
        hops=list(those(report.hops, "call", lambda value: value == call_id)),
        streams=list(those(report.streams, "call", lambda value: value == call_id)),
        findings=[finding for finding in report.findings if finding.where.get("call") == call_id],
        notes=[note for note in report.notes if note.where.get("call") == call_id],
    )
