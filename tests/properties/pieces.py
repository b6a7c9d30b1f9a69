"""What puts packets, fragments and chunks together."""

import struct
from typing import Any

from analyzer.core.addresses import Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.net import inner
from analyzer.protocols.bfcp.fragments import FragmentAssembler
from analyzer.protocols.bfcp.message import BfcpMessage
from analyzer.protocols.bfcp.parser import parse_datagram
from analyzer.protocols.dtls.handshake import HandshakeAssembler, HandshakeMessage
from analyzer.protocols.dtls.records import DtlsRecord
from analyzer.protocols.msrp.assembly import MessageAssembler, WholeMessage
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.protocols.msrp.stream import MsrpStream
from analyzer.protocols.sctp.message import UserMessage
from analyzer.protocols.sctp.parser import SctpDirection
from analyzer.protocols.stun import parser as stun
from analyzer.protocols.stun.turn import TurnTable
from analyzer.session.media.rtcp_flows import RtcpFlows
from analyzer.transport.cited import Chunk
from analyzer.transport.tcp import TcpReassembler
from tests.properties.harness import Not, Pieces, Shown
from tests.protocols.bfcp import writer as bfcp
from tests.protocols.dtls.test_handshake import fragment
from tests.protocols.msrp.writer import chunk
from tests.protocols.rtp import test_rtcp
from tests.protocols.sctp import test_parser as test_sctp
from tests.protocols.stun import test_turn

ENDS = Endpoints(test_turn.CLIENT, test_turn.SERVER, 6)
FLOOR = bfcp.message(5, *bfcp.NEEDED[4], *bfcp.NEEDED[4], version=2)


def _dtls(made: HandshakeAssembler, data: bytes, cite: Cite) -> Any:
    """The piece as what a handshake record holds."""
    return made.receive(DtlsRecord(22, 0xFEFD, 0, 0, data, (cite,), len(data) + 13))


def _msrp(made: MessageAssembler, data: bytes, cite: Cite) -> Any:
    """The chunks that the piece is, as a stream of its own."""
    stream = MsrpStream(Limits())
    found = [*stream.receive(Chunk(data, cite)), *stream.close()]
    return [made.add(each) for each in found if isinstance(each, MsrpMessage)]


def _bfcp(made: FragmentAssembler, data: bytes, cite: Cite) -> Any:
    """The piece as a datagram."""
    found = parse_datagram(data, (cite,), Limits())
    return made.add(found) if isinstance(found, BfcpMessage) else ()


def _bfcp_part(at: int, words: int, transaction: int = 1) -> bytes:
    """RFC 8855 6.2.3: a share of a message, with the length of all of it."""
    data = bytearray(bfcp.write(FLOOR))
    data[0] |= 8
    data[8:10] = (transaction & 0xFFFF).to_bytes(2, "big")
    return bytes(data[:12]) + struct.pack("!HH", at, words) + bytes(data[12 + 4 * at : 12 + 4 * (at + words)])


def _turn(made: TurnTable, data: bytes, cite: Cite) -> Any:
    """The piece as a datagram, and back."""
    found = stun.parse(data, (cite,))
    return () if isinstance(found, Anomaly) else [made.unwrap(ends, found) for ends in (ENDS, ENDS.reverse)]


def _binding(number: int) -> bytes:
    """RFC 8656 12.1: ChannelBind of one of 4,096 channels, under a transaction of its own."""
    channel = struct.pack("!HHHH", 0x0C, 4, 0x4000 | number & 0xFFF, 0)
    attributes = channel + test_turn.PEER_ATTRIBUTE
    return struct.pack("!HHI", 9, len(attributes), 0x2112A442) + number.to_bytes(12, "big") + attributes


def _tcp(made: TcpReassembler, data: bytes, cite: Cite) -> Any:
    """The piece as a segment: ports, numbers and flags are its own."""
    found = inner.read_tcp(data)
    if found is None:
        return ()
    src, dst = (end._replace(port=port) for end, port in zip(ENDS, (found.sport, found.dport), strict=False))
    events = made.segment(0, Endpoints(src, dst, 6), found.seq, found.ack, found.flags, found.payload, 0, cite)
    return [event for _, event in events]


def _segment(number: int, port: int = 5060, step: int = 30) -> bytes:
    """A segment behind a hole."""
    return struct.pack("!HHIIBBHHH", port, 5060, 1_000 + step * number, 1, 0x50, 0x10, 9, 0, 0) + b"x" * 9


def _rtcp(made: RtcpFlows, data: bytes, cite: Cite) -> Any:
    """The piece as a datagram; its first words tell flows apart."""
    source = ENDS.src._replace(port=int.from_bytes(data[6:8], "big"))
    return made.feed(Endpoints(source, ENDS.dst, 17), data, True, cite, cite.frame)


def _report(number: int) -> bytes:
    return test_rtcp.REPORT[:4] + number.to_bytes(4, "big") + test_rtcp.REPORT[8:] + test_rtcp.CNAME


PIECES = (
    Pieces(
        ("analyzer.protocols.dtls.handshake.HandshakeAssembler",),
        HandshakeAssembler,
        _dtls,
        lambda made: made.close(),
        (fragment(b"hello" * 4, 0, 9), fragment(b"hello" * 4, 9, 20)),
        lambda events: isinstance(events[1][0], HandshakeMessage),
        lambda number: fragment(b"ab"[: 2 * (number % 9 == 0)], 0, number % 9 == 0, number & 0xFFFF),
        Limits(message_bytes=30, fragments_per_packet=2, headers=20),
        400,
        Shown("protocols/dtls/test_handshake.py::test_any_cutting_gives_the_message_once"),
        Shown("protocols/dtls/test_handshake.py::test_any_cutting_gives_the_message_once"),
    ),
    Pieces(
        ("analyzer.protocols.msrp.assembly.MessageAssembler", "analyzer.protocols.msrp.message.read"),
        MessageAssembler,
        _msrp,
        lambda made: made.close(),
        (chunk(body=b"abcd", flag="+", reach="1-4/8"), chunk(body=b"EFGH", reach="5-8/8")),
        lambda events: isinstance(events[1][0][0], WholeMessage) and events[1][0][0].body == b"abcdEFGH",
        lambda number: chunk(body=b"ab", flag="+", message_id=f"m{number:09}", reach="3-4/8"),
        Limits(stream_held_bytes=900, msrp_messages=4, sequence_ranges=3),
        2_000,
        Shown("protocols/msrp/test_assembly.py::test_the_order_of_chunks_does_not_matter"),
        Shown("protocols/msrp/test_assembly.py::test_holes_are_named_at_the_end"),
    ),
    Pieces(
        ("analyzer.protocols.bfcp.fragments.FragmentAssembler",),
        FragmentAssembler,
        _bfcp,
        lambda made: made.close(),
        (_bfcp_part(1, 1), _bfcp_part(0, 1)),
        lambda events: isinstance(events[1][0], BfcpMessage) and events[1][0].complete,
        lambda number: _bfcp_part(1, 1, number),
        Limits(bfcp_fragmented=5, fragments_per_packet=3, fragment_bytes=200),
        600,
        Shown("protocols/bfcp/test_fragments.py::test_fragments_in_any_order_are_the_message"),
        Shown("protocols/bfcp/test_fragments.py::test_fragments_in_any_order_are_the_message"),
    ),
    Pieces(
        ("analyzer.protocols.sctp.parser.SctpDirection",),
        SctpDirection,
        lambda made, data, cite: made.receive(data, (cite,)),
        lambda made: made.close(),
        (test_sctp.data(1, b"ab", 2), test_sctp.data(2, b"cd", 1)),
        lambda events: isinstance(events[1][0], UserMessage) and events[1][0].data == b"abcd",
        lambda number: test_sctp.data(3 * number, b"x", 2),
        Limits(stream_held_bytes=300, sequence_ranges=6),
        300,
        Shown("protocols/sctp/test_parser.py::test_fragments_in_any_order_and_over_the_wrap"),
        Shown("protocols/sctp/test_parser.py::test_what_waits_at_the_end_is_announced"),
    ),
    Pieces(
        ("analyzer.protocols.stun.turn.TurnTable",),
        TurnTable,
        _turn,
        lambda made: made.drain(),
        (_binding(1), struct.pack("!HH", 0x4001, 3) + b"rtp"),
        lambda events: events[1][0][1] == b"rtp",
        _binding,
        Limits(turn_channels=9),
        500,
        Not("a table of bindings, in the order of the capture: no message is cut"),
        Not("the payload of a message is given or the message relays nothing; its parser accounts for the bytes"),
    ),
    Pieces(
        ("analyzer.transport.tcp.TcpReassembler", "analyzer.transport.tcp_direction.Direction"),
        TcpReassembler,
        _tcp,
        lambda made: [event for _, event in made.finish()],
        (_segment(1, step=9), _segment(2, step=9), _segment(4, step=9), _segment(3, step=9)),
        lambda events: len(events[3]) == 2,
        lambda number: _segment(number, 1 + number % 7_000),
        Limits(flows=5, tcp_held_bytes=600, tcp_held_total=1_200, tcp_recent_total=900),
        1_500,
        Shown("transport/test_tcp.py::test_any_order_gives_the_same_bytes_each_from_a_frame_that_carried_it"),
        Shown("transport/test_tcp.py::test_bytes_and_gaps_add_up_to_the_span"),
    ),
    Pieces(
        ("analyzer.session.media.rtcp_flows.RtcpFlows",),
        lambda limits: RtcpFlows(limits),
        _rtcp,
        lambda made: None,
        (_report(1), _report(2)),
        lambda events: len(events) == 3,
        _report,
        Limits(streams=4, rtcp_wait_packets=2),
        800,
        Not("counts packets, each by itself"),
        Not("counts packets; what one says is read by rtcp.parse"),
    ),
)
