"""The committed schema is the generated one, and it says what the contract says."""

import json

import jsonschema_rs
import pytest
from hypothesis import given

from analyzer.core.severity import Severity, Verdict
from analyzer.report.codec import to_json
from analyzer.report.model import Report
from analyzer.report.schema import SCHEMA_FILE, report_schema, schema_text
from analyzer.report.words import SEVERITIES, VerdictWord
from tests import factories

VALIDATOR = jsonschema_rs.Draft202012Validator(report_schema())

# The keys of contract.md, "The report", in its order; "+" marks ours ("extend, do not rename").
CONTRACT = {
    "": "schema tool captures coverage clock summary sip msrp bfcp registrations esp calls conferences hops streams "
    "tls keys anomalies rules clauses notes findings",
    "Tool": "name version",
    "CaptureRow": "id path sha256 format frames bytes link_types interfaces vantage first_ns last_ns truncated "
    "dropped undecoded +cut",
    "Coverage": "decoded undecoded gaps evicted notes +cut",
    "Clock": "vantage offset_ns matched",
    "Summary": "verdicts findings calls conferences",
    "VerdictCounts": "pass fail open n/a",
    "SipCounts": "messages requests responses retransmissions malformed +call_ids",
    "MsrpCounts": "sessions requests responses messages_reassembled",
    "BfcpCounts": "sessions primitives",
    "Call": "id call_ids legs conference participants +claimed_from +claimed_to start_ns end_ns outcome media +links "
    "+msrp +bfcp +floors +related",
    "CallMedia": "medium path protection assurance exposed caveats",
    "Conference": "id focus uri legs participants floors +floor_control +mixes weakest caveats +grouping",
    "Participant": "identity asserted anonymous outcome",
    "Hop": "id call leg plane medium from to from_zone to_zone inferred transport negotiated observed state "
    "confidentiality integrity peer_auth key_exchange evidence scope scope_detail termination sightings packets "
    "+rtcp +rtcp_packets +rtcp_authenticated +rtcp_failed +moved +continued",
    "Sighting": "capture interface zone first last packets",
    "Stream": "id ssrc src dst sightings payload_types packets lost duplicates jitter_ms protection suite key "
    "authenticated auth_failed decrypted failure +failure_detail +call +reordered +replayed +csrc",
    "TlsConnection": "id src dst version cipher alpn decrypted certificates carries +failure +channels",
    "Key": "id kind source opened unused problem",
    "AnomalyRow": "code severity count cites",
    "RuleRow": "id pack title severity pass fail open n/a",
    "ClauseRow": "document clause status rules +requirement +says +unseen +caveats",
    "Cite": "capture interface frame offset length note",
    "Finding": "id rule severity verdict title message where evidence wireshark caveats references fix "
    "+needs +occurrences accepted baseline",
}


def test_the_committed_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("name", CONTRACT)
def test_keys_are_those_of_the_contract(name: str) -> None:
    schema = report_schema()
    body = schema["$defs"][name] if name else schema
    assert list(body["properties"]) == [key.lstrip("+") for key in CONTRACT[name].split()]
    assert body["additionalProperties"] is False


def test_only_the_note_of_a_cite_may_be_missing() -> None:
    bodies = [report_schema(), *report_schema()["$defs"].values()]
    missing = [key for body in bodies for key in body["properties"] if key not in body["required"]]
    assert missing == ["note"]


def test_words_agree_with_the_scales_of_core() -> None:
    assert list(SEVERITIES) == [severity.label for severity in Severity]
    assert set(VerdictWord.__args__) == {verdict.value for verdict in Verdict}


def test_a_sensible_report_is_valid() -> None:
    VALIDATOR.validate(json.loads(to_json(factories.report())))


def test_an_extra_key_is_refused() -> None:
    tree = json.loads(to_json(factories.report()))
    tree["hops"][0]["from_adr"] = "x"
    assert not VALIDATOR.is_valid(tree)


@given(factories.any_row(Report))
def test_any_report_is_valid(report: Report) -> None:
    VALIDATOR.validate(json.loads(to_json(report)))
