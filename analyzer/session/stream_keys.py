"""Every key that may open a media stream: from SDP (RFC 4568), from DTLS handshakes (RFC 5764), from the user."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.session.dtls_keys import DtlsMediaKeys
from analyzer.session.key_screening import KeyScreening
from analyzer.session.media_keys import END, Identity, MediaKey, MediaKeys
from analyzer.session.supplied_keys import SuppliedKeys

StreamId = tuple[Address, Address, int]  # source, destination, SSRC
KnownKeys = Mapping[StreamId, tuple[MediaKey, ...]]


class StreamKeys:
    """The three sources as one. `position` as in `MediaKeys`.

    `known` are keys that an earlier pass over the same captures found for streams that it found them too late for.
    """

    def __init__(self, sdp: MediaKeys, supplied: SuppliedKeys, limits: Limits, known: KnownKeys | None = None) -> None:
        self._limits = limits
        self._known = known or {}
        self.sdp = sdp
        self.dtls = DtlsMediaKeys(limits)
        self.supplied = supplied
        self.screening = KeyScreening(limits)
        self._proven: OrderedDict[tuple[int, Identity], None] = OrderedDict()
        self.opened_rtcp: OrderedDict[Secret, int] = OrderedDict()  # packets of SRTCP by key in SDP or supplied

    @property
    def position(self) -> int:
        """How many frames came before the one that is being read."""
        return self.sdp.position

    def version(self, src: Address, dst: Address) -> tuple[int, ...]:
        """What changes whenever the keys that `keys` gives for two addresses may."""
        return *self.sdp.version(src, dst), *self.dtls.version(src, dst)

    def concerns(self, src: Address, dst: Address, ssrc: int) -> bool:
        """Whether any key may concern a stream."""
        if self.sdp.concerns(src, dst) or self.dtls.concerns(src, dst) or self.supplied.concerns(ssrc):
            return True
        return (src, dst, ssrc) in self._known

    def changes(self, src: Address, dst: Address, after: int) -> list[int]:
        """The positions behind `after` at which more becomes known about either address, ascending."""
        sdp, dtls = self.sdp.changes(src, dst, after), self.dtls.changes(src, dst, after)
        return sorted({*sdp, *dtls}) if dtls else sdp

    def prove(self, ssrc: int, key: MediaKey) -> None:
        """Says that a key opened SRTCP of an SSRC: SRTCP needs no roll-over counter."""
        self._proven[ssrc, key.identity] = None
        if len(self._proven) > self._limits.streams:
            self._proven.popitem(last=False)
        if key.origin == "dtls-srtp":
            return
        self.opened_rtcp[key.material] = self.opened_rtcp.pop(key.material, 0) + 1
        if len(self.opened_rtcp) > self._limits.streams:
            self.opened_rtcp.popitem(last=False)

    def proven(self, ssrc: int, keys: Sequence[MediaKey]) -> bool:
        """Whether one of the keys opened SRTCP of an SSRC."""
        return any((ssrc, key.identity) in self._proven for key in keys)

    @property
    def crowded(self) -> bool:
        """Whether there are more keys for any stream than are all tried on each."""
        return len(self.supplied.unbound) > self._limits.srtp_keys // 2

    def screen(self, stream: StreamId, packets: Iterable[bytes], rtcp: bool = False) -> bool:
        """Looks among all keys for any stream for that of the first packets of one; whether it was found just now."""
        return self.crowded and self.screening.screen(stream, packets, self.supplied.unbound, rtcp)

    def contexts(self, src: Address, dst: Address, ssrc: int, position: int = END) -> list[SrtpContext]:
        """What may open the packets of a stream around a position, header extensions included, by all that is known
        now."""
        described, handshakes = self.sdp.near(src, dst, position), self.dtls.near(src, dst, position)
        encrypted = self.sdp.extensions.of(src, dst, ssrc, position)
        found = self._together(src, dst, ssrc, described, handshakes)
        return [key.context.with_extensions(encrypted) for key in found or ()]

    def keys(self, src: Address, dst: Address, ssrc: int, position: int) -> Sequence[MediaKey] | None:
        """The keys that may protect a stream, as known at a position, the likeliest first; None where none is in
        question, or where keys in SDP were declined and there are no others."""
        described, handshakes = self.sdp.keys(src, dst, position), self.dtls.keys(src, dst, position)
        found = self._together(src, dst, ssrc, described, handshakes)
        return () if found is None and self.dtls.expects(src, dst) else found

    def _together(
        self,
        src: Address,
        dst: Address,
        ssrc: int,
        described: Sequence[MediaKey] | None,
        handshakes: Sequence[MediaKey],
    ) -> Sequence[MediaKey] | None:
        supplied = self.supplied.keys(ssrc, self._limits.srtp_keys)
        others = [*handshakes, *self.screening.of((src, dst, ssrc)), *supplied, *self._known.get((src, dst, ssrc), ())]
        if not others:
            return described
        found = [*(described or ()), *others]
        found.sort(key=lambda key: key.tentative)  # stable: order of the sources
        return found[: self._limits.srtp_keys]
