"""Where each SDES key was offered or answered: a key is for one m-line, one direction, one call (RFC 4568 6.1, 8.2)."""

from collections import OrderedDict

from analyzer.core.cites import Cite, packed, unpacked
from analyzer.core.frozen import frozen
from analyzer.core.limits import SECOND_NS, Limits
from analyzer.core.unknown import Tristate, Unknown
from analyzer.protocols.sdp.session import Media
from analyzer.session.legs import CallState, LegState
from analyzer.session.records import MessageRecord

_APART_NS = 10 * SECOND_NS  # calls that start further apart are not two legs of one


@frozen
class _Use:
    call: int
    index: int
    from_initiator: bool
    first_ns: int
    hung_up_ns: int | None  # None: not seen to be answered and ended
    packed: bytes  # its frames, as numbers: a hundred thousand are remembered

    @property
    def cites(self) -> tuple[Cite, ...]:
        """The frames of the message that has the key."""
        return unpacked(self.packed)


class KeyUses:
    """The first use of each key, of the last `Limits.keyed_media` keys. Legs of one call share keys legitimately:
    what passes an element unchanged is one description seen twice."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.keyed_media
        self._uses: OrderedDict[bytes, _Use] = OrderedDict()  # by digest

    def place(
        self, call: CallState, leg: LegState, message: MessageRecord, media: Media
    ) -> tuple[Tristate, tuple[Cite, ...]]:
        """Whether a key of the m-line serves elsewhere, and where. Two calls that start together may be one, unless
        one was hung up before the other began."""
        found: tuple[Tristate, tuple[Cite, ...]] = (False, ())
        if not media.crypto:
            return found
        source = message.carrier.endpoints.src.ip
        hung_up = call.ended_ns if any(each.answered for each in call.legs.values()) else None
        use = _Use(call.ordinal, media.index, source == leg.initiator, call.first_ns, hung_up, packed(message.cites))
        for key in (key.key for line in media.crypto for key in line.keys if key.key is not None):
            known = self._uses.setdefault(key.digest(), use)
            if known is use:
                while len(self._uses) > self._limit:
                    self._uses.popitem(last=False)
                continue
            reused = _reused(known, use)
            if reused is not False and found[0] is not True:
                found = reused, known.cites
        return found


def _reused(known: _Use, use: _Use) -> Tristate:
    if known.call != use.call:
        earlier, later = sorted((known, use), key=lambda each: each.first_ns)
        ended = earlier.hung_up_ns is not None and earlier.hung_up_ns < later.first_ns
        if ended or later.first_ns - earlier.first_ns > _APART_NS:
            return True
        return Unknown.of("vantage", "what joins the two calls with this key, if they are one")
    return (known.index, known.from_initiator) != (use.index, use.from_initiator)
