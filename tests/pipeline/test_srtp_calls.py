"""What a call does to its SRTP, through the engine: new sources, new keys, wraps, late and repeated packets."""

import base64
from collections.abc import Sequence

import pytest

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine
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


# -- calls that use the same addresses one after the other ------------------------------------------------------------


def begin(wire: Wire, call_id: str, ours: str, *, src: Address = A, proto: str = "RTP/SAVP") -> None:
    theirs = crypto(key(OTHER)) if ours else ""
    wire.udp(ALICE, BOB, message("INVITE", call_id, audio(src, proto, ours)))
    wire.udp(BOB, ALICE, message("INVITE", call_id, audio(B, proto, theirs), status=200))
    wire.udp(ALICE, BOB, message("ACK", call_id))


def end(wire: Wire, call_id: str) -> None:
    wire.udp(ALICE, BOB, message("BYE", call_id, cseq=2))
    wire.udp(BOB, ALICE, message("BYE", call_id, cseq=2, status=200))


def hops(engine: Engine) -> dict[str, tuple[object, ...]]:
    return {
        str(row["call"]): (row["state"], row["packets"], row["rtcp"], row["rtcp_packets"])
        for row in rows(engine.closer.hops)
        if row["medium"] == "audio"
    }


@pytest.mark.parametrize("first", [1, 31, 100, 20_000])
def test_each_call_counts_its_own_packets(first: int) -> None:
    """The same ports and SSRC a moment later, under another key: whether numbers repeat, go on or jump."""
    wire = Wire()
    for number, (material, indices) in enumerate(((FIRST, range(1, 31)), (SECOND, range(first, first + 40))), 1):
        begin(wire, f"call {number}", crypto(key(material)))
        send(wire, sender(material), indices)
        wire.udp(A, B, sender(material).rtcp(b"\x80\xc9\x00\x01" + (7).to_bytes(4, "big"), number))
        end(wire, f"call {number}")
        send(wire, sender(material), [indices[-1] + 1])  # one that was under way
    for batch in (32_768, 1, 7):
        engine = wire.run(rows=batch)
        found = rows(engine.closer.stream_rows)
        assert [said(row) for row in found] == [(31, 31, 31, 0, None), (41, 41, 41, 0, None)]
        assert [row["lost"] for row in found] == [0, 0] and [row["duplicates"] for row in found] == [0, 0]
        assert len({row["key"] for row in found}) == 2
        assert hops(engine) == {
            "call-1": ("srtp_sdes", 31, "srtcp_enc", 1),
            "call-2": ("srtp_sdes", 41, "srtcp_enc", 1),
        }


def test_a_call_in_clear_behind_one_that_was_not() -> None:
    wire = Wire()
    begin(wire, "one", crypto(key(FIRST)))
    send(wire, sender(FIRST), range(1, 31))
    end(wire, "one")
    begin(wire, "two", "", proto="RTP/AVP")
    for number in range(31, 61):
        wire.udp(A, B, rtp(number, ssrc=7))
    wire.udp(A, B, b"\x80\xc9\x00\x01" + (7).to_bytes(4, "big"))
    end(wire, "two")
    engine = wire.run()
    assert hops(engine) == {"call-1": ("srtp_sdes", 30, None, 0), "call-2": ("clear", 30, "clear", 1)}


def test_packets_between_offer_and_answer_of_the_next_call_are_one_stream_with_the_rest() -> None:
    """The offer parts the streams, and the answer does not part them again. What came late was authentic."""
    wire = Wire()
    begin(wire, "one", crypto(key(FIRST)))
    send(wire, sender(FIRST), range(1, 31))
    end(wire, "one")
    wire.udp(ALICE, BOB, message("INVITE", "two", audio(A, "RTP/SAVP", crypto(key(SECOND)))))
    send(wire, sender(FIRST), [31, 32])
    wire.udp(BOB, ALICE, message("INVITE", "two", audio(B, "RTP/SAVP", crypto(key(OTHER))), status=200))
    send(wire, sender(SECOND), range(33, 63))
    assert [said(row) for row in streams(wire)] == [(30, 30, 30, 0, None), (32, 32, 32, 0, None)]


def test_legs_that_share_an_address_share_its_stream() -> None:
    """Another Call-ID at the same address while the first lasts is another leg, and parts nothing."""
    wire = Wire()
    begin(wire, "one", crypto(key(FIRST)))
    send(wire, sender(FIRST), range(1, 31))
    begin(wire, "two", crypto(key(FIRST)))
    send(wire, sender(FIRST), range(31, 61))
    end(wire, "one")
    end(wire, "two")
    assert [said(row) for row in streams(wire)] == [(60, 60, 60, 0, None)]


def test_many_calls_one_after_the_other() -> None:
    """Every key in its turn, on one pair of ports; as many streams as calls. However small what is remembered, none
    has another one's packets."""
    wire = Wire()
    for number in range(12):
        material = bytes(range(number, number + 30))
        begin(wire, f"call {number}", crypto(key(material)))
        send(wire, sender(material), range(1, 6 + number))
        end(wire, f"call {number}")
    own = [(5 + n, 5 + n, 5 + n, 0, None) for n in range(12)]
    assert [said(row) for row in streams(wire)] == own
    few = [said(row) for row in rows(wire.run(limits=Limits(streams=2)).closer.stream_rows)]
    assert few and len(set(few)) == len(few) and set(few) <= set(own)
