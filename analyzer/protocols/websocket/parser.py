"""One direction of a WebSocket connection: total, starts anywhere, crosses gaps, bounded.

Without a handshake a frame start counts only where the frame keeps every rule and another plausible one follows it.
Behind a handshake the rules may be broken: that is named, and the frame is read.
"""

import re
from collections.abc import Sequence
from typing import TypeAlias

from analyzer.core.anomalies import Anomaly, AnomalyKind
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.websocket import anomalies as named
from analyzer.protocols.websocket.frames import (
    LONGEST_HEADER,
    Header,
    follows,
    known_opcode,
    plausible,
    read_header,
    unmask,
)
from analyzer.protocols.websocket.handshake import read_head, starts
from analyzer.protocols.websocket.inflate import Inflater
from analyzer.protocols.websocket.message import CLOSE, CONTINUATION, Upgrade, WebSocketMessage
from analyzer.transport.cited import Chunk, CitedBuffer, Gap
from analyzer.transport.parser import Skipped

Event: TypeAlias = Upgrade | WebSocketMessage | Anomaly | Skipped
_CANDIDATE = re.compile(rb"[\x01\x02\x41\x42\x80-\x82\xc1\xc2\x88-\x8aGH]")
_NO_PLACE = -1


class WebSocketStream:
    """One direction of one connection, in the shape of `StreamParser`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = CitedBuffer()
        self._at = 0  # how far the buffer is read; it is cut in halves, so that many small chunks stay cheap
        self._base = 0  # stream offset of the buffer's first byte
        self._scanned = 0  # stream offset up to which no end of an HTTP head was found
        self._synced = False
        self._trusted = False  # the handshake was seen and nothing lost since
        self._masked: bool | None = None
        self._deflate: bool | None = None
        self._inflater = Inflater(limits.inflated_bytes)
        self._passing = 0  # bytes of the current frame or body to pass over
        self._discard = False  # continuations of a message that was given up
        self._parts = bytearray()
        self._opcode = _NO_PLACE  # of the open message
        self._compressed = False
        self._size = 0
        self._cites: dict[Cite, None] = {}
        self._skipped = 0
        self._skip_kind: AnomalyKind | None = None
        self._skip_cites: dict[Cite, None] = {}
        self._events: list[Event] = []

    @property
    def held(self) -> int:
        """Bytes held for a message that is not whole yet."""
        return len(self._buffer) - self._at + self._size

    def negotiated(self, deflate: bool, no_context_takeover: bool) -> None:
        """What the handshake agreed for this direction, where the other direction showed it (RFC 7692 7.1)."""
        self._deflate = deflate
        self._inflater.takeover = not no_context_takeover

    def receive(self, chunk: Chunk) -> Sequence[Event]:
        """Takes the next bytes of the stream."""
        self._buffer.append(chunk.data, chunk.cite)
        self._run(final=False)
        return self._taken()

    def gap(self, gap: Gap) -> Sequence[Event]:
        """Stays in step where the gap ends inside the frame it starts in; else hunts behind it."""
        self._run(final=True)
        cites = (gap.cite,)
        size = gap.size
        bridged = size is not None and self._bridge(size)
        if not bridged:
            self._drop_rest(None)
            self._give_up()
            self._synced = self._trusted = self._discard = False
            self._passing = 0
            self._inflater.lose()
        self._emit(Anomaly(named.GAP, cites, "" if size is None else f"{size} bytes"))
        return self._taken()

    def close(self) -> Sequence[Event]:
        """The stream has ended: what is held becomes an incomplete message or is skipped."""
        self._run(final=True)
        self._drop_rest(named.INCOMPLETE)
        if self._opcode != _NO_PLACE:
            self._emit(Anomaly(named.INCOMPLETE, tuple(self._cites)))
        self._give_up()
        self._flush()
        return self._taken()

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _run(self, *, final: bool) -> None:
        at = self._at
        while at < len(self._buffer.data):
            following = self._step(at, final)
            if following is None:
                break
            at = following
        self._at = at
        if final or 2 * at >= len(self._buffer.data):
            self._consume(at)

    def _consume(self, size: int) -> None:
        if size:
            self._base += size
            self._buffer.consume(size)
        self._at = 0

    def _step(self, at: int, final: bool) -> int | None:
        """Reads one thing at `at`: the position behind it, or None if more bytes are needed."""
        data = self._buffer.data
        if self._passing:
            last = min(len(data), at + self._passing)
            self._passing -= last - at
            return self._skip(at, last, None)
        http = starts(data, at)
        if http is None:
            return self._lose(at) if final else None
        if http:
            return self._http(at, final)
        return self._frame(at) if self._synced else self._hunt(at, final)

    def _http(self, at: int, final: bool) -> int | None:
        data = self._buffer.data
        bound = at + self._limits.header_bytes
        end = data.find(b"\r\n\r\n", max(at, self._scanned - self._base - 3), bound)
        if end < 0:
            self._scanned = self._base + min(len(data), bound)
            return self._lose(at) if final or len(data) >= bound else None
        end += 4
        head = read_head(bytes(data[at : end - 4]))
        if not head.upgrade:
            self._synced = False
            self._passing = head.body
            return self._skip(at, end, None)
        self._give_up()
        self._synced = self._trusted = True
        self._discard = False
        self._masked = head.request
        other = head.server_no_takeover if head.request else head.client_no_takeover
        if not head.request:
            self.negotiated(head.deflate, head.server_no_takeover)
        cites = self._buffer.cites(at, end)
        upgrade = Upgrade(head.request, head.subprotocol, head.deflate, other, cites, head.extensions, end - at)
        self._emit(upgrade)
        return end

    def _hunt(self, at: int, final: bool) -> int | None:
        data = self._buffer.data
        match = _CANDIDATE.search(data, at)
        start = match.start() if match else len(data)
        if start > at:
            return self._skip(at, start, named.GARBAGE)
        confirmed = self._confirmed(at, final)
        if confirmed is None:
            return None
        if not confirmed:
            return self._skip(at, at + 1, named.GARBAGE)
        self._synced = True
        return at

    def _confirmed(self, at: int, final: bool) -> bool | None:
        """Whether a frame starts at `at` and another one behind it; None while too few bytes tell."""
        data = self._buffer.data
        if len(data) - at < 2:
            return False if final else None
        if not plausible(data[at], data[at + 1]) or self._masked not in (None, data[at + 1] >= 0x80):
            return False
        header = read_header(data, at)
        if header is None:
            return False if final else None
        if not header.shortest or header.length + 2 * LONGEST_HEADER > self._limits.stream_held_bytes:
            return False
        end = at + header.size + header.length
        if end + 2 > len(data):
            return end == len(data) if final else None
        return follows(header, data[end], data[end + 1])

    def _lose(self, at: int) -> int:
        """No frame here: hunt on from the next byte."""
        self._give_up()
        self._inflater.lose()
        self._synced = self._trusted = self._discard = False
        return self._skip(at, at + 1, named.GARBAGE)

    def _frame(self, at: int) -> int | None:
        data = self._buffer.data
        if len(data) - at < 2:
            return None
        strict = plausible(data[at], data[at + 1]) and self._masked in (None, data[at + 1] >= 0x80)
        if not known_opcode(data[at]) or not (strict or self._trusted):
            return self._lose(at)
        header = read_header(data, at)
        if header is None:
            return None
        if header.length >= 1 << 63:
            return self._lose(at)
        if self._discard and header.opcode == CONTINUATION:
            self._discard = not header.fin
            self._passing = header.length
            return self._skip(at, at + header.size, None)
        if self._size + header.size + header.length > self._limits.stream_held_bytes:
            return self._too_long(at, header)
        end = at + header.size + header.length
        if end > len(data):
            return None
        cites = self._buffer.cites(at, end)
        self._judge(header, cites)
        payload = unmask(bytes(data[at + header.size : end]), header.mask)
        self._masked = header.masked if self._masked is None else self._masked
        return self._read(at, end, header, payload, cites)

    def _judge(self, header: Header, cites: tuple[Cite, ...]) -> None:
        """Names the rules of RFC 6455 5 that a frame breaks."""
        control = header.opcode >= CLOSE
        compressible = not control and header.opcode != CONTINUATION and self._deflate is not False
        kinds = (
            (named.UNMASKED, self._masked is True and not header.masked),
            (named.MASKED, self._masked is False and header.masked),
            (named.LENGTH_FORM, not header.shortest),
            (named.RESERVED, header.rsv & (3 if compressible else 7) != 0),
            (named.CONTROL, control and (not header.fin or header.length > 125)),
        )
        for kind, broken in kinds:
            if broken:
                self._emit(Anomaly(kind, cites))

    def _read(self, at: int, end: int, header: Header, payload: bytes, cites: tuple[Cite, ...]) -> int:
        if header.opcode >= CLOSE:
            self._emit(WebSocketMessage(payload, header.opcode, cites, True, end - at))
            return end
        if header.opcode == CONTINUATION and self._opcode == _NO_PLACE:
            self._emit(Anomaly(named.ORPHAN, cites))
            self._discard = not header.fin
            return self._skip(at, end, None)
        if header.opcode != CONTINUATION:
            if self._opcode != _NO_PLACE:
                self._emit(Anomaly(named.INTERLEAVED, cites))
                self._give_up()
            self._opcode = header.opcode
            self._compressed = bool(header.rsv & 4) and self._deflate is not False
            self._discard = False
        self._parts += payload
        self._size += end - at
        self._cites.update(dict.fromkeys(cites))
        if header.fin:
            self._finish()
        return end

    def _finish(self) -> None:
        """The open message is whole."""
        data, whole, cites = bytes(self._parts), True, tuple(self._cites)
        if self._compressed:
            inflated = self._inflater.message(data)
            if inflated is None:
                self._emit(Anomaly(named.UNDECODABLE, cites))
                data, whole = b"", False
            else:
                data, whole = inflated
                if not whole:
                    self._emit(Anomaly(named.INFLATED_LIMIT, cites, f"more than {len(data)} bytes"))
        self._emit(WebSocketMessage(data, self._opcode, cites, whole, self._size))
        self._clear()

    def _give_up(self) -> None:
        """What there is of the open message, as an incomplete one. A compressed one takes its context with it."""
        if self._opcode == _NO_PLACE:
            return
        if self._compressed:
            self._inflater.lose()
        data = b"" if self._compressed else bytes(self._parts)
        self._emit(WebSocketMessage(data, self._opcode, tuple(self._cites), False, self._size))
        self._clear()

    def _clear(self) -> None:
        self._parts = bytearray()
        self._opcode = _NO_PLACE
        self._size = 0
        self._cites = {}

    def _too_long(self, at: int, header: Header) -> int:
        """Passes over a frame that would exceed the bound, and over the rest of its message."""
        end = at + header.size
        self._emit(Anomaly(named.TOO_LONG, self._buffer.cites(at, end), f"frame of {header.length} bytes"))
        open_message = self._opcode != _NO_PLACE
        self._give_up()
        if header.opcode < CLOSE:
            self._inflater.lose()
        self._discard = open_message if header.opcode >= CLOSE else not header.fin
        self._passing = header.length
        return self._skip(at, end, None)

    def _bridge(self, size: int) -> bool:
        """Whether a gap of `size` bytes lies inside the frame under way, which then is given up and left behind."""
        if self._passing:
            if size > self._passing:
                return False
            self._passing -= size
            return True
        data = self._buffer.data
        header = read_header(data, 0) if self._synced and data and not starts(data) else None
        if header is None or len(data) + size > header.size + header.length:
            return False
        held = len(data)
        cites = self._buffer.cites(0, held)
        payload = unmask(bytes(data[header.size :]), header.mask)
        self._passing = header.size + header.length - held - size
        if header.opcode >= CLOSE:
            self._emit(WebSocketMessage(payload, header.opcode, cites, False, held))
        else:
            self._read(0, held, header._replace(fin=False), payload, cites)
            self._give_up()
            self._discard = not header.fin
        self._consume(held)
        return True

    def _drop_rest(self, kind: AnomalyKind | None) -> None:
        """Skips what is buffered of a frame that will not become whole."""
        held = len(self._buffer)
        if not held:
            return
        if kind is not None:
            self._emit(Anomaly(kind, self._buffer.cites(0, held), f"{held} bytes"))
        self._skip(0, held, None)
        self._consume(held)

    def _skip(self, first: int, last: int, kind: AnomalyKind | None) -> int:
        """Counts bytes as passed over; neighbours with one reason become one event."""
        if last > first:
            if self._skipped and kind != self._skip_kind:
                self._flush()
            self._skipped += last - first
            self._skip_kind = kind
            if len(self._skip_cites) < self._limits.cites_per_anomaly:
                self._skip_cites.update(dict.fromkeys(self._buffer.cites(first, last)))
        return last

    def _emit(self, event: Event) -> None:
        self._flush()
        self._events.append(event)

    def _flush(self) -> None:
        if not self._skipped:
            return
        cites, size = tuple(self._skip_cites)[: self._limits.cites_per_anomaly], self._skipped
        self._events.append(Skipped(size, cites))
        if self._skip_kind is not None:
            self._events.append(Anomaly(self._skip_kind, cites, f"{size} bytes"))
        self._skipped = 0
        self._skip_cites = {}
