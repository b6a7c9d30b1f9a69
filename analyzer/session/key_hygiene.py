"""How an end uses its SDES keys in one call, and whether they look like keys at all (RFC 4568 5.1, 6.1, 6.3).

One key in several calls or m-lines is the matter of `key_uses`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from analyzer.core.numbers import decimal
from analyzer.core.secrets import Secret
from analyzer.core.unknown import Tristate, Unknown
from analyzer.protocols.sdp.session import Crypto, InlineKey, Media
from analyzer.session.legs import CallState, LegState
from analyzer.session.offer_answer import Exchange
from analyzer.session.records import MessageRecord

_MOST_PACKETS = 1 << 48  # RFC 3711 9.2
_MAX_MKI = 128
_MAX_KDR = 24
_PRINTABLE = frozenset(range(0x20, 0x7F))
_BLOCK = 8  # a key made of repetitions of at most this many bytes is no key
_Use = tuple[int, bool, str]  # m-line, whether the end that called first describes it, Call-ID


@dataclass(frozen=True, slots=True)
class Hygiene:
    """What one description shows of its keys."""

    selects_offer: Tristate = True
    returned: bool = False
    moved: Tristate = False
    weak: bool = False
    tls_id_stale: bool = False


CLEAN = Hygiene()
_TLS_ID = re.compile(r"[A-Za-z0-9+/\-_]{20,255}", re.ASCII)


def keys_of(media: Media) -> list[Secret]:
    """The decoded keys of an m-line, in order."""
    return [key.key for line in media.crypto for key in line.keys if key.key is not None]


def looks_weak(key: Secret) -> bool:
    """Constant, repeated, counting or printable bytes. That a key passes proves no randomness."""
    raw = key.reveal()
    if len(raw) < 2 * _BLOCK:
        return False
    if any(raw == (raw[:size] * (len(raw) // size + 1))[: len(raw)] for size in range(1, _BLOCK + 1)):
        return True
    steps = {(b - a) & 0xFF for a, b in pairwise(raw)}
    return len(steps) == 1 or _PRINTABLE.issuperset(raw)


def tags_unique(media: Media) -> bool:
    """No tag twice on one m-line (RFC 4568 5.1.1)."""
    tags = [line.tag for line in media.crypto]
    return len(set(tags)) == len(tags)


def mki_ok(line: Crypto) -> bool:
    """Several keys of one line have an MKI each, distinct and of one length (RFC 4568 6.1)."""
    if any(key.mki is not None and not 1 <= key.mki_bytes <= _MAX_MKI for key in line.keys):
        return False
    if len(line.keys) < 2:
        return True
    values = {key.mki for key in line.keys}
    return None not in values and len(values) == len(line.keys) and len({k.mki_bytes for k in line.keys}) == 1


def lifetime_ok(keys: Iterable[InlineKey]) -> bool:
    """Each lifetime, where there is one, is 1 to 2^48 packets."""
    return all(not key.lifetime or 1 <= _packets(key.lifetime) <= _MOST_PACKETS for key in keys)


def _packets(text: str) -> int:
    power = decimal(text.removeprefix("2^"), 20)
    if power is None:
        return 0
    if text.startswith("2^"):
        return 1 << power if power <= 64 else _MOST_PACKETS + 1
    return power


def kdr_ok(line: Crypto) -> bool:
    """A key derivation rate of 2^0 to 2^24 (RFC 4568 6.3.1, 9.2)."""
    return line.kdr is None or 0 <= line.kdr <= _MAX_KDR


class CallKeys:
    """The keys of one call, by what they are used for."""

    def __init__(self, call: CallState) -> None:
        self._by_key: dict[Secret, set[_Use]] = {}
        self._last: dict[tuple[int, int, int], tuple[Media, frozenset[Secret]]] = {}  # leg, sender, m-line
        self._prints: dict[tuple[int, int, int, str], frozenset[bytes]] = {}  # leg, sender, m-line, tls-id
        for leg in call.legs.values():
            for message in leg.messages:
                for media in message.sdp.media if message.sdp and not message.retransmission else ():
                    use = (media.index, _forward(leg, message), leg.call_id)
                    for key in keys_of(media):
                        self._by_key.setdefault(key, set()).add(use)

    def hygiene(self, leg: LegState, message: MessageRecord, media: Media, exchange: Exchange | None) -> Hygiene:
        """What a description shows. Descriptions of a call are to be asked for in order."""
        if not media.crypto:
            return CLEAN if not media.tls_id else Hygiene(tls_id_stale=self._stale(leg, message, media))
        keys = keys_of(media)
        back = (media.index, not _forward(leg, message), leg.call_id)
        return Hygiene(
            selects_offer=_selects(message, media, exchange),
            returned=any(back in self._by_key.get(key, ()) for key in keys),
            moved=self._moved(leg, message, media, frozenset(keys)),
            weak=any(looks_weak(key) for key in keys),
        )

    def _moved(self, leg: LegState, message: MessageRecord, media: Media, keys: frozenset[Secret]) -> Tristate:
        """Whether a later description of the same end keeps a key although it is at another address."""
        place = (leg.ordinal, message.carrier.endpoints.src.ip, media.index)
        before = self._last.get(place)
        self._last[place] = (media, keys)
        if before is None or not media.port or not before[0].port or len(keys) != 1 or len(before[1]) != 1:
            return False
        return (media.ip, media.port) != (before[0].ip, before[0].port) and bool(keys & before[1])

    def _stale(self, leg: LegState, message: MessageRecord, media: Media) -> bool:
        """Whether a later description of the same end keeps its tls-id although its fingerprints are others: they call
        for an association of their own (RFC 8842 5.1)."""
        prints = frozenset(each.digest for each in media.fingerprints)
        place = (leg.ordinal, message.carrier.endpoints.src.ip, media.index, media.tls_id)
        return self._prints.setdefault(place, prints) != prints


def tls_id_valid(media: Media) -> bool:
    """a=tls-id, where there is one, is of RFC 8842 4: 20 to 255 of its characters."""
    return not media.tls_id or _TLS_ID.fullmatch(media.tls_id) is not None


def _forward(leg: LegState, message: MessageRecord) -> bool:
    return message.carrier.endpoints.src.ip == leg.initiator


def _selects(message: MessageRecord, media: Media, exchange: Exchange | None) -> Tristate:
    """An answer has one line, with the tag and suite of a line of the offer (RFC 4568 5.1.2, 7.1.3)."""
    if exchange is None:
        return Unknown.of("message", "the offer that this description answers")
    if exchange.answer is None or exchange.answer.cites != message.cites:
        return True
    offered = next((m for m in exchange.offer.session.media if m.index == media.index), None)
    if offered is None:
        return Unknown.of("message", "the offer of this m-line")
    line = media.crypto[0]
    match = any(other.tag == line.tag and other.suite == line.suite for other in offered.crypto)
    return len(media.crypto) == 1 and match
