"""Which elements of RTP header extensions are encrypted (RFC 6904), as descriptions agree on it."""

from collections import OrderedDict
from dataclasses import dataclass, field

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.protocols.sdp.session import Media, Session
from analyzer.session.offer_answer import rtp_address

_NONE: frozenset[int] = frozenset()
_Place = tuple[str, int]  # Call-ID and position of the m-line


@dataclass(slots=True)
class _Medium:
    ids: set[int] = field(default_factory=set)
    ends: set[Address | int] = field(default_factory=set)  # addresses and SSRCs


class EncryptedExtensions:
    """Identifiers by the addresses and SSRCs that descriptions name, of `Limits.keyed_media` m-lines at most.

    RFC 6904 4: an identifier that an a=extmap line maps to the encrypted form has no other form in its m-line, whoever
    says so; one that the answer does not take is not used. So what offer and answer say is put together.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._media: OrderedDict[_Place, _Medium] = OrderedDict()
        self._at: dict[Address | int, dict[_Place, None]] = {}

    def describe(self, call_id: str, session: Session) -> None:
        """Takes a description."""
        for media in session.media:
            place = (call_id, media.index)
            if media.is_rtp and (media.encrypted_extensions or place in self._media):
                self._file(place, media)

    def _file(self, place: _Place, media: Media) -> None:
        medium = self._media.get(place)
        if medium is None:
            if len(self._media) >= self._limits.keyed_media:
                self._drop(next(iter(self._media)))
            medium = self._media[place] = _Medium()
        medium.ids.update(media.encrypted_extensions)
        address = rtp_address(media)
        for end in (*(() if address is None else (address,)), *media.ssrcs):
            if len(medium.ends) < self._limits.descriptions_per_medium:
                medium.ends.add(end)
                self._at.setdefault(end, {})[place] = None

    def forget(self, call_id: str, media: int) -> None:
        """Lets the first `media` m-lines of a call go."""
        for index in range(media):
            if (call_id, index) in self._media:
                self._drop((call_id, index))

    def _drop(self, place: _Place) -> None:
        for end in self._media.pop(place).ends:
            places = self._at[end]
            del places[place]
            if not places:
                del self._at[end]

    def of(self, src: Address, dst: Address, ssrc: int) -> frozenset[int]:
        """The identifiers whose elements are encrypted in the packets of a stream."""
        if not self._media:
            return _NONE
        places = {**self._at.get(src, {}), **self._at.get(dst, {}), **self._at.get(ssrc, {})}
        return frozenset(number for place in places for number in self._media[place].ids)
