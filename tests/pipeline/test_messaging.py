"""MSRP and BFCP found on every transport, each message counted once. Oracles: FACTS.txt of the lab, and tshark."""

import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from analyzer.core.addresses import Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine
from analyzer.protocols.bfcp.message import BfcpMessage
from analyzer.protocols.bfcp.names import PRIMITIVES
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.session.carrier import Carrier
from analyzer.session.messaging import Messaging
from tests.conftest import SAMPLES
from tests.golden.runs import run, setup, tree
from tests.pipeline.test_datagrams import BINDING, bind, channel
from tests.pipeline.wire import Wire, anomalies, at

A, B, C = at("192.0.2.1", 5070), at("192.0.2.2", 5070), at("192.0.2.3", 5070)
E2AE = SAMPLES / "e2ae-all.pcapng"
E2AE_KEYS = SAMPLES / "e2ae-all.tls-keylog.txt"


def report(capture: Path, *keys: Path, topology: Path | None = None) -> dict[str, Any]:
    return tree(run(capture, setup(keys, topology, judge=topology is not None)))


def facts(shared: Path, capture: str, protocol: str) -> int:
    """Frames that FACTS.txt counts under a protocol, all hops together. tshark reads a frame seen again only once."""
    section = (shared / "lab" / "FACTS.txt").read_text().split(f"=== {capture}.pcapng ")[1].split("\n=== ")[0]
    return sum(int(count) for count in re.findall(rf"^  \S+ +(\d+) {protocol}$", section, re.MULTILINE))


def tshark(capture: Path, *arguments: str, fields: Sequence[str] = ()) -> list[list[str]]:
    """Lines of tshark's output, by field. Every TCP port of the lab is decoded as what runs there in clear."""
    ports = ("tcp.port==5070,bfcp", "tcp.port==2855,msrp", "tcp.port==2856,msrp")
    command = ["tshark", "-r", str(capture), *arguments]
    command += [word for port in ports for word in ("-d", port)] if fields else []
    command += ["-T", "fields", *(word for name in fields for word in ("-e", name))] if fields else []
    out = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout
    return [line.split("\t") for line in out.splitlines()]


def names(numbers: Sequence[int]) -> dict[str, int]:
    """Primitives by name, from their numbers: RFC 8855 5.1, table 1."""
    return dict(sorted(Counter(PRIMITIVES[number] for number in numbers).items()))


# -- the lab's captures ------------------------------------------------------------------------------------------


def test_totals_are_those_of_the_facts(shared: Path) -> None:
    lab = shared / "lab"
    for capture in ("bfcp-tcp", "e2ae-all"):
        counted = report(lab / f"{capture}.pcapng")["bfcp"]["primitives"]
        assert sum(counted.values()) == facts(shared, capture, "bfcp") > 0
    for capture in ("msrp-agprojects-tcp", "e2ae-all"):
        counted = report(lab / f"{capture}.pcapng")["msrp"]
        both = sum(counted["requests"].values()) + sum(counted["responses"].values())
        assert both == facts(shared, capture, "msrp") > 0


@pytest.mark.tshark
def test_bfcp_on_tcp_is_what_tshark_reads(shared: Path) -> None:
    capture = shared / "lab" / "bfcp-tcp.pcapng"
    expected = names([int(row[0]) for row in tshark(capture, "-Y", "bfcp", fields=("bfcp.primitive",))])
    assert report(capture)["bfcp"] == {"sessions": 2, "primitives": expected}


@pytest.mark.tshark
def test_bfcp_in_tls_is_what_tshark_decrypts(shared: Path) -> None:
    """tshark has no BFCP in TLS: the second byte of each plaintext is the primitive, one message a record."""
    capture, keys = shared / "lab" / "bfcp-tls.pcapng", shared / "lab" / "bfcp-tls.tls-keylog.txt"
    opened = tshark(capture, "-o", f"tls.keylog_file:{keys}", "-Y", "tls && data", fields=("data.data",))
    plain = [bytes.fromhex(row[0]) for row in opened]
    assert all(len(data) == 12 + 4 * int.from_bytes(data[2:4], "big") for data in plain)
    found = report(capture, keys)
    assert found["bfcp"] == {"sessions": 2, "primitives": names([data[1] for data in plain])}
    assert [row["carries"] for row in found["tls"]] == ["bfcp", "bfcp"]
    assert report(capture)["bfcp"] == {"sessions": 0, "primitives": {}}


@pytest.mark.tshark
def test_bfcp_on_udp_is_what_the_datagrams_say() -> None:
    """tshark 4.0 does not read version 2: the second byte of each packet, once however often it was seen."""
    capture = SAMPLES / "bfcp-udp.pcapng"
    rows = tshark(capture, "-Y", "udp", fields=("ip.src", "ip.dst", "ip.id", "udp.payload"))
    packets = {tuple(row) for row in rows}
    assert len(rows) == 2 * len(packets)
    expected = names([bytes.fromhex(packet[3])[1] for packet in packets])
    assert {"FloorRequestStatusAck", "Goodbye", "GoodbyeAck"} <= expected.keys()
    assert report(capture)["bfcp"] == {"sessions": 2, "primitives": expected}


@pytest.mark.tshark
def test_msrp_on_tcp_is_what_tshark_reads() -> None:
    capture = SAMPLES / "msrp-agprojects-tcp.pcapng"
    fields = ("msrp.method", "msrp.status.code", "tcp.stream", "msrp.messageid", "msrp.content.type")
    rows = tshark(capture, "-Y", "msrp", fields=fields)
    found = report(capture)["msrp"]
    assert found["requests"] == Counter(row[0] for row in rows if row[0])
    assert found["responses"] == Counter(row[1] for row in rows if row[1])
    assert found["sessions"] == len({row[2] for row in rows}) == 1
    assert found["messages_reassembled"] == len({row[3] for row in rows if row[0] == "SEND" and row[4]}) > 0


@pytest.mark.tshark
def test_msrp_through_a_relay_is_what_tshark_decrypts(shared: Path) -> None:
    """One client, two peers behind the relay: two sessions (the far ends' URIs differ), each on both hops."""
    capture = shared / "lab" / "msrp-relay-kamailio.pcapng"
    keys = shared / "lab" / "msrp-relay-kamailio.tls-keylog.txt"
    words: Counter[str] = Counter()
    for stream in ("0", "1"):
        text = tshark(capture, "-o", f"tls.keylog_file:{keys}", "-q", "-z", f"follow,tls,ascii,{stream}")
        lines = [line[0] for line in text if line]
        words.update(match[1] for line in lines if (match := re.match(r"MSRP [0-9a-f]+ (\w+)", line)))
    found = report(capture, keys)["msrp"]
    assert found["requests"] | found["responses"] == words
    assert words["AUTH"] == 2
    assert found["sessions"] == 2
    assert found["messages_reassembled"] == words["SEND"]


def test_the_access_side_of_e2ae_carries_what_its_core_does() -> None:
    """The gateway ends TLS and changes nothing: with the keys every message is there twice, on its two hops."""
    core, both = report(E2AE), report(E2AE, E2AE_KEYS)
    for section in ("requests", "responses"):
        assert both["msrp"][section] == {name: 2 * count for name, count in core["msrp"][section].items()}
    assert both["msrp"]["messages_reassembled"] == 2 * core["msrp"]["messages_reassembled"] > 0
    assert both["msrp"]["sessions"] == core["msrp"]["sessions"] == 2  # the ends of a session are not the hop's
    primitives = core["bfcp"]["primitives"]
    assert both["bfcp"] == {"sessions": 4, "primitives": {name: 2 * count for name, count in primitives.items()}}
    assert sorted(row["carries"] for row in both["tls"]) == ["bfcp", "bfcp", "msrp", "msrp", "sip", "sip"]


class Kept(Messaging):
    """Keeps what each direction of each connection said, as it was read."""

    said: ClassVar[dict[tuple[str, Endpoints], list[object]]] = {}

    def take(self, message: MsrpMessage | BfcpMessage, carrier: Carrier) -> Sequence[Anomaly]:
        whole = replace(message, cites=(), anomalies=())
        self.said.setdefault((carrier.transport, carrier.endpoints), []).append(whole)
        return super().take(message, carrier)


def test_the_gateway_passes_every_message_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS.txt, e2ae-all: TLS on the access, plain in the core. Each direction of an access connection, opened, has a
    direction of a core connection that says the same, message for message, in the same order; nothing is left over.

    A message is equal if all its fields are: with its size and its headers in order that is byte for byte (the round
    trips of tests/protocols show that fields and bytes tell the same).
    """
    monkeypatch.setattr("analyzer.pipeline.engine.Messaging", Kept)
    Kept.said.clear()
    report(E2AE, E2AE_KEYS)
    by_transport = {
        transport: sorted((repr(said) for (used, _), said in Kept.said.items() if used == transport))
        for transport in ("tls", "tcp")
    }
    assert len(by_transport["tls"]) == 8  # two directions of MSRP and of BFCP, for two UEs
    assert by_transport["tls"] == by_transport["tcp"]


@pytest.mark.parametrize("name", ["e2e-all", "e2ae-all-bare-lf"])
@pytest.mark.tshark
def test_messages_in_tls_are_those_that_tshark_decrypts(shared: Path, name: str) -> None:
    """MSRP by the start lines of each stream that tshark opens, BFCP by the second byte of each of its records."""
    capture, keys = shared / "lab" / f"{name}.pcapng", shared / "lab" / f"{name}.tls-keylog.txt"
    words, primitives = opened_by_tshark(capture, keys)
    found = report(capture, keys)
    clear = report(capture)  # e2e-all has nothing in clear; the core of the other one has
    for section in ("requests", "responses"):
        assert Counter(found["msrp"][section]) - Counter(clear["msrp"][section]) == Counter(
            {word: count for word, count in words.items() if word.isdigit() == (section == "responses")}
        )
    opened = Counter(found["bfcp"]["primitives"]) - Counter(clear["bfcp"]["primitives"])
    assert opened == Counter(PRIMITIVES[number] for number in primitives)
    assert words["SEND"] > 0
    if name == "e2ae-all-bare-lf":  # FACTS.txt counts the core
        both = sum(clear["msrp"]["requests"].values()) + sum(clear["msrp"]["responses"].values())
        assert both == facts(shared, name, "msrp") > 0
        assert sum(clear["bfcp"]["primitives"].values()) == facts(shared, name, "bfcp") > 0


def opened_by_tshark(capture: Path, keys: Path) -> tuple[Counter[str], list[int]]:
    """The words of MSRP start lines, and the primitives of BFCP, in the connections of TLS to their ports."""
    words: Counter[str] = Counter()
    primitives: list[int] = []
    ends = tshark(capture, "-Y", "tls.handshake.type == 1", "-T", "fields", "-e", "tcp.stream", "-e", "tcp.dstport")
    for stream, port in {(row[0], row[1]) for row in ends}:
        if port in ("2855", "12855"):
            text = tshark(capture, "-o", f"tls.keylog_file:{keys}", "-q", "-z", f"follow,tls,ascii,{stream}")
            lines = [line[0] for line in text if line]
            words.update(match[1] for line in lines if (match := re.match(r"MSRP \S+ (\w+)", line)))
        elif port in ("5070", "15070"):
            text = tshark(capture, "-o", f"tls.keylog_file:{keys}", "-q", "-z", f"follow,tls,raw,{stream}")
            records = [line[-1] for line in text if re.fullmatch(r"[0-9a-f]{24,}", line[-1])]
            primitives += [bytes.fromhex(record)[1] for record in records]
    return words, primitives


@pytest.mark.tshark
def test_e2ae_core_is_what_tshark_reads() -> None:
    found = report(E2AE)
    rows = tshark(E2AE, "-Y", "msrp || bfcp", fields=("msrp.method", "msrp.status.code", "bfcp.primitive"))
    assert found["msrp"]["requests"] == Counter(row[0] for row in rows if row[0])
    assert found["msrp"]["responses"] == Counter(row[1] for row in rows if row[1])
    assert found["bfcp"]["primitives"] == names([int(row[2]) for row in rows if row[2]])


def test_core_hops_of_e2ae_are_clear_and_access_hops_protected() -> None:
    found = report(E2AE, E2AE_KEYS, topology=SAMPLES / "lab.topology.yaml")
    hops = [hop for hop in found["hops"] if hop["medium"] in ("message", "bfcp")]
    states = {(hop["medium"], hop["from_zone"]): (hop["observed"], hop["state"]) for hop in hops}
    assert len(hops) == 8
    assert states == {
        ("message", "access"): ("tls", "tls_fp_ok"),
        ("message", "core"): ("msrp", "clear"),
        ("bfcp", "access"): ("tls", "tls_fp_ok"),
        ("bfcp", "core"): ("bfcp", "clear_tcp"),
    }
    assert [note["rule"] for note in found["notes"]].count("MSRP-01.server") == 2
    assert not [row for row in found["findings"] if row["rule"].startswith("MSRP-01")]


# -- made by hand ------------------------------------------------------------------------------------------------

HELLO = bytes.fromhex("400b00000000000100010007")  # RFC 8855 5.1: version 2, no attributes
QUERY = bytes.fromhex("40070001000000010002000705040001")  # FloorQuery with FLOOR-ID 1
PIECES = (  # RFC 8855 5.1: the F bit, fragment offset and length in words; together a FloorQuery of floors 1 and 2
    bytes.fromhex("4807000200000001000300070000000105040001"),
    bytes.fromhex("4807000200000001000300070001000105040002"),
)
STATUS = bytes.fromhex("20080001000000010000000705040001")  # version 1, server's own: transaction 0


def chunk(number: int, body: str, reach: str, flag: str = "$", method: str = "SEND") -> bytes:
    """RFC 4975 9."""
    head = f"MSRP tid{number:05d} {method}\r\nTo-Path: msrp://b.example:2855/b;tcp\r\nFrom-Path: msrp://a.example:2855/a;tcp"
    about = f"Message-ID: mid{number // 10:05d}\r\nByte-Range: {reach}\r\nContent-Type: text/plain"
    return f"{head}\r\n{about}\r\n\r\n{body}\r\n-------tid{number:05d}{flag}\r\n".encode()


def protocol(engine: Engine) -> str:
    (connection,) = engine.connections.all()
    return connection.protocol


def test_udp_retransmissions_count_once() -> None:
    """RFC 8855 8.3.1: a request is sent again until it is answered."""
    wire = Wire()
    for payload in (HELLO, HELLO, QUERY, HELLO):
        wire.udp(A, B, payload)
    engine = wire.run()
    assert engine.messaging.bfcp.primitives == {"Hello": 1, "FloorQuery": 1}
    assert protocol(engine) == "bfcp"
    assert anomalies(engine) == {}


def test_what_a_stream_says_twice_was_said_twice() -> None:
    wire = Wire()
    wire.connect(A, B)
    wire.tcp(B, A, STATUS)
    wire.tcp(B, A, STATUS)
    assert wire.run().messaging.bfcp.primitives == {"FloorStatus": 2}


@pytest.mark.parametrize("pieces", [PIECES, PIECES[::-1], (*PIECES, *PIECES)])
def test_fragments_count_as_the_message_they_make(pieces: tuple[bytes, ...]) -> None:
    wire = Wire()
    for piece in pieces:
        wire.udp(A, B, piece)
    engine = wire.run()
    assert engine.messaging.bfcp.primitives == {"FloorQuery": 1}
    assert anomalies(engine) == {}


def test_a_missing_fragment_is_named_at_the_end() -> None:
    wire = Wire()
    wire.udp(A, B, PIECES[0])
    engine = wire.run()
    assert engine.messaging.bfcp.primitives == {}
    assert anomalies(engine) == {"bfcp.fragments_lost": 1}
    assert engine.messaging.held == 0


def test_channel_data_is_no_bfcp_and_bfcp_no_channel_data() -> None:
    """Both begin with 0x40: RFC 8656 12.4 against RFC 8855 5.1. No bytes can be both: the lengths tell."""
    wire = Wire()
    wire.udp(A, B, BINDING)
    wire.udp(A, B, bind(0x400B))
    wire.udp(A, B, channel(bytes(12), 0x400B))
    wire.udp(A, B, HELLO)
    engine = wire.run()
    assert engine.messaging.bfcp.primitives == {"Hello": 1}
    assert protocol(engine) == "bfcp"


@pytest.mark.parametrize(
    "payload",
    [
        HELLO[:11],
        HELLO + b"\0",
        b"\x41" + HELLO[1:],  # a reserved bit
        b"\x40\x12" + HELLO[2:],  # no such primitive
        QUERY[:12] + b"\x7f\x04\0\0",  # no such attribute
    ],
)
def test_what_only_resembles_bfcp_counts_on_a_bfcp_flow_alone(payload: bytes) -> None:
    alone, behind = Wire(), Wire()
    alone.udp(A, B, payload)
    assert alone.run().connections.all() == []
    behind.udp(A, B, HELLO)
    behind.udp(A, B, payload)
    engine = behind.run()
    assert all(code.startswith("bfcp.") for code in anomalies(engine))
    assert anomalies(engine)


def test_chunks_are_put_together_in_any_order() -> None:
    """RFC 4975 5.1; the second message has one chunk, the third never ends."""
    wire = Wire()
    wire.connect(A, B)
    wire.tcp(A, B, chunk(10, "world", "7-11/11") + chunk(11, "hello ", "1-6/11", "+"))
    wire.tcp(A, B, chunk(20, "whole", "1-5/5"))
    wire.tcp(A, B, chunk(30, "half", "1-4/8", "+"))
    engine = wire.run()
    counts = engine.messaging.msrp
    assert counts.requests == {"SEND": 4}
    assert counts.reassembled == 2
    assert len(counts.sessions) == 1
    assert anomalies(engine) == {"msrp.holes": 1}
    assert engine.messaging.held == 0


def test_methods_nobody_defined_share_one_name() -> None:
    wire = Wire()
    wire.connect(A, B)
    for number, method in enumerate(("SEND", "NICKNAME", "JUMP", "LEAP")):
        wire.tcp(A, B, chunk(number, "", "1-0/0", method=method))
    assert wire.run().messaging.msrp.requests == {"SEND": 1, "NICKNAME": 1, "other": 2}


@pytest.mark.parametrize("limits", [Limits(msrp_directions=1), Limits(msrp_held_total=100)])
def test_unfinished_messages_make_room(limits: Limits) -> None:
    """Two directions hold a first half each: the older is given up, counted and named; the younger completes."""
    wire = Wire()
    for peer in (A, C):
        wire.connect(peer, B)
        wire.tcp(peer, B, chunk(11, "hello ", "1-6/11", "+"))
    wire.tcp(C, B, chunk(10, "world", "7-11/11"))
    engine = wire.run(limits=limits)
    assert engine.messaging.evicted == 1
    assert engine.messaging.msrp.reassembled == 1
    assert anomalies(engine) == {"msrp.holes": 1}


def test_sessions_beyond_the_bound_are_evicted() -> None:
    wire = Wire()
    wire.udp(A, B, HELLO)
    wire.udp(C, B, HELLO)
    engine = wire.run(limits=Limits(flows=1))
    assert len(engine.messaging.bfcp.sessions) == 1
    assert engine.messaging.evicted == 1
    assert engine.messaging.bfcp.primitives == {"Hello": 2}
