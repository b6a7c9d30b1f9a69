"""A hostile text in every field of SIP, SDP, MSRP and the capture's own name, through every command and every format.

What acts on a terminal (C0, C1, bidirectional and zero-width characters), on a page (markup), on a sheet (formulas) or
on a file system (separators) comes out as plain text, if at all. tests/export/test_exporters.py does the same with
reports of any content, so also with what only certificates and documents carry.
"""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from analyzer.cli.main import run
from analyzer.export.registry import EXPORTERS
from tests.pipeline.wire import Wire, at, rtp

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")  # a code span of CommonMark 6.1: nothing in it is markup
TEXTS = {
    "terminal": "\x1b[31mMARK\x1b]0;title\x07\u202eevil\u2066\u200b\x9b2J",
    "page": "<script>MARK</script>|`]]>&<img/src=x>",
    "sheet": "=MARK+cmd|'/C calc'!A0",
    "path": "../../MARK/..\\..\\x",
}
A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060)


def _sdp(evil: str, host: str, port: int) -> str:
    path = f"msrp://{host}:{port}/{evil.replace(' ', '')};tcp"
    lines = (
        "v=0", f"o={evil} 1 1 IN IP4 {host}", f"s={evil}", f"i={evil}", f"u={evil}", f"c=IN IP4 {host}", "t=0 0",
        f"a={evil}:{evil}", f"a=group:BUNDLE {evil}", f"a=fingerprint:{evil} AA:BB", "m=audio 4000 RTP/SAVP 0 96",
        f"a=rtpmap:96 {evil}/8000", f"a=fmtp:96 {evil}", f"a=crypto:1 {evil} inline:{evil}", f"a=mid:{evil}",
        f"a=label:{evil}", f"a=setup:{evil}", f"a=key-mgmt:{evil} AAAA", f"a=3ge2ae:{evil}", f"a=ssrc:1 cname:{evil}",
        f"m={evil} 5000 {evil} {evil}", f"m=message {port} TCP/MSRP *", f"a=path:{path}", f"a=accept-types:{evil}",
        f'a=file-selector:name:"{evil}" type:{evil} size:5 hash:{evil}', "m=application 5070 TCP/BFCP *",
        f"a=floorctrl:{evil}", f"a=confid:{evil}", f"a=userid:{evil}", f"a=floorid:1 mstrm:{evil}",
    )  # fmt: skip
    return "".join(f"{line}\r\n" for line in lines)


def _sip(first: str, evil: str, cseq: str, body: str, to_tag: str = "") -> bytes:
    quoted = evil.replace('"', "")
    lines = [
        first, f"Via: SIP/2.0/{evil} 192.0.2.1;branch=z9hG4bK{evil}", f"Via: SIP/2.0/UDP {evil}", "Max-Forwards: 70",
        f'From: "{quoted}" <sip:{quoted}@{quoted}>;tag={quoted}', f'To: "{quoted}" <sip:bob@x>{to_tag}',
        f"Call-ID: {quoted}@{quoted}", f"CSeq: {cseq}", f'Contact: "{quoted}" <sip:{quoted}@192.0.2.1>;isfocus',
        *(f"{name}: {evil}" for name in (
            "User-Agent", "Server", "Subject", "Identity", "Reason", "Warning", "Call-Info", "Privacy", "Supported",
            "Require", "Security-Client", "Security-Server", "Security-Verify", "P-Charging-Vector", "Allow", "Event",
            "P-Access-Network-Info", "Authorization", "Date", "Referred-By", "In-Reply-To", "Replaces", "Alert-Info",
            "Proxy-Require", "Feature-Caps", "Session-ID", "X-Leg-ID")),
        f'P-Asserted-Identity: "{quoted}" <sip:{quoted}@{quoted}>, <tel:{quoted}>', f"History-Info: <sip:{quoted}@x>",
        f'P-Preferred-Identity: "{quoted}" <sip:{quoted}@{quoted}>', f"{evil.split(':')[0]}: {evil}", f"{evil}",
    ]  # fmt: skip
    data = body.encode("utf-8", "surrogateescape")
    lines += ["Content-Type: application/sdp", f"Content-Length: {len(data)}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + data


def _msrp(evil: str, number: int) -> bytes:
    there, here = f"msrp://192.0.2.2:2855/{evil};tcp", f"msrp://192.0.2.1:7654/{evil};tcp"
    body = (
        f"From: {evil} <im:{evil}>\r\nTo: {evil} <im:{evil}>\r\nSubject: {evil}\r\n\r\nContent-Type: {evil}\r\n\r\nMARK"
    )
    kind = ("message/cpim", evil, "application/octet-stream", "message/cpim")[number % 4]
    size = len(body.encode())
    head = (
        f"MSRP tid{number:04} SEND\r\nTo-Path: {there}\r\nFrom-Path: {here}\r\nMessage-ID: {evil}{number}\r\n"
        f'Byte-Range: 1-{size}/{size}\r\n{evil}: {evil}\r\nUse-Nickname: "{evil}"\r\n'
        f'Content-Disposition: attachment; filename="{evil}"\r\nContent-Type: {kind}\r\n\r\n{body}'
    )
    return f"{head}\r\n-------tid{number:04}$\r\n".encode()


def hostile() -> bytes:
    """For each text a call whose every field has it, media, and a chat with files."""
    wire = Wire()
    for evil in TEXTS.values():
        _talk(wire, evil)
    return wire.pcap()


def _talk(wire: Wire, evil: str) -> None:
    call = [("INVITE", ""), ("ACK", ";tag=b"), ("MESSAGE", ""), (evil.split()[0], ";tag=b"), ("BYE", "")]
    for number, (method, tag) in enumerate(call, 1):
        offer = _sdp(evil, "192.0.2.1", 7654) if method == "INVITE" else ""
        wire.udp(A, B, _sip(f"{method} sip:{evil}@192.0.2.2 SIP/2.0", evil, f"{number} {method}", offer, tag))
        if method != "ACK":
            answer = _sdp(evil, "192.0.2.2", 2855) if method == "INVITE" else ""
            wire.udp(B, A, _sip(f"SIP/2.0 200 {evil}", evil, f"{number} {method}", answer, ";tag=b"))
    for number in range(30):
        wire.udp(at("192.0.2.1", 4000), at("192.0.2.2", 4000), rtp(number))
    client, server = at("192.0.2.1", 7654), at("192.0.2.2", 2855)
    wire.connect(client, server)
    for number in range(4):
        wire.tcp(client, server, _msrp(evil, number))
        answer = f"MSRP tid{number:04} 400 {evil}\r\nTo-Path: msrp://x/{evil};tcp\r\nFrom-Path: msrp://y/{evil};tcp\r\n"
        wire.tcp(server, client, f"{answer}-------tid{number:04}$\r\n".encode())


def said(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """What a command prints, and what it says on stderr."""
    monkeypatch.setattr("sys.argv", ["mediasec", *arguments])
    with pytest.raises(SystemExit):
        run()
    printed = capsys.readouterr()
    return printed.out, printed.err


def harmless(text: str, what: str) -> None:
    found = CONTROL.search(text.replace("\r\n", "\n"))
    assert found is None, f"{what}: {text[max(0, found.start() - 60) : found.end() + 20]!r}"


def test_hostile_text_is_inert_in_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    captures = [tmp_path / f"{text.replace('/', '_')}.pcap" for text in TEXTS.values()]
    captures[0].write_bytes(hostile())
    for empty in captures[1:]:
        empty.write_bytes(Wire().pcap())
    files, written = tmp_path / "files", tmp_path / "written"
    files.mkdir()
    written.mkdir()
    formats = [f"--format={name}={written / name}" for name in EXPORTERS]
    arguments = ["analyze", *map(str, captures), *formats, "--reveal", "identities", "--files", str(files)]
    printed, errors = said(arguments, monkeypatch, capsys)
    harmless(printed, "standard output")
    harmless(errors, "standard error")
    texts = {name: (written / name).read_bytes().decode() for name in EXPORTERS}
    for name, text in texts.items():
        harmless(text, name)
        if name.startswith("csv"):
            cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
            assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert "MARK" in texts["table"]
    assert re.search(r"<(script|img)", CODE.sub("", texts["markdown"])) is None
    ET.fromstring(texts["junit"])
    assert json.loads(texts["sarif"])
    names = [path for path in files.rglob("*") if path.is_file()]
    assert len(names) >= len(TEXTS)
    for path in names:
        harmless(str(path.relative_to(files)), "file name")
        assert path.resolve().is_relative_to(files.resolve())


@pytest.mark.parametrize(
    "command", ["calls", "hops", "streams", "show call-1", "show msrp-1", "show nothing", "keys check", "topology init"]
)
def test_hostile_text_is_inert_in_every_view(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = tmp_path / "hostile.pcap"
    capture.write_bytes(hostile())
    view, _, what = command.partition(" ")
    before, after = ([view, what], []) if view in ("keys", "topology") else ([view], [what] if what else [])
    text, errors = said([*before, str(capture), *after], monkeypatch, capsys)
    assert text or errors
    harmless(text, command)
    harmless(errors, f"{command}: stderr")
