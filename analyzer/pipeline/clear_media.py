"""Frames whose SRTP and SRTCP are RTP and RTCP, and whose DTLS is what it carried, once a run has found the keys.

In UDP and TCP, relayed by TURN or not. All other frames stay as they are.
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
from analyzer.pipeline.clear_tcp import ClearTcp, InStream
from analyzer.pipeline.clear_window import ClearWindow
from analyzer.protocols.rtp.framing import with_null_packets
from analyzer.protocols.stun.message import ChannelData, StunMessage
from analyzer.protocols.stun.parser import parse as parse_stun
from analyzer.protocols.stun.rewrap import with_data, with_data_in_stream
from analyzer.protocols.stun.turn import TurnTable

Contexts = Callable[[Address, Address, int, int], Sequence[SrtpContext]]
"""The keys that may protect what goes from one address to another with an SSRC, behind so many frames."""
_FIRST, _LAST = 128, 191  # version 2 of RTP (RFC 7983 7)
_RTCP = range(192, 224)  # second byte (RFC 5761 4)
_STUN_LAST, _CHANNEL_FIRST, _CHANNEL_LAST = 3, 64, 79  # first bytes (RFC 7983 7)
_DTLS_FIRST, _DTLS_LAST = 20, 63
_SHORTEST = 12

Around = StunMessage | ChannelData | None
Place = int | InStream  # the row of a datagram, or a packet in a stream
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

    places: list[Place] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)  # frames before them
    packets: list[bytes] = field(default_factory=list)
    around: list[Around] = field(default_factory=list)


class ClearMedia:
    """Rewrites batches in the order of the capture. `contexts` gives the keys that may protect a stream, `screen` is
    shown the packets of a stream, RTCP or not, that nothing was opened of so far."""

    def __init__(
        self,
        sources: Sequence[Source],
        contexts: Contexts,
        dtls: ClearDtls,
        limits: Limits,
        screen: Callable[[tuple[Address, Address, int], Sequence[bytes], bool], object] | None = None,
    ) -> None:
        self._contexts = contexts
        self._screen = screen
        self._dtls = dtls
        self._limits = limits
        self._decoder = Decoder(sources, limits)
        self._window = ClearWindow(sources, limits)
        self._tcp = ClearTcp(self._window, limits)
        self._in_streams: list[tuple[InStream, Around, bytes]] = []  # opened in this batch
        self._turn = TurnTable(limits)
        self._streams: dict[StreamKey, ClearStream] = {}  # the one that was idle longest first
        self._frames = 0
        self.counts = ClearCounts()

    def clear(self, batch: FrameBatch) -> Iterator[FrameBatch]:
        """Takes the next frames; gives those that are done, over buffers of their own."""
        packets = self._decoder.decode(self._window.admit(batch))
        self._decoder.take_anomalies()
        now_ns = int(batch.ts_ns.max(initial=0))
        for key, (rtp, rtcp) in self._sorted(packets).items():
            stream = self._stream(key)
            stream.last_ns = now_ns
            if not stream.opened and self._screen is not None:
                name = key[1].src, key[1].dst, key[2]
                self._screen(name, rtp.packets, False)
                self._screen(name, rtcp.packets, True)
            if not stream.begin(min(rtp.positions + rtcp.positions)):
                continue
            plain = stream.rtp(rtp.packets, rtp.positions) + stream.rtcp(rtcp.packets, rtcp.positions)
            opened = [isinstance(result, bytes) for result in plain]
            self.counts.rtp += sum(opened[: len(rtp.places)])
            self.counts.rtcp += sum(opened[len(rtp.places) :])
            self.counts.closed += len(plain) - sum(opened)
            self.counts.streams += any(opened) and not stream.opened
            stream.opened = stream.opened or any(opened)
            for place, around, result in zip(rtp.places + rtcp.places, rtp.around + rtcp.around, plain, strict=True):
                if isinstance(result, bytes):
                    self._put(packets, place, around, result)
        self._put_in_streams(packets)
        self._frames += len(batch)
        self._dtls.tick(now_ns)
        self._forget(now_ns)
        yield from self._window.leaving()

    def rest(self) -> Iterator[FrameBatch]:
        """The capture has ended: the frames that were kept back."""
        return self._window.rest()

    def _sorted(self, packets: PacketBatch) -> dict[StreamKey, tuple[_Pending, _Pending]]:
        """RTP and RTCP of every stream in the order of the frames. DTLS is opened on the way."""
        length = packets.payload_length
        first = packets.buffer[np.where(length > 0, packets.payload_start, 0)]
        known = (first <= _STUN_LAST) | ((first >= _CHANNEL_FIRST) & (first <= _CHANNEL_LAST))
        known |= ((first >= _FIRST) & (first <= _LAST)) | ((first >= _DTLS_FIRST) & (first <= _DTLS_LAST))
        rows = np.flatnonzero((packets.protocol == UDP) & (length >= _SHORTEST) & known & (packets.missing == 0))
        columns = (
            packets.vantage, packets.src_hi, packets.src_lo, packets.sport, packets.dst_hi, packets.dst_lo,
            packets.dport, packets.payload_start, length,
        )  # fmt: skip
        found: dict[StreamKey, tuple[_Pending, _Pending]] = {}
        for row, vantage, shi, slo, sport, dhi, dlo, dport, at, size in zip(
            rows.tolist(), *(column[rows].tolist() for column in columns), strict=True
        ):
            endpoints = Endpoints(Address(shi << 64 | slo, sport), Address(dhi << 64 | dlo, dport), UDP)
            self._take(found, packets, row, vantage, endpoints, packets.buffer[at : at + size].tobytes())
        for packet in self._tcp.packets(packets):
            if len(packet.frame.payload) >= _SHORTEST:
                self._take(found, packets, packet, *packet.key, packet.frame.payload)
        return found

    def _take(
        self,
        found: dict[StreamKey, tuple[_Pending, _Pending]],
        packets: PacketBatch,
        place: Place,
        vantage: int,
        endpoints: Endpoints,
        packet: bytes,
    ) -> None:
        around: Around = None
        if not _FIRST <= packet[0] <= _LAST and not _DTLS_FIRST <= packet[0] <= _DTLS_LAST:
            inner = self._relayed(endpoints, packet)
            if inner is None:
                return
            endpoints, packet, around = inner
        row = place if isinstance(place, int) else place.row
        if not _FIRST <= packet[0] <= _LAST:
            plain = self._dtls.open(vantage, endpoints, packet, _cite(packets, row))
            if plain is not None:
                self._put(packets, place, around, plain)
            return
        rtcp = packet[1] in _RTCP
        ssrc = int.from_bytes(packet[4:8] if rtcp else packet[8:12], "big")
        pending = found.setdefault((vantage, endpoints, ssrc), (_Pending(), _Pending()))[rtcp]
        pending.places.append(place)
        pending.positions.append(self._frames + int(packets.row[row]))
        pending.packets.append(packet)
        pending.around.append(around)

    def _relayed(self, endpoints: Endpoints, payload: bytes) -> tuple[Endpoints, bytes, Around] | None:
        """The media or DTLS that a TURN message relays, with the addresses of client and peer (RFC 8656 11, 12)."""
        message = parse_stun(payload, ())
        if isinstance(message, Anomaly):
            return None
        relayed = self._turn.unwrap(endpoints, message)
        if relayed is None or len(relayed[1]) < _SHORTEST:
            return None
        first = relayed[1][0]
        if not _FIRST <= first <= _LAST and not _DTLS_FIRST <= first <= _DTLS_LAST:
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

    def _put(self, packets: PacketBatch, place: Place, around: Around, plain: bytes) -> None:
        """Those in streams wait: they are put in their order."""
        if isinstance(place, InStream):
            self._in_streams.append((place, around, plain))
            return
        payload = plain if around is None else with_data(around, plain)
        size = int(packets.payload_length[place])
        placed = payload is not None and self._window.change(packets, place, partial(_replaced, size, payload))
        self._count(packets, place, around, placed)

    def _put_in_streams(self, packets: PacketBatch) -> None:
        for place, around, plain in sorted(self._in_streams, key=lambda item: item[0].frame.position):
            if place.framed:
                payload, old = plain if around is None else with_data(around, plain), place.frame.payload
                rtp = _FIRST <= old[0] <= _LAST and old[1] not in _RTCP
                content = None if payload is None else with_null_packets(payload, place.frame.size, media=rtp)
            else:
                content = None if around is None else with_data_in_stream(around, plain)
            self._count(packets, place.row, around, content is not None and self._tcp.put(place, content))
        self._in_streams.clear()

    def _count(self, packets: PacketBatch, row: int, around: Around, placed: bool) -> None:
        if not placed:
            self.counts.kept += 1
        elif packets.layers[row] & AH or (isinstance(around, StunMessage) and around.protected):
            self.counts.unsealed += 1


def _cite(packets: PacketBatch, row: int) -> Cite:
    columns = packets.source, packets.frame, packets.offset, packets.captured, packets.ts_ns
    return Cite(*(int(column[row]) for column in columns))


def _replaced(size: int, payload: bytes, frame: bytes, link: int, at: int) -> bytes | None:
    return with_payload(frame, link, at, size, payload)
