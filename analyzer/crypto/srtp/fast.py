"""Streams in bulk: libsrtp while it can, the engine for each packet that it cannot open."""

from collections.abc import Callable, Sequence

import numpy as np

from analyzer.core.limits import Limits
from analyzer.crypto.srtp import libsrtp
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.prime import lead
from analyzer.crypto.srtp.reasons import Reason
from analyzer.crypto.srtp.stream import Counts, PacketColumns, Packets, SrtpStream, Tails, packet_list
from analyzer.crypto.srtp.window import DIGEST_BYTES

_BULK = 8  # packets from which a block of them pays
_MISSES = 4  # packets in a row that the engine opened and libsrtp did not: libsrtp has lost the stream
_STARTS = 8  # libsrtp sessions made for one stream before it is left to the engine


class Prepared:
    """Packets of many streams, stream behind stream, made ready at once for being opened in bulk."""

    __slots__ = ("block", "tails")

    def __init__(self, packets: PacketColumns) -> None:
        self.block = libsrtp.Block(packets)
        self.tails = _tails(packets)


def _tails(packets: PacketColumns) -> Tails:
    """Sequence numbers and digests, taken out of the buffer at once. Packets are as long as RTP headers at least."""
    buffer = np.frombuffer(packets.buffer, np.uint8)
    pairs = np.ndarray((len(buffer) - 1,), "V2", buffer=buffer, strides=(1,))
    words = np.ndarray((len(buffer) - DIGEST_BYTES + 1,), f"V{DIGEST_BYTES}", buffer=buffer, strides=(1,))
    numbers = pairs[packets.starts + 2].view(">u2").astype(np.int64)
    return Tails.of(numbers, words[packets.starts + packets.lengths - DIGEST_BYTES].view("<u8"))


class FastStream:
    """An `SrtpStream` with the same results and counts, at the speed of libsrtp where that has the suite.

    libsrtp opens runs of packets; each packet it refuses goes to the stream's engine, which decides what it is and,
    when it finds another key or counter, where libsrtp goes on.
    """

    def __init__(self, contexts: Sequence[SrtpContext], limits: Limits) -> None:
        self.stream = SrtpStream(contexts, limits)
        self._opener: libsrtp.Opener | None = None
        self._position = 0
        self._starts = 0
        self._misses = 0
        if contexts and libsrtp.serves(contexts[0]):
            self._opener = self._start(0)

    @property
    def counts(self) -> Counts:
        """What became of the SRTP packets."""
        return self.stream.counts

    def unprotect_rtcp(self, packet: bytes, whole: bool = True) -> bytes | Reason:
        """See `SrtpStream.unprotect_rtcp`."""
        return self.stream.unprotect_rtcp(packet, whole)

    def unprotect_many(self, packets: Packets, whole: Sequence[bool] | None = None) -> list[bytes | Reason]:
        """One result a packet, in order, as `SrtpStream.unprotect_many` gives."""
        items = packet_list(packets)
        if whole is not None and not all(whole):
            return self.stream.unprotect_many(items, whole)

        def run(opener: libsrtp.Opener, at: int, out: list[bytes | Reason]) -> int:
            count = opener.run(items, at, out)
            return self._adopt(items, at, count, out)

        return self._open(len(items), items.__getitem__, run)

    def verify_many(self, packets: Prepared, first: int, last: int) -> list[bytes | Reason]:
        """As `unprotect_many` of packets first <= i < last, without the content of those opened in bulk: b""."""
        if last - first < _BULK or self._opener is None:
            return self.unprotect_many([packets.block.packet(at) for at in range(first, last)])

        def run(opener: libsrtp.Opener, at: int, out: list[bytes | Reason]) -> int:
            begin = first + at
            opened = opener.check(packets.block, begin, last)
            out += [b""] * opened
            if opened:
                for reused in self.stream.adopt(self._position, packets.tails.part(begin, begin + opened)):
                    out[at + reused] = Reason.INDEX_REUSED
            return opened

        return self._open(last - first, lambda at: packets.block.packet(first + at), run)

    def _adopt(self, items: Sequence[bytes], at: int, count: int, out: list[bytes | Reason]) -> int:
        if count:
            part = items[at : at + count]
            numbers = np.array([packet[2] << 8 | packet[3] for packet in part], np.int64)
            digests = np.array([int.from_bytes(packet[-DIGEST_BYTES:], "little") for packet in part], np.uint64)
            for reused in self.stream.adopt(self._position, Tails.of(numbers, digests)):
                out[at + reused] = Reason.INDEX_REUSED
        return count

    def _open(
        self,
        count: int,
        packet: Callable[[int], bytes],
        run: Callable[[libsrtp.Opener, int, list[bytes | Reason]], int],
    ) -> list[bytes | Reason]:
        """Opens packets by number: runs with libsrtp, what it refuses with the engine."""
        out: list[bytes | Reason] = []
        at = 0
        while at < count:
            if self._opener is not None:
                opened = run(self._opener, at, out)
                if opened:
                    self._misses = 0
                    at += opened
                if at == count:
                    break
            new, refused = self.counts.distinct, packet(at)
            out.append(self.stream.unprotect(refused))
            relocked = self.stream.relocked
            self.stream.retry(refused, out, at)
            if isinstance(out[at], bytes):
                self._follow(refused, relocked, self.counts.distinct > new)
            at += 1
        self.stream.given += count
        return out

    def learn(self, context: SrtpContext) -> None:
        """See `SrtpStream.learn`."""
        self.stream.learn(context)
        if self._opener is None and not self._starts and libsrtp.serves(context):
            self._opener = self._start(len(self.stream.contexts) - 1)

    def _follow(self, packet: bytes, relocked: bool, new: bool) -> None:
        """After a packet only the engine opened: whether libsrtp is to start again where the engine is."""
        position, rollover = self.stream.position, self.stream.rollover
        if position is None or rollover is None or not new:
            return
        self._misses += 1
        if not relocked and self._misses < _MISSES:
            return
        context = self.stream.contexts[position]
        self._misses, self._opener = 0, None
        if not libsrtp.serves(context) or rollover.roc > self.stream.limits.srtp_prime:
            return
        opener = self._start(position)
        if opener is not None:
            ssrc = int.from_bytes(packet[8:12], "big")
            opener.run(lead(context, ssrc, rollover.roc, rollover.s_l), 0, [])
        self._opener = opener

    def _start(self, position: int) -> libsrtp.Opener | None:
        if self._starts >= _STARTS:
            return None
        self._starts += 1
        self._position = position
        return libsrtp.opener(self.stream.contexts[position], self.stream.limits.srtp_window)
