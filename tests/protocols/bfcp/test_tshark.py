"""BFCP in real captures against tshark 4.0, which shifts primitives from 15 on and knows no version 2 on UDP."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.bfcp.message import Attribute, BfcpMessage
from analyzer.protocols.bfcp.parser import parse_datagram
from analyzer.protocols.bfcp.probe import probe
from analyzer.protocols.bfcp.stream import BfcpStream
from analyzer.transport.cited import Chunk
from tests.protocols.bfcp.writer import attribute

FIELDS = ("bfcp.primitive", "bfcp.payload_length", "bfcp.conference_id", "bfcp.transaction_id", "bfcp.user_id",
          "bfcp.attribute_type", "bfcp.attribute_length")  # fmt: skip


def _tshark(path: Path, only: str, *fields: str) -> list[list[str]]:
    named = [part for name in fields for part in ("-e", name)]
    command = ["tshark", "-n", "-r", str(path), "-d", "tcp.port==5070,bfcp", "-Y", only, "-T", "fields", *named]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line.split("\t") for line in out.splitlines()]


def _flat(attributes: tuple[Attribute, ...]) -> list[Attribute]:
    return [inner for each in attributes for inner in (each, *_flat(each.members))]


def _said(message: BfcpMessage) -> list[int]:
    return [message.primitive, message.length, message.conference_id, message.transaction_id, message.user_id]


@pytest.mark.tshark
@pytest.mark.parametrize("name", ["bfcp-tcp.pcapng", "e2ae-all.pcapng"])
def test_messages_on_tcp_are_those_of_tshark(shared, name):
    streams, ours = {}, 0
    fields = ("frame.number", "tcp.stream", "tcp.srcport", "frame.interface_id", "tcp.payload", *FIELDS)
    rows = _tshark(shared / "lab" / name, "bfcp && tcp", *fields)
    for frame, stream, port, interface, payload, *theirs in rows:
        data = bytes.fromhex(payload)
        assert probe(data, False) > 0
        parser = streams.setdefault((stream, port, interface), BfcpStream(Limits()))
        for message in parser.receive(Chunk(data, Cite(0, int(frame), 0, 0, 0))):
            assert isinstance(message, BfcpMessage)
            assert message.anomalies == ()
            assert _said(message) == [int(value, 0) for value in theirs[:5]]
            types = [int(value, 0) for value in theirs[5].split(",") if value]
            lengths = [int(value, 0) for value in theirs[6].split(",") if value]
            assert [each.type for each in _flat(message.attributes)] == types
            assert [attribute(each)[1] for each in _flat(message.attributes)] == lengths
            ours += 1
    assert ours == len(rows) > 0


@pytest.mark.tshark
def test_messages_on_udp_are_those_of_the_rfc(shared):
    """tshark only hands the payloads over; the primitives are those of RFC 8855 table 1, seen at two interfaces."""
    names: Counter[str] = Counter()
    for frame, payload in _tshark(
        shared / "lab" / "bfcp-udp.pcapng", "udp.port == 5070", "frame.number", "udp.payload"
    ):
        data = bytes.fromhex(payload)
        assert probe(data, True) > 0
        message = parse_datagram(data, (Cite(0, int(frame), 0, 0, 0),), Limits())
        assert isinstance(message, BfcpMessage)
        assert (message.version, message.anomalies) == (2, ())
        if not message.name.endswith("Status"):  # a status is an answer or the server's own notice
            assert message.responder == message.name.endswith("Ack")
        names[message.name] += 1
    assert names["Hello"] == names["HelloAck"] > 0
    assert names["Goodbye"] == names["GoodbyeAck"] > 0


@pytest.mark.tshark
def test_no_other_protocol_is_claimed(shared):
    """FACTS.txt: e2ae-all has 17 BFCP frames, all on TCP, among RTP, SRTP, SIP, TLS and MSRP."""
    rows = _tshark(shared / "lab" / "e2ae-all.pcapng", "(udp && !icmp) || tcp.len > 0", "udp.payload", "tcp.payload")
    claimed = Counter((bool(udp), probe(bytes.fromhex(udp or tcp), bool(udp)) > 0) for udp, tcp in rows)
    assert (claimed[False, True], claimed[True, True]) == (17, 0)
    assert claimed[True, False] > 2000
