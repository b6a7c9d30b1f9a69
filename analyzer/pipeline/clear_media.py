"""Frames whose SRTP and SRTCP are RTP and RTCP, and whose DTLS is what it carried, once a run has found the keys.

All other frames stay as they are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from analyzer.capture.batch import FrameBatch, Source
from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.net.decode import Decoder
from analyzer.net.layers import AH
from analyzer.net.packets import UDP, PacketBatch
from analyzer.net.rewrite import with_payload
from analyzer.pipeline.clear_dtls import ClearDtls
from analyzer.pipeline.clear_stream import ClearStream
from analyzer.pipeline.clear_window import ClearWindow
from analyzer.protocols.stun.message import ChannelData, StunMessage
from analyzer.protocols.stun.parser import parse as parse_stun
from analyzer.protocols.stun.rewrap import with_data
from analyzer.protocols.stun.turn import TurnTable

Contexts = Callable[[Address, Address, int, int], Sequence[SrtpContext]]
"""The keys that may protect what goes from one address to another with an SSRC, behind so many frames."""
_FIRST, _LAST = 128, 191  # version 2 of RTP (RFC 7983 7)
_RTCP = range(192, 224)  # second byte (RFC 5761 4)
_STUN_LAST, _CHANNEL_FIRST, _CHANNEL_LAST = 3, 64, 79  # first bytes (RFC 7983 7)
_DTLS_FIRST, _DTLS_LAST = 20, 63
_SHORTEST = 12

Around = StunMessage | ChannelData | None
StreamKey = tuple[int, Endpoints, int]  # vantage point, addresses, SSRC


@dataclass(slots=True)
class ClearCounts:
    """What became of the packets that keys were tried on."""

    rtp: int = 0
    rtcp: int = 0
    closed: int = 0  # no key verifies them: sent in clear, or under another key
    kept: int = 0  # opened, but the frames around them cannot be rewritten
    unsealed: int = 0  # AH or MESSAGE-INTEGRITY around them is gone: it is of what was there before
    streams: int = 0  # at each vantage point, that packets of were opened


@dataclass(slots=True)
class _Pending:
    """Packets of one stream at one vantage point, in one batch; `around` is the TURN message of one that came in it."""

    rows: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)  # frames before them
    packets: list[bytes] = field(default_factory=list)
    around: list[Around] = field(default_factory=list)


class ClearMedia:
    """Rewrites batches in the order of the capture. `contexts` gives the keys that may protect a stream."""

    def __init__(self, sources: Sequence[Source], contexts: Contexts, dtls: ClearDtls, limits: Limits) -> None:
        self._contexts = contexts
        self._dtls = dtls
        self._limits = limits
        self._decoder = Decoder(sources, limits)
        self._window = ClearWindow(sources, limits)
        self._turn = TurnTable(limits)
        self._streams: dict[StreamKey, ClearStream] = {}  # the one that was idle longest first
        self._frames = 0
        self.counts = ClearCounts()

    def clear(self, batch: FrameBatch) -> Iterator[FrameBatch]:
        """Takes the next frames; gives those that are done, over buffers of their own."""
        packets = self._decoder.decode(self._window.admit(batch))
        self._decoder.take_anomalies()
        now_ns = int(batch.ts_ns.max(initial=0))
        self._clear_dtls(packets)
        for key, (rtp, rtcp) in self._sorted(packets).items():
            stream = self._stream(key)
            stream.last_ns = now_ns
            if not stream.begin(min(rtp.positions + rtcp.positions)):
                continue
            plain = stream.rtp(rtp.packets, rtp.positions) + stream.rtcp(rtcp.packets, rtcp.positions)
            opened = [isinstance(result, bytes) for result in plain]
            self.counts.rtp += sum(opened[: len(rtp.rows)])
            self.counts.rtcp += sum(opened[len(rtp.rows) :])
            self.counts.closed += len(plain) - sum(opened)
            self.counts.streams += any(opened) and not stream.opened
            stream.opened = stream.opened or any(opened)
            for row, around, result in zip(rtp.rows + rtcp.rows, rtp.around + rtcp.around, plain, strict=True):
                if isinstance(result, bytes):
                    self._put(packets, row, around, result)
        self._frames += len(batch)
        self._dtls.tick(now_ns)
        self._forget(now_ns)
        yield from self._window.leaving()

    def _clear_dtls(self, packets: PacketBatch) -> None:
        length = packets.payload_length
        first = packets.buffer[np.where(length > 0, packets.payload_start, 0)]
        dtls = (packets.protocol == UDP) & (length > 0) & (first >= _DTLS_FIRST) & (first <= _DTLS_LAST)
        columns = (
            packets.vantage, packets.src_hi, packets.src_lo, packets.sport, packets.dst_hi, packets.dst_lo,
            packets.dport, packets.payload_start, length, packets.source, packets.frame, packets.offset,
            packets.captured, packets.ts_ns,
        )  # fmt: skip
        rows = np.flatnonzero(dtls & (packets.missing == 0))
        for row, vantage, shi, slo, sport, dhi, dlo, dport, at, size, *cited in zip(
            rows.tolist(), *(column[rows].tolist() for column in columns), strict=True
        ):
            endpoints = Endpoints(Address(shi << 64 | slo, sport), Address(dhi << 64 | dlo, dport), UDP)
            payload = packets.buffer[at : at + size].tobytes()
            plain = self._dtls.open(vantage, endpoints, payload, Cite(*cited))
            if plain is not None and not self._window.change(packets, row, partial(_replaced, size, plain)):
                self.counts.kept += 1

    def rest(self) -> Iterator[FrameBatch]:
        """The capture has ended: the frames that were kept back."""
        return self._window.rest()

    def _sorted(self, packets: PacketBatch) -> dict[StreamKey, tuple[_Pending, _Pending]]:
        """RTP and RTCP of every stream, relayed or not, in the order of the frames."""
        length = packets.payload_length
        first = packets.buffer[np.where(length > 0, packets.payload_start, 0)]
        media = (first >= _FIRST) & (first <= _LAST)
        turn = (first <= _STUN_LAST) | ((first >= _CHANNEL_FIRST) & (first <= _CHANNEL_LAST))
        rows = np.flatnonzero(
            (packets.protocol == UDP) & (length >= _SHORTEST) & (media | turn) & (packets.missing == 0)
        )
        columns = (
            packets.row, packets.vantage, packets.src_hi, packets.src_lo, packets.sport, packets.dst_hi, packets.dst_lo,
            packets.dport, packets.payload_start, length, turn,
        )  # fmt: skip
        found: dict[StreamKey, tuple[_Pending, _Pending]] = {}
        for row, at_row, vantage, shi, slo, sport, dhi, dlo, dport, at, size, relayed in zip(
            rows.tolist(), *(column[rows].tolist() for column in columns), strict=True
        ):
            endpoints = Endpoints(Address(shi << 64 | slo, sport), Address(dhi << 64 | dlo, dport), UDP)
            packet = packets.buffer[at : at + size].tobytes()
            around: Around = None
            if relayed:
                inner = self._relayed(endpoints, packet)
                if inner is None:
                    continue
                endpoints, packet, around = inner
            rtcp = packet[1] in _RTCP
            ssrc = int.from_bytes(packet[4:8] if rtcp else packet[8:12], "big")
            pending = found.setdefault((vantage, endpoints, ssrc), (_Pending(), _Pending()))[rtcp]
            pending.rows.append(row)
            pending.positions.append(self._frames + at_row)
            pending.packets.append(packet)
            pending.around.append(around)
        return found

    def _relayed(self, endpoints: Endpoints, payload: bytes) -> tuple[Endpoints, bytes, Around] | None:
        """The media packet that a TURN message relays, with the addresses of client and peer (RFC 8656 11, 12)."""
        message = parse_stun(payload, ())
        if isinstance(message, Anomaly):
            return None
        relayed = self._turn.unwrap(endpoints, message)
        if relayed is None or len(relayed[1]) < _SHORTEST or not _FIRST <= relayed[1][0] <= _LAST:
            return None
        return *relayed, message

    def _stream(self, key: StreamKey) -> ClearStream:
        known = self._streams.pop(key, None)
        if known is None:
            if len(self._streams) >= self._limits.streams:
                del self._streams[next(iter(self._streams))]
            known = ClearStream(partial(self._keys, key[1], key[2]), self._limits)
        self._streams[key] = known
        return known

    def _forget(self, now_ns: int) -> None:
        """Lets idle streams go."""
        horizon = now_ns - self._limits.stream_idle_ns
        while self._streams:
            key, stream = next(iter(self._streams.items()))
            if stream.last_ns >= horizon:
                break
            del self._streams[key]

    def _keys(self, endpoints: Endpoints, ssrc: int, position: int) -> Sequence[SrtpContext]:
        """Those of the addresses; for RTCP on ports of its own, of the ports below (RFC 3550 11)."""
        src, dst = endpoints.src, endpoints.dst
        own = self._contexts(src, dst, ssrc, position)
        if own or not (src.port & 1 and dst.port & 1):
            return own
        return self._contexts(Address(src.ip, src.port - 1), Address(dst.ip, dst.port - 1), ssrc, position)

    def _put(self, packets: PacketBatch, row: int, around: Around, plain: bytes) -> None:
        payload = plain if around is None else with_data(around, plain)
        size = int(packets.payload_length[row])
        if payload is None or not self._window.change(packets, row, partial(_replaced, size, payload)):
            self.counts.kept += 1
        elif packets.layers[row] & AH or (isinstance(around, StunMessage) and around.protected):
            self.counts.unsealed += 1


def _replaced(size: int, payload: bytes, frame: bytes, link: int, at: int) -> bytes | None:
    return with_payload(frame, link, at, size, payload)
