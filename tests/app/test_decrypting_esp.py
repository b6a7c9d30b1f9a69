"""ESP in a capture written anew: what tshark reads with the keys, it reads without them."""

import hmac
import struct
import subprocess
from pathlib import Path

import dpkt
import pytest

from analyzer.app.decrypting import decrypt
from analyzer.app.settings import Silent
from tests.app.test_decrypting_carriers import authenticated, datagram
from tests.pipeline.wire import Wire, at

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


@pytest.mark.tshark
def test_esp_behind_ah(tmp_path: Path) -> None:
    """RFC 4302 3.1: AH is outermost. It is of the ESP packet, and goes with it; one inside goes with what it is of."""
    wire, keys = Wire(), tmp_path / "esp_sa"
    keys.write_text('"IPv4","*","*","0x00001001","NULL","","HMAC-SHA-1-96 [RFC2404]","' + AUTH + '"\n')
    for number in range(1, 5):
        inner = datagram(at("192.0.2.1", 5060), at("192.0.2.2", 5060), b"OPTIONS sip:b SIP/2.0\r\n\r\n", 4)
        packet = authenticated(inner) if number == 3 else inner
        protected = esp(packet[20:], packet[9], number)
        made = dpkt.ip.IP(src=inner[12:16], dst=inner[16:20], p=50, data=protected)
        made.len = len(made)
        wire.frames.append((wire.now_ns + number, authenticated(bytes(made)) if number > 1 else bytes(made)))
    source, out = tmp_path / "in.pcap", tmp_path / "clear.pcapng"
    source.write_bytes(wire.pcap())
    done = decrypt([str(source)], [keys], out, Silent())
    assert (done.esp, done.media.unsealed, done.media.kept) == (4, 3, 0)
    shown = ["-T", "fields", "-e", "frame.number", "-e", "frame.protocols", "-o", "ip.check_checksum:TRUE"]
    command = ["tshark", "-r", str(out), *shown, "-e", "ip.checksum.status"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines() == [
        f"{number}\traw:ip:{'ah:' * (number == 3)}udp:sip\t1" for number in range(1, 5)
    ]


def esp(content: bytes, protocol: int, number: int) -> bytes:
    """RFC 4303 2 with NULL encryption and HMAC-SHA1-96 (RFC 2404)."""
    padding = -(len(content) + 2) % 4
    packet = struct.pack(">II", 0x1001, number) + content + bytes(range(1, padding + 1)) + bytes((padding, protocol))
    return packet + hmac.digest(bytes.fromhex(AUTH[2:]), packet, "sha1")[:12]
