"""Streams under one master key and SSRC: a packet index serves once (RFC 3711 9.1).

Where two packets have one key, SSRC and index but other bytes, their contents can be computed from each other (the
two-time pad). Copies of one stream, on the hops of its way, have the same bytes. Compared are the packets of which
trails keep marks: the first ones, and those whose numbers are milestones.
"""

import struct
from collections import OrderedDict

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.unknown import Tristate, Unknown
from analyzer.session.media.record import StreamRecord
from analyzer.session.media.verification import Verification

_MARKS = 3  # first packets that are remembered of a stream, beside its milestones
_STREAMS = 4  # of one key and SSRC that are remembered
_MARK = struct.Struct("<Hq")
_HEAD = struct.Struct("<6q")  # roll-overs, first packet
_UNSEEN = Unknown.of("media", "packets of the two streams with one key and SSRC that have the same number")


@frozen
class _Sent:
    """One stream, as bytes: a hundred thousand are remembered."""

    packed: bytes

    @property
    def wrapped(self) -> bool:
        """Its sequence numbers came round."""
        return bool(_HEAD.unpack_from(self.packed)[0])

    @property
    def first(self) -> Cite:
        """Its first packet."""
        return Cite(*_HEAD.unpack_from(self.packed)[1:])

    def numbers(self) -> dict[int, int]:
        """Digests of some of its packets by sequence number."""
        return dict(_MARK.iter_unpack(self.packed[_HEAD.size :]))


class KeyStreams:
    """The streams of the last `Limits.keyed_media` keys and SSRCs that opened packets."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.keyed_media
        self._sent: OrderedDict[bytes, tuple[_Sent, ...]] = OrderedDict()  # by `digest`

    def place(self, record: StreamRecord, found: Verification) -> tuple[Tristate, tuple[Cite, ...]]:
        """Whether an index of the stream was used twice under its key, and the other stream that used it."""
        if found.key is None:
            return Unknown.of("key", "the SRTP master key of this stream"), ()
        marks = b"".join([_MARK.pack(*mark) for mark in record.trail.marks(_MARKS).items()])
        sent = _Sent(_HEAD.pack(found.rollovers, *record.first) + marks)
        key = found.key.digest(record.ssrc)
        others = self._sent.get(key, ())
        self._sent[key] = (*others, sent)[-_STREAMS:]
        self._sent.move_to_end(key)
        if len(self._sent) > self._limit:
            self._sent.popitem(last=False)
        if found.reused:
            return True, ()
        open_: tuple[Tristate, tuple[Cite, ...]] = (False, ())
        for other in others:
            reused = _reused(sent, other)
            if reused is True:
                return True, (other.first,)
            if reused is not False:
                open_ = reused, (other.first,)
        return open_


def _reused(one: _Sent, other: _Sent) -> Tristate:
    """A number stands for an index as long as neither stream has wrapped (RFC 3711 3.3.1)."""
    ours, theirs = one.numbers(), other.numbers()
    common = ours.keys() & theirs.keys()
    if any(ours[number] == theirs[number] for number in common):
        return False  # one stream, seen on two hops
    return True if common and not (one.wrapped or other.wrapped) else _UNSEEN
