"""SRTP master keys that stand in SDP (RFC 4568), and which of them may protect a stream.

A key protects what the end that describes it sends. So a stream's keys are those described at its source address in
a medium that its destination belongs to; where NAT or an asymmetric port hides the source, those of the other
descriptions of the destination's medium. Each description takes effect at the position, in frames, at which
its message was complete: what is asked about an earlier position does not see it, however packets are batched.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from analyzer.core.addresses import Address
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.engine import SrtpContext, split_material
from analyzer.crypto.srtp.suites import Suite, suite_named
from analyzer.protocols.sdp.session import Crypto, InlineKey, Session
from analyzer.session.header_extensions import EncryptedExtensions
from analyzer.session.offer_answer import rtcp_address, rtp_address

Identity = tuple[str, Secret, bytes, int, bool, bool]
_MKI_BYTES = 128  # RFC 4568 6.1
_AROUND = 8  # calls that began before a position, and behind it, whose keys are tried
END = 1 << 62  # a position behind every frame


KeyOrigin = Literal["sdes", "dtls-srtp", "srtp-master"]


@frozen
class MediaKey:
    """One master key with what decides how packets are protected under it, and the message that named it.

    A `tentative` key is tried because nothing speaks against it: that it does not open a packet says nothing of the
    packet.
    """

    context: SrtpContext
    identity: Identity
    material: Secret
    cites: tuple[Cite, ...]
    origin: KeyOrigin = "sdes"
    tentative: bool = False

    @classmethod
    def of(
        cls, suite: Suite, material: Secret, mki: bytes, cites: tuple[Cite, ...], origin: KeyOrigin
    ) -> "MediaKey | None":
        """A key without session parameters, None where its length is not the suite's."""
        split = split_material(suite, material)
        if split is None or len(mki) > _MKI_BYTES:
            return None
        identity = (suite.name, material, mki, 0, False, False)
        return cls(SrtpContext(suite, *split, mki=mki), identity, material, cites, origin)


@frozen
class _Description:
    """An m-line with an address; `keys` is empty where keys were declined or cannot be used."""

    position: int
    address: Address
    keys: tuple[MediaKey, ...]
    control: bool = False  # where RTCP is received, apart from RTP

    @property
    def identities(self) -> set[Identity]:
        return {key.identity for key in self.keys}


@dataclass(slots=True)
class _Medium:
    """Every description of one m-line of one call."""

    descriptions: list[_Description] = field(default_factory=list)

    def at(self, address: Address, position: int) -> list[_Description]:
        return [d for d in self.descriptions if d.address == address and d.position <= position]


_Place = tuple[str, int]  # name of the call and position of the m-line
_Places = dict[_Place, None]


class MediaKeys:
    """Keys by the addresses that their descriptions name.

    `position` is how many frames came before the one that is being read; `evicted` counts descriptions that bounds
    did not admit. With `keep`, what calls described that have ended is asked for by `near`.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._media: OrderedDict[_Place, _Medium] = OrderedDict()
        self._at: dict[Address, _Places] = {}
        self._past: dict[Address, list[tuple[int, _Place]]] = {}  # of ended calls, by the position of their beginning
        self.position = 0
        self.keep = False
        self._version = 0
        self._versions: dict[Address, int] = {}  # for each address in `_at`: when its media changed last
        self.evicted = 0
        self.extensions = EncryptedExtensions(limits)

    def describe(self, call: str, session: Session, cites: tuple[Cite, ...]) -> None:
        """Takes a description at `position`."""
        self.extensions.describe(call, session, self.position)
        for media in session.media:
            place = (call, media.index)
            address = rtp_address(media)
            if address is None or not media.is_rtp or not (media.crypto or place in self._media):
                continue
            keys = tuple(key for line in media.crypto for key in media_keys(line, cites))
            self._file(place, _Description(self.position, address, keys))
            control = rtcp_address(media)
            if control is not None and control != address:
                self._file(place, _Description(self.position, control, keys, control=True))

    def _file(self, place: _Place, description: _Description) -> None:
        medium = self._media.get(place)
        if medium is None:
            if len(self._media) >= self._limits.keyed_media:
                self._drop(next(iter(self._media)))
                self.evicted += 1
            medium = self._media[place] = _Medium()
        descriptions, most = medium.descriptions, self._limits.descriptions_per_medium
        for known in descriptions:
            if known.address == description.address and known.identities == description.identities:
                return
        if len(descriptions) >= most and sum(d.control == description.control for d in descriptions) >= most:
            self.evicted += not description.control
            return
        medium.descriptions.append(description)
        self._at.setdefault(description.address, {})[place] = None
        self._changed(medium)

    def forget(self, call: str, media: int) -> None:
        """Lets the first `media` m-lines of a call go."""
        if not self.keep:
            self.extensions.forget(call, media)
        for index in range(media):
            place = (call, index)
            if place in self._media and self.keep:
                self._retire(place)
            elif place in self._media:
                self._drop(place)

    def _retire(self, place: _Place) -> None:
        medium = self._media[place]
        for address in {description.address for description in medium.descriptions}:
            if place in self._at.get(address, ()):
                insort(self._past.setdefault(address, []), (medium.descriptions[0].position, place))
        self._close(place, medium)

    def _drop(self, place: _Place) -> None:
        medium = self._media.pop(place)
        self._close(place, medium)
        for address in {description.address for description in medium.descriptions} if self._past else ():
            self._past[address] = [item for item in self._past.get(address, ()) if item[1] != place]

    def _close(self, place: _Place, medium: _Medium) -> None:
        self._changed(medium)
        for description in medium.descriptions:
            places = self._at.get(description.address)
            if places is not None:
                places.pop(place, None)
                if not places:
                    del self._at[description.address]
                    del self._versions[description.address]

    def _changed(self, medium: _Medium) -> None:
        self._version += 1
        for description in medium.descriptions:
            self._versions[description.address] = self._version

    def version(self, src: Address, dst: Address) -> tuple[int, int]:
        """What changes whenever the keys that `keys` gives for two addresses may."""
        return self._versions.get(src, 0), self._versions.get(dst, 0)

    def concerns(self, src: Address, dst: Address) -> bool:
        """Whether either address belongs to a medium with keys."""
        return src in self._at or dst in self._at

    def changes(self, src: Address, dst: Address, after: int) -> list[int]:
        """The positions behind `after` at which more becomes known about either address, ascending."""
        places = {**self._at.get(src, {}), **self._at.get(dst, {})}
        return sorted({d.position for place in places for d in self._media[place].descriptions if d.position > after})

    def keys(self, src: Address, dst: Address, position: int) -> list[MediaKey] | None:
        """The keys that may protect packets between two addresses, as known at a position; None where the addresses
        belong to no medium with keys, or to one whose keys were declined."""
        return self._keys(src, dst, position, self._at.get(src, {}), self._at.get(dst, {}))

    def near(self, src: Address, dst: Address, position: int) -> list[MediaKey] | None:
        """As `keys`, with what is known by now of the calls around a position, the nearest first."""
        return self._keys(src, dst, END, self._around(src, position), self._around(dst, position))

    def _around(self, address: Address, position: int) -> _Places:
        """The media at an address in calls that began around a position; the last one before it stands last."""
        past, live = self._past.get(address, []), self._at.get(address, {})
        at = bisect_left(past, (position + 1,))
        before, behind = past[max(0, at - _AROUND) : at], past[at : at + _AROUND]
        return dict.fromkeys([*(place for _, place in (*reversed(behind), *before)), *live])

    def _keys(
        self, src: Address, dst: Address, position: int, sources: _Places, targets: _Places
    ) -> list[MediaKey] | None:
        both: list[_Description] = []
        declined = False
        for place in sources:
            if place in targets:
                medium = self._media[place]
                ours, theirs = medium.at(src, position), medium.at(dst, position)
                if ours and theirs and any(d.keys for d in theirs):
                    both += ours
                elif ours and theirs:
                    declined = True
        if both or declined:
            return self._merged(both) if both else None
        own = [d for place in sources for d in self._media[place].at(src, position)]
        if own:
            return self._merged(own)
        towards = [self._media[place] for place in targets if self._media[place].at(dst, position)]
        if not towards:
            return None
        return self._merged(
            [
                d
                for medium in towards
                for control in {d.control for d in medium.at(dst, position)}
                for d in medium.descriptions
                if d.address != dst and d.control == control and d.position <= position
            ]
        )

    def described(self, address: Address) -> list[MediaKey]:
        """The keys that an end's descriptions name, agreed on or not."""
        places = self._at.get(address)
        if places is None:
            return []
        return self._merged([d for place in places for d in self._media[place].descriptions if d.address == address])

    def _merged(self, descriptions: list[_Description]) -> list[MediaKey]:
        """Each key once, that of the last description first: it is the likeliest."""
        found = {key.identity: key for d in reversed(descriptions) for key in d.keys}
        return list(found.values())[: self._limits.srtp_keys]


def media_keys(line: Crypto, cites: tuple[Cite, ...]) -> list[MediaKey]:
    """The keys of a crypto line that packets can be tried with: a suite that is known, a key of its length."""
    found = []
    for inline in line.keys:
        key = media_key(line, inline, cites)
        if key is not None:
            found.append(key)
    return found


def media_key(line: Crypto, inline: InlineKey, cites: tuple[Cite, ...]) -> MediaKey | None:
    """One key of a crypto line, None where packets cannot be tried with it."""
    suite = suite_named(line.suite)
    if suite is None or inline.key is None:
        return None
    split = split_material(suite, inline.key)
    size = inline.mki_bytes if inline.mki is not None else 0
    if split is None or (inline.mki or 0) >= 1 << 8 * size > 1:
        return None
    mki = (inline.mki or 0).to_bytes(size, "big") if size else b""
    kdr = line.kdr or 0
    if not 0 <= kdr <= 24:
        return None
    context = SrtpContext(
        suite,
        *split,
        mki=mki,
        kdr=kdr,
        unencrypted_srtp=line.unencrypted_srtp,
        unencrypted_srtcp=line.unencrypted_srtcp,
        unauthenticated=line.unauthenticated_srtp,
    )
    identity = (suite.name, inline.key, mki, kdr, line.unencrypted_srtp, line.unauthenticated_srtp)
    return MediaKey(context, identity, inline.key, cites)
