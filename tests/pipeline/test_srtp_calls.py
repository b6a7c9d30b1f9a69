"""What a call does to its SRTP, through the engine: new sources, new keys, wraps, late and repeated packets."""

import base64
from collections.abc import Sequence

import pytest

from tests.crypto.srtp.writer import Sender
from tests.pipeline.sdp import audio
from tests.pipeline.wire import Wire, at, message, rows, rtp

ALICE, BOB, A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060), at("192.0.2.1", 4000), at("192.0.2.2", 5000)
FIRST, SECOND, OTHER = bytes(range(30)), bytes(range(50, 80)), bytes(range(100, 130))
SUITE = "AES_CM_128_HMAC_SHA1_80"


def crypto(*inline: str) -> str:
    return f"a=crypto:1 {SUITE} {';'.join(f'inline:{each}' for each in inline)}\r\n"


def key(material: bytes, rest: str = "") -> str:
    return base64.b64encode(material).decode() + rest


def sender(material: bytes, mki: bytes = b"") -> Sender:
    return Sender("cm", material[:16], material[16:], 10, 10, mki)


def agree(wire: Wire, cseq: int, ours: str) -> None:
    """Offer and answer of an INVITE, or of one inside the dialog (RFC 3264 8)."""
    wire.udp(ALICE, BOB, message("INVITE", "call", audio(A, "RTP/SAVP", ours), cseq=cseq))
    wire.udp(BOB, ALICE, message("INVITE", "call", audio(B, "RTP/SAVP", crypto(key(OTHER))), cseq=cseq, status=200))
    wire.udp(ALICE, BOB, message("ACK", "call", cseq=cseq))


def send(wire: Wire, by: Sender, indices: Sequence[int], ssrc: int = 7, size: int = 160) -> None:
    """Packets from A to B with these packet indices (RFC 3711 3.3.1)."""
    for index in indices:
        packet = rtp(index, bytes((index & 0xFF,)) * size, ssrc)
        wire.udp(A, B, by.rtp(packet[:12], packet[12:], index >> 16))


def streams(wire: Wire) -> list[dict[str, object]]:
    return rows(wire.run().closer.stream_rows)


def said(row: dict[str, object]) -> tuple[object, ...]:
    return row["packets"], row["authenticated"], row["decrypted"], row["auth_failed"], row["failure"]


def test_a_source_that_changes() -> None:
    """RFC 3711 3.2.3: each SSRC has its own counter and index under the same master key; the first ends at 2^16 + 9."""
    wire = Wire()
    agree(wire, 1, crypto(key(FIRST)))
    for ssrc, indices in ((7, range(65_500, 65_546)), (8, range(20)), (9, range(3, 40))):
        send(wire, sender(FIRST), indices, ssrc)
    assert [said(row) for row in streams(wire)] == [(count, count, count, 0, None) for count in (46, 20, 37)]


@pytest.mark.parametrize("counter", ["goes-on", "begins-anew"])
def test_a_new_key_in_mid_call(counter: str) -> None:
    """A re-INVITE with another key: the stream goes on, its roll-over counter too (RFC 3711 3.3.1), or it does not."""
    wire = Wire()
    agree(wire, 1, crypto(key(FIRST)))
    send(wire, sender(FIRST), range(65_500, 65_600))
    agree(wire, 2, crypto(key(SECOND)))
    begin = 65_600 if counter == "goes-on" else 64
    send(wire, sender(SECOND), range(begin, begin + 100))
    assert [said(row) for row in streams(wire)] == [(200, 200, 200, 0, None)]


def test_master_keys_by_mki() -> None:
    """RFC 4568 6.1: several keys in one line, each packet says which; they change back and forth."""
    wire = Wire()
    agree(wire, 1, crypto(key(FIRST, "|2^20|1:2"), key(SECOND, "|2^20|2:2")))
    for begin, material, mki in ((1, FIRST, b"\0\1"), (11, SECOND, b"\0\2"), (21, FIRST, b"\0\1")):
        send(wire, sender(material, mki), range(begin, begin + 10))
    assert [said(row) for row in streams(wire)] == [(30, 30, 30, 0, None)]


def test_long_packets() -> None:
    """libsrtp, as pylibsrtp has it, refuses more than 1,500 bytes."""
    wire = Wire()
    agree(wire, 1, crypto(key(FIRST)))
    for index in range(1, 31):
        send(wire, sender(FIRST), [index], size=200 if index % 3 else 1_600)
    assert [said(row) for row in streams(wire)] == [(30, 30, 30, 0, None)]


def test_late_and_repeated_packets_are_no_failures() -> None:
    """A packet that comes again is the same packet; one that is late counts where it belongs, over a wrap too."""
    wire, by = Wire(), sender(FIRST)
    agree(wire, 1, crypto(key(FIRST)))
    order = [*range(65_520, 65_530), 65_540, 65_536, 65_530, 65_537, 65_531, *range(65_541, 65_561), 65_534]
    send(wire, by, order)
    for ts_ns, frame in [wire.frames[-3], wire.frames[-9]]:  # copies on the wire, half a second later
        wire.frames.append((wire.now_ns + 500_000_000 + ts_ns % 7, frame))
    (row,) = streams(wire)
    assert said(row) == (len(order), len(order), len(order), 0, None)
    assert row["duplicates"] == 2
