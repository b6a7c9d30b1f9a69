"""SIP dialogs over several legs, message by message, for the tests of correlation."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.pipeline.wire import Wire, at

PORT = 5060


@dataclass(frozen=True, slots=True)
class Leg:
    """One dialog between two elements: who, under which Call-ID, with what headers and offer."""

    src: str
    dst: str
    call_id: str
    caller: str = "sip:alice@ims.example"
    callee: str = "sip:conf@ims.example"
    request_headers: tuple[str, ...] = ()
    response_headers: tuple[str, ...] = ()
    offer: bytes = b""
    answer: bytes = b""
    vias: int = 1
    target: str = ""
    extra: dict[str, str] = field(default_factory=dict)


def sdp(host: str, port: int, *, origin: str = "", proto: str = "RTP/AVP", lines: Iterable[str] = ()) -> bytes:
    """A description of G.711 at an address (RFC 8866 5); `origin` is all of o= but the letter."""
    origin = origin or f"- 1 1 IN IP4 {host}"
    head = f"v=0\r\no={origin}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    body = "".join(f"{line}\r\n" for line in lines)
    return f"{head}m=audio {port} {proto} 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n{body}".encode()


def say(leg: Leg, method: str, status: int = 0, cseq: int = 1, from_responder: bool = False) -> bytes:
    """One message of the leg's dialog (RFC 3261 8.1, 12.2)."""
    initial = method == "INVITE" or status
    start = f"SIP/2.0 {status} Said" if status else f"{method} {leg.target or leg.callee} SIP/2.0"
    tag = f"t{leg.call_id}"
    to_tag = f";tag={tag}" if status >= 101 or method in ("ACK", "BYE") else ""
    parties = [f"From: <{leg.caller}>;tag=f{leg.call_id}", f"To: <{leg.callee}>{to_tag}"]
    if from_responder and not status:
        parties = [f"From: <{leg.callee}>;tag={tag}", f"To: <{leg.caller}>;tag=f{leg.call_id}"]
    vias = [f"Via: SIP/2.0/UDP 192.0.2.{n}:5060;branch=z9hG4bK{leg.call_id}{cseq}{n}" for n in range(leg.vias, 0, -1)]
    body = b""
    if initial and method == "INVITE":
        body = leg.answer if status == 200 else leg.offer if not status else b""
    extra = leg.response_headers if status else leg.request_headers if method == "INVITE" else ()
    contact = f"Contact: <sip:{leg.dst if status else leg.src}>"
    lines = [
        start, *vias, *parties, f"Call-ID: {leg.call_id}", f"CSeq: {cseq} {method}",
        *(() if any(line.startswith("Contact:") for line in extra) else (contact,)), *extra,
        *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body)}", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + body


def setup(wire: Wire, legs: Iterable[Leg], step_ns: int = 2_000_000) -> None:
    """INVITE down the legs, 200 back, ACK down: each message `step_ns` after the one before."""
    legs = list(legs)
    for leg in legs:
        send(wire, leg, "INVITE", step_ns=step_ns)
    for leg in reversed(legs):
        send(wire, leg, "INVITE", 200, step_ns=step_ns)
    for leg in legs:
        send(wire, leg, "ACK", step_ns=step_ns)


def hang_up(wire: Wire, legs: Iterable[Leg], step_ns: int = 2_000_000) -> None:
    """BYE down the legs, 200 back."""
    legs = list(legs)
    for leg in legs:
        send(wire, leg, "BYE", cseq=2, step_ns=step_ns)
    for leg in reversed(legs):
        send(wire, leg, "BYE", 200, cseq=2, step_ns=step_ns)


def send(wire: Wire, leg: Leg, method: str, status: int = 0, cseq: int = 1, step_ns: int = 2_000_000) -> None:
    """One message of a leg on the wire."""
    wire.now_ns += step_ns - 20_000_000  # Wire counts its own step
    src, dst = at(leg.src, PORT), at(leg.dst, PORT)
    if status:
        src, dst = dst, src
    wire.udp(src, dst, say(leg, method, status, cseq))
