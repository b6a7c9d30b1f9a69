"""Which elements of RTP header extensions are encrypted (RFC 6904), as descriptions agree on it."""

from bisect import bisect_left, insort
from collections import OrderedDict
from dataclasses import dataclass, field

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.protocols.sdp.session import Media, Session
from analyzer.session.offer_answer import rtp_address

_NONE: frozenset[int] = frozenset()
_Place = tuple[str, int]  # name of the call and position of the m-line


@dataclass(slots=True)
class _Medium:
    begin: int
    ids: set[int] = field(default_factory=set)
    ends: set[Address | int] = field(default_factory=set)  # addresses and SSRCs


class EncryptedExtensions:
    """Identifiers by the addresses and SSRCs that descriptions name, of `Limits.keyed_media` m-lines at most.

    RFC 6904 4: an identifier that an a=extmap line maps to the encrypted form has no other form in its m-line, whoever
    says so; one that the answer does not take is not used. So what offer and answer say is put together. Positions are
    those of `MediaKeys`.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._media: OrderedDict[_Place, _Medium] = OrderedDict()
        self._at: dict[Address | int, list[tuple[int, _Place]]] = {}  # by where they begin

    def describe(self, call: str, session: Session, position: int) -> None:
        """Takes a description."""
        for media in session.media:
            place = (call, media.index)
            if media.is_rtp and (media.encrypted_extensions or media.keying or place in self._media):
                self._file(place, media, position)

    def _file(self, place: _Place, media: Media, position: int) -> None:
        medium = self._media.get(place)
        if medium is None:
            if len(self._media) >= self._limits.keyed_media:
                self._drop(next(iter(self._media)))
            medium = self._media[place] = _Medium(position)
        medium.ids.update(media.encrypted_extensions)
        address = rtp_address(media)
        for end in (*(() if address is None else (address,)), *media.ssrcs):
            if end not in medium.ends and len(medium.ends) < self._limits.descriptions_per_medium:
                medium.ends.add(end)
                insort(self._at.setdefault(end, []), (medium.begin, place))

    def forget(self, call: str, media: int) -> None:
        """Lets the first `media` m-lines of a call go."""
        for index in range(media):
            if (call, index) in self._media:
                self._drop((call, index))

    def _drop(self, place: _Place) -> None:
        medium = self._media.pop(place)
        for end in medium.ends:
            places = self._at[end]
            places.remove((medium.begin, place))
            if not places:
                del self._at[end]

    def of(self, src: Address, dst: Address, ssrc: int, position: int) -> frozenset[int]:
        """The identifiers whose elements are encrypted in the packets of a stream at a position: as the last m-line
        says that began before it at either address, or that named the SSRC; where there is none, the next one."""
        found: list[tuple[bool, int, _Place]] = []
        for end in (src, dst, ssrc) if self._media else ():
            places = self._at.get(end, [])
            at = bisect_left(places, (position + 1,))
            if places:
                begin, place = places[at - 1] if at else places[0]
                found.append((at > 0, begin if at else -begin, place))
        return frozenset(self._media[max(found)[2]].ids) if found else _NONE
