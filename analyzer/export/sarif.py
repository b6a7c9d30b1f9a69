"""SARIF 2.1.0 (OASIS, errata 01): findings where code scanners show theirs."""

import json
import mimetypes
from pathlib import PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import quote

from analyzer.export.options import ExportOptions, ordered
from analyzer.report.border import scrub_json
from analyzer.report.model import CaptureRow, Cite, Finding, Report, RuleRow
from analyzer.report.tree import to_tree
from analyzer.report.words import SeverityLabel

SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RESULT_LIMIT = 5_000  # GitHub shows no more of a run
RELATED_LIMIT = 100  # and no more locations of one result
_LEVEL: dict[SeverityLabel, str] = {
    "info": "note", "low": "note", "medium": "warning", "high": "error", "critical": "error",
}  # fmt: skip
_SCORE: dict[SeverityLabel, str] = {"info": "0.0", "low": "3.0", "medium": "5.5", "high": "8.0", "critical": "9.5"}


def write_sarif(report: Report, out: BinaryIO, options: ExportOptions) -> None:
    """One run; failed findings alone unless `all_verdicts`; the worst 5,000, and says so where there are more."""
    tree = {"$schema": SCHEMA_URI, "version": "2.1.0", "runs": [_run(report, options)]}
    text = json.dumps(to_tree(tree), ensure_ascii=False, indent=1, allow_nan=False)
    out.write(scrub_json(text).encode("utf-8") + b"\n")


def _run(report: Report, options: ExportOptions) -> dict[str, Any]:
    findings = ordered(report.findings, None if options.all_verdicts else "fail")
    shown = findings[:RESULT_LIMIT]
    rules = _rules(report, shown)
    rule_index = {rule["id"]: index for index, rule in enumerate(rules)}
    captures = {capture.id: (index, capture) for index, capture in enumerate(report.captures)}
    return {
        "tool": {"driver": {"name": report.tool.name or "mediasec", "version": report.tool.version, "rules": rules}},
        "automationDetails": {"id": "mediasec/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"CAPTURES": {"description": {"text": "The folder that holds the captures."}}},
        "redactionTokens": ["[removed]"],
        "invocations": [_invocation(report, len(findings), len(shown))],
        "artifacts": [_artifact(capture) for capture in report.captures],
        "results": [_result(finding, rule_index, captures) for finding in shown],
        "properties": {"verdicts": to_tree(report.summary.verdicts)},
    }


def _invocation(report: Report, found: int, shown: int) -> dict[str, Any]:
    notes = [("note", note) for note in report.coverage.notes]
    if shown < found:
        notes.append(("warning", f"{found} findings, of which the worst {shown} are listed."))
    return {
        "executionSuccessful": not any(row.code == "internal.fault" for row in report.anomalies),
        "toolExecutionNotifications": [{"level": level, "message": {"text": text}} for level, text in notes],
    }


def _rules(report: Report, findings: list[Finding]) -> list[dict[str, Any]]:
    """Every rule that was loaded, so that a clean run shows what was looked at, then any a finding names besides."""
    rows = {row.id: row for row in report.rules}
    for finding in findings:
        rows.setdefault(finding.rule, RuleRow(finding.rule, "", finding.title, finding.severity))
    first = {finding.rule: finding for finding in reversed(findings)}
    return [_rule(rows[rule], first.get(rule)) for rule in sorted(rows)]


def _rule(row: RuleRow, finding: Finding | None) -> dict[str, Any]:
    counts = {"pass": row.passed, "fail": row.fail, "open": row.open, "n/a": row.not_applicable}
    rule: dict[str, Any] = {
        "id": row.id,
        "shortDescription": {"text": row.title or row.id},
        "defaultConfiguration": {"level": _LEVEL[row.severity]},
        "properties": {
            "security-severity": _SCORE[row.severity],
            "tags": ["security"],
            "pack": row.pack,
            "verdicts": counts,
        },
    }
    if finding is not None and (finding.fix or finding.references):
        rule["help"] = {"text": "\n".join(filter(None, (finding.fix, "; ".join(finding.references))))}
    return rule


def _uri(capture: CaptureRow) -> str:
    """The capture's stable place: its path as given, relative, percent-encoded."""
    path = PurePosixPath(capture.path.replace("\\", "/"))
    parts = [part for part in path.parts if part not in ("/", "..", ".")]
    return quote("/".join(parts).encode("utf-8", "replace")) or capture.id


def _artifact(capture: CaptureRow) -> dict[str, Any]:
    artifact: dict[str, Any] = {
        "location": {"uri": _uri(capture), "uriBaseId": "CAPTURES"},
        "mimeType": mimetypes.types_map.get(PurePosixPath(capture.path).suffix, "application/vnd.tcpdump.pcap"),
        "roles": ["analysisTarget"],
        "properties": {"id": capture.id, "frames": capture.frames, "vantage": capture.vantage},
    }
    if capture.sha256:
        artifact["hashes"] = {"sha-256": capture.sha256}
    return artifact


def _result(finding: Finding, rules: dict[str, int], captures: dict[str, tuple[int, CaptureRow]]) -> dict[str, Any]:
    cites = [cite for cite in finding.evidence if cite.capture in captures]
    place = "/".join(f"{name}:{value}" for name, value in sorted(finding.where.items()))
    failed = finding.verdict == "fail"
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rules[finding.rule],
        "kind": "fail" if failed else "open",
        "level": _LEVEL[finding.severity] if failed else "none",
        "message": {"text": finding.message or finding.title or finding.rule},
        "locations": [_location(cites[0], captures, place) if cites else _logical(place or finding.rule)],
        "partialFingerprints": {"mediasecFinding/v1": finding.id, "primaryLocationLineHash": finding.id},
        "properties": {
            "severity": finding.severity,
            "where": dict(finding.where),
            "wireshark": finding.wireshark,
            "caveats": list(finding.caveats),
            "needs": [{"kind": need.kind, "what": need.what} for need in finding.needs],
        },
    }
    if cites[1:]:
        result["relatedLocations"] = [
            {"id": number, **_location(cite, captures, "")} for number, cite in enumerate(cites[1:RELATED_LIMIT], 1)
        ]
    if finding.baseline is not None:
        result["baselineState"] = "new" if finding.baseline == "new" else "unchanged"
    if finding.accepted is not None:
        by = finding.accepted
        text = f"{by.reason} (accepted by {by.owner} until {by.until})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": text}]
    return result


def _logical(place: str) -> dict[str, Any]:
    return {"logicalLocations": [{"fullyQualifiedName": place}]}


def _location(cite: Cite, captures: dict[str, tuple[int, CaptureRow]], place: str) -> dict[str, Any]:
    """The frame as a byte region; line 1 besides, because some viewers show lines only."""
    index, capture = captures[cite.capture]
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(capture), "uriBaseId": "CAPTURES", "index": index},
            "region": {
                "startLine": 1,
                "byteOffset": max(0, cite.offset),
                "byteLength": max(0, cite.length),
                "properties": {"frame": cite.frame, "interface": cite.interface},
            },
        },
        "message": {"text": cite.note or f"frame {cite.frame} of {capture.path}"},
    }
    return location | (_logical(place) if place else {})
