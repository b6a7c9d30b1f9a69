"""The parsers of datagrams, of packets inside others, and of the pieces of a handshake."""

from typing import Any

from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.crypto import esp as esp_crypto
from analyzer.crypto.srtp import packets as srtp
from analyzer.formats import tls_handshake
from analyzer.net import inner, rewrite
from analyzer.protocols.bfcp import parser as bfcp
from analyzer.protocols.bfcp.message import BfcpMessage
from analyzer.protocols.dtls import records as dtls
from analyzer.protocols.mikey import parser as mikey
from analyzer.protocols.rtp import rtcp
from analyzer.protocols.sctp import parser as sctp
from analyzer.protocols.sctp.message import DCEP, UserMessage
from analyzer.protocols.stun import parser as stun
from analyzer.protocols.stun import rewrap
from analyzer.protocols.stun.message import ChannelData, StunMessage, read_address
from analyzer.protocols.udptl import parser as udptl
from analyzer.protocols.websocket import handshake
from analyzer.session.esp import structure
from tests.properties.harness import CITES, Not, Whole
from tests.properties.texts import FIELD, KEPT, LINES, NO_EVENT
from tests.protocols.bfcp import writer as bfcp_writer
from tests.protocols.dtls import test_records as dtls_records
from tests.protocols.mikey.test_parser import psk
from tests.protocols.rtp import test_rtcp
from tests.protocols.sctp import test_parser as test_sctp
from tests.protocols.stun import test_parser as test_stun
from tests.protocols.stun import test_rewrap, test_turn
from tests.protocols.udptl import test_parser as test_udptl
from tests.protocols.websocket import test_parser as test_websocket

DATAGRAM = Not("a datagram has no segments")
WHOLE = Not("a whole message, which TLS records or DTLS fragments were put together to")
ANSWER = Not("answers a question about the bytes and takes none of them")
ZEROS = (b"\0", b"\xff", b"\x80", b"\1")
CLIENT_HELLO = (  # RFC 8446 4.1.2, RFC 5764 4.1.1, RFC 6066 3, RFC 7301 3.1, RFC 9146 3
    b"\xfe\xfd"
    + bytes(32)
    + b"\0"
    + b"\0"
    + b"\0\4\xc0\x2b\0\xff"
    + b"\1\0"
    + b"\0\x2a"
    + b"\0\x0e\0\7\0\4\0\1\0\7\0"
    + b"\0\0\0\x0a\0\x08\0\0\5a.com"
    + b"\0\x10\0\6\0\4\3sip"
    + b"\0\x36\0\3\2ab"
)
SERVER_HELLO = b"\3\3" + bytes(32) + b"\0\xc0\x2b\0" + b"\0\6\0\x2b\0\2\3\4"
HANDSHAKE = b"\1" + len(CLIENT_HELLO).to_bytes(3, "big") + CLIENT_HELLO + b"\x0e\0\0\0"
IPV4 = bytes.fromhex("4500002100010000401100000a0000010a000002") + b"\x13\xc4\x13\xc4\0\x0d\0\0hello"
IPV6 = bytes.fromhex("6000000000153c40") + bytes(32) + b"\x11\0\1\4\0\0\0\0" + b"\x13\xc4\x13\xc4\0\x0d\0\0hello"
FRAME = b"\2" * 12 + b"\x08\0" + IPV4
SRTP = bytes.fromhex("90800001000000a00badcafebede0001") + b"\x12abc" + b"payload" + bytes(14)


def _records(data: bytes, events: Any) -> bool:
    """Every byte is in a record, or behind the anomaly that is the last event."""
    read = sum(event.size for event in events if isinstance(event, dtls.DtlsRecord))
    return read == len(data) or (read < len(data) and isinstance(events[-1], Anomaly))


def _packet(
    name: str, parse: Any, *valid: bytes, good: Any = bool, units: tuple[bytes, ...] = ZEROS, **more: Any
) -> Whole:
    """A parser of a datagram that gives a value, or None."""
    return Whole(
        (name,),
        lambda data, limits: parse(data),
        valid,
        good,
        more.pop("blind", DATAGRAM),
        more.pop("accounted", Not("the datagram is one packet or none, and stays with who asked")),
        NO_EVENT,
        units,
        **more,
    )


def _stun(data: bytes, limits: Limits) -> Any:
    """The message, and the same with other data in it."""
    found = stun.parse(data, CITES)
    if isinstance(found, Anomaly):
        return found, None
    return found, (rewrap.with_data(found, b"other"), rewrap.with_data_in_stream(found, b"x"), stun.is_classic(data))


def _inside(data: bytes, limits: Limits) -> Any:
    found = inner.read_ip(data, 4)
    return found, inner.read_udp(data), inner.read_tcp(data, 9), inner.read_sctp(data)


def _cid(data: bytes, limits: Limits) -> Any:
    events = dtls.parse_datagram(data, CITES)
    return [dtls.with_connection_id(event, (b"", b"ab")) for event in events if isinstance(event, dtls.DtlsRecord)]


def _sctp_open(data: bytes, limits: Limits) -> Any:
    return sctp.parse_open(UserMessage(1, DCEP, data, CITES))


def _esp(data: bytes, limits: Limits) -> Any:
    """Read with a cipher, without one, and by what stands in it."""
    opener = esp_crypto.opener("aes-cbc", Secret(bytes(16)), "null", Secret(b""))
    assert not isinstance(opener, str)
    return opener.open(data), [
        (structure.read(data, each), structure.fits(data, each, 1, 2)) for each in structure.LAYOUTS
    ]


def _rewritten(data: bytes, limits: Limits) -> Any:
    """The frame with other payload, without its ESP, and as the fragments of another packet."""
    shares = rewrite.new_shares([(data, 1)], lambda content: content[:-1]) or {}
    return (
        rewrite.with_payload(data, 1, 42, 5, b"later!"),
        rewrite.with_protocol(data, 1, 34, 13, 17, b"\0" * 8),
        rewrite.with_share(data, 1, shares),
    )


def _srtp(data: bytes, limits: Limits) -> Any:
    """Where the parts are, with and without MKI; the elements of its extension."""
    parts = [srtp.rtp_parts(data, 10, mki, aead) for mki in (0, 4) for aead in (False, True)]
    masks = [
        srtp.extension_mask(data, part.header, frozenset((1, 2))) for part in parts if isinstance(part, srtp.RtpParts)
    ]
    return parts, masks, [srtp.rtcp_parts(data, 10, mki, aead) for mki in (0, 4) for aead in (False, True)]


PACKETS = (
    Whole(
        (
            "analyzer.protocols.stun.parser.parse",
            "analyzer.protocols.stun.parser.is_classic",
            "analyzer.protocols.stun.message.read_address",
            "analyzer.protocols.stun.rewrap.with_data",
            "analyzer.protocols.stun.rewrap.with_data_in_stream",
        ),
        _stun,
        (
            test_stun.REQUEST,
            test_stun.RESPONSE,
            test_stun.RESPONSE6,
            test_turn.DATA.raw,
            test_rewrap.indication((0x12, b"\0\1\x21\x12\x21\x12\xa4\x42"), (0x13, b"data")),
        ),
        lambda found: isinstance(found[0], StunMessage | ChannelData),
        DATAGRAM,
        lambda data, found: isinstance(found[0], Anomaly) or found[0].raw == data,
        None,
        (*ZEROS, b"\x80\x22\0\0", b"\0\x12\0\0", b"\0\1\0\0\x21\x12\xa4\x42"),
    ),
    _packet(
        "analyzer.protocols.stun.message.read_address",
        read_address,
        b"\0\1\x13\xc4\xc0\0\2\1",
        accounted=KEPT,
        blind=FIELD,
    ),
    _packet(
        "analyzer.protocols.rtp.rtcp.parse",
        rtcp.parse,
        test_rtcp.REPORT + test_rtcp.CNAME + test_rtcp.BYE,
        good=lambda found: found.well_formed and found.cname,
        units=(*ZEROS, b"\x80\xc9\0\1\0\0\0\1", b"\x80\xcb\0\0"),
    ),
    _packet("analyzer.protocols.udptl.parser.parse", udptl.parse, test_udptl.packet(7, b"\x06", b"\x04")),
    _packet(
        "analyzer.protocols.mikey.parser.parse",
        mikey.parse,
        psk(),
        good=lambda found: found.complete,
        units=(*ZEROS, psk()[:19] + b"\5\0", b"\6\0\0\0"),
    ),
    Whole(
        ("analyzer.protocols.sctp.parser.parse_open",),
        _sctp_open,
        (test_sctp.opening(),),
        lambda found: found.label == "chat",
        Not("a whole user message"),
        Not("the user message keeps its bytes"),
        None,
        ZEROS,
    ),
    Whole(
        ("analyzer.protocols.dtls.records.parse_datagram",),
        lambda data, limits: dtls.parse_datagram(data, CITES),
        (dtls_records.record(22, b"abc") + dtls_records.record(20, b"\1"), b"\x2c\0\1\0\x10" + bytes(16)),
        lambda found: all(isinstance(each, dtls.DtlsRecord) for each in found),
        DATAGRAM,
        _records,
        None,
        (*ZEROS, dtls_records.record(22, b""), b"\x24\0\0\0", b"\x20"),
    ),
    Whole(
        ("analyzer.protocols.dtls.records.with_connection_id",),
        _cid,
        (dtls_records.record(25, b"")[:11] + b"ab\0\3xyz", b"\x30ab\1x"),
        lambda found: found[0][0].cid == b"ab",
        DATAGRAM,
        Not("gives the record with what stands behind it; the datagram's parser accounts for both"),
        None,
        ZEROS,
    ),
    _packet(
        "analyzer.formats.tls_handshake.parse_client_hello",
        lambda data: [tls_handshake.parse_client_hello(data, datagram=datagram) for datagram in (True, False)],
        CLIENT_HELLO,
        good=lambda found: found[0].server_name == "a.com" and found[0].connection_id == b"ab",
        blind=WHOLE,
        units=(*ZEROS, b"\0\x0a\0\0"),
        size=400_000,
    ),
    _packet(
        "analyzer.formats.tls_handshake.parse_server_hello",
        tls_handshake.parse_server_hello,
        SERVER_HELLO,
        good=lambda found: found.negotiated_version == 0x0304,
        blind=WHOLE,
    ),
    _packet(
        "analyzer.formats.tls_handshake.parse_extensions",
        tls_handshake.parse_extensions,
        b"\0\4\0\x0a\0\0",
        good=lambda found: 10 in found,
        blind=WHOLE,
        units=(*ZEROS, b"\0\x0a\0\0"),
    ),
    _packet(
        "analyzer.formats.tls_handshake.parse_new_connection_id",
        tls_handshake.parse_new_connection_id,
        b"\0\3\2ab\1",
        blind=WHOLE,
    ),
    _packet(
        "analyzer.formats.tls_handshake.parse_certificates",
        lambda data: [tls_handshake.parse_certificates(data, tls13=tls13) for tls13 in (False, True)],
        b"\0\0\5\0\0\2ab",
        good=lambda found: found[0],
        blind=WHOLE,
    ),
    Whole(
        ("analyzer.formats.tls_handshake.split_messages", "analyzer.formats.tls_handshake.has_message"),
        lambda data, limits: (tls_handshake.split_messages(data), tls_handshake.has_message(data)),
        (HANDSHAKE,),
        lambda found: len(found[0][0]) == 2,
        Not("gives whole messages at the front and how much they took, for its caller to go on"),
        lambda data, found: b"".join(raw for _, _, raw in found[0][0]) == data[: found[0][1]],
        NO_EVENT,
        (*ZEROS, b"\0\0\0\0"),
    ),
    Whole(
        ("analyzer.protocols.bfcp.parser.parse_datagram", "analyzer.protocols.bfcp.parser.read"),
        lambda data, limits: bfcp.parse_datagram(data, CITES, limits),
        (
            bfcp_writer.write(bfcp_writer.message(11, version=2)),
            bfcp_writer.write(bfcp_writer.message(4, *bfcp_writer.NEEDED[4], version=2, responder=True)),
        ),
        lambda found: isinstance(found, BfcpMessage) and found.complete,
        DATAGRAM,
        lambda data, found: isinstance(found, Anomaly) or found.size == len(data),
        None,
        (*ZEROS, b"\x1e\2", b"\x1f\x10\0\1"),
        Limits(nesting=2, bfcp_attributes=3),
        lambda found, limits: isinstance(found, Anomaly) or len(found.attributes) <= limits.bfcp_attributes,
    ),
    Whole(
        ("analyzer.protocols.websocket.handshake.read_head", "analyzer.protocols.websocket.handshake.starts"),
        lambda data, limits: (handshake.read_head(data), handshake.starts(data)),
        (test_websocket.REQUEST, test_websocket.DEFLATE),
        lambda found: found[0].upgrade,
        Not("a whole head, which the stream's parser has found the end of"),
        Not("the stream's parser accounts for the head as a whole"),
        NO_EVENT,
        (*LINES, b"Upgrade: a, b\r\n", b"Sec-WebSocket-Extensions: a;b, c\r\n", b","),
        within=lambda found, limits: len(found[0].extensions) <= 20_000,
    ),
    Whole(
        (
            "analyzer.net.inner.read_ip",
            "analyzer.net.inner.read_udp",
            "analyzer.net.inner.read_tcp",
            "analyzer.net.inner.read_sctp",
        ),
        _inside,
        (IPV4, IPV6),
        lambda found: found[0].protocol == 17,
        DATAGRAM,
        Not(
            "what stands behind a header is its payload; padding "
            "behind the length that it tells is no part of the packet (RFC 894)"
        ),
        NO_EVENT,
        ZEROS,
    ),
    Whole(
        (
            "analyzer.crypto.esp.unpad",
            "analyzer.crypto.esp.opener",
            "analyzer.session.esp.structure.read",
            "analyzer.session.esp.structure.fits",
            "analyzer.session.esp.structure.checksum",
            "analyzer.crypto.esp.Opener",
        ),
        _esp,
        (bytes(12) + b"\1\2\2\x3b" + bytes(16),),
        bool,
        DATAGRAM,
        Not("a packet opens as a whole or not at all"),
        NO_EVENT,
        ZEROS,
    ),
    Whole(
        (
            "analyzer.crypto.srtp.packets.rtp_parts",
            "analyzer.crypto.srtp.packets.rtcp_parts",
            "analyzer.crypto.srtp.packets.header_length",
            "analyzer.crypto.srtp.packets.extension_mask",
        ),
        _srtp,
        (SRTP,),
        lambda found: found[1][0] == [(17, 20)],
        DATAGRAM,
        Not("a packet has parts or a reason why not; the parts are places in it"),
        NO_EVENT,
        ZEROS,
    ),
    Whole(
        (
            "analyzer.net.rewrite.with_payload",
            "analyzer.net.rewrite.with_protocol",
            "analyzer.net.rewrite.new_shares",
            "analyzer.net.rewrite.with_share",
        ),
        _rewritten,
        (FRAME,),
        lambda found: found[0] and found[1],
        DATAGRAM,
        Not("gives the frame with other content, or nothing: what it does not know it does not touch"),
        NO_EVENT,
        (*ZEROS, b"\x45\0", b"\x81\0\0\1"),
    ),
)
