"""The parsers of streams."""

from typing import Any

from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.protocols.bfcp.message import BfcpMessage
from analyzer.protocols.bfcp.stream import BfcpStream
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.protocols.msrp.stream import MsrpStream
from analyzer.protocols.rtp.framing import FrameStream
from analyzer.protocols.sip.message import Message
from analyzer.protocols.sip.stream import SipStream
from analyzer.protocols.stun.stream import StunStream
from analyzer.protocols.tls.records import HEADER, MAX_FRAGMENT, Record, RecordStream
from analyzer.protocols.websocket.message import WebSocketMessage
from analyzer.protocols.websocket.parser import WebSocketStream
from analyzer.transport.framed import Frame
from tests.properties.harness import Stream
from tests.protocols.bfcp import test_stream as bfcp
from tests.protocols.msrp import test_stream as msrp
from tests.protocols.rtp import test_framing as rtp
from tests.protocols.sip import test_stream as sip
from tests.protocols.stun import test_stream as stun
from tests.protocols.tls import test_records as tls
from tests.protocols.websocket import test_parser as websocket


def first_is(kind: type) -> Any:
    """Whether the first event is a message that has nothing wrong with it, and none is an anomaly."""

    def good(events: list[Any]) -> bool:
        whole = isinstance(events[0], kind) and getattr(events[0], "complete", True)
        return whole and not any(isinstance(event, Anomaly) for event in events)

    return good


def sized(event: Any) -> int:
    """What an event of most streams says of itself."""
    return int(event.size)


STREAMS = (
    Stream(
        ("analyzer.protocols.sip.stream.SipStream",),
        SipStream,
        (
            sip.OPTIONS,
            sip.OPTIONS.replace(b"\r\n", b"\n"),
            sip.OPTIONS.replace(b"OPTIONS sip:c@d SIP/2.0", b"SIP/2.0 200 OK"),
        ),
        first_is(Message),
        lambda event: len(event.raw) if isinstance(event, Message) else sized(event),
        sip.SMALL,
        lambda limits: limits.message_bytes + 2,
        (
            b"x",
            b"\n",
            b"\r\n",
            b"x y SIP/\n",
            b"SIP/2.0 200 \n",
            b"A sip:a SIP/2.0\n\n",
            b"AAA sip:",
            b"l: 9\n\n",
            b"A a SIP/2.0\nl: 1\n",
        ),
        odd=tuple(sip.PIECES),
    ),
    Stream(
        ("analyzer.protocols.msrp.stream.MsrpStream",),
        MsrpStream,
        (msrp.SEND, msrp.OK),
        first_is(MsrpMessage),
        sized,
        msrp.SMALL,
        lambda limits: limits.message_bytes,
        (
            b"x",
            b"\r\n",
            b"MSRP ",
            b"MSRP abcd SEND\r\n",
            b"\r\n-------a786hjs2",
            b"\r\n-------a786hjs2$\r",
            b"-",
            b": ",
            b"MSRP abcd 200 ",
            msrp.SEND[:60],
            b"MSRP abcd SEND\r\n-------abcd$\r\n",
        ),
        odd=tuple(msrp.PIECES),
        begun=(msrp.SEND[:-20], b"!"),
    ),
    Stream(
        ("analyzer.protocols.bfcp.stream.BfcpStream", "analyzer.protocols.bfcp.parser.read"),
        BfcpStream,
        (bfcp.HELLO, bfcp.REQUEST, bfcp.STATUS),
        first_is(BfcpMessage),
        sized,
        bfcp.SMALL,
        lambda limits: max(limits.message_bytes, 12 + 4 * 255),
        (b"\x20", b"\x20\x0b\0\0", b"\x20\x0c\0\xff" + b"\0" * 8, b"\x04\x04\0\1", b"\xff", b"\x20\x04\xff\xff"),
        odd=tuple(bfcp.PIECES),
        begun=(b"\xff", b"\xff\x20\x05\0\xff" + b"\0" * 8, b"\x20\x05\x7f\xff" + b"\0" * 8),
    ),
    Stream(
        (
            "analyzer.protocols.websocket.parser.WebSocketStream",
            "analyzer.protocols.websocket.frames.read_header",
            "analyzer.protocols.websocket.frames.unmask",
            "analyzer.protocols.websocket.inflate.Inflater",
        ),
        WebSocketStream,
        (
            websocket.REQUEST + websocket.MASKED,
            websocket.DEFLATE + websocket.DEFLATED,
            websocket.RESPONSE + websocket.HELLO,
        ),
        lambda events: isinstance(events[-1], WebSocketMessage) and events[-1].complete,
        sized,
        websocket.SMALL,
        lambda limits: limits.stream_held_bytes,
        (
            b"\x81\x00",
            b"\x82\x7e\x00\x05hello",
            b"\x01\x01a",
            b"GET / HTTP/1.1\r\n",
            b"H",
            b"\x81\x7f\0\0\0\0\0\1\0\0",
            b"\x80\x00",
            b"\xc1\x03\x4a\x04\x00",
            b"\xff",
            b"\x81\x7e\xff\xff",
            b"\x01\x00",
            b"HTTP/1.",
        ),
        odd=tuple(websocket.PIECES),
        begun=(websocket.RESPONSE,),
        passed=lambda stream: stream._skipped,
        length=2_000,
        step=20,
    ),
    Stream(
        ("analyzer.protocols.tls.records.RecordStream",),
        RecordStream,
        (tls.record(22, b"\1\0\0\1x") + tls.record(23, b"secret" * 9), tls.record(20, b"\1")),
        first_is(Record),
        lambda event: HEADER + len(event.fragment) if isinstance(event, Record) else sized(event),
        Limits(),
        lambda limits: HEADER + MAX_FRAGMENT + HEADER,
        (b"\x17\x03\x03", b"\x16", b"\x17\x03\x03\4\0", b"\x17\x03\x03\0\0", b"\x17\x03\x03\0\1x"),
        odd=(b"\x16\x03\x01", b"\x17\x03\x03\xff\xff"),
        length=30_000,
    ),
    Stream(
        ("analyzer.protocols.rtp.framing.FrameStream", "analyzer.transport.framed.PacketStream"),
        lambda _: FrameStream(),
        (rtp.framed(rtp.SR, rtp.BINDING), rtp.framed(b"\x80" + b"r" * 20)),
        first_is(Frame),
        sized,
        Limits(),
        lambda limits: 2 + 0xFFFF,
        (b"\0", b"\0\1x", b"\xff", b"\0\2"),
    ),
    Stream(
        ("analyzer.protocols.stun.stream.StunStream",),
        lambda _: StunStream(),
        (stun.message(3) + stun.channel(b"relayed"), stun.channel(b"abcd")),
        first_is(Frame),
        sized,
        Limits(),
        lambda limits: 20 + 0xFFFF,
        (b"\0", stun.message(0), stun.channel(b""), b"\x40\1\xff\xff"),
    ),
)
