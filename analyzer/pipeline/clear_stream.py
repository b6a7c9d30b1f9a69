"""One stream on its way into a capture in clear: opened by the keys of whatever call its packets belong to."""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from analyzer.core.limits import Limits
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.fast import FastStream
from analyzer.crypto.srtp.reasons import Reason

_PART = 64  # packets that are tried before other keys are looked for


class ClearStream:
    """One SSRC between two addresses at one vantage point.

    `contexts` gives the keys that may be its at a position; where addresses and SSRC are used again in one call after
    the other, they change on the way.
    """

    def __init__(self, contexts: Callable[[int], Sequence[SrtpContext]], limits: Limits) -> None:
        self._find = contexts
        self._limits = limits
        self._contexts: Sequence[SrtpContext] = ()
        self._opener: FastStream | None = None
        self.last_ns = 0
        self.opened = False

    def begin(self, position: int) -> bool:
        """Whether any key may be the stream's."""
        if self._opener is None:
            self._renew(self._find(position))
        return self._opener is not None

    def rtp(self, packets: Sequence[bytes], positions: Sequence[int]) -> list[bytes | Reason]:
        """One result a packet; their positions ascend."""
        done: list[bytes | Reason] = []
        while len(done) < len(packets) and self._opener is not None:
            part = slice(len(done), len(done) + _PART)
            results = self._opener.unprotect_many(packets[part])
            closed = [at for at, result in enumerate(results) if isinstance(result, Reason)]
            done += results[: self._turn(closed, positions[part])]
        return done

    def _turn(self, closed: Sequence[int], positions: Sequence[int]) -> int:
        """Turns to other keys where the first of the packets that stayed closed has others, so that it is to be tried
        again; gives how many packets are done. The further on, the more keys are others."""
        if not closed or self._same(self._find(positions[closed[-1]])):
            return len(positions)
        first = bisect_left(closed, True, key=lambda at: not self._same(self._find(positions[at])))
        self._renew(self._find(positions[closed[first]]))
        return closed[first]

    def rtcp(self, packets: Sequence[bytes], positions: Sequence[int]) -> list[bytes | Reason]:
        """As `rtp`."""
        done: list[bytes | Reason] = []
        for packet, position in zip(packets, positions, strict=True):
            result = self._opener.unprotect_rtcp(packet) if self._opener is not None else Reason.NO_KEY
            if isinstance(result, Reason) and not self._same(contexts := self._find(position)):
                self._renew(contexts)
                result = self._opener.unprotect_rtcp(packet) if self._opener is not None else result
            done.append(result)
        return done

    def _same(self, contexts: Sequence[SrtpContext]) -> bool:
        """Whether these keys are the present ones, or none."""
        return not contexts or [_identity(each) for each in contexts] == [_identity(each) for each in self._contexts]

    def _renew(self, contexts: Sequence[SrtpContext]) -> None:
        self._contexts = contexts
        self._opener = FastStream(contexts, self._limits) if contexts else None


def _identity(context: SrtpContext) -> tuple[object, ...]:
    return context.suite.name, context.master_and_salt, context.mki, context.kdr, context.encrypted_extensions
