"""Frames whose SRTP and SRTCP are RTP and RTCP, once a run has found the keys. All other frames stay as they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from analyzer.capture.batch import FrameBatch, Source
from analyzer.core.addresses import Address, Endpoints
from analyzer.core.limits import Limits
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.fast import FastStream
from analyzer.crypto.srtp.reasons import Reason
from analyzer.net.decode import Decoder
from analyzer.net.packets import UDP, PacketBatch
from analyzer.net.rewrite import with_payload

Contexts = Callable[[Address, Address, int], Sequence[SrtpContext]]
_FIRST, _LAST = 128, 191  # version 2 of RTP (RFC 7983 7)
_RTCP = range(192, 224)  # second byte (RFC 5761 4)


@dataclass(slots=True)
class ClearCounts:
    """What became of the packets that keys were tried on."""

    rtp: int = 0
    rtcp: int = 0
    closed: int = 0  # no key verifies them: sent in clear, or under another key
    kept: int = 0  # opened, but the frame around them cannot be rewritten: fragments, for one
    streams: int = 0  # at each vantage point, that packets of were opened


@dataclass(slots=True)
class _Stream:
    """One SSRC between two addresses at one vantage point. `opener` is None where no key may be its."""

    opener: FastStream | None
    last_ns: int = 0
    opened: bool = False


@dataclass(slots=True)
class _Pending:
    """Packets of one stream at one vantage point, in one batch."""

    rows: list[int] = field(default_factory=list)
    packets: list[bytes] = field(default_factory=list)


class ClearMedia:
    """Rewrites batches in the order of the capture. `contexts` gives the keys that may protect a stream."""

    def __init__(self, sources: Sequence[Source], contexts: Contexts, limits: Limits) -> None:
        self._sources = sources
        self._contexts = contexts
        self._limits = limits
        self._decoder = Decoder(sources, limits)
        self._streams: dict[tuple[int, Endpoints, int], _Stream] = {}
        self._looked_ns = 0
        self.counts = ClearCounts()

    def clear(self, batch: FrameBatch) -> FrameBatch:
        """The batch, over a buffer of its own where frames of it changed."""
        packets = self._decoder.decode(batch)
        self._decoder.take_anomalies()
        changed: dict[int, bytes] = {}
        now_ns = int(batch.ts_ns.max(initial=0))
        for key, (rtp, rtcp) in self._sorted(packets).items():
            stream = self._stream(key)
            stream.last_ns = now_ns
            if stream.opener is None:
                continue
            plain: list[bytes | Reason] = list(stream.opener.unprotect_many(rtp.packets)) if rtp.packets else []
            plain += [stream.opener.unprotect_rtcp(packet) for packet in rtcp.packets]
            opened = [isinstance(result, bytes) for result in plain]
            self.counts.rtp += sum(opened[: len(rtp.rows)])
            self.counts.rtcp += sum(opened[len(rtp.rows) :])
            self.counts.closed += len(plain) - sum(opened)
            self.counts.streams += any(opened) and not stream.opened
            stream.opened = stream.opened or any(opened)
            for row, result in zip(rtp.rows + rtcp.rows, plain, strict=True):
                if isinstance(result, bytes):
                    self._put(batch, packets, row, result, changed)
        self._forget(now_ns)
        return with_frames(batch, changed)

    def _sorted(self, packets: PacketBatch) -> dict[tuple[int, Endpoints, int], tuple[_Pending, _Pending]]:
        """RTP and RTCP of every stream that came whole in one frame, in the order of the frames."""
        length = packets.payload_length
        first = packets.buffer[np.where(length > 0, packets.payload_start, 0)]
        media = (packets.protocol == UDP) & (length >= 12) & (first >= _FIRST) & (first <= _LAST)
        rows = np.flatnonzero(media & (packets.missing == 0))
        columns = (
            packets.vantage, packets.src_hi, packets.src_lo, packets.sport, packets.dst_hi, packets.dst_lo,
            packets.dport, packets.payload_start, length,
        )  # fmt: skip
        found: dict[tuple[int, Endpoints, int], tuple[_Pending, _Pending]] = {}
        for row, vantage, shi, slo, sport, dhi, dlo, dport, at, size in zip(
            rows.tolist(), *(column[rows].tolist() for column in columns), strict=True
        ):
            packet = packets.buffer[at : at + size].tobytes()
            rtcp = packet[1] in _RTCP
            ssrc = int.from_bytes(packet[4:8] if rtcp else packet[8:12], "big")
            endpoints = Endpoints(Address(shi << 64 | slo, sport), Address(dhi << 64 | dlo, dport), UDP)
            pending = found.setdefault((vantage, endpoints, ssrc), (_Pending(), _Pending()))[rtcp]
            pending.rows.append(row)
            pending.packets.append(packet)
        return found

    def _stream(self, key: tuple[int, Endpoints, int]) -> _Stream:
        known = self._streams.get(key)
        if known is None:
            if len(self._streams) >= self._limits.streams:
                del self._streams[next(iter(self._streams))]
            contexts = self._keys(key[1], key[2])
            known = self._streams[key] = _Stream(FastStream(contexts, self._limits) if contexts else None)
        return known

    def _forget(self, now_ns: int) -> None:
        """Lets idle streams go."""
        horizon = now_ns - self._limits.stream_idle_ns
        if self._looked_ns < horizon:
            self._looked_ns = now_ns
            for key in [key for key, stream in self._streams.items() if stream.last_ns < horizon]:
                del self._streams[key]

    def _keys(self, endpoints: Endpoints, ssrc: int) -> Sequence[SrtpContext]:
        """Those of the addresses; for RTCP on ports of its own, of the ports below (RFC 3550 11)."""
        src, dst = endpoints.src, endpoints.dst
        own = self._contexts(src, dst, ssrc)
        if own or not (src.port & 1 and dst.port & 1):
            return own
        return self._contexts(Address(src.ip, src.port - 1), Address(dst.ip, dst.port - 1), ssrc)

    def _put(self, batch: FrameBatch, packets: PacketBatch, row: int, plain: bytes, changed: dict[int, bytes]) -> None:
        at = int(packets.row[row])
        inside = int(packets.payload_start[row]) - int(batch.start[at])
        made = None
        if row not in packets.extra_cites:
            link = self._sources[int(batch.source[at])].link_type
            made = with_payload(frame_of(batch, at), link, inside, int(packets.payload_length[row]), plain)
        if made is None:
            self.counts.kept += 1
        else:
            changed[at] = made


def frame_of(batch: FrameBatch, row: int) -> bytes:
    """The bytes of a frame."""
    start = int(batch.start[row])
    return batch.buffer[start : start + int(batch.captured[row])].tobytes()


def with_frames(batch: FrameBatch, changed: dict[int, bytes]) -> FrameBatch:
    """The batch with some frames replaced, by row. Bytes that the snap length cut off stay missing."""
    if not changed:
        return batch
    rows = np.fromiter(changed, np.int64, len(changed))
    sizes = np.fromiter(map(len, changed.values()), np.int64, len(changed))
    start, captured, wire = batch.start.copy(), batch.captured.copy(), batch.wire.copy()
    start[rows] = len(batch.buffer) + np.cumsum(sizes) - sizes
    wire[rows] += (sizes - captured[rows]).astype(np.int32)
    captured[rows] = sizes
    buffer = np.concatenate([batch.buffer, np.frombuffer(b"".join(changed.values()), np.uint8)])
    return FrameBatch(buffer, start, captured, wire, batch.ts_ns, batch.source, batch.frame, batch.offset)
