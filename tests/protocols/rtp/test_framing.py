"""Packets in a TCP stream (RFC 4571 2), and what is taken for one. The six properties: `tests/properties`."""

import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.protocols.rtp.framing import FrameStream, probe, with_null_packets
from analyzer.transport.cited import Chunk, Gap
from analyzer.transport.framed import Event, Frame
from tests.pipeline.test_associations import client_hello, handshake, record
from tests.pipeline.wire import rows, rtp, run_capture
from tests.protocols.bfcp.writer import CITE
from tests.protocols.events import codes, cuts
from tests.protocols.msrp.writer import chunk as msrp

SR = bytes.fromhex("80c80006") + b"\xaa" * 24  # RFC 3550 6.4.1: no report blocks
BINDING = bytes.fromhex("000100002112a442") + b"abcdefghijkl"  # RFC 8489 5


def framed(*packets: bytes) -> bytes:
    """RFC 4571 2: LENGTH, then the packet."""
    return b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets)


STREAMS = st.lists(st.binary(max_size=30).map(framed) | st.binary(max_size=4), max_size=12).map(b"".join)


def run(pieces: Sequence[bytes]) -> list[Event]:
    stream, events, at = FrameStream(), [], 7
    for piece in pieces:
        events += stream.receive(Chunk(piece, CITE, at))
        at += len(piece)
        assert stream.held <= 65_536
        assert accounted(events) + stream.held <= sum(map(len, pieces))
    return events + list(stream.close())


def accounted(events: Sequence[Event]) -> int:
    return sum(event.size for event in events if not isinstance(event, Anomaly))


@given(st.lists(STREAMS | st.sampled_from([None, 0, 3]), max_size=9))
def test_gaps_anywhere_lose_nothing_and_every_event_has_a_frame(inputs: list[bytes | int | None]) -> None:
    stream, events, given_bytes = FrameStream(), [], 0
    for number, item in enumerate(inputs, 1):
        cite = Cite(0, number, 0, 1, number)
        if isinstance(item, bytes):
            given_bytes += len(item)
            events += stream.receive(Chunk(item, cite))
        else:
            events += stream.gap(Gap(item, cite))
        assert accounted(events) + stream.held == given_bytes
    events += stream.close()
    assert accounted(events) == given_bytes
    assert all(event.cites for event in events)
    assert codes(events).count("rtp.framing_lost") == any(not isinstance(item, bytes) for item in inputs)


@given(st.lists(st.binary(min_size=1, max_size=2_000), max_size=20), st.lists(st.integers(0, 50_000), max_size=9))
def test_what_is_framed_comes_out(packets: list[bytes], at: list[int]) -> None:
    read = run(cuts(framed(*packets), at))
    assert [event.payload for event in read if isinstance(event, Frame)] == packets


@given(st.binary(min_size=1, max_size=60), st.integers(0, 60), st.booleans(), st.booleans())
def test_null_packets_fill_what_is_left(packet: bytes, spare: int, media: bool, padded: bool) -> None:
    """RFC 4571 2: one packet and null ones. An odd byte is padding of RTP (RFC 3550 5.1), or a packet of a zero."""
    if media:
        packet = rtp(1, packet + (b"\3" if padded else b"\0"))
        packet = bytes((packet[0] | 0x20 * padded,)) + packet[1:]
    made = with_null_packets(packet, len(packet) + 2 + spare, media=media)
    if made is None:
        assert spare == 1 and not media
        return
    assert len(made) == len(packet) + 2 + spare
    read = [event.payload for event in run([made]) if isinstance(event, Frame)]
    if media and spare % 2:
        assert read == [bytes((packet[0] | 0x20,)) + packet[1:] + bytes((4 if padded else 1,))]
    else:
        assert read == [packet] + [b"\0"] * (spare % 2)


def test_there_is_no_room_for_less_than_nothing() -> None:
    assert with_null_packets(rtp(1), 3, media=True) is None
    assert with_null_packets(SR, len(SR) + 3, media=False) is None
    full = bytes((0xA0,)) + rtp(1)[1:] + b"\xff"
    assert with_null_packets(full, len(full) + 3, media=True) is None


def test_a_stream_that_ends_in_a_packet_says_so() -> None:
    assert codes(run([framed(rtp(1))[:-1]])) == ["rtp.framing_cut"]


@pytest.mark.parametrize(
    "stream",
    [
        framed(rtp(1), rtp(2)),
        framed(SR, SR),
        framed(SR, b"\x80\0" + bytes(6) + b"\xaa" * 4 + b"x"),  # RTCP and RTP of one sender
        framed(BINDING),
        framed(record(handshake(1, 0, client_hello()), 0)),
    ],
)
def test_what_is_recognised(stream: bytes) -> None:
    """And never before the mark is there: whatever is cut off may still tell."""
    assert probe(stream) > 0
    scores = [probe(stream[:size]) for size in range(len(stream))]
    assert all(score >= 0 for score in scores)
    assert scores[0] == scores[1] == 0


@pytest.mark.parametrize(
    "stream",
    [
        b"INVITE sip:x SIP/2.0\r\n", b"\x16\x03\x01\x02\0\x01" + bytes(600), msrp(), b"GET / HTTP/1.1\r\n",
        bytes.fromhex("200b00000000126700010001") * 2, framed(rtp(1), rtp(2, ssrc=1)), framed(rtp(1), b"hello" * 9),
        framed(bytes(30)), framed(b"\x16\x03\x03" + bytes(30)), b"\0\0\0\0", b"\0\7\x80",
    ],
)  # fmt: skip
def test_what_is_not(stream: bytes) -> None:
    assert probe(stream) < 0


@pytest.mark.tshark
def test_rtp_of_a_real_capture_is_what_tshark_reads(shared: Path) -> None:
    """C073: RTP on TCP port 5000; tshark is told the framing, here it is recognised."""
    capture = shared / "public" / "C073-rtp.pcapng"
    command = ["tshark", "-r", str(capture), "-d", "tcp.port==5000,rtp", "-Y", "tcp.port==5000 && rtp"]
    fields = ("rtp.ssrc", "rtp.seq", "tcp.srcport")
    command += ["-T", "fields", *(word for name in fields for word in ("-e", name))]
    out = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout
    expected = Counter((int(line.split("\t")[0], 16), line.split("\t")[2]) for line in out.splitlines())
    assert expected
    found = Counter(
        {
            (int(str(row["ssrc"]), 16), str(row["src"]).rpartition(":")[2]): row["packets"]
            for row in rows(run_capture(capture).closer.stream_rows)
            if str(row["dst"]).endswith(":5000")
        }
    )
    assert found == expected
