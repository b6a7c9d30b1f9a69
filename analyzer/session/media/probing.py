"""Streams for which no key is known: tried with keys that are known for something else, to say what went wrong."""

from analyzer.core.limits import Limits
from analyzer.session.media.failure import Explained, Failure, declined, explain, foreign
from analyzer.session.media.record import StreamRecord
from analyzer.session.media_keys import END
from analyzer.session.stream_keys import StreamKeys


class Prober:
    """Says why streams without a key are closed; looks into at most `Limits.explained_streams`."""

    def __init__(self, keys: StreamKeys, limits: Limits) -> None:
        self._keys = keys
        self._limits = limits
        self._left = limits.explained_streams

    def why(self, record: StreamRecord) -> Explained:
        """By the first packets of a stream: a key that was declined, one of the other direction, one given for another
        SSRC, or none."""
        packets = record.trail.first[: self._limits.explained_packets]
        src, dst, ssrc = record.endpoints.src, record.endpoints.dst, record.ssrc
        near = self._keys.concerns(dst, src, ssrc)
        reverse = (self._keys.keys(dst, src, ssrc, END) if near else None) or self._keys.sdp.described(dst)
        own = self._keys.sdp.described(src)
        others = self._keys.supplied.others(ssrc)[: self._limits.srtp_keys]
        if not packets or not self._left or not (own or reverse or others):
            return Explained(Failure.NO_KEY)
        self._left -= 1
        found = declined(packets, own, self._limits) or explain(packets, (), reverse, self._limits)
        return found or foreign(packets[:1], others, self._limits) or Explained(Failure.NO_KEY)
