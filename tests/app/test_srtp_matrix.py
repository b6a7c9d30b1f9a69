"""The matrix of streams (suite, MKI, roll-over counter, header extension, SRTCP) through the whole program.

Each stream is the media of a call; keys, MKI, session parameters (RFC 4568 6) and encrypted header extensions
(RFC 6904 4) stand in its SDP, a tag of eight bytes in a key file. The senders are those of tests/crypto/srtp.
"""

import base64
import random
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.app import decrypting, offline
from analyzer.app.decrypting import Decrypted, decrypt
from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.core.limits import Limits
from analyzer.report.model import Report
from tests.app.test_decrypting import frames
from tests.crypto.srtp.streams import CASES, SSRC, UNAUTHENTICATED, Case, flipped, rtcp_plain, rtp_plain
from tests.pipeline.sdp import invite_ok
from tests.pipeline.wire import Wire, at

ALICE, BOB = at("192.0.2.1", 5060), at("192.0.2.2", 5060)
IN_SDP = [case for case in CASES if case.rtp_tag is None and case.rtcp_tag is None]
IN_FILE = [case for case in CASES if case.rtp_tag is not None]
RTP, RTCP = 6, 5  # packets of each stream


def lines(case: Case) -> str:
    """a=crypto (RFC 4568 9.1) and a=extmap (RFC 8285 8, RFC 6904 4)."""
    master, salt = case.key
    mki = f"|2^20|{int.from_bytes(case.mki, 'big')}:{len(case.mki)}" if case.mki else ""
    parameters = [f"KDR={case.kdr}"] if case.kdr else []
    parameters += ["UNENCRYPTED_SRTP"] if case.unencrypted else []
    parameters += ["UNAUTHENTICATED_SRTP"] if case.unauthenticated else []
    inline = " ".join([f"inline:{base64.b64encode(master + salt).decode()}{mki}", *parameters])
    encrypted = "".join(
        f"a=extmap:{number} urn:ietf:params:rtp-hdrext:encrypt urn:example:{number} 25@600/24\r\n"
        for number in case.ids
    )
    return (
        f"a=rtcp-mux\r\na=crypto:1 {case.suite.name} {inline}\r\n{encrypted}a=extmap:2/sendonly urn:example:clear\r\n"
    )


def capture(cases: list[Case], change: bool) -> tuple[bytes, list[bytes]]:
    """All streams behind each other, and what their packets are in clear. `change`: one bit of each is turned over."""
    wire, plain = Wire(), []
    for number, case in enumerate(cases):
        a, b = at("192.0.2.1", 10_000 + 4 * number), at("192.0.2.2", 10_000 + 4 * number)
        sdp = lines(case) if case.rtp_tag is None else "a=rtcp-mux\r\n"
        invite_ok(wire, ALICE, BOB, a, b, f"call-{number}", proto="RTP/SAVP", lines=sdp)
        sender, numbers = case.sender(), random.Random(str(case))
        protected = [sender.rtp(*packet) for packet in rtp_plain(case)]
        protected += [sender.rtcp(*packet) for packet in rtcp_plain(case)]
        for packet in protected:
            wire.udp(a, b, flipped(packet, numbers) if change else packet)
        plain += [head + body for head, body, _ in rtp_plain(case)] + [packet for packet, *_ in rtcp_plain(case)]
    return wire.pcap(), plain


def run(cases: list[Case], change: bool, folder: Path) -> tuple[Report, Decrypted, list[bytes], list[bytes]]:
    """The report, the counts of decrypting, media in clear as written and as it should be."""
    source, out, keys = folder / "in.pcap", folder / "clear.pcapng", folder / "keys.yaml"
    content, plain = capture(cases, change)
    source.write_bytes(content)
    entries = [
        f"- {{id: leg-{number}, kind: srtp-master, ssrc: '{SSRC:#x}', suite: {case.suite.name}, "
        f'value: "{base64.b64encode(b"".join(case.key)).decode()}", '
        f'mki: "{case.mki.hex()}", tag_bytes: {case.rtp_tag}}}\n'
        for number, case in enumerate(cases)
        if case.rtp_tag is not None
    ]
    keys.write_text("format: 1\nkeys:\n" + "".join(entries))
    files = [keys] if entries else []
    report = analyze(Settings((str(source),), keys=tuple(files)), Silent()).report
    assert report is not None
    done = decrypt([str(source)], files, out, Silent())
    payloads = [row[3][28:] for row in frames(out)[0]]  # type: ignore[index]  # bytes
    return report, done, [p for p in payloads if not p[:1].isalpha() and p[:3] != b"SIP"], plain


@pytest.mark.parametrize(("cases", "tags"), [(IN_SDP, True), (UNAUTHENTICATED, False), (IN_FILE, True)])
def test_all_are_opened(cases: list[Case], tags: bool, tmp_path: Path) -> None:
    report, done, written, plain = run(cases, False, tmp_path)
    assert (done.media.rtp, done.media.rtcp) == (RTP * len(cases), RTCP * len(cases))
    assert (done.media.closed, done.media.kept) == (0, 0)
    assert written == plain
    rows = [(row.packets, row.authenticated, row.decrypted, row.auth_failed, row.failure) for row in report.streams]
    assert rows == [(RTP, RTP if tags else 0, RTP, 0, None)] * len(cases)


def test_with_one_bit_turned_over_none_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = replace(Limits(), srtp_roc_search=48, explained_counters=1)  # the matrix has counters to 37
    for module in (decrypting, offline):
        monkeypatch.setattr(module, "Limits", lambda: limits)
    cases = IN_SDP + IN_FILE
    report, done, written, _ = run(cases, True, tmp_path)
    assert (done.media.rtp, done.media.rtcp) == (0, 0)
    assert sum(row.authenticated or 0 for row in report.streams) == 0
    assert sum(row.decrypted or 0 for row in report.streams) == 0
    assert len(written) >= 200 * RTP
