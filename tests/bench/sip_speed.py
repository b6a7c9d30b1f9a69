"""SIP messages a second, from datagrams and from a stream, SDP body left unread. Run as a module.

The mix is what a call makes on the wire: of every eight messages two are an INVITE with SDP (800 and 1,400 bytes), one
is its answer with SDP (900), five are small (100 Trying, 180, ACK, BYE, 200: 330 to 480). Call-ID, tags, branches,
session and port are each call's own: what is remembered of texts serves as it does on the wire, inside a call.
"""

import time
from collections.abc import Callable

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.sdp.parser import parse as parse_sdp
from analyzer.protocols.sip.message import Message
from analyzer.protocols.sip.parser import parse_datagram
from analyzer.protocols.sip.stream import SipStream
from analyzer.transport.cited import Chunk

CITE = Cite(0, 1, 0, 1000, 1)
LIMITS = Limits()
CALLS = 2_000
_SDP = (
    b"v=0\r\no=- 37243%05d 3724394400 IN IP4 192.0.2.101\r\ns=-\r\nc=IN IP4 192.0.2.101\r\nt=0 0\r\n"
    b"m=audio %05d RTP/SAVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)
_EXTRA = (
    b"P-Asserted-Identity: <sip:alice@atlanta.example>\r\nRoute: <sip:p1.atlanta.example;lr>,<sip:p2.example;lr>\r\n"
    b"Record-Route: <sip:p3.atlanta.example;lr>\r\nP-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=2340\r\n"
    b"Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\nP-Charging-Vector: icid-value=1234bc9876e;"
    b"icid-generated-at=192.0.2.7;orig-ioi=home1.example\r\nAccept: application/sdp,application/3gpp-ims+xml\r\n"
)


def message(start: bytes, cseq: bytes, vias: int = 1, extra: bytes = b"", body: bytes = b"", call: int = 0) -> bytes:
    """One message with the headers that every endpoint sends."""
    branch = b"z9hG4bKna%05d" % call
    via = b"".join(b"Via: SIP/2.0/UDP host%d.example:5060;branch=%s%d\r\n" % (i, branch, i) for i in range(vias))
    kind = b"Content-Type: application/sdp\r\n" if body else b""
    person = b'From: "Alice" <sip:alice@atlanta.example>;tag=9fxce%05d\r\n' % call
    dialog = b"To: Bob <sip:bob@biloxi.example>;tag=3%05d\r\nCall-ID: 38482762982201%05d@atlanta.example\r\n" % (
        call,
        call,
    )
    return (
        start + b"\r\n" + via + b"Max-Forwards: 70\r\n" + person + dialog + b"CSeq: " + cseq
        + b"\r\nContact: <sip:alice@client.atlanta.example;transport=udp>\r\n" + extra + kind
        + b"Content-Length: %d\r\n\r\n" % len(body) + body
    )  # fmt: skip


_OPTIONS = (
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, REFER\r\nSupported: 100rel,timer,replaces\r\n"
    b"User-Agent: Example UA/1.0 (device 0x17, build 2024)\r\nP-Preferred-Identity: <sip:alice@atlanta.example>\r\n"
)


def messages(call: int) -> dict[str, bytes]:
    """The messages of one call, by what they are."""
    sdp = _SDP % (call, 10_000 + 2 * call)
    shapes = {
        "INVITE 800": (b"INVITE sip:bob@biloxi.example SIP/2.0", b"1 INVITE", 1, _OPTIONS, sdp),
        "INVITE 1400": (b"INVITE sip:bob@biloxi.example SIP/2.0", b"1 INVITE", 3, _OPTIONS + _EXTRA, sdp),
        "200 INVITE": (b"SIP/2.0 200 OK", b"1 INVITE", 3, _OPTIONS, sdp),
        "100": (b"SIP/2.0 100 Trying", b"1 INVITE"),
        "180": (b"SIP/2.0 180 Ringing", b"1 INVITE", 3),
        "ACK": (b"ACK sip:bob@192.0.2.4 SIP/2.0", b"1 ACK"),
        "BYE": (b"BYE sip:bob@192.0.2.4 SIP/2.0", b"2 BYE"),
        "200 BYE": (b"SIP/2.0 200 OK", b"2 BYE"),
    }
    return {name: message(*shape, call=call) for name, shape in shapes.items()}


def typed(found: Message) -> object:
    """What correlation reads of every message."""
    return found.call_id, found.cseq, found.from_tag, found.to_tag, found.branch


def rate(count: int, work: Callable[[], object], seconds: float = 1.0) -> float:
    """Messages a second of CPU time, best of several rounds: the machine may be shared."""
    best, end = float("inf"), time.process_time() + seconds
    while time.process_time() < end:
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return count / best


def datagrams(payloads: list[bytes], read: bool) -> None:
    """Reads each payload as UDP does."""
    for payload in payloads:
        (found,) = parse_datagram(payload, (CITE,), LIMITS)
        assert isinstance(found, Message)
        if read:
            typed(found)


def described(payloads: list[bytes]) -> None:
    """Reads each payload as UDP does, what correlation reads of it, and its session description."""
    for payload in payloads:
        (found,) = parse_datagram(payload, (CITE,), LIMITS)
        assert isinstance(found, Message)
        typed(found)
        if found.content_type == "application/sdp":
            parse_sdp(found.body, found.cites, LIMITS)


def stream(payloads: list[bytes]) -> None:
    """Reads the payloads as one TCP stream in full-sized segments."""
    data, reader, found = b"".join(payloads), SipStream(LIMITS), 0
    for start in range(0, len(data), 1460):
        found += len(reader.receive(Chunk(data[start : start + 1460], CITE)))
    assert found == len(payloads)


def main() -> None:
    """Prints the rates."""
    calls = [messages(number) for number in range(CALLS)]
    for name, payload in calls[0].items():
        many = [call[name] for call in calls]
        print(f"{name:12}{len(payload):6} bytes {rate(len(many), lambda m=many: datagrams(m, False), 0.4):10,.0f}/s")
    mix = [payload for call in calls for payload in call.values()]
    print(f"mix, datagrams          {rate(len(mix), lambda: datagrams(mix, False)):10,.0f}/s")
    print(f"mix, correlation read   {rate(len(mix), lambda: datagrams(mix, True)):10,.0f}/s")
    print(f"mix, SIP with SDP typed {rate(len(mix), lambda: described(mix)):9,.0f}/s")
    print(f"mix, stream             {rate(len(mix), lambda: stream(mix)):10,.0f}/s")


if __name__ == "__main__":
    main()
