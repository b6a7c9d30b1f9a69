"""Public captures whose catalogue entry has keys open to what the entry says was verified."""

from pathlib import Path

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.report.model import Report


def report(capture: Path, bundle: Path) -> Report:
    made = analyze(Settings((str(capture),), (bundle,), rules=("signalling",)), Silent()).report
    assert made is not None
    return made


def test_c059_srtp_under_a_master_key_for_any_stream(shared: Path, tmp_path: Path) -> None:
    """The entry: AES_CM_128_HMAC_SHA1_80, 30 bytes 0x61; 812/812 (0xD366768F), 160/160 (0x562DF298) authenticated."""
    bundle = tmp_path / "keys.yaml"
    bundle.write_text(
        "format: 1\nkeys:\n"
        f"  - {{id: any, kind: srtp-master, suite: AES_CM_128_HMAC_SHA1_80, value: '0x{'61' * 30}'}}\n"
        f"  - {{id: other, kind: srtp-master, suite: AES_CM_128_HMAC_SHA1_80, value: '0x{'62' * 30}'}}\n"
    )
    found = report(shared / "public" / "C059-srtp.pcap", bundle)
    counts = {stream.ssrc: (stream.packets, stream.authenticated, stream.auth_failed) for stream in found.streams}
    assert counts["0xd366768f"] == (812, 812, 0)
    assert counts["0x562df298"] == (160, 160, 0)
    assert [(key.source, key.opened, key.unused) for key in found.keys] == [
        ("keys.yaml: any", 972, False), ("keys.yaml: other", 0, True),
    ]  # fmt: skip
    assert found.keys[1].problem == "no packet in the captures verifies with this key"


def test_c059_under_keys_for_an_ssrc_each(shared: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "keys.yaml"
    right, wrong = "61" * 30, "62" * 30
    bundle.write_text(
        "format: 1\nkeys:\n"
        f"  - {{id: a, kind: srtp-master, ssrc: '0xD366768F', suite: AES_CM_128_HMAC_SHA1_80, value: '0x{right}'}}\n"
        f"  - {{id: b, kind: srtp-master, ssrc: '0x562DF298', suite: AES_CM_128_HMAC_SHA1_80, value: '0x{wrong}'}}\n"
    )
    found = report(shared / "public" / "C059-srtp.pcap", bundle)
    streams = {stream.ssrc: stream for stream in found.streams}
    assert streams["0xd366768f"].authenticated == 812
    assert streams["0x562df298"].decrypted == 0
    assert streams["0x562df298"].failure in ("tag_failed", "roc_not_found")
