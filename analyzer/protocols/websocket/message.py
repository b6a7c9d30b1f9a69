"""What a WebSocket connection says, as values."""

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


@frozen
class Upgrade:
    """An HTTP request or 101 response that opens a WebSocket (RFC 6455 4).

    `subprotocol` is safe text: those offered, by commas, or the one chosen ("sip" RFC 7118, "msrp" RFC 7977).
    `deflate`: permessage-deflate is offered or agreed. `no_context_takeover` is about the direction that receives this
    head: in a response it is client_no_context_takeover, to be told to the parser of the client's direction by
    `negotiated`. `extensions` are the names of all, safe text. `size` counts the bytes of the head.
    """

    request: bool
    subprotocol: str
    deflate: bool
    no_context_takeover: bool
    cites: tuple[Cite, ...]
    extensions: tuple[str, ...] = ()
    size: int = 0


@frozen
class WebSocketMessage:
    """One message or control frame, unmasked, joined and inflated. `size` counts its bytes on the wire, with headers.

    Not `complete`: the end of `data` is missing, or, where it cannot be inflated, all of it.
    """

    data: bytes
    opcode: int
    cites: tuple[Cite, ...]
    complete: bool
    size: int = 0

    @property
    def control(self) -> bool:
        """A close, ping or pong."""
        return self.opcode >= CLOSE
