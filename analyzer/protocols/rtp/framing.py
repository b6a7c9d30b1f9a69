"""Packets of datagram protocols in a TCP stream: RTP and RTCP, STUN, DTLS, each behind its length (RFC 4571 2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from analyzer.core.anomalies import Anomaly, AnomalyKind, define
from analyzer.core.cites import Cite
from analyzer.core.severity import Severity
from analyzer.transport.cited import Chunk, CitedBuffer, Gap
from analyzer.transport.parser import Skipped

LOST = define(
    "rtp.framing_lost", Severity.INFO, "Bytes of a stream of packets are missing: where the next begins is not known",
    "RFC 4571 2", "capture",
)  # fmt: skip
CUT = define("rtp.framing_cut", Severity.INFO, "A stream of packets ended inside one", "RFC 4571 2")

_COOKIE = bytes.fromhex("2112a442")  # RFC 8489 5
_RTP_HEADER, _RTCP_HEADER, _STUN_HEADER, _DTLS_HEADER = 12, 8, 20, 13
_RTCP_FIRST, _RTCP_LAST = 200, 207


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet out of the stream; `size` counts its length field too."""

    payload: bytes
    cites: tuple[Cite, ...]

    @property
    def size(self) -> int:
        """Bytes of the stream."""
        return 2 + len(self.payload)


Event: TypeAlias = Frame | Anomaly | Skipped


def probe(data: bytes) -> int:
    """Negative: no framed packets. 0: more bytes may tell. Positive: the higher the surer.

    STUN and DTLS have marks of their own; of RTP or RTCP two packets of one sender in a row are asked for.
    """
    size = int.from_bytes(data[:2], "big")
    if len(data) < 3:
        return 0 if len(data) < 2 or size >= _RTCP_HEADER else -1
    packet = data[2 : 2 + size]
    if size >= _STUN_HEADER and packet[0] <= 3:
        return _begins(packet[2:8], (size - _STUN_HEADER).to_bytes(2, "big") + _COOKIE, 90)
    if size >= _DTLS_HEADER and 20 <= packet[0] <= 25:
        return _begins(packet[1:2], b"\xfe", 80)
    if size < _RTCP_HEADER or packet[0] >> 6 != 2:
        return -1
    following = data[2 + size :]
    if len(following) < 2 + _RTP_HEADER:
        return 0
    one, two = _sender(packet), _sender(following[2:])
    return 70 if one is not None and one == two and int.from_bytes(following[:2], "big") >= _RTCP_HEADER else -1


def _begins(seen: bytes, mark: bytes, score: int) -> int:
    if len(seen) < len(mark):
        return 0 if mark.startswith(seen) else -1
    return score if seen == mark else -1


def _sender(packet: bytes) -> bytes | None:
    """The SSRC of what looks like RTP or RTCP (RFC 3550 5.1, 6.4.1)."""
    if len(packet) < _RTCP_HEADER or packet[0] >> 6 != 2:
        return None
    return packet[4:8] if _RTCP_FIRST <= packet[1] <= _RTCP_LAST else packet[8:12]


class FrameStream:
    """One direction. Holds at most one packet of 65,535 bytes. Behind a gap nothing tells where a packet begins."""

    __slots__ = ("_buffer", "_lost")

    def __init__(self) -> None:
        self._buffer = CitedBuffer()
        self._lost = False

    @property
    def held(self) -> int:
        """Bytes held for a packet that is not whole yet."""
        return len(self._buffer)

    def receive(self, chunk: Chunk) -> Sequence[Event]:
        """Takes the next bytes; gives the packets they complete. Empty ones, sent to keep a connection, are skipped."""
        if self._lost:
            return (Skipped(len(chunk.data), (chunk.cite,)),) if chunk.data else ()
        self._buffer.append(chunk.data, chunk.cite)
        events: list[Event] = []
        data, at = self._buffer.data, 0
        while len(data) - at >= 2:
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            if end > len(data):
                break
            cites = self._buffer.cites(at, end)
            events.append(Frame(bytes(data[at + 2 : end]), cites) if end - at > 2 else Skipped(2, cites))
            at = end
        self._buffer.consume(at)
        return events

    def gap(self, gap: Gap) -> Sequence[Event]:
        """Lets the rest of the stream go."""
        events = self._end(LOST, (gap.cite,)) if not self._lost else []
        self._lost = True
        return events

    def close(self) -> Sequence[Event]:
        """The stream has ended: a packet that was begun is let go."""
        return self._end(CUT, self._buffer.cites(0, len(self._buffer))) if self._buffer.data else ()

    def _end(self, kind: AnomalyKind, cites: tuple[Cite, ...]) -> list[Event]:
        events: list[Event] = [Anomaly(kind, cites)]
        if size := len(self._buffer):
            events.append(Skipped(size, self._buffer.cites(0, size)))
        self._buffer.clear()
        return events
