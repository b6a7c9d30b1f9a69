"""The parsers of SIP datagrams and of session descriptions."""

from typing import Any

from analyzer.core.limits import Limits
from analyzer.core.text import decode
from analyzer.formats.mime import BodyPart
from analyzer.protocols.sdp import attributes, crypto_line
from analyzer.protocols.sdp import parser as sdp
from analyzer.protocols.sip import checks
from analyzer.protocols.sip import parser as sip
from analyzer.protocols.sip.message import Message
from analyzer.session.body_tokens import MAX_TOKENS, part_tokens, sdp_tokens
from analyzer.session.correlation_keys import (
    call_id_keys,
    grounds,
    header_keys,
    likenesses,
    named_dialogs,
    referral_keys,
)
from analyzer.session.credentials import authentication
from analyzer.transport.parser import Skipped
from tests.properties.harness import CITES, Not, Whole
from tests.properties.packets import DATAGRAM
from tests.properties.texts import FIELD, KEPT, LINES, NO_EVENT
from tests.protocols.sdp import test_parser as test_sdp
from tests.protocols.sip import test_parser as test_sip

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

SDP = (
    HEAD
    + "a=group:BUNDLE 1\r\na=fingerprint:sha-256 "
    + ":".join(["AB"] * 32)
    + "\r\nm=audio 49170/2 RTP/SAVP 0 8\r\nb=AS:64\r\n"
    f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{test_sdp.KEY}|2^20|1:4 KDR=2 UNENCRYPTED_SRTP\r\n"
    "a=rtpmap:0 PCMU/8000/1\r\na=fmtp:0 x=y\r\na=ssrc:1 cname:a\r\na=rtcp:53020 IN IP4 126.16.64.4\r\n"
    "a=extmap:1 urn:x\r\na=setup:actpass\r\na=sendonly\r\n"
    "m=message 7654 TCP/TLS/MSRP *\r\na=path:msrps://a.example:7654/j;tcp\r\na=accept-types:text/plain\r\n"
    "m=application 50000 TCP/TLS/BFCP *\r\na=floorctrl:c-only\r\na=confid:1\r\na=userid:2\r\na=floorid:1 mstrm:10\r\n"
).encode()

CRYPTO = (
    f"1 AES_CM_128_HMAC_SHA1_80 inline:{test_sdp.KEY}|2^20|1:4;inline:{test_sdp.KEY} FEC_ORDER=FEC_SRTP WSH=60"
).encode()

ATTRIBUTES = (
    b"fingerprint:SHA-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB",
    b"3ge2ae:requested",
    b"rtcp:5 IN IP4 1.2.3.4",
    b"rtpmap:99 h263-1998/90000",
    b"fmtp:99 a",
    b"ssrc:1 a",
    b"extmap:1/sendonly urn:ietf:params:rtp-hdrext:encrypt u",
    b"floorid:1 m-stream:2",
    b"candidate:1",
    b"key-mgmt:mikey AQAF",
    b"ice-pwd:x",
    b"path:msrp://a:1/b;tcp",
    b"sendrecv",
    b"confid:9",
)


def _total(events: Any) -> int:
    """The bytes that the events of a SIP datagram account for."""
    return sum(
        len(event.raw) if isinstance(event, Message) else event.size if isinstance(event, Skipped) else 0
        for event in events
    )


def _checked(data: bytes, limits: Limits) -> Any:
    """A message's own anomalies, and those of its values."""
    return [
        checks.check(event, limits) for event in sip.parse_datagram(data, CITES, limits) if isinstance(event, Message)
    ]


def _sip(data: bytes, limits: Limits) -> Any:
    events = sip.parse_datagram(data, CITES, limits)
    return events, [event.parts(limits) for event in events if isinstance(event, Message)]


LONG = Limits(header_bytes=4 * 1024**2)
_NAMED = (
    b"Session-ID", b"P-Charging-Vector", b"Replaces", b"Target-Dialog", b"In-Reply-To", b"Refer-To", b"Referred-By",
    b"P-Charging-Function-Addresses", b"History-Info", b"P-Asserted-Identity", b"Authorization", b"WWW-Authenticate",
    b"From", b"X-Own",
)  # fmt: skip


def _headers(data: bytes, limits: Limits) -> Any:
    """What is taken from headers of an INVITE and of a REFER to know a call again, each with this value."""
    value = data.replace(b"\r", b" ").replace(b"\n", b" ")
    found: list[Any] = []
    for method in (b"INVITE", b"REFER"):
        lines = b"".join(name + b": " + value + b"\r\n" for name in _NAMED)
        (message,) = sip.parse_datagram(method + b" sip:a@b SIP/2.0\r\n" + lines + b"\r\n", CITES, LONG)
        assert isinstance(message, Message)
        found += [list(header_keys(message, ("X-Own",))), list(call_id_keys(message)), list(named_dialogs(message))]
        found += [list(referral_keys(message)), list(grounds(message)), list(likenesses(message))]
    return [*found, authentication(message)]


def _tokens(data: bytes, limits: Limits) -> Any:
    """The words of a body that is text, of one that is XML, and of a session description."""
    kinds = ("text/plain", "application/x+xml")
    found = [part_tokens(BodyPart(kind, "", data), limits) for kind in kinds]
    return [*found, sdp_tokens(sdp.parse(data, CITES, limits))]


MESSAGES = (
    Whole(
        ("analyzer.protocols.sip.parser.parse_datagram", "analyzer.protocols.sip.parser.header_end"),
        _sip,
        (test_sip.INVITE,),
        lambda found: not found[0][0].anomalies and found[1],
        DATAGRAM,
        lambda data, found: _total(found[0]) == len(data),
        None,
        (*LINES, b"\r\nVia: ", b"f:", b"SIP/2.0 ", b"l: 9\n\n"),
        Limits(headers=3, header_bytes=80, body_parts=2, nesting=1),
        lambda found, limits: all(len(e.headers) <= limits.headers for e in found[0] if isinstance(e, Message)),
    ),
    Whole(
        ("analyzer.protocols.sip.parser.recognise",),
        lambda data, limits: sip.recognise(data, CITES, limits, 3) or (),
        (test_sip.INVITE,),
        lambda found: found[-1].cut or found[-1].complete,
        DATAGRAM,
        lambda data, found: not found or _total(found) == len(data),
        None,
        (*LINES, b"l: 9\n\n"),
    ),
    Whole(
        ("analyzer.protocols.sip.checks.check",),
        _checked,
        (test_sip.INVITE,),
        lambda found: len(found) == 1,
        DATAGRAM,
        KEPT,
        None,
        (*LINES, b'"', b"<", b";", b",", b"%"),
    ),
    Whole(
        ("analyzer.protocols.sdp.parser.parse",),
        lambda data, limits: sdp.parse(data, CITES, limits),
        (SDP,),
        lambda found: len(found.media) == 3 and not found.anomalies,
        Not("a whole body, framed by the message's parser"),
        Not(
            "every line is in an entity, in the raw attributes or named: sdp/test_parser shows it line by line; "
            "key material is not kept as text on purpose"
        ),
        None,
        (
            b"m=audio 9 RTP/AVP 0\r\n",
            b"a=fingerprint:sha-1 00\r\n",
            b"a=x\r\n",
            b"\r",
            b"\n",
            b"a=",
            b"=",
            b"c=IN IP4 1.2.3.4\n",
            b"a=ssrc:1\r\n",
            b"m=",
            b"a=crypto:1 A_B inline:AAAA\r\n",
            b"b=AS:1\n",
            b"\xff",
        ),
        Limits(sdp_lines=9),
        lambda found, limits: len(found.media) + len(found.attributes) <= limits.sdp_lines,
    ),
    Whole(
        ("analyzer.protocols.sdp.attributes.read_attribute", "analyzer.protocols.sdp.attributes.port"),
        lambda data, limits: (attributes.read_attribute(decode(data)), attributes.port(decode(data))),
        ATTRIBUTES,
        lambda found: found[0].good,
        FIELD,
        KEPT,
        NO_EVENT,
        (b":", b" ", b"a ", b"/", b"AA:", b"fingerprint:", b"inline:", b"\xff"),
    ),
    Whole(
        ("analyzer.protocols.sdp.crypto_line.parse_crypto",),
        lambda data, limits: crypto_line.parse_crypto(decode(data)),
        (CRYPTO,),
        lambda found: not found.faults and len(found.keys) == 2,
        FIELD,
        Not("no word that may be key material is kept"),
        NO_EVENT,
        (b"inline:", b";", b"|", b" ", b"A", b"=", b"inline:AAAA;", b" KDR=1", b":"),
    ),
    Whole(
        ("analyzer.protocols.sdp.crypto_line.decode_key",),
        lambda data, limits: crypto_line.decode_key(decode(data)),
        (test_sdp.KEY.encode(),),
        lambda found: found[1],
        FIELD,
        KEPT,
        NO_EVENT,
        (b"A", b"=", b"\xff"),
    ),
    Whole(
        (
            "analyzer.session.body_tokens.part_tokens",
            "analyzer.session.body_tokens.sdp_tokens",
            "analyzer.session.body_tokens.looks_like_one",
        ),
        _tokens,
        (
            b"conference-id: room12345\r\n",
            b"<create conference-id='room12345'/>",
            SDP + b"a=conference-id:room12345\r\n",
        ),
        lambda found: any(len(tokens) > 1 for tokens in found),
        Not("a whole body, which the parser of the message has put together from its segments"),
        Not("the message keeps the body; a few words of it are taken"),
        NO_EVENT,
        (b"a: b\n", b"conf=", b"room1234 ", b"<a id='room1234'>", b":", b"conf", b'"', b"-"),
        within=lambda found, limits: max(map(len, found)) <= MAX_TOKENS + 1,
    ),
    Whole(
        (
            "analyzer.session.correlation_keys.header_keys",
            "analyzer.session.correlation_keys.call_id_keys",
            "analyzer.session.correlation_keys.named_dialogs",
            "analyzer.session.correlation_keys.referral_keys",
            "analyzer.session.correlation_keys.grounds",
            "analyzer.session.correlation_keys.likenesses",
            "analyzer.session.credentials.authentication",
        ),
        _headers,
        (
            b"ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2",
            b"98732@a.example;from-tag=r33;to-tag=1",
            b'Digest username="bob", realm="a", nonce="0123", response="6629", algorithm=AKAv1-MD5',
            b"icid-value=1234;icid-generated-at=192.0.2.1;orig-ioi=home1.net",
            b"<sip:dave@denver.example.org?Replaces=12345%40h%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE>",
        ),
        lambda found: sum(map(len, found[:-1])) > 1 or found[-1].schemes,
        FIELD,
        KEPT,
        NO_EVENT,
        (b",", b";", b'"', b"=", b"a=b;", b"a,", b"<", b"%", b"Digest a=b, "),
        size=6_000,
        share=0.6,
    ),
)
