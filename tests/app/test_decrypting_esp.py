"""ESP in a capture written anew: what tshark reads with the keys, it reads without them."""

import subprocess
from pathlib import Path

import pytest

from analyzer.app.decrypting import decrypt
from analyzer.app.settings import Silent

CIPHER, AUTH = "0x00112233445566778899aabbccddeeff", "0x0123456789abcdef0123456789abcdef01234567"  # FACTS, esp-aes
MEDIA = ["-o", "sdp.establish_conversation:FALSE", "--enable-heuristic", "rtp_udp"]


def table(null: bool) -> list[str]:
    cipher, key = ("NULL", "") if null else ("AES-CBC [RFC3602]", CIPHER)
    return [
        f'"IPv4","10.{n}.0.{src}","10.{n}.0.{3 - src}","0x0000{n}00{3 - src}","{cipher}","{key}",'
        f'"HMAC-SHA-1-96 [RFC2404]","{AUTH}"'
        for n in (1, 2)
        for src in (1, 2)
    ]


def sip(capture: Path, *options: str) -> list[str]:
    command = ["tshark", "-r", str(capture), *options, "-Y", "sip", "-T", "fields", "-e", "frame.number"]
    command += ["-e", "sip.Request-Line", "-e", "sip.Status-Line", "-e", "sdp.media"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.tshark
@pytest.mark.parametrize("name", ["esp-aes", "esp-null"])
def test_sip_in_esp(name: str, shared: Path, tmp_path: Path) -> None:
    lines = table(name == "esp-null")
    keys = tmp_path / "esp_sa"
    keys.write_text("\n".join(lines) + "\n")
    source, out = shared / "lab" / f"{name}.pcapng", tmp_path / "clear.pcapng"
    done = decrypt([str(source)], [keys] if name == "esp-aes" else [], out, Silent())
    options = ["-o", "esp.enable_encryption_decode:TRUE"]
    for line in lines:
        options += ["-o", f"uat:esp_sa:{line}"]
    theirs, ours = sip(source, *options), sip(out)
    assert done.esp == len(theirs) - len(sip(source)) > 20
    assert not done.media.kept, "what came in IP fragments is opened too"
    assert theirs == ours
    assert done.media.rtp > 1_000, "the SDES keys were in the SIP in ESP"
    bad = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-Y", "sip && ip.checksum.status == 0"]
    assert not subprocess.run(["tshark", "-r", out, *bad], capture_output=True, text=True, check=True).stdout
