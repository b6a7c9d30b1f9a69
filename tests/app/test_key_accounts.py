"""Each key of a call has the packets that it opened, whichever key came after it: what the report's `keys` say.

How many packets each key protected is what the test sent under it (RFC 3711 8.1: a key is found by its MKI or is that
of the description that is in force).
"""

import base64
import struct
from pathlib import Path

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from tests.crypto.srtp.writer import Sender
from tests.pipeline.sdp import audio
from tests.pipeline.wire import Wire, at, message, rtp

ALICE, BOB, A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060), at("192.0.2.1", 4000), at("192.0.2.2", 5000)
ONE, TWO, THREE, FOUR = (bytes(range(n, n + 30)) for n in (0, 40, 80, 120))
SUITE = "AES_CM_128_HMAC_SHA1_80"


def line(*keys: tuple[bytes, str]) -> str:
    return (
        f"a=crypto:1 {SUITE} " + ";".join(f"inline:{base64.b64encode(k).decode()}{rest}" for k, rest in keys) + "\r\n"
    )


def sender(key: bytes, mki: bytes = b"") -> Sender:
    return Sender("cm", key[:16], key[16:], 10, 10, mki)


def call(wire: Wire, offer: str, answer: str, cseq: int = 1) -> None:
    """INVITE, 200 and ACK; behind the first, inside the dialog (RFC 3261 12.2.1.1: with the tag of the other end)."""
    ring = message("INVITE", "call", audio(A, "RTP/SAVP", offer), cseq=cseq)
    tagged = ring.replace(b"To: <sip:bob@example.org>\r\n", b"To: <sip:bob@example.org>;tag=b\r\n")
    wire.udp(ALICE, BOB, ring if cseq == 1 else tagged)
    wire.udp(BOB, ALICE, message("INVITE", "call", audio(B, "RTP/SAVP", answer), status=200, cseq=cseq))
    wire.udp(ALICE, BOB, message("ACK", "call", cseq=cseq))


def speak(wire: Wire, by: Sender, first: int, count: int) -> None:
    """Packets from A to B with extended sequence numbers from `first` on."""
    for index in range(first, first + count):
        packet = rtp(index & 0xFFFF)
        wire.udp(A, B, by.rtp(packet[:12], packet[12:], index >> 16))


def accounts(wire: Wire, folder: Path, *keys: Path) -> list[tuple[int, bool, str | None]]:
    path = folder / "a.pcap"
    path.write_bytes(wire.pcap())
    report = analyze(Settings((str(path),), keys=keys), Silent()).report
    assert report is not None
    assert all(row.failure is None for row in report.streams)
    return [(row.opened, row.unused, row.problem) for row in report.keys]


def test_two_keys_by_mki_through_a_late_roll_over(tmp_path: Path) -> None:
    wire = Wire()
    call(wire, line((ONE, "|2^20|1:4"), (TWO, "|2^20|2:4")), line((THREE, "")))
    one, two = sender(ONE, b"\0\0\0\1"), sender(TWO, b"\0\0\0\2")
    start = (3 << 16) + 65_500
    speak(wire, one, start, 60)
    speak(wire, two, start + 60, 50)
    speak(wire, one, start + 110, 20)
    unused = (0, True, "no packet in the captures verifies with this key")
    assert accounts(wire, tmp_path) == [(80, False, None), (50, False, None), unused]


def test_a_new_offer_with_new_keys_for_the_same_ssrc(tmp_path: Path) -> None:
    wire = Wire()
    call(wire, line((ONE, "")), line((TWO, "")))
    speak(wire, sender(ONE), 1, 70)
    call(wire, line((THREE, "")), line((FOUR, "")), cseq=2)
    speak(wire, sender(THREE), 71, 30)
    speak(wire, sender(ONE), 101, 3)  # under way when the keys changed
    assert sorted(opened for opened, *_ in accounts(wire, tmp_path)) == [0, 0, 30, 73]


def test_copies_at_another_vantage_point_do_not_count_twice(tmp_path: Path) -> None:
    wire = Wire()
    call(wire, line((ONE, "")), line((TWO, "")))
    speak(wire, sender(ONE), 1, 70)
    call(wire, line((THREE, "")), line((FOUR, "")), cseq=2)
    speak(wire, sender(THREE), 71, 30)
    paths = [tmp_path / name for name in ("left.pcap", "right.pcap")]
    for path in paths:
        path.write_bytes(wire.pcap())
    report = analyze(Settings(tuple(map(str, paths))), Silent()).report
    assert report is not None
    assert sorted(row.opened for row in report.keys) == [0, 0, 30, 70]


def test_a_key_that_opened_srtcp_alone_is_not_unused(tmp_path: Path) -> None:
    wire = Wire()
    call(wire, line((ONE, "")), line((TWO, "")))
    speak(wire, sender(ONE), 1, 70)
    for index in range(1, 6):
        report = struct.pack(">BBHIQIII", 0x80, 200, 6, 0x77, index << 32, 0, 0, 0)
        wire.udp(at("192.0.2.2", 5001), at("192.0.2.1", 4001), sender(TWO).rtcp(report, index))
    assert accounts(wire, tmp_path) == [(70, False, None), (5, False, None)]


def test_a_supplied_key_that_opened_srtcp_alone_is_not_unused(tmp_path: Path) -> None:
    wire, keys = Wire(), tmp_path / "keys.yaml"
    bad = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n"
    call(wire, bad, bad)
    for index in range(1, 6):
        report = struct.pack(">BBHIQIII", 0x80, 200, 6, 0x77, index << 32, 0, 0, 0)
        wire.udp(at("192.0.2.2", 5001), at("192.0.2.1", 4001), sender(TWO).rtcp(report, index))
    value = base64.b64encode(TWO).decode()
    keys.write_text(f'format: 1\nkeys:\n- {{id: a, kind: srtp-master, suite: {SUITE}, value: "{value}"}}\n')
    keys.chmod(0o600)
    assert accounts(wire, tmp_path, keys) == [(0, True, "its length is not that of its suite"), (5, False, None)]


def test_a_key_whose_mki_does_not_fit_its_length(tmp_path: Path) -> None:
    """RFC 4568 6.1: the MKI is a number of as many bytes as are said."""
    wire = Wire()
    call(wire, line((ONE, "|2^20|300:1")), line((TWO, "")))
    problems = [problem for *_, problem in accounts(wire, tmp_path)]
    assert problems[0] == "its MKI or key derivation rate is none that there can be (RFC 4568 6.1, 6.3.1)"


def test_the_key_of_an_offer_that_was_refused_is_listed(tmp_path: Path) -> None:
    """RFC 3261 14.1: the session goes on as if the re-INVITE had not been sent."""
    wire = Wire()
    call(wire, line((ONE, "")), line((TWO, "")))
    speak(wire, sender(ONE), 1, 30)
    offer = message("INVITE", "call", audio(A, "RTP/SAVP", line((THREE, ""))), cseq=2)
    wire.udp(ALICE, BOB, offer.replace(b"To: <sip:bob@example.org>\r\n", b"To: <sip:bob@example.org>;tag=b\r\n"))
    wire.udp(BOB, ALICE, message("INVITE", "call", status=488, cseq=2))
    speak(wire, sender(ONE), 31, 30)
    unused = (0, True, "no packet in the captures verifies with this key")
    assert accounts(wire, tmp_path) == [(60, False, None), unused, (0, True, "the request that offered it was refused")]
