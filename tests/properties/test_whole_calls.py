"""Any value in any header of any message of a call: a report, whatever it says (property 1, for all that reads them).

The messages are those of two hops of a call with a conference: a registration, an invitation, a subscription to the
conference's state, a referral. One after the other has headers replaced, added or emptied, or another body.
"""

from hypothesis import given
from hypothesis import strategies as st

from tests.golden.runs import run, setup
from tests.pipeline.wire import Wire, at
from tests.properties.harness import inputs, tried
from tests.properties.messages import SDP
from tests.properties.texts import BODY_EXAMPLES

UE, PROXY, FOCUS = at("192.0.2.1", 5060), at("192.0.2.2", 5060), at("192.0.2.3", 5060)
NAMES = (
    "Accept-Contact", "Authorization", "Call-ID", "Contact", "Content-Disposition", "Content-Type", "CSeq", "Date",
    "Diversion", "Event", "Expires", "Feature-Caps", "From", "Geolocation", "History-Info", "Identity", "In-Reply-To",
    "Join", "Max-Forwards", "P-Access-Network-Info", "P-Asserted-Identity", "P-Associated-URI", "P-Called-Party-ID",
    "P-Charging-Function-Addresses", "P-Charging-Vector", "P-Early-Media", "P-Preferred-Identity",
    "P-Visited-Network-ID", "Path", "Privacy", "Proxy-Authorization", "Proxy-Require", "RAck", "Reason",
    "Record-Route", "Refer-Sub", "Refer-To", "Referred-By", "Replaces", "Require", "Route", "RSeq", "Security-Client",
    "Security-Server", "Security-Verify", "Service-Route", "Session-Expires", "Session-ID", "Subject",
    "Subscription-State", "Supported", "Target-Dialog", "To", "User-Agent", "Via", "Warning", "WWW-Authenticate",
)  # fmt: skip
VALUES = (
    b"", b",", b";", b'"', b"<", b"<>", b"sip:", b"*", b"0",
    b"ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=3;port-s=4",
    b'"A" <sip:alice@example.org;gr=1>;tag=a;expires=9', b"tel:+1-201-555-0123", b"sdes-srtp;mediasec", b"conference",
    b"SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx", b"1 INVITE", b"active;expires=9", b"isfocus", b"id;critical", b"none",
    b'Digest username="u@h", realm="r", nonce="bm9uY2U=", response="66", algorithm=AKAv1-MD5, ck="00", ik="00"',
    b"<sip:c@d?Replaces=1%40h%3Bto-tag%3D1%3Bfrom-tag%3D2&a=b>;method=BYE", b"98732@s;from-tag=r33;to-tag=1",
    b"icid-value=1;icid-generated-at=192.0.2.1;orig-ioi=a;term-ioi=b", b"ab30317f1a784dc48ff824d0d3715d86;remote=0",
    b"multipart/mixed;boundary=b", b"message/sipfrag", b"application/conference-info+xml", b"application/sdp",
    b"e30.e30.AAAA;info=<https://a>", b"\xff\xfe", b"%00", b"\xe2\x80\xae",
)  # fmt: skip
CALLS = (  # method, status or 0, who sends it, its number, its dialog
    ("REGISTER", 0, 0, 1, "r"), ("REGISTER", 401, 1, 1, "r"), ("REGISTER", 0, 0, 2, "r"), ("REGISTER", 200, 1, 2, "r"),
    ("INVITE", 0, 0, 1, "a"), ("INVITE", 0, 1, 1, "b"), ("INVITE", 183, 2, 1, "b"), ("INVITE", 183, 1, 1, "a"),
    ("INVITE", 200, 2, 1, "b"), ("INVITE", 200, 1, 1, "a"), ("ACK", 0, 0, 1, "a"), ("ACK", 0, 1, 1, "b"),
    ("SUBSCRIBE", 0, 0, 1, "s"), ("SUBSCRIBE", 200, 1, 1, "s"), ("NOTIFY", 0, 1, 1, "s"), ("NOTIFY", 200, 0, 1, "s"),
    ("REFER", 0, 0, 2, "a"), ("REFER", 202, 1, 2, "a"), ("NOTIFY", 0, 1, 3, "a"), ("INVITE", 0, 2, 1, "c"),
    ("INVITE", 200, 1, 1, "c"), ("UPDATE", 0, 0, 3, "a"), ("UPDATE", 200, 1, 3, "a"), ("MESSAGE", 0, 0, 1, "m"),
    ("BYE", 0, 0, 4, "a"), ("BYE", 200, 1, 4, "a"),
)  # fmt: skip
Change = tuple[int, str, bytes, int]
CHANGES = st.lists(
    st.tuples(
        st.integers(0, len(CALLS) - 1), st.sampled_from(NAMES), inputs(VALUES, VALUES), st.sampled_from([0, 0, 1, 2])
    ),
    min_size=1,
    max_size=30,
)
BODIES = st.dictionaries(
    st.integers(0, len(CALLS) - 1), st.sampled_from(BODY_EXAMPLES).flatmap(lambda each: inputs((each,))), max_size=4
)


def _message(index: int, changes: list[Change], bodies: dict[int, bytes]) -> bytes:
    """RFC 3261 8.1.1, with these changes: a header is replaced (0), added in front (1) or left out (2)."""
    method, status, _, number, dialog = CALLS[index]
    body = bodies.get(index, SDP if method in ("INVITE", "UPDATE") else b"")
    start = f"SIP/2.0 {status} Said" if status else f"{method} sip:conf@192.0.2.3 SIP/2.0"
    headers = [
        ("Via", f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{dialog}{number}{method}".encode()),
        ("From", b"<sip:alice@example.org>;tag=a"),
        ("To", b"<sip:conf@example.org>" + b";tag=b" * bool(status)),
        ("Call-ID", f"{dialog}@example.org".encode()),
        ("CSeq", f"{number} {method}".encode()),
        ("Contact", b"<sip:alice@192.0.2.1>;isfocus"),
        ("Max-Forwards", b"70"),
        ("Event", b"conference"),
        ("Content-Type", b"application/sdp"),
    ]
    for which, name, value, how in changes:
        if which == index:
            value = value.replace(b"\r", b" ").replace(b"\n", b" ")
            headers = [each for each in headers if how == 1 or each[0] != name]
            headers = [(name, value), *headers] if how != 2 else headers
    lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers)
    return start.encode() + b"\r\n" + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


@given(CHANGES, BODIES)
@tried(0.7)
def test_any_values_give_a_report(changes: list[Change], bodies: dict[int, bytes]) -> None:
    wire = Wire()
    for index, (_, _, sender, _, dialog) in enumerate(CALLS):
        src = (UE, PROXY, FOCUS)[sender]
        dst = {0: PROXY, 1: FOCUS if dialog in "bc" else UE, 2: PROXY}[sender]
        wire.udp(src, dst, _message(index, changes, bodies))
    assert run(wire.pcap(), setup())
