"""Calls with one audio stream, for the tests of the pipeline."""

from analyzer.core.addresses import Address, ip_text
from tests.pipeline.wire import Wire, message


def audio(address: Address, proto: str = "RTP/AVP", lines: str = "") -> bytes:
    """A description of G.711 at an address (RFC 4566 5)."""
    host = ip_text(address.ip)
    head = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    return f"{head}m=audio {address.port} {proto} 0\r\n{lines}".encode()


def invite_ok(
    wire: Wire, caller: Address, callee: Address, offered: Address, answered: Address, call_id: str = "call", **sdp: str
) -> None:
    """INVITE, 200 and ACK with offer and answer."""
    wire.udp(caller, callee, message("INVITE", call_id, audio(offered, **sdp)))
    wire.udp(callee, caller, message("INVITE", call_id, audio(answered, **sdp), status=200))
    wire.udp(caller, callee, message("ACK", call_id))
