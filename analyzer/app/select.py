"""A report cut down to one call."""

from dataclasses import replace

from analyzer.report.model import Report


def find_call(report: Report, wanted: str) -> str | None:
    """The id of the call that an id or a Call-ID names."""
    for call in report.calls:
        if wanted == call.id or wanted in call.call_ids:
            return call.id
    return None


def only_call(report: Report, call_id: str) -> Report:
    """The call, its hops, their streams and its findings. Counts stay those of the whole run."""
    hops = [hop for hop in report.hops if hop.call == call_id]
    frames = {(s.capture, s.interface, s.first) for hop in hops for s in hop.sightings}
    captures = {(capture, interface) for capture, interface, _ in frames}
    ends = {end for hop in hops for end in (hop.from_addr, hop.to_addr)}
    streams = [
        stream
        for stream in report.streams
        if any((s.capture, s.interface) in captures for s in stream.sightings) and {stream.src, stream.dst} & ends
    ]
    return replace(
        report,
        calls=[call for call in report.calls if call.id == call_id],
        hops=hops,
        streams=streams or report.streams,
        findings=[finding for finding in report.findings if finding.where.get("call") == call_id],
        notes=[note for note in report.notes if note.where.get("call") == call_id],
    )
