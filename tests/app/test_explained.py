"""Each reason for which a stream stays closed, made on purpose in one capture: what report and `keys check` say."""

import base64
import contextlib
import io
import struct
import sys
from pathlib import Path

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.cli.main import run
from analyzer.report.model import Report
from analyzer.report.traffic import Stream
from tests.pipeline.sdp import audio
from tests.pipeline.wire import Wire, at, message, rtp
from tests.session.media.test_failure import KEY, OTHER, line, sender

ALICE, BOB = at("192.0.2.1", 5060), at("192.0.2.2", 5060)
THIRD = bytes(range(50, 80))
COUNT = 30
FAR = 2_000  # roll-overs; 1,024 are tried (Limits.srtp_roc_search)
NAMES = ["other-direction", "only-the-other", "wrong-suite", "wrong-key", "mki", "roc", "cut", "no-key", "other-ssrc"]
NAMES += ["f8", "aria"]
SSRCS = {name: number for number, name in enumerate(NAMES, 1)}
F8, ARIA = "F8_128_HMAC_SHA1_80", "ARIA_128_CTR_HMAC_SHA1_80"  # RFC 4568 6.2.3, RFC 8269
OFFERED = {"only-the-other": "", "no-key": "", "other-ssrc": "", "mki": "", "cut": ""}
OFFERED |= {"f8": line(KEY, F8), "aria": line(KEY, ARIA)}
ANSWERED = {"no-key": "", "other-ssrc": "", "mki": "", "cut": ""}
ANSWERED |= {"f8": line(OTHER, F8), "aria": line(OTHER, ARIA)}
PROTECTED = {
    "other-direction": sender(OTHER), "only-the-other": sender(OTHER), "wrong-suite": sender(tag=4),
    "wrong-key": sender(THIRD), "mki": sender(THIRD, mki=b"\2"), "no-key": sender(bytes(30)),
    "other-ssrc": sender(THIRD),
}  # fmt: skip
BUNDLE = f"""format: 1
keys:
- {{id: mki, kind: srtp-master, ssrc: "{SSRCS["mki"]:#x}", suite: AES_CM_128_HMAC_SHA1_80, mki: "01",
   value: "{base64.b64encode(THIRD).decode()}"}}
- {{id: cut, kind: srtp-master, ssrc: "{SSRCS["cut"]:#x}", suite: AES_CM_128_HMAC_SHA1_80,
   value: "{base64.b64encode(KEY).decode()}"}}
- {{id: another, kind: srtp-master, ssrc: "0x77", suite: AES_CM_128_HMAC_SHA1_80,
   value: "{base64.b64encode(THIRD).decode()}"}}
"""
REASONS = {
    "other-direction": ("other_direction", "It opens with the key of what the other end sends: keys or addresses are"),
    "only-the-other": ("other_direction", "It opens with the key of what the other end sends: keys or addresses are"),
    "wrong-suite": ("wrong_suite", "under another suite than was said (verifies as AES_CM_128_HMAC_SHA1_32)"),
    "wrong-key": ("tag_failed", "The tag fails with every key at hand: another key, or packets that were changed"),
    "mki": ("mki_unknown", "any key at hand (they carry 0x02, which this key was not given with)"),
    "roc": ("roc_not_found", "it began too many roll-overs ago, or was changed (at 1024 roll-over counters)"),
    "cut": ("truncated", "The capture cut its packets short: capture with a longer snap length"),
    "no-key": ("no_key", "No key for this SSRC: give its master key, or the secret of the SIP or DTLS that carries it"),
    "f8": ("unsupported_suite", "Its suite is known by name, and not opened here"),
    "aria": ("unsupported_suite", "Its suite is known by name, and not opened here"),
    "other-ssrc": ("no_key", "carries it (the key given for 0x00000077 opens it)"),
}


def capture() -> bytes:
    """A call for each name, with the stream that is to stay closed from A to B."""
    wire, cut = Wire(), set()
    for number, name in enumerate(NAMES):
        a, b = at("192.0.2.1", 10_000 + 4 * number), at("192.0.2.2", 10_000 + 4 * number)
        bad = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n"  # keying was agreed, and no key can be read
        offer = audio(a, "RTP/SAVP", OFFERED.get(name, line(KEY)) or bad)
        answer = audio(b, "RTP/SAVP", ANSWERED.get(name, line(OTHER)) or bad)
        wire.udp(ALICE, BOB, message("INVITE", name, offer))
        wire.udp(BOB, ALICE, message("INVITE", name, answer, status=200))
        wire.udp(ALICE, BOB, message("ACK", name))
        by, ssrc = PROTECTED.get(name, sender()), SSRCS[name]
        for index in range(1, COUNT + 1):
            packet = rtp(index, ssrc=ssrc)
            frame = wire.udp(a, b, by.rtp(packet[:12], packet[12:], FAR if name == "roc" else 0))
            cut |= {frame} if name == "cut" else set()
        if name == "roc":  # SRTCP proves the key
            wire.udp(a, b, by.rtcp(struct.pack(">BBHI", 0x80, 201, 1, ssrc), 1))
    out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 101)]
    for number, (ts_ns, frame_bytes) in enumerate(wire.frames, 1):
        kept = frame_bytes[:100] if number in cut else frame_bytes
        out.append(struct.pack("<IIII", ts_ns // 10**9, ts_ns % 10**9, len(kept), len(frame_bytes)) + kept)
    return b"".join(out)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("explained")
    source, keys = folder / "closed.pcap", folder / "keys.yaml"
    source.write_bytes(capture())
    keys.write_text(BUNDLE)
    keys.chmod(0o600)
    return source, keys


@pytest.fixture(scope="module")
def report(files: tuple[Path, Path]) -> Report:
    made = analyze(Settings((str(files[0]),), (files[1],)), Silent()).report
    assert made is not None
    return made


@pytest.mark.parametrize("name", NAMES)
def test_the_report_says_why(name: str, report: Report) -> None:
    (row,) = [row for row in report.streams if row.ssrc == f"0x{SSRCS[name]:08x}"]
    assert isinstance(row, Stream)
    failure, words = REASONS[name]
    assert (row.packets, row.decrypted, row.failure) == (COUNT, 0, failure)
    assert words in (row.failure_detail or "")


def test_keys_check_says_why(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    source, keys = files
    monkeypatch.setattr(sys, "argv", ["mediasec", "keys", "check", "-q", str(source), "--keys", str(keys)])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as end:
        run()
    assert not end.value.code
    shown = " ".join(printed.getvalue().split())
    for name in NAMES:
        _, words = REASONS[name]
        said, _, rest = shown.partition(words)
        assert rest, f"{name} in {said}"
        assert f"0x{SSRCS[name]:08x}" in rest.partition(" Closed: ")[0], name
    assert "nothing" in shown, "keys that opened nothing"
