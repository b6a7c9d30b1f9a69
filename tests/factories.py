"""Report objects with sensible defaults, for anybody's tests, and a strategy that makes any of them at random.

Every factory takes the fields to change as keywords: `finding(severity="high")`.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st

from analyzer.report.model import (
    Accepted,
    AnomalyRow,
    Call,
    CallMedia,
    CaptureRow,
    Cite,
    ClauseRow,
    Clock,
    Conference,
    Coverage,
    EspSa,
    Exposure,
    Finding,
    Hop,
    Key,
    Leg,
    Need,
    Note,
    Participant,
    Registration,
    Report,
    RuleRow,
    Sighting,
    SipCounts,
    Stream,
    Summary,
    TlsConnection,
    Tool,
    VerdictCounts,
)
from analyzer.report.tree import vocabulary

HOSTILE = (
    'INVITE sip:"><script>alert(1)</script>@x',
    "\u202eevil\u202c",
    "\x1b[31mred\x1b]0;title\x07",
    "\x9b31m",
    "\udc9b31m",
    "=cmd|' /C calc'!A0",
    "[bold]x[/bold] :smile: [link=http://x]y[/link]",
    "a\r\nb\x00c\u2028d\u200be",
    "]]><x/>&amp;",
    "a|b\n# c `` ``` d",
)
"""Texts that try to act on a terminal, page, sheet or parser."""


def cite(**changes: Any) -> Cite:
    return dataclasses.replace(Cite("capture-1", 0, 7, 1024, 620), **changes)


def sighting(**changes: Any) -> Sighting:
    return dataclasses.replace(Sighting("capture-1", 0, "access", 10, 90, 40), **changes)


def capture(**changes: Any) -> CaptureRow:
    row = CaptureRow(
        "capture-1", "captures/edge.pcapng", "ab" * 32, "pcapng", 100, 20_000, ("EN10MB",), ("eth0",), "edge",
        1_700_000_000_000_000_000, 1_700_000_009_000_000_000, False, 0, {"unknown_link_type": 1},
    )  # fmt: skip
    return dataclasses.replace(row, **changes)


def leg(**changes: Any) -> Leg:
    row = Leg("leg-1", "a84b4c76e66710@10.1.0.10", "ue-1", "pcscf-1", "access", "access", "answered", cite())
    return dataclasses.replace(row, **changes)


def call_media(**changes: Any) -> CallMedia:
    row = CallMedia("audio", ("hop-1", "hop-2"), "clear", "Audio is readable.", (Exposure("content", "hop-2"),), ())
    return dataclasses.replace(row, **changes)


def call(**changes: Any) -> Call:
    row = Call(
        "call-1", ("a84b4c76e66710@10.1.0.10",), (leg(),), "conference-1", ("sip:user-1@ims.example",),
        "sip:user-1@ims.example", "sip:user-2@conf.ims.example", 1_700_000_000_000_000_000,
        1_700_000_009_000_000_000, "answered", (call_media(),),
    )  # fmt: skip
    return dataclasses.replace(row, **changes)


def participant(**changes: Any) -> Participant:
    return dataclasses.replace(Participant("sip:user-1@ims.example", True, False, "answered"), **changes)


def conference(**changes: Any) -> Conference:
    row = Conference("conference-1", "mrf-1", "sip:user-2@conf.ims.example", ("call-1",), (participant(),))
    return dataclasses.replace(row, **changes)


def hop(**changes: Any) -> Hop:
    row = Hop(
        "hop-1", "call-1", "leg-1", "media", "audio", "ue-1", "pcscf-1", "access", "access", False, "udp",
        "RTP/SAVP sdes", "SRTP", "srtp_sdes", "yes", "yes", "yes", "sdes", "keyed_verified", "e2ae", "e2ae",
        "proven_by_keys", (sighting(),), 40,
    )  # fmt: skip
    return dataclasses.replace(row, **changes)


def stream(**changes: Any) -> Stream:
    row = Stream(
        "stream-1", "0x5566aabb", "10.1.0.10:4000", "10.1.0.1:5000", (sighting(),), (0,), 40, 0, 0, 1.25,
        "srtp_sdes", "AES_CM_128_HMAC_SHA1_80", "key-1", 40, 0, 40, None, call="call-1",
    )  # fmt: skip
    return dataclasses.replace(row, **changes)


def registration(**changes: Any) -> Registration:
    row = Registration("registration-1", "sip:user-1@ims.example", "ue-1", ("ipsec-3gpp",), ("ipsec-3gpp",), "200")
    return dataclasses.replace(row, **changes)


def esp_sa(**changes: Any) -> EspSa:
    return dataclasses.replace(EspSa("esp-1", "0x00001001", "10.1.0.10", "10.1.0.1", "aes-cbc"), **changes)


def tls_connection(**changes: Any) -> TlsConnection:
    return dataclasses.replace(TlsConnection("tls-1", "10.1.0.10:49152", "10.1.0.1:5061", "TLS 1.3"), **changes)


def key(**changes: Any) -> Key:
    return dataclasses.replace(Key("key-1", "sdes", "SDP of leg-1", 40, False), **changes)


def anomaly(**changes: Any) -> AnomalyRow:
    return dataclasses.replace(AnomalyRow("sip.content_length_mismatch", "low", 2, (cite(),)), **changes)


def rule(**changes: Any) -> RuleRow:
    row = RuleRow("SRTP-01", "media", "No clear packet after keying", "high", 3, 1, 1, 2)
    return dataclasses.replace(row, **changes)


def clause(**changes: Any) -> ClauseRow:
    return dataclasses.replace(ClauseRow("TS 33.328", "G.2.1", "fail", ("SRTP-01",)), **changes)


def note(**changes: Any) -> Note:
    row = Note(
        "note-1", "G-12", "Two protected legs", "They are not one protected path.", {"call": "call-1"}, (cite(),)
    )
    return dataclasses.replace(row, **changes)


def accepted(**changes: Any) -> Accepted:
    return dataclasses.replace(Accepted("the lab has no keys", "security team", "2027-01-31"), **changes)


def finding(**changes: Any) -> Finding:
    row = Finding(
        "f-0123456789abcdef", "SRTP-01", "high", "fail", "No clear packet after keying",
        "Clear RTP followed SRTP from ue-1 to pcscf-1", {"call": "call-1", "hop": "hop-1", "medium": "audio"},
        (cite(), cite(frame=9, note="the first clear packet")), "frame.number == 7", ("NO_ASSURANCE_BEYOND_HOP",),
        ("TS 33.328 G.2.1",), "Refuse clear RTP once keys are agreed.",
    )  # fmt: skip
    return dataclasses.replace(row, **changes)


def open_finding(**changes: Any) -> Finding:
    row = finding(id="f-open", verdict="open", needs=(Need("key", "the key of stream-1"),))
    return dataclasses.replace(row, **changes)


def summary(**changes: Any) -> Summary:
    counts = {"info": 0, "low": 0, "medium": 0, "high": 1, "critical": 0}
    return dataclasses.replace(Summary(VerdictCounts(3, 1, 1, 2), counts, 1, 1), **changes)


def report(**changes: Any) -> Report:
    """A small report with one row in every section."""
    row = Report(
        tool=Tool("mediasec", "0.1.0"),
        captures=(capture(),),
        coverage=Coverage(99, 1, 0, 0, ("one frame was not decoded",)),
        clock=(Clock("edge", 0, 0),),
        summary=summary(),
        sip=SipCounts(4, {"INVITE": 1, "ACK": 1}, {"180": 1, "200": 1}),
        registrations=(registration(),),
        esp=(esp_sa(),),
        calls=(call(),),
        conferences=(conference(),),
        hops=(hop(), hop(id="hop-2", state="clear", confidentiality="no", integrity="no", key_exchange="none")),
        streams=(stream(),),
        tls=(tls_connection(),),
        keys=(key(),),
        anomalies=(anomaly(),),
        rules=(rule(),),
        clauses=(clause(),),
        notes=(note(),),
        findings=(finding(), open_finding()),
    )
    return dataclasses.replace(row, **changes)


def texts() -> st.SearchStrategy[str]:
    """Any text, hostile ones often."""
    return st.sampled_from(HOSTILE) | st.text(max_size=12)


def any_row(cls: type) -> st.SearchStrategy[Any]:
    """Any object of a report class, by its types alone."""
    hints = typing.get_type_hints(cls)
    return st.builds(cls, **{field.name: _any(hints[field.name]) for field in dataclasses.fields(cls)})


def _any(hint: Any) -> st.SearchStrategy[Any]:
    origin = get_origin(hint)
    if origin is Literal:
        return st.sampled_from(get_args(hint))
    if origin in (types.UnionType, typing.Union):
        members = [member for member in get_args(hint) if member is not types.NoneType]
        value = _any(members[0]) if len(members) == 1 else st.sampled_from(vocabulary(hint))
        return st.none() | value if types.NoneType in get_args(hint) else value
    if origin is Sequence:
        return st.lists(_any(get_args(hint)[0]), max_size=2).map(tuple)
    if origin is Mapping:
        return st.dictionaries(*map(_any, get_args(hint)), max_size=2)
    if dataclasses.is_dataclass(hint):
        return any_row(hint)
    scalars = {str: texts(), int: st.integers(), bool: st.booleans(), float: st.floats()}
    return scalars[hint]
