"""SRTP master keys that the user supplied (`srtp-master` entries, rtpengine logs), by the streams they are for."""

from collections.abc import Sequence

from analyzer.crypto.srtp.engine import SrtpContext, split_material
from analyzer.crypto.srtp.suites import suite_named
from analyzer.session.key_entries import SrtpMaster
from analyzer.session.media_keys import MediaKey


class SuppliedKeys:
    """The keys of the entries in a list, which may grow: those for an SSRC, and those for any stream.

    An entry that cannot be a key, by its suite or length, is passed over: who reads the entries names it.
    """

    def __init__(self, entries: Sequence[SrtpMaster] = ()) -> None:
        self._entries = entries
        self._read = 0
        self._by_ssrc: dict[int, list[MediaKey]] = {}
        self._any: list[MediaKey] = []

    def _learn(self) -> None:
        while self._read < len(self._entries):
            entry = self._entries[self._read]
            self._read += 1
            key = media_key(entry)
            if key is None:
                continue
            if entry.ssrc is None:
                self._any.append(key)
            else:
                self._by_ssrc.setdefault(entry.ssrc, []).append(key)

    def concerns(self, ssrc: int) -> bool:
        """Whether a key is for this SSRC or for any."""
        self._learn()
        return bool(self._any) or ssrc in self._by_ssrc

    def others(self, ssrc: int) -> list[tuple[int, MediaKey]]:
        """The keys for other SSRCs, with those."""
        self._learn()
        return [(other, key) for other, keys in self._by_ssrc.items() if other != ssrc for key in keys]

    def keys(self, ssrc: int, bound: int) -> list[MediaKey]:
        """The keys for an SSRC, then those for any, the first `bound` of these."""
        self._learn()
        return [*self._by_ssrc.get(ssrc, ()), *self._any[:bound]]

    @property
    def unbound(self) -> Sequence[MediaKey]:
        """The keys for any stream."""
        self._learn()
        return self._any


def media_key(entry: SrtpMaster) -> MediaKey | None:
    """An entry as a key, None where suite or length cannot be. One for any stream is tentative."""
    suite = suite_named(entry.suite)
    split = split_material(suite, entry.material) if suite is not None else None
    if suite is None or split is None:
        return None
    tag = entry.tag_bytes
    try:
        context = SrtpContext(
            suite, *split, mki=entry.mki, rtp_tag=tag, rtcp_tag=tag if suite.cipher == "gcm" else None
        )
    except ValueError:
        return None
    name = suite.name if tag is None else f"{suite.name}/{tag}"
    identity = (name, entry.material, entry.mki, 0, False, False)
    return MediaKey(context, identity, entry.material, (), "srtp-master", entry.ssrc is None)
