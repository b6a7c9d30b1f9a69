"""SIP messages from their headers, for tests of what is read out of headers."""

from collections.abc import Sequence

from analyzer.core.addresses import Address
from tests.pipeline.wire import Wire


def request(method: str, uri: str, headers: Sequence[str], body: bytes = b"", kind: str = "application/sdp") -> bytes:
    """A request with these headers, in this order."""
    return _message(f"{method} {uri} SIP/2.0", headers, body, kind)


def response(status: int, headers: Sequence[str], body: bytes = b"", kind: str = "application/sdp") -> bytes:
    """A response with these headers."""
    return _message(f"SIP/2.0 {status} Said", headers, body, kind)


def _message(start: str, headers: Sequence[str], body: bytes, kind: str) -> bytes:
    content = [f"Content-Type: {kind}"] if body else []
    return "\r\n".join([start, *headers, *content, f"Content-Length: {len(body)}", "", ""]).encode() + body


def dialog(
    call_id: str,
    cseq: int,
    method: str,
    *,
    via: Sequence[str],
    caller: str = "<sip:alice@ims.example>;tag=a",
    called: str = "<sip:bob@ims.example>",
) -> list[str]:
    """The headers that every message has (RFC 3261 8.1.1); `via` hosts, top first."""
    return [
        *(f"Via: SIP/2.0/UDP {host};branch=z9hG4bK{call_id}{cseq}{method}{host}" for host in via),
        f"From: {caller}", f"To: {called}", f"Call-ID: {call_id}", f"CSeq: {cseq} {method}", "Max-Forwards: 70",
    ]  # fmt: skip


def exchange(wire: Wire, src: Address, dst: Address, *messages: bytes) -> list[int]:
    """Sends requests from `src` to `dst` and responses back; gives their frames."""
    return [
        wire.udp(dst, src, message) if message.startswith(b"SIP/2.0") else wire.udp(src, dst, message)
        for message in messages
    ]
