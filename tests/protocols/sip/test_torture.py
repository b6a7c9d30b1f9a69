"""The torture messages of RFC 4475 and RFC 5118, each with the verdict of its section.

A row: file, section, request method or status, verdict, and every code that is said of it. Of a message that the RFC
calls valid (or leaves to layers above the parser) nothing of severity MEDIUM or more may be said.
"""

from pathlib import Path

import pytest

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.core.text import decode
from analyzer.protocols.sip.checks import check
from analyzer.protocols.sip.message import Message
from analyzer.protocols.sip.parser import parse_datagram

TABLE = """
rfc4475/wsinv.dat                     3.1.1.1  INVITE     valid
rfc4475/intmeth.dat                   3.1.1.2  !interesting-Method0123456789_*+`.%indeed'~ valid
rfc4475/esc01.dat                     3.1.1.3  INVITE     valid
rfc4475/escnull.dat                   3.1.1.4  REGISTER   valid
rfc4475/esc02.dat                     3.1.1.5  RE%47IST%45R valid
rfc4475/lwsdisp.dat                   3.1.1.6  OPTIONS    valid
rfc4475/longreq.dat                   3.1.1.7  INVITE     valid
rfc4475/dblreq.dat                    3.1.1.8  REGISTER   valid   body_trailing
rfc4475/semiuri.dat                   3.1.1.9  OPTIONS    valid
rfc4475/transports.dat                3.1.1.10 OPTIONS    valid
rfc4475/mpart01.dat                   3.1.1.11 MESSAGE    valid
rfc4475/unreason.dat                  3.1.1.12 200        valid
rfc4475/noreason.dat                  3.1.1.13 100        valid
rfc4475/badinv01.dat                  3.1.2.1  INVITE     invalid via_syntax address_syntax
rfc4475/clerr.dat                     3.1.2.2  INVITE     invalid body_truncated
rfc4475/ncl.dat                       3.1.2.3  INVITE     invalid content_length_invalid
rfc4475/scalar02.dat                  3.1.2.4  REGISTER   invalid cseq_invalid max_forwards number_range
rfc4475/scalarlg.dat                  3.1.2.5  503        invalid cseq_invalid number_range
rfc4475/quotbal.dat                   3.1.2.6  INVITE     invalid quote_unbalanced address_syntax
rfc4475/ltgtruri.dat                  3.1.2.7  INVITE     invalid start_line uri_syntax
rfc4475/lwsruri.dat                   3.1.2.8  INVITE     invalid start_line
rfc4475/lwsstart.dat                  3.1.2.9  INVITE     invalid start_line
rfc4475/trws.dat                      3.1.2.10 OPTIONS    invalid start_line
rfc4475/escruri.dat                   3.1.2.11 INVITE     invalid request_uri_headers
rfc4475/baddate.dat                   3.1.2.12 INVITE     invalid date_syntax
rfc4475/regbadct.dat                  3.1.2.13 REGISTER   invalid address_syntax
rfc4475/badaspec.dat                  3.1.2.14 OPTIONS    invalid address_syntax
rfc4475/baddn.dat                     3.1.2.15 OPTIONS    invalid address_syntax
rfc4475/badvers.dat                   3.1.2.16 OPTIONS    invalid version
rfc4475/mismatch01.dat                3.1.2.17 OPTIONS    invalid cseq_method
rfc4475/mismatch02.dat                3.1.2.18 NEWMETHOD  invalid cseq_method
rfc4475/bigcode.dat                   3.1.2.19 4294967301 invalid status_code
rfc4475/badbranch.dat                 3.2.1    OPTIONS    invalid branch_empty
rfc4475/insuf.dat                     3.3.1    INVITE     invalid header_missing
rfc4475/unkscm.dat                    3.3.2    OPTIONS    valid
rfc4475/novelsc.dat                   3.3.3    OPTIONS    valid
rfc4475/unksm2.dat                    3.3.4    REGISTER   valid
rfc4475/bext01.dat                    3.3.5    OPTIONS    valid
rfc4475/invut.dat                     3.3.6    INVITE     valid
rfc4475/regaut01.dat                  3.3.7    REGISTER   valid
rfc4475/multi01.dat                   3.3.8    INVITE     invalid header_repeated
rfc4475/mcl01.dat                     3.3.9    OPTIONS    invalid header_repeated content_length_invalid
rfc4475/bcast.dat                     3.3.10   200        valid
rfc4475/zeromf.dat                    3.3.11   OPTIONS    valid
rfc4475/cparam01.dat                  3.3.12   REGISTER   valid
rfc4475/cparam02.dat                  3.3.13   REGISTER   valid
rfc4475/regescrt.dat                  3.3.14   REGISTER   valid
rfc4475/sdp01.dat                     3.3.15   INVITE     valid
rfc4475/inv2543.dat                   3.4.1    INVITE     valid
rfc5118/ipv6-good                     4.1      REGISTER   valid
rfc5118/ipv6-bad                      4.2      REGISTER   invalid uri_syntax
rfc5118/port-ambiguous                4.3      REGISTER   valid
rfc5118/port-unambiguous              4.4      REGISTER   valid
rfc5118/via-received-param-with-delim 4.5      BYE        valid   received_brackets
rfc5118/via-received-param-no-delim   4.5      OPTIONS    valid
rfc5118/ipv6-in-sdp                   4.6      INVITE     valid   body_trailing
rfc5118/mult-ip-in-header             4.7      BYE        valid
rfc5118/mult-ip-in-sdp                4.8      INVITE     valid   body_trailing
rfc5118/ipv4-mapped-ipv6              4.9      INVITE     valid   body_trailing
rfc5118/ipv6-bug-abnf-3-colons        4.10     OPTIONS    valid   ipv6_extra_colon
rfc5118/ipv6-correct-abnf-2-colons    4.10     OPTIONS    valid
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
DOC = Path(__file__).resolve().parents[3] / "docs" / "torture.md"


def read(path: Path) -> Message:
    messages = [
        event
        for event in parse_datagram(path.read_bytes(), (Cite(0, 1, 0, 1, 1),), Limits())
        if isinstance(event, Message)
    ]
    assert len(messages) == 1
    return messages[0]


def lines(path: Path) -> list[str]:
    """Header lines of the file by a second, naive reading: what begins with a blank goes on."""
    head = decode(path.read_bytes().split(b"\r\n\r\n")[0])
    return head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n")[1:]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_verdict_and_values(row: list[str], shared: Path) -> None:
    name, _, start, verdict, *expected = row
    path = shared / "vectors" / name
    message = read(path)
    found: tuple[Anomaly, ...] = message.anomalies + check(message)
    codes = {anomaly.kind.code.removeprefix("sip.") for anomaly in found}
    grave = {anomaly.kind.code for anomaly in found if anomaly.kind.severity >= Severity.MEDIUM}
    assert codes == set(expected)
    assert not grave if verdict == "valid" else codes
    assert all(anomaly.cites for anomaly in found)
    if start.isdigit():
        assert message.status == int(start)
    else:
        assert (message.method, message.status) == (start, None)
    headers = lines(path)
    assert len(message.headers) == len(headers)
    ids = [
        line.partition(":")[2].strip() for line in headers if line.partition(":")[0].strip().lower() in ("call-id", "i")
    ]
    assert message.call_id == (ids[0] if ids else "")


def test_every_file_has_a_row(shared: Path) -> None:
    files = {f"{name}/{path.name}" for name in ("rfc4475", "rfc5118") for path in (shared / "vectors" / name).iterdir()}
    assert files == {row[0] for row in ROWS}


def test_the_document_says_what_is_tested() -> None:
    text = DOC.read_text(encoding="utf-8")
    listed = {line.split("|")[2].strip(): line for line in text.splitlines() if line.startswith("| RFC")}
    assert listed.keys() == {Path(row[0]).stem for row in ROWS}
    for name, section, _, verdict, *expected in ROWS:
        cells = [cell.strip() for cell in listed[Path(name).stem].split("|")]
        assert cells[1] == f"RFC {name[3:7]} {section}"
        assert cells[3] == verdict
        assert cells[4] == ", ".join(f"`sip.{code}`" for code in expected)


def test_key_values_of_the_short_tortuous_invite(shared: Path) -> None:
    """RFC 4475 3.1.1.1, by reading its text."""
    message = read(shared / "vectors" / "rfc4475" / "wsinv.dat")
    assert (message.from_tag, message.to_tag, message.cseq) == ("98asjd8", "1918181833n", 9)
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.first("max-forwards") == "0068"
    assert message.contacts == ("sip:jdrosen@example.com",)


def test_contradictory_lengths_frame_nothing(shared: Path) -> None:
    """RFC 4475 3.3.9: as if there were no number; the datagram's rest is the body, and equal numbers are one."""
    data = (shared / "vectors" / "rfc4475" / "mcl01.dat").read_bytes()
    message = read(shared / "vectors" / "rfc4475" / "mcl01.dat")
    assert message.body == data.partition(b"\r\n\r\n")[2]
    (equal,) = parse_datagram(data.replace(b"Content-Length: 5", b"Content-Length: 013"), message.cites, Limits())
    assert isinstance(equal, Message)
    assert equal.body == b"There's no wa"
    assert [anomaly.kind.code for anomaly in equal.anomalies] == ["sip.header_repeated", "sip.body_trailing"]


def test_ipv6_in_via_and_received(shared: Path) -> None:
    """RFC 5118 4.5 and 4.7."""
    folder = shared / "vectors" / "rfc5118"
    bare, bracketed = read(folder / "via-received-param-no-delim"), read(folder / "via-received-param-with-delim")
    assert bare.vias[0].received == "2001:db8::9:255"
    assert bracketed.vias[0].received.strip("[]") == "2001:db8::9:255"
    hops = read(folder / "mult-ip-in-header").vias
    assert [(via.host, via.port) for via in hops] == [
        ("2001:db8::9:1", 6050),
        ("192.0.2.1", None),
        ("2001:db8::9:255", None),
    ]
