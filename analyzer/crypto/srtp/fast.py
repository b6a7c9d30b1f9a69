"""Streams in bulk: libsrtp while it can, the engine for each packet that it cannot open."""

from collections.abc import Sequence

from analyzer.core.limits import Limits
from analyzer.crypto.srtp import libsrtp
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.prime import lead
from analyzer.crypto.srtp.reasons import Reason
from analyzer.crypto.srtp.stream import Counts, Packets, SrtpStream, packet_list

_MISSES = 4  # packets in a row that the engine opened and libsrtp did not: libsrtp has lost the stream
_STARTS = 8  # libsrtp sessions made for one stream before it is left to the engine


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
        out: list[bytes | Reason] = []
        at = 0
        while at < len(items):
            if self._opener is not None:
                run = self._opener.run(items, at, out)
                if run:
                    for reused in self.stream.adopt(self._position, items[at : at + run]):
                        out[at + reused] = Reason.INDEX_REUSED
                    self._misses = 0
                    at += run
                if at == len(items):
                    break
            new = self.counts.distinct
            out.append(self.stream.unprotect(items[at]))
            relocked = self.stream.relocked
            self.stream.retry(items[at], out, at)
            if isinstance(out[at], bytes):
                self._follow(items[at], relocked, self.counts.distinct > new)
            at += 1
        self.stream.given += len(items)
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
