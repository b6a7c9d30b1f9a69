"""The parsers of header values and of bodies."""

from typing import Any

from analyzer.core.addresses import parse_ip
from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.core.numbers import decimal, hexadecimal
from analyzer.core.text import decode, encode, safe
from analyzer.formats import (
    conference_info,
    cpim,
    file_selector,
    headers,
    mime,
    msrp_uri,
    referral,
    resource_list,
    uri,
    xml,
)
from analyzer.formats.passport import parse_passport
from analyzer.protocols.sip.checks import is_host_port
from analyzer.protocols.sip.message import parse_via
from analyzer.protocols.sip.parser import canonical
from analyzer.session.esp.agreements import MECHANISMS, mechanisms
from analyzer.session.focus import conference_uri
from analyzer.session.security_lists import MAX_ELEMENTS, security_list
from tests.formats import test_conference_info as documents
from tests.formats import test_cpim, test_passport, test_resource_list
from tests.properties.harness import CITES, Not, Whole

FIELD = Not("one value of a message, which the parser of the message has put together from its segments")
BODY = Not("a whole body, which the parser of the message has put together from its segments")
KEPT = Not("the message keeps the value as it was sent; what is read here is a reading of it, not its only copy")
KEPT_BODY = Not("the message keeps the body; this is a reading of it, and what is not read of it is named")
NO_EVENT = Not("gives a value, no event: who asked for it cites the message that the value stood in")
UNITS = (
    b'"',
    b"<",
    b">",
    b";",
    b",",
    b"=",
    b"\\",
    b"%",
    b" ",
    b":",
    b"a",
    b'"<',
    b"\xff",
    b"%41",
    b";a=b",
    b"a,",
    b"[",
    b"@",
)
LINES = (
    b"\r\n",
    b"\n",
    b"\n ",
    b"a: b\r\n",
    b":",
    b"a",
    b"\\",
    b"\\u0041",
    b"\xff",
    b"Content-Type: a/b\r\n",
    b"a\r\n\r\n",
)
MULTIPART = (
    b"--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n"
    b"--c\r\nContent-Disposition: render\r\n\r\nhi\r\n--c--\r\n--b--\r\n"
)
XML = (b"<", b"<a>", b"<a/>", b"&#65;", b"&lt;", b"<a b='c'/>", b"<!--", b"<![CDATA[", b"\xff", b" x='y'", b"<?a?>")
USERS = (
    b"<conference-info><users>" + b"<user entity='sip:a@b'/>" * 9 + b"</users></conference-info>",
    b"<conference-info><users><user><endpoint>"
    + b"<media id='1'/>" * 9
    + b"</endpoint></user></users></conference-info>",
)

BODY_EXAMPLES = (
    MULTIPART,
    documents.RICH,
    documents.BASIC,
    test_resource_list.LIST,
    test_cpim.EXAMPLE,
    b"SIP/2.0 200 OK\r\n",
    b"",
)


def _text(
    names: tuple[str, ...], read: Any, *valid: bytes, good: Any = bool, units: tuple[bytes, ...] = UNITS, **more: Any
) -> Whole:
    """A parser of one header value."""
    return Whole(
        names,
        lambda data, limits: read(decode(data)),
        valid,
        good,
        FIELD,
        more.pop("accounted", KEPT),
        NO_EVENT,
        units,
        **more,
    )


def _split(data: bytes, found: Any) -> bool:
    """Nothing but separators and blanks is left out."""
    parts = encode("".join(found[1]))
    return parts.translate(None, b" ;\t\r\n\x0b\x0c") == data.translate(None, b" ;\t\r\n\x0b\x0c") or not data.isascii()


TEXTS = (
    _text(
        ("analyzer.formats.headers.split", "analyzer.formats.headers.unquote", "analyzer.formats.headers.balanced"),
        lambda text: (
            headers.split(text),
            headers.split(text, ";", keep_empty=True),
            headers.unquote(text),
            headers.balanced(text),
        ),
        b'"A, B" <sip:a@b;x=y>;tag="1;2", <sip:c@d>',
        b"a;b;c",
        accounted=_split,
    ),
    _text(("analyzer.formats.headers.parameters",), headers.parameters, b'text/plain;charset="utf-8";x', b";a=b"),
    _text(
        (
            "analyzer.formats.uri.parse_uri",
            "analyzer.formats.uri.user_names",
            "analyzer.formats.uri.telephone",
            "analyzer.formats.uri.same_user",
            "analyzer.formats.uri.among",
            "analyzer.formats.uri.all_among",
        ),
        lambda text: (
            uri.parse_uri(text),
            sorted(uri.user_names(text)),
            uri.telephone(text),
            uri.same_user(text, text),
        ),
        b"sip:carol:p%3Aw@chicago.com:5070;transport=tcp;lr?subject=project%20x&priority=urgent",
        b"tel:+1-201-555-0123",
    ),
    _text(
        ("analyzer.formats.uri.parse_name_addr",),
        uri.parse_name_addr,
        b'"J Rosenberg \\\\\\"" <sip:j@e> ; tag = 9',
        b"sip:a@b;tag=1",
        good=lambda found: found.params,
    ),
    _text(("analyzer.formats.uri.address_uri",), uri.address_uri, b'"J" <sip:j@e> ; tag = 9', b"sip:a@b;tag=1"),
    _text(("analyzer.formats.uri.unescape",), uri.unescape, b"a%20b%e2%82%ac", good=lambda found: "\u20ac" in found),
    _text(
        ("analyzer.formats.uri.host_port", "analyzer.protocols.sip.checks.is_host_port"),
        lambda text: (*uri.host_port(text), is_host_port(text)),
        b"[2001:db8::1]:5061",
        b"a.example:5060",
        good=lambda found: found[1] and found[2],
    ),
    _text(
        (
            "analyzer.formats.msrp_uri.parse_uri",
            "analyzer.formats.msrp_uri.session_id",
            "analyzer.formats.msrp_uri.same_uri",
        ),
        lambda text: (msrp_uri.parse_uri(text), msrp_uri.session_id(text), msrp_uri.same_uri(text, text + " ")),
        b"msrps://alice@[2001:DB8::1]:9000/s1d;tcp;x=y",
        good=lambda found: found[0].address,
    ),
    _text(("analyzer.formats.mime.media_type",), mime.media_type, b'multipart/mixed; boundary="a;b"'),
    _text(
        ("analyzer.formats.file_selector.parse",),
        file_selector.parse,
        b'name:"My cool picture.jpg" type:image/jpeg size:32349 hash:sha-1:72:24:5F',
        good=lambda found: found.digest,
    ),
    _text(
        ("analyzer.formats.passport.parse_passport",),
        parse_passport,
        f"{test_passport.RFC8225_A};info=<{test_passport.INFO}>".encode(),
        good=lambda found: not found.problems,
        units=(*UNITS, b".", b"eyJ", b"W1tb", b".W1tbW1tb", b"MTEx"),
    ),
    _text(
        ("analyzer.formats.referral.parse_refer_to",),
        referral.parse_refer_to,
        b"<sip:d@denver.example.org;method=BYE?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE&a=b>",
        good=lambda found: found.replaces,
    ),
    _text(
        ("analyzer.formats.referral.parse_replaces",),
        referral.parse_replaces,
        b"98732@s;from-tag=r33;to-tag=1;early-only",
        good=lambda found: found.early_only,
    ),
    _text(
        ("analyzer.formats.referral.parse_referred_by",),
        referral.parse_referred_by,
        b'"R" <sip:r@ref.example>;cid="2@r"',
    ),
    _text(
        ("analyzer.protocols.sip.message.parse_via",),
        parse_via,
        b"SIP / 2.0 / UDP first.example.com: 4000;ttl=16;maddr=224.2.0.1;branch=z9hG4bKa7c6a8dlze.1;rport",
        good=lambda found: found.port == 4_000,
    ),
    _text(("analyzer.protocols.sip.parser.canonical",), canonical, b"m", b" Via "),
    _text(
        ("analyzer.session.security_lists.security_list",),
        lambda text: security_list([text, text]),
        b"ipsec-3gpp;alg=hmac-sha-1-96;q=0.1;spi-c=1;spi-s=2;port-c=3;port-s=4, sdes-srtp;mediasec",
        good=lambda found: found[1].media,
        within=lambda found, limits: len(found) <= MAX_ELEMENTS,
    ),
    _text(
        ("analyzer.session.esp.agreements.mechanisms",),
        lambda text: mechanisms((text, text)),
        b"ipsec-3gpp;alg=hmac-sha-1-96;ealg=aes-cbc;prot=esp;mod=trans;spi-c=1;spi-s=2;port-c=3;port-s=4",
        within=lambda found, limits: len(found) <= MECHANISMS,
    ),
    _text(("analyzer.session.focus.conference_uri",), conference_uri, b"sip:conf@a.example;gr=1"),
    _text(
        ("analyzer.core.addresses.parse_ip",),
        parse_ip,
        b"2001:db8::1",
        b"192.0.2.1",
        good=lambda found: found is not None,
        units=(*UNITS, b"1", b"::", b"1.", b"f:"),
    ),
    _text(
        ("analyzer.core.numbers.decimal", "analyzer.core.numbers.hexadecimal"),
        lambda text: (decimal(text, 18), hexadecimal(text, 16)),
        b"42",
        good=lambda found: found == (42, 0x42),
    ),
    Whole(
        ("analyzer.core.text.decode", "analyzer.core.text.encode", "analyzer.core.text.safe"),
        lambda data, limits: (decode(data), encode(decode(data)), safe(data)),
        ("caf\u00e9 \u202e\x1b".encode(),),
        bool,
        FIELD,
        lambda data, found: found[1] == data,
        NO_EVENT,
        UNITS,
        within=lambda found, limits: found[2].isprintable(),
    ),
    Whole(
        ("analyzer.formats.mime.parts_of",),
        lambda data, limits: mime.parts_of("multipart/mixed;boundary=b", "", data, limits),
        (MULTIPART,),
        lambda found: [part.content_type for part in found[0]] == ["application/sdp", "text/plain"],
        BODY,
        KEPT_BODY,
        NO_EVENT,
        (*LINES, b"--b\r\n", b"--b", b"\n--b\n\n", b"--b\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n"),
        Limits(body_parts=3, nesting=2, header_bytes=64),
        lambda found, limits: len(found[0]) <= limits.body_parts,
    ),
    Whole(
        ("analyzer.formats.cpim.parse", "analyzer.formats.cpim.uri_of"),
        lambda data, limits: (found := cpim.parse(data, limits), [cpim.uri_of(each) for each in found.to]),
        (test_cpim.EXAMPLE,),
        lambda found: found[0].complete,
        BODY,
        lambda data, found: data.endswith(found[0].body),
        NO_EVENT,
        LINES,
        Limits(headers=3, header_bytes=100),
        lambda found, limits: len(found[0].headers) <= limits.headers,
    ),
    Whole(
        ("analyzer.formats.referral.parse_sipfrag",),
        referral.parse_sipfrag,
        (
            b"SIP/2.0 200 OK\r\nFrom: <sip:a@b>;tag=1\r\n\r\n",
            b"INVITE sip:alice@atlanta.com SIP/2.0\r\nFrom: <sip:a@b>\r\n",
        ),
        lambda found: found.headers,
        BODY,
        KEPT_BODY,
        NO_EVENT,
        LINES,
        Limits(headers=2, header_bytes=50),
        lambda found, limits: len(found.headers) <= limits.headers,
    ),
    Whole(
        ("analyzer.formats.xml.parse",),
        lambda data, limits: xml.parse(data, CITES, limits),
        (documents.BASIC, documents.RICH),
        lambda found: not isinstance(found, Anomaly),
        BODY,
        KEPT_BODY,
        None,
        XML,
        Limits(xml_bytes=60),
    ),
    Whole(
        ("analyzer.formats.conference_info.parse", "analyzer.formats.conference_info.merge"),
        lambda data, limits: conference_info.parse(data, CITES, limits),
        (documents.RICH, documents.BASIC, *USERS),
        lambda found: not isinstance(found, Anomaly) and not found.anomalies,
        BODY,
        KEPT_BODY,
        None,
        XML,
        Limits(roster_entries=3),
        lambda found, limits: isinstance(found, Anomaly) or len(found.users) <= limits.roster_entries,
    ),
    Whole(
        ("analyzer.formats.resource_list.parse",),
        lambda data, limits: resource_list.parse(data, CITES, limits),
        (test_resource_list.LIST,),
        lambda found: found.recipients,
        BODY,
        KEPT_BODY,
        None,
        XML,
        Limits(roster_entries=2, nesting=1),
        lambda found, limits: isinstance(found, Anomaly) or len(found.recipients) <= limits.roster_entries,
    ),
)
