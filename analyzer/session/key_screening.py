"""More keys for any stream than are tried on each: which of them are a stream's shows in its first packets."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from analyzer.core.limits import Limits
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.reasons import Reason
from analyzer.session.media_keys import MediaKey

_COUNTERS = range(2)  # roll-over counters that a packet is tried at
_PACKETS = 3  # of one stream, of RTP and of RTCP each


class KeyScreening:
    """Tries the first `Limits.srtp_screened` keys on a few packets of each stream, whatever other streams there are."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tried: OrderedDict[tuple[Hashable, bool], int] = OrderedDict()  # packets, of RTCP or not
        self._found: OrderedDict[Hashable, MediaKey] = OrderedDict()

    def of(self, stream: Hashable) -> Sequence[MediaKey]:
        """The key that opened a packet of a stream: a tag verified, so it is its own."""
        found = self._found.get(stream)
        return () if found is None else (found,)

    def screen(self, stream: Hashable, packets: Iterable[bytes], keys: Sequence[MediaKey], rtcp: bool) -> bool:
        """Whether another key than before was found by these packets."""
        tried = self._tried.get((stream, rtcp), 0)
        for packet in packets:
            if tried >= _PACKETS:
                return False
            tried += 1
            self._tried[stream, rtcp] = tried
            if len(self._tried) > self._limits.streams:
                self._tried.popitem(last=False)
            known = self._found.get(stream)
            for key in keys[: self._limits.srtp_screened]:
                if (_opens_rtcp if rtcp else _opens_rtp)(key.context, packet):
                    self._tried[stream, rtcp] = _PACKETS
                    self._found[stream] = replace(key, tentative=False)
                    if len(self._found) > self._limits.streams:
                        self._found.popitem(last=False)
                    return known is None or known.identity != key.identity
        return False


def _opens_rtp(context: SrtpContext, packet: bytes) -> bool:
    parts = context.split_rtp(packet)
    return bool(context.rtp_tag) and not isinstance(parts, Reason) and context.find_rtp(parts, _COUNTERS) is not None


def _opens_rtcp(context: SrtpContext, packet: bytes) -> bool:
    parts = context.split_rtcp(packet)
    return not isinstance(parts, Reason) and isinstance(context.open_rtcp(parts), bytes)
