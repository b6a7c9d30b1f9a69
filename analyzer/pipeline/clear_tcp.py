"""Packets in TCP streams, found with the places of their bytes, and changed where those stand: RFC 4571, TURN.

What takes the place of a packet is as long as the packet: sequence numbers, acknowledgements and windows stay what they
were. Every frame that carries bytes of it is changed, retransmissions and copies too, as far as the window reaches.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.net.link import RAW
from analyzer.net.packets import SYN, TCP, PacketBatch
from analyzer.net.rewrite import with_payload
from analyzer.pipeline.clear_window import ClearWindow, Made, Place
from analyzer.pipeline.dispatch import Parsed, StreamDispatcher, StreamProtocol
from analyzer.protocols.rtp.framing import FrameStream
from analyzer.protocols.rtp.framing import probe as probe_framed
from analyzer.protocols.stun.stream import StunStream
from analyzer.protocols.stun.stream import probe as probe_stun
from analyzer.transport.cited import Chunk, Closed, Gap, Opened
from analyzer.transport.framed import Frame
from analyzer.transport.tcp import StreamKey, TcpEvent, TcpReassembler
from analyzer.transport.tcp_direction import distance

FRAMED = "framed"


class _Segment(NamedTuple):
    """Stream positions [start, start + size), and where they stand: that many bytes before a frame's end, or at the end
    of the packet that several frames have in fragments."""

    start: int
    size: int
    places: tuple[Place, ...]
    behind: int
    batch: int
    ts_ns: int

    @property
    def end(self) -> int:
        """Behind its last byte."""
        return self.start + self.size


class _Patch(NamedTuple):
    start: int
    old: bytes
    new: bytes
    batch: int

    @property
    def end(self) -> int:
        """Behind its last byte."""
        return self.start + len(self.old)


@dataclass(slots=True)
class _Stream:
    """One direction: what of it is in the window. Patches ascend."""

    segments: deque[_Segment] = field(default_factory=deque)
    patches: deque[_Patch] = field(default_factory=deque)


@frozen
class InStream:
    """A packet in a stream, completed by the packet at `row`; `framed`: behind its length (RFC 4571)."""

    key: StreamKey
    frame: Frame
    framed: bool
    row: int


class ClearTcp:
    """Reads the streams once more, in the order of the capture."""

    def __init__(self, window: ClearWindow, limits: Limits) -> None:
        self._window = window
        self._tcp = TcpReassembler(limits)
        self._dispatcher = StreamDispatcher(
            (StreamProtocol(FRAMED, probe_framed, FrameStream), StreamProtocol("turn", probe_stun, StunStream)), limits
        )
        self._streams: dict[StreamKey, _Stream] = {}

    def packets(self, packets: PacketBatch) -> Iterator[InStream]:
        """Takes the batch that the window admitted last; gives the packets in streams that it completed."""
        rows = np.flatnonzero(packets.protocol == TCP)
        columns = (
            packets.vantage, packets.src_hi, packets.src_lo, packets.sport, packets.dst_hi, packets.dst_lo,
            packets.dport, packets.seq, packets.ack, packets.flags, packets.payload_start, packets.payload_length,
            packets.missing, packets.source, packets.frame, packets.offset, packets.captured, packets.ts_ns,
        )  # fmt: skip
        for row, vantage, shi, slo, sport, dhi, dlo, dport, seq, ack, flags, at, size, missing, *cited in zip(
            rows.tolist(), *(column[rows].tolist() for column in columns), strict=True
        ):
            key = vantage, Endpoints(Address(shi << 64 | slo, sport), Address(dhi << 64 | dlo, dport), TCP)
            payload = packets.buffer[at : at + size].tobytes()
            events = self._tcp.segment(*key, seq, ack, flags, payload, missing, Cite(*cited))
            if payload:
                self._place(key, seq + bool(flags & SYN), payload, events, packets, row)
            yield from self._found(events, row)
        if len(packets):
            yield from self._found(self._tcp.tick(int(packets.ts_ns.max())), len(packets) - 1)
        self._sweep()

    def put(self, packet: InStream, content: bytes) -> bool:
        """Puts as many bytes in the place of a packet and what frames it; whether they all could be."""
        stream, frame = self._streams.get(packet.key), packet.frame
        old = (len(frame.payload).to_bytes(2, "big") if packet.framed else b"") + frame.payload
        if stream is None or len(content) != len(old):
            return False
        patch = _Patch(frame.position, old, content, self._window.admitted)
        while stream.segments and stream.segments[0].end <= patch.start:  # packets come in order: done with
            stream.segments.popleft()
        made = [(each, changed) for each in stream.segments if (changed := self._patched(each, patch)) is not None]
        reached = patch.start
        for low, high in sorted(_common(segment, patch) for segment, _ in made):
            reached = max(reached, high) if low <= reached else reached
        if reached < patch.end:
            return False
        for segment, changed in made:
            self._window.put(changed, segment.ts_ns)
        stream.patches.append(patch)
        return True

    def _place(
        self, key: StreamKey, seq: int, payload: bytes, events: list[TcpEvent], packets: PacketBatch, row: int
    ) -> None:
        """Notes where the bytes of a segment stand, and changes those that are changed already."""
        stream = self._streams.setdefault(key, _Stream())
        if any(of == key and isinstance(event, Opened) for of, event in events):
            stream.segments.clear()
            stream.patches.clear()
        near = self._tcp.position(key)
        alone = row not in packets.extra_cites
        segment = _Segment(
            near + distance(seq, near), len(payload), self._window.places(packets, row),
            self._window.behind(packets, row) if alone else len(payload), self._window.admitted,
            int(packets.ts_ns[row]),
        )  # fmt: skip
        stream.segments.append(segment)
        for patch in reversed(stream.patches):
            if patch.end <= segment.start:
                break
            changed = self._patched(segment, patch)
            if changed is not None:
                self._window.put(changed, segment.ts_ns)

    def _patched(self, segment: _Segment, patch: _Patch) -> Made | None:
        """The frames of a segment with what is to be changed in them; None where other bytes stand there, or one has
        left the window."""
        low, high = _common(segment, patch)
        if low >= high:
            return None
        if len(segment.places) > 1:
            return self._window.pieces(segment.places, lambda whole: _changed(whole, RAW, segment, patch))
        found = self._window.frame(*segment.places[0])
        made = None if found is None else _changed(*found, segment, patch)
        return None if made is None else Made({segment.places[0]: made})

    def _found(self, events: list[TcpEvent], row: int) -> Iterator[InStream]:
        for key, event in events:
            if isinstance(event, Chunk):
                parsed = self._dispatcher.chunk(*key, event)
            elif isinstance(event, Gap):
                parsed = self._dispatcher.gap(*key, event)
            elif isinstance(event, Closed):
                parsed = self._dispatcher.close(*key)
            else:
                continue
            for item in parsed:
                yield from self._frames(key, item, row)

    def _frames(self, key: StreamKey, item: Parsed, row: int) -> Iterator[InStream]:
        return (InStream(key, each, item.protocol == FRAMED, row) for each in item.events if isinstance(each, Frame))

    def _sweep(self) -> None:
        """Forgets what has left the window."""
        for key, stream in list(self._streams.items()):
            for items in (stream.segments, stream.patches):
                while items and items[0].batch <= self._window.left:
                    items.popleft()
            if not stream.segments and not stream.patches:
                del self._streams[key]


def _common(segment: _Segment, patch: _Patch) -> tuple[int, int]:
    return max(segment.start, patch.start), min(segment.end, patch.end)


def _changed(whole: bytes, link: int, segment: _Segment, patch: _Patch) -> bytes | None:
    low, high = _common(segment, patch)
    at = len(whole) - segment.behind
    payload = whole[at : at + segment.size]
    first, last = low - segment.start, high - segment.start
    if payload[first:last] != patch.old[low - patch.start : high - patch.start]:
        return None
    new = payload[:first] + patch.new[low - patch.start : high - patch.start] + payload[last:]
    return with_payload(whole, link, at, segment.size, new)
