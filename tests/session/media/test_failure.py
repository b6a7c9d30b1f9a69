"""Why a stream stays closed: each cause made on purpose, by the tests' own sender, and named."""

import base64
import struct

import pytest

from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.suites import suite_named
from analyzer.session.key_entries import SrtpMaster
from analyzer.session.keyring import Keyring
from analyzer.session.media.failure import SENTENCES, Failure, explain
from analyzer.session.media_keys import MediaKey
from tests.crypto.srtp.writer import Sender
from tests.pipeline.sdp import audio
from tests.pipeline.wire import Wire, at, message, rows, rtp

ALICE, BOB, A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060), at("192.0.2.1", 4000), at("192.0.2.2", 5000)
KEY, OTHER = bytes(range(30)), bytes(range(100, 130))
SSRC = 0x5566AABB


def sender(key: bytes = KEY, tag: int = 10, cipher: str = "cm", mki: bytes = b"", size: int = 16) -> Sender:
    return Sender(cipher, key[:size], key[size:], tag, 16 if cipher == "gcm" else 10, mki)


def packets(by: Sender, count: int = 30, roc: int = 0) -> list[bytes]:
    plain = [rtp(number) for number in range(1, count + 1)]
    return [by.rtp(packet[:12], packet[12:], roc) for packet in plain]


def line(key: bytes, suite: str = "AES_CM_128_HMAC_SHA1_80", rest: str = "") -> str:
    return f"a=crypto:1 {suite} inline:{base64.b64encode(key).decode()}{rest}\r\n"


def row(media: list[bytes], ours: str = line(KEY), theirs: str = line(OTHER), **more: object) -> dict[str, object]:
    """The stream from A to B in a call with these keys."""
    wire = Wire()
    wire.udp(ALICE, BOB, message("INVITE", "call", audio(A, "RTP/SAVP", ours)))
    wire.udp(BOB, ALICE, message("INVITE", "call", audio(B, "RTP/SAVP", theirs), status=200))
    wire.udp(ALICE, BOB, message("ACK", "call"))
    for packet in media:
        wire.udp(A, B, packet)
    (found,) = rows(wire.run(**more).closer.stream_rows)  # type: ignore[arg-type]  # keywords of run
    return found


def said(found: dict[str, object]) -> tuple[object, ...]:
    return found["authenticated"], found["auth_failed"], found["failure"]


def test_every_failure_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Failure)


def test_what_opens_has_no_failure() -> None:
    found = row(packets(sender()))
    assert (*said(found), found["failure_detail"]) == (30, 0, None, None)


def test_the_key_of_the_other_direction() -> None:
    assert said(row(packets(sender(OTHER)))) == (0, 30, "other_direction")


def test_another_suite_of_the_same_key() -> None:
    """A tag of four bytes where ten were agreed (RFC 4568 6.2)."""
    found = row(packets(sender(tag=4)))
    assert said(found) == (0, 30, "wrong_suite")
    assert "verifies as AES_CM_128_HMAC_SHA1_32" in str(found["failure_detail"])


def test_no_encryption_where_it_was_agreed() -> None:
    """The NULL cipher has the tag of AES-CM under the same master key: only its session keys' use differs."""
    found = row(packets(sender(tag=4, cipher="null")))
    assert "verifies as" in str(found["failure_detail"])


def test_a_short_tag_of_gcm_is_named_and_not_accepted() -> None:
    """RFC 7714 13.1 has 16 bytes only."""
    key = bytes(range(28))
    found = row(packets(sender(key, 8, "gcm")), line(key, "AEAD_AES_128_GCM"))
    assert said(found) == (0, 30, "wrong_suite")
    assert "AEAD_AES_128_GCM with a tag of 8 bytes" in str(found["failure_detail"])


def test_a_key_that_says_so_opens_the_short_tag() -> None:
    key = bytes(range(28))
    ring = Keyring()
    ring.add_entry(SrtpMaster("one", SSRC, "AEAD_AES_128_GCM", Secret(key), b"", 8), "bundle: one")
    wire = Wire()
    for packet in packets(sender(key, 8, "gcm")):
        wire.udp(A, B, packet)
    (found,) = rows(wire.run(keyring=ring).closer.stream_rows)
    assert said(found) == (30, 0, None)


def test_an_mki_that_no_key_has() -> None:
    found = row(packets(sender(mki=b"\x02")), line(KEY, rest="|1:1"))
    assert said(found) == (0, 30, "mki_unknown")
    assert "0x02" in str(found["failure_detail"])


def test_an_mki_that_the_key_was_given_without() -> None:
    found = row(packets(sender(mki=b"\x00\x07")))
    assert said(found) == (0, 30, "mki_unknown")
    assert "0x0007" in str(found["failure_detail"])


def test_a_wrong_key() -> None:
    assert said(row(packets(sender(bytes(30))))) == (0, 30, "tag_failed")


def test_a_roll_over_counter_out_of_reach() -> None:
    """SRTCP needs no counter: it proves the key, so the counter is what is missing (RFC 3711 3.3.1)."""
    report = struct.pack(">BBHI", 0x80, 201, 1, SSRC)
    limits = Limits(srtp_roc_search=16)
    assert said(row(packets(sender(), roc=40), limits=limits)) == (0, 30, "tag_failed")
    found = row([*packets(sender(), roc=40), sender().rtcp(report, 1)], limits=limits)
    assert said(found) == (0, 30, "roc_not_found")
    assert "16 roll-over counters" in str(found["failure_detail"])
    assert said(row(packets(sender(), roc=15), limits=limits)) == (30, 0, None)


def test_no_key_for_this_ssrc() -> None:
    """A call that agreed on keying in a message that carries none that could be read."""
    bad = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n"
    found = row(packets(sender()), bad, bad)
    assert (found["authenticated"], found["failure"]) == (None, "no_key")


def test_packets_cut_short() -> None:
    wire = Wire(snap=100)
    wire.udp(A, B, packets(sender())[0])
    ring = Keyring()
    ring.add_entry(SrtpMaster("one", SSRC, "AES_CM_128_HMAC_SHA1_80", Secret(KEY), b"", None), "bundle: one")
    for packet in packets(sender()):
        wire.udp(A, B, packet)
    (found,) = rows(wire.run(keyring=ring).closer.stream_rows)
    assert said(found) == (0, 0, "truncated")


def test_an_unsupported_suite() -> None:
    found = row(packets(sender()), line(KEY, "F8_128_HMAC_SHA1_80"), line(OTHER, "F8_128_HMAC_SHA1_80"))
    assert found["failure"] == "unsupported_suite"


@pytest.mark.parametrize("size", [0, 1, 11, 12, 20, 64])
def test_explaining_is_total(size: int) -> None:
    suite = suite_named("AES_CM_128_HMAC_SHA1_80")
    assert suite is not None
    key = MediaKey.of(suite, Secret(KEY), b"\x01", (), "sdes")
    assert key is not None
    assert explain([bytes([0x80]) * size], [key], [key], Limits()) is None


def test_a_key_that_was_offered_and_declined() -> None:
    """RFC 4568 5.1.2: without a=crypto in the answer the offered key is not in use; a sender that uses it all the same
    is told from one whose key is not there."""
    found = row(packets(sender()), theirs="")
    assert said(found) == (None, None, "no_key")
    words = "a key opens it that its sender put into SDP and the answer did not take"
    assert words in str(found["failure_detail"])
    assert words not in str(row(packets(sender(OTHER)), theirs="")["failure_detail"])
