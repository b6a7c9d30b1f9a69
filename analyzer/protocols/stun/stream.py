"""STUN messages and TURN channel data in a TCP stream: each tells its own length (RFC 8489 6.2.2, RFC 8656 12.5)."""

from functools import partial

from analyzer.core.anomalies import define
from analyzer.core.severity import Severity
from analyzer.protocols.stun.message import COOKIE, HEADER
from analyzer.protocols.stun.parser import FIRST_CHANNEL, LAST_CHANNEL
from analyzer.transport.framed import NO_PACKET, Measure, PacketStream

LOST = define(
    "stun.stream_lost", Severity.INFO, "A stream of STUN messages cannot be followed any more", "RFC 8489 6.2.2"
)
CUT = define("stun.stream_cut", Severity.INFO, "A stream of STUN messages ended inside one", "RFC 8489 6.2.2")

_COOKIE = COOKIE.to_bytes(4, "big")
_FIXED = 4  # type and length; of channel data, its whole header


def probe(data: bytes) -> int:
    """Negative: no stream of STUN messages. 0: more bytes may tell. 90: a STUN message, by its magic cookie.

    Such a stream begins with one: a channel is bound before it is used.
    """
    if data[:1] > b"\3":
        return -1
    seen = data[_FIXED : _FIXED + len(_COOKIE)]
    if len(data) >= _FIXED and (data[3] & 3 or not _COOKIE.startswith(seen)):
        return -1
    return 90 if seen == _COOKIE else 0


def _measure(data: bytearray, at: int) -> Measure | None:
    if len(data) - at < _FIXED:
        return None
    kind, length = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
    if FIRST_CHANNEL <= kind <= LAST_CHANNEL:
        return Measure(0, _FIXED + length + -length % 4)  # over TCP, the padding is there
    if kind >= FIRST_CHANNEL or length % 4:
        return NO_PACKET
    if len(data) - at >= HEADER and data[at + 4 : at + 8] != _COOKIE:
        return NO_PACKET
    return Measure(0, HEADER + length)


StunStream = partial(PacketStream, _measure, LOST, CUT)
"""One direction of a stream. Holds at most one message of 65,555 bytes."""
