"""More keys for any stream than are tried on each (an rtpengine log of a day): each stream finds its own all the same.

Streams are written by the tests' own sender; two calls have one SSRC under two keys.
"""

import base64
import io
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.app import offline
from analyzer.app.decrypting import decrypt
from analyzer.app.key_loading import load_keys
from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.capture.reader import CaptureReader
from analyzer.capture.sources import SourceTable
from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine, Setup
from analyzer.report.model import Report
from tests.app.test_key_accounts import SUITE, sender
from tests.pipeline.sdp import invite_ok
from tests.pipeline.wire import Wire, at, rtp

ALICE, BOB = at("192.0.2.1", 5060), at("192.0.2.2", 5060)
KEYS = [bytes((7 * number + 3 * place) & 255 for place in range(30)) for number in range(80)]
UNREADABLE = f"a=crypto:1 {SUITE} inline:AAAA\r\n"
COUNT = 20


def capture(folder: Path) -> Path:
    wire = Wire()
    for number, (key, start) in enumerate(((KEYS[70], 1), (KEYS[79], 65_530))):
        a, b = at("192.0.2.1", 4000 + 10 * number), at("192.0.2.2", 5000 + 10 * number)
        invite_ok(wire, ALICE, BOB, a, b, f"call-{number}", proto="RTP/SAVP", lines=UNREADABLE)
        for index in range(start, start + COUNT):
            packet = rtp(index & 0xFFFF)
            wire.udp(a, b, sender(key).rtp(packet[:12], packet[12:], index >> 16))
    report = struct.pack(">BBHIQIII", 0x80, 200, 6, 0x77, 1 << 32, 0, 0, 0)
    wire.udp(at("192.0.2.2", 5001), at("192.0.2.1", 4001), sender(KEYS[75]).rtcp(report, 1))
    (folder / "a.pcap").write_bytes(wire.pcap())
    return folder / "a.pcap"


def bundle(folder: Path) -> Path:
    lines = [
        f'- {{id: k{number}, kind: srtp-master, suite: {SUITE}, value: "{base64.b64encode(key).decode()}"}}\n'
        for number, key in enumerate(KEYS)
    ]
    (folder / "keys.yaml").write_text("format: 1\nkeys:\n" + "".join(lines))
    (folder / "keys.yaml").chmod(0o600)
    return folder / "keys.yaml"


def judged(folder: Path) -> Report:
    report = analyze(Settings((str(capture(folder)),), (bundle(folder),)), Silent()).report
    assert report is not None
    return report


def test_each_stream_finds_its_key(tmp_path: Path) -> None:
    report = judged(tmp_path)
    assert len(KEYS) > 2 * Limits().srtp_keys
    assert [(row.authenticated, row.auth_failed, row.failure) for row in report.streams] == [(COUNT, 0, None)] * 2
    opened = {row.source: row.opened for row in report.keys if row.opened}
    assert opened == {"keys.yaml: k70": COUNT, "keys.yaml: k75": 1, "keys.yaml: k79": COUNT}


def test_decrypting_finds_them_too(tmp_path: Path) -> None:
    done = decrypt([str(capture(tmp_path))], [bundle(tmp_path)], tmp_path / "clear.pcapng", Silent())
    assert (done.media.rtp, done.media.rtcp, done.media.closed) == (2 * COUNT, 1, 0)


def test_where_not_all_are_tried_the_report_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "Limits", lambda: replace(Limits(), srtp_screened=40))
    report = judged(tmp_path)
    assert {row.failure for row in report.streams} == {"tag_failed"}
    assert all("too many keys are given for any stream" in (row.failure_detail or "") for row in report.streams)
    problems = [row.problem for row in report.keys if row.kind == "srtp-master"]
    untried = "not every stream was tried with it: give its SSRC"
    assert problems == ["no packet in the captures verifies with this key"] * 40 + [untried] * (len(KEYS) - 40)


def test_a_log_of_rtpengine_whose_keys_come_late_in_it(shared: Path, tmp_path: Path) -> None:
    found = (shared / "lab" / "e2ae-dtls.rtpengine-srtp-keys.txt").read_bytes()
    log = tmp_path / "rtpengine.log"
    log.write_bytes(b"Nov 29 04:00:00 edge rtpengine[1]: INFO: [core] nothing to say\n" * 2_000 + found)
    log.chmod(0o600)
    report = analyze(Settings((str(shared / "lab" / "e2ae-dtls.pcapng"),), (log,)), Silent()).report
    assert report is not None
    assert sum(row.opened > 0 for row in report.keys) > 0


@pytest.mark.parametrize("bound", [40, 75, 4_096])
def test_the_batch_edge_does_not_show(bound: int, tmp_path: Path) -> None:
    content, limits = capture(tmp_path).read_bytes(), replace(Limits(), srtp_screened=bound)
    seen = []
    for rows in (1, 7, 32_768):
        ring, sources = load_keys([bundle(tmp_path)], [], Silent()), SourceTable()
        reader = CaptureReader(io.BytesIO(content), "a.pcap", 0, sources, limits, "")
        engine = Engine(sources, Setup(limits=limits, contain=False, keyring=ring))
        while (batch := reader.read_batch(rows)) is not None:
            engine.feed(batch)
        engine.finish()
        seen.append((sorted(engine.closer.stream_rows), [source.opened for source in ring.sources]))
    assert seen[0] == seen[1] == seen[2]
