"""The words of a report that are not hop states: one list each, for the types, the schema and the docs."""

from typing import Literal, get_args

from analyzer.session.model.states import Evidence

SCHEMA_ID: Literal["mediasec-report/1"] = "mediasec-report/1"
SeverityLabel = Literal["info", "low", "medium", "high", "critical"]
VerdictWord = Literal["pass", "fail", "open", "n/a"]
ClauseStatus = Literal["pass", "fail", "open", "n/a", "not_observable"]
FindingVerdict = Literal["fail", "open"]
YesNoUnknown = Literal["yes", "no", "unknown"]
Exposed = Literal["content", "key", "identity"]
LinkKind = Literal[
    "call_id", "session_id", "session_uuid", "icid", "header", "media_address", "origin", "dialog", "in_reply_to",
    "refer_to", "referral", "likeness",
]  # fmt: skip
RelationKind = Literal["refer"]
RelationRole = Literal["asks", "asked_for"]
Outcome = Literal["answered", "cancelled", "rejected", "failed", "unanswered", "unknown"]
BaselineState = Literal["new", "known"]
NeedWord = Literal["key", "vantage", "message", "topology", "frames", "media"]

SEVERITIES: tuple[SeverityLabel, ...] = get_args(SeverityLabel)
"""Ascending."""

SEVERITY_RANK: dict[str, int] = {label: rank for rank, label in enumerate(SEVERITIES)}

EVIDENCE_STRENGTH: tuple[Evidence, ...] = get_args(Evidence)
"""Strongest grounds first."""
