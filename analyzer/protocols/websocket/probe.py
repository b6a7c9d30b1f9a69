"""Whether a stream is WebSocket, from its handshake or from the middle."""

from analyzer.protocols.websocket.frames import follows, plausible, read_header
from analyzer.protocols.websocket.handshake import read_head, starts

_HEAD_BYTES = 65_536
_FRAME_BYTES = 16_384


def probe(data: bytes) -> int:
    """Negative: no. 0: more bytes may tell. 90: an HTTP upgrade; 10: two plausible frames, 5: one that ends here."""
    http = starts(data)
    if http is None:
        return 0
    if http:
        end = data.find(b"\r\n\r\n", 0, _HEAD_BYTES)
        if end < 0:
            return 0 if len(data) < _HEAD_BYTES else -1
        return 90 if read_head(data[:end]).upgrade else -1
    if len(data) < 2:
        return 0 if plausible(data[0], 0) else -1
    if not plausible(data[0], data[1]) or data[0] == 0:
        return -1
    header = read_header(data, 0)
    if header is None:
        return 0
    if not header.shortest or header.length > _FRAME_BYTES:
        return -1
    end = header.size + header.length
    if len(data) >= end + 2:
        return 10 if follows(header, data[end], data[end + 1]) else -1
    return 5 if len(data) == end else 0
