"""A report, schema `mediasec-report/1`: every object, in the order its keys are written."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from analyzer.core.frozen import frozen
from analyzer.report.evidence import Cite, Need, Sighting
from analyzer.report.keys import Handling, entry
from analyzer.report.traffic import (
    BfcpCounts,
    Call,
    CallMedia,
    Conference,
    EspSa,
    Exposure,
    Grouping,
    Hop,
    Key,
    Leg,
    Link,
    MsrpCounts,
    Participant,
    Registration,
    Relation,
    SipCounts,
    Stream,
    TlsConnection,
)
from analyzer.report.words import (
    SCHEMA_ID,
    SEVERITIES,
    BaselineState,
    ClauseStatus,
    FindingVerdict,
    SeverityLabel,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Accepted", "AnomalyRow", "BfcpCounts", "Call", "CallMedia", "CaptureRow", "Cite", "ClauseRow", "Clock",
    "Conference", "Coverage", "EspSa", "Exposure", "Finding", "Grouping", "Hop", "Key", "Leg", "Link", "MsrpCounts",
    "Need", "Note", "Participant", "Registration", "Relation", "Report", "RuleRow", "Sighting", "SipCounts", "Stream",
    "Summary", "TlsConnection", "Tool", "VerdictCounts",
]  # fmt: skip


@frozen
class Tool:
    """What made the report."""

    name: str = entry("mediasec", default="mediasec")
    version: str = entry("its version", default="")


@frozen
class CaptureRow:
    """One capture that was read."""

    id: str = entry("capture-1, ...")
    path: str = entry("as given on the command line")
    sha256: str | None = entry("of the file as stored, hexadecimal; null: a live interface", default=None)
    format: str = entry("pcap, pcapng, and the compression", default="")
    frames: int = entry("frames read", default=0)
    bytes: int = entry("bytes of the (expanded) file", default=0)
    link_types: Sequence[str] = entry("link types seen", default=())
    interfaces: Sequence[str] = entry("interface names, by the index that cites use", default=())
    vantage: str = entry("the vantage point it belongs to, or those of its interfaces, by a comma", default="")
    first_ns: int | None = entry("time of the first frame, ns since the epoch; null: empty", default=None)
    last_ns: int | None = entry("time of the last frame", default=None)
    truncated: bool = entry("the file ends in the middle of a record", default=False)
    dropped: int | None = entry("packets the capture says it dropped; null: it does not say", default=None)
    undecoded: Mapping[str, int] = entry("frames not decoded, by reason", default_factory=dict)
    cut: int = entry("frames of which the end was not captured (snap length)", default=0)


@frozen
class Coverage:
    """What share of the traffic was read."""

    decoded: int = entry("frames decoded", default=0)
    undecoded: int = entry("frames not decoded", default=0)
    gaps: int = entry("holes in TCP streams", default=0)
    evicted: int = entry("flows, streams and calls let go at a bound", default=0)
    notes: Sequence[str] = entry("what limits the statements of this report", handling=Handling.TEXT, default=())
    cut: int = entry("frames of which the end was not captured (snap length)", default=0)


@frozen
class Clock:
    """A vantage point's clock against the first one's."""

    vantage: str = entry("the vantage point")
    offset_ns: int = entry("to add to its times, ns")
    matched: int = entry("equal messages it was estimated from")


@frozen
class VerdictCounts:
    """How many times each verdict was reached."""

    passed: int = entry("held", "pass", default=0)
    fail: int = entry("violated", default=0)
    open: int = entry("evidence missing", default=0)
    not_applicable: int = entry("the rule does not apply", "n/a", default=0)


@frozen
class Summary:
    """The report in numbers."""

    verdicts: VerdictCounts = entry("all rules together", default=VerdictCounts())
    findings: Mapping[SeverityLabel, int] = entry(
        "failed findings by severity", default_factory=lambda: dict.fromkeys(SEVERITIES, 0)
    )
    calls: int = entry("calls", default=0)
    conferences: int = entry("conferences", default=0)


@frozen
class AnomalyRow:
    """What the wire or the capture did wrong, by kind."""

    code: str = entry("stable name")
    severity: SeverityLabel = entry("how grave")
    count: int = entry("occurrences")
    cites: Sequence[Cite] = entry("the first of them", default=())


@frozen
class RuleRow:
    """What one rule decided. All zeros: it was loaded, and nothing in the captures called for it."""

    id: str = entry("rule id")
    pack: str = entry("rule pack")
    title: str = entry("what must hold")
    severity: SeverityLabel = entry("of its findings")
    passed: int = entry("held", "pass", default=0)
    fail: int = entry("violated", default=0)
    open: int = entry("evidence missing", default=0)
    not_applicable: int = entry("does not apply", "n/a", default=0)


@frozen
class ClauseRow:
    """A clause of a document, or one statement of it (`requirement`), judged by its rules."""

    document: str = entry("TS 33.328, ...")
    clause: str = entry("G.2.1, ...")
    status: ClauseStatus = entry(
        "the worst of its rules; not_observable: no capture can show it, and no rule judges it"
    )
    rules: Sequence[str] = entry("ids of its rules", default=())
    requirement: str = entry("id of the statement in its framework: G-07, ...", default="")
    says: str = entry("the statement in short", default="")
    unseen: str = entry("what no capture can show of it, or why no rule judges it", default="")
    caveats: Sequence[str] = entry("what holds of every verdict on it", default=())


@frozen
class Note:
    """An outcome worth knowing that violates nothing."""

    id: str = entry("stable across runs")
    rule: str = entry("rule id")
    title: str = entry("what is noted")
    message: str = entry("in words", handling=Handling.TEXT)
    where: Mapping[str, str] = entry("which entity", handling=Handling.TEXT, default_factory=dict)
    evidence: Sequence[Cite] = entry("frames that show it", default=())
    references: Sequence[str] = entry("documents and clauses", default=())


@frozen
class Accepted:
    """An operator's decision to live with a finding."""

    reason: str = entry("why")
    owner: str = entry("who answers for it")
    until: str = entry("last day, YYYY-MM-DD")


@frozen
class Finding:
    """A rule violated, or left open for want of evidence, at one place."""

    id: str = entry("stable across runs and captures of the same defect")
    rule: str = entry("rule id")
    severity: SeverityLabel = entry("how grave")
    verdict: FindingVerdict = entry("fail or open")
    title: str = entry("what must hold")
    message: str = entry("what was found, in words", handling=Handling.TEXT)
    where: Mapping[str, str] = entry(
        "which entity: call, leg, hop, medium, from, to, ...", handling=Handling.TEXT, default_factory=dict
    )
    evidence: Sequence[Cite] = entry("frames that show it", default=())
    wireshark: str = entry("display filter for its frames", handling=Handling.TEXT, default="")
    caveats: Sequence[str] = entry("what the evidence cannot show", default=())
    references: Sequence[str] = entry("documents and clauses", default=())
    fix: str = entry("what to change", default="")
    needs: Sequence[Need] = entry("of an open verdict: what would settle it", default=())
    occurrences: int = entry("how often: one finding for each defect, however often it shows", default=1)
    accepted: Accepted | None = entry("accepted by the operator", default=None)
    baseline: BaselineState | None = entry("against --baseline; null: none given", default=None)


@frozen
class Report:
    """Everything one run found."""

    schema: Literal["mediasec-report/1"] = entry("version of this format", default=SCHEMA_ID)
    tool: Tool = entry("what made it", default=Tool())
    captures: Sequence[CaptureRow] = entry("captures read, in order", default=())
    coverage: Coverage = entry("what share was read", default=Coverage())
    clock: Sequence[Clock] = entry("clock offsets between vantage points", default=())
    summary: Summary = entry("in numbers", default_factory=Summary)
    sip: SipCounts = entry("SIP in numbers", default_factory=SipCounts)
    msrp: MsrpCounts = entry("MSRP in numbers", default_factory=MsrpCounts)
    bfcp: BfcpCounts = entry("BFCP in numbers", default_factory=BfcpCounts)
    registrations: Sequence[Registration] = entry("registrations", default=())
    esp: Sequence[EspSa] = entry("ESP security associations", default=())
    calls: Sequence[Call] = entry("calls, by start", default=())
    conferences: Sequence[Conference] = entry("conferences", default=())
    hops: Sequence[Hop] = entry("hops, by call and path order", default=())
    streams: Sequence[Stream] = entry("media streams", default=())
    tls: Sequence[TlsConnection] = entry("TLS and DTLS connections", default=())
    keys: Sequence[Key] = entry("keys given or found", default=())
    anomalies: Sequence[AnomalyRow] = entry("what the wire or capture did wrong", default=())
    rules: Sequence[RuleRow] = entry("every rule that was loaded", default=())
    clauses: Sequence[ClauseRow] = entry("clauses of the documents", default=())
    notes: Sequence[Note] = entry("outcomes worth knowing", default=())
    findings: Sequence[Finding] = entry("violations and open verdicts, worst first", default=())

    def frames(self) -> "dict[str, pd.DataFrame]":
        """Calls, hops, streams and findings as pandas data frames, one row each, keys as columns."""
        from analyzer.report.frames import frames  # pandas takes half a second to import

        return frames(self)


SECTIONS: tuple[str, ...] = tuple(f.name for f in dataclasses.fields(Report))
