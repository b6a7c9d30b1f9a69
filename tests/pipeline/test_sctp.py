"""SIP over SCTP (RFC 4168), in clear and in ESP, in whole DATA chunks and in fragments; tshark as the oracle."""

import random
import subprocess
from pathlib import Path

import pytest

from analyzer.core.limits import Limits
from tests.pipeline.esp_runs import PROXY_END, UE_END, esp_sa, finished
from tests.pipeline.wire import Wire, anomalies, at, call_of, message
from tests.protocols.sctp.test_parser import data, packet

A, B = at("10.0.0.1", 5060), at("192.0.2.1", 5060)
SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nt=0 0\r\n"
SAID = [
    message("OPTIONS", "one", via="SCTP"),
    message("MESSAGE", "two", SDP + b"a=note:long\r\n" * 30, via="SCTP"),
    message("INVITE", "three", SDP, via="SCTP"),
]


def pieces(said: list[bytes], size: int, tsn: int = 0xFFFFFFFD) -> list[bytes]:
    """DATA chunks of at most `size` octets of user data (RFC 9260 6.9): the numbers go over the wrap."""
    chunks = []
    for one in said:
        for begin in range(0, len(one), size):
            flags = 2 * (begin == 0) + (begin + size >= len(one))
            chunks.append(data(tsn, one[begin : begin + size], flags, stream=0, ppid=0))
            tsn += 1
    return chunks


def talk(size: int) -> Wire:
    wire = Wire()
    for chunk in pieces(SAID, size):
        wire.sctp(A, B, chunk)
    wire.sctp(B, A, *pieces([message("OPTIONS", "one", status=200, via="SCTP")], size))
    return wire


@pytest.mark.parametrize("size", [65_000, 1_000, 100])
def test_messages_come_out_of_whole_chunks_and_of_fragments(size: int) -> None:
    engine = talk(size).run(finish=False)
    assert engine.signalling.counts.requests == {"OPTIONS": 1, "MESSAGE": 1, "INVITE": 1}
    assert engine.signalling.counts.responses == {"200": 1}
    (request, answer) = next(iter(call_of(engine, "one").legs.values())).messages  # type: ignore[union-attr]  # it is there
    assert (request.carrier.transport, request.carrier.state, request.complete) == ("sctp", "clear_tcp", True)
    assert answer.status == 200
    long = next(iter(call_of(engine, "two").legs.values())).messages[0]  # type: ignore[union-attr]  # it is there
    assert len(long.cites) == -(-len(SAID[1]) // size)
    engine.finish()
    assert anomalies(engine) == {}


@pytest.mark.tshark
@pytest.mark.parametrize("size", [65_000, 100])
def test_tshark_sees_the_same_messages(tmp_path: Path, size: int) -> None:
    wire = talk(size)
    path = tmp_path / "sctp.pcap"
    path.write_bytes(wire.pcap())
    command = ["tshark", "-r", str(path), "-o", "sctp.reassembly:TRUE", "-Y", "sip", "-T", "fields"]
    lines = subprocess.run(
        [*command, "-e", "sip.Method", "-e", "sip.Status-Code", "-e", "sip.Call-ID"],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    seen = [tuple(line.split("\t")) for line in lines]
    engine = wire.run(finish=False)
    ours = [m for c in engine.signalling.calls.all() for leg in c.legs.values() for m in leg.messages]
    ours.sort(key=lambda m: m.ordinal)
    assert seen == [(m.method if m.request else "", str(m.status or ""), m.call_id) for m in ours]
    assert len(ours) == 4


def test_the_order_of_fragments_does_not_matter() -> None:
    chunks = pieces(SAID, 100)
    random.Random(1).shuffle(chunks)
    wire = Wire()
    for chunk in chunks:
        wire.sctp(A, B, chunk)
    engine = wire.run()
    assert (engine.signalling.counts.messages, anomalies(engine)) == (3, {})


def test_a_chunk_sent_again_is_no_second_message() -> None:
    wire = Wire()
    for chunk in [*pieces(SAID, 1_000), *pieces(SAID, 1_000)]:
        wire.sctp(A, B, chunk)
    assert wire.run().signalling.counts.messages == 3


def test_fragments_whose_rest_never_came_are_announced() -> None:
    wire = Wire()
    for chunk in pieces(SAID, 100)[1:]:
        wire.sctp(A, B, chunk)
    engine = wire.run()
    assert engine.signalling.counts.messages == 2
    assert anomalies(engine) == {"sctp.fragments_lost": -(-len(SAID[0]) // 100) - 1}


@pytest.mark.parametrize("limits", [Limits(sctp_directions=2), Limits(tcp_held_total=300)])
def test_what_waits_is_bounded(limits: Limits) -> None:
    """Beginnings of messages in many associations: the direction that was quiet longest goes, and says so."""
    wire = Wire()
    for host in range(1, 11):
        wire.sctp(at(f"10.0.0.{host}", 5060), B, data(1, b"INVITE " * 16, 2))
    wire.sctp(A, B, *pieces([SAID[0]], 65_000, tsn=9))
    engine = wire.run(limits=limits, finish=False)
    assert engine.signalling.counts.messages == 1
    assert anomalies(engine)["sctp.fragments_lost"] >= 8
    engine.finish()
    assert anomalies(engine)["sctp.fragments_lost"] == 10


@pytest.mark.parametrize("size", [65_000, 100])
def test_the_same_inside_esp(size: int) -> None:
    """RFC 4303 around SCTP: protocol 132 is the next header."""
    writer, ring = esp_sa(1)
    wire = Wire()
    for chunk in pieces(SAID, size):
        wire.esp(UE_END, PROXY_END, writer.packet(packet(chunk), 132))
    engine, seen = finished(wire, ring)
    assert engine.signalling.counts.messages == 3
    assert seen == {("esp_enc", "keyed_verified", "yes"): 3}
    assert anomalies(engine) == {}
