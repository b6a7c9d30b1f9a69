"""How an end uses its SDES keys in one call, and whether they look like keys at all (RFC 4568 5.1, 6.1, 6.3).

One key in several calls or m-lines is the matter of `key_uses`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from analyzer.core.frozen import frozen
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
_NOWHERE = (None, 0, 0xFFFF << 32)  # no address, or :: and 0.0.0.0: on hold
_Use = tuple[int, bool, str]  # m-line, whether the end that called first describes it, Call-ID


@frozen
class Hygiene:
    """What one description shows of its keys."""

    selects_offer: Tristate = True
    returned: Tristate = False
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
    for size in range(1, _BLOCK + 1):
        if raw[size:] == raw[:-size]:
            return True
    step = (raw[1] - raw[0]) & 0xFF
    return all((b - a) & 0xFF == step for a, b in pairwise(raw)) or _PRINTABLE.issuperset(raw)


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
    return line.kdr <= _MAX_KDR if line.kdr is not None else not line.kdr_unread


@dataclass(slots=True)
class _Place:
    """Where an end last was with an m-line, the keys it described there, and that in use once the answer took one."""

    address: tuple[int | None, int]
    keys: frozenset[Secret]
    used: frozenset[Secret] | None = None


class CallKeys:
    """The keys of one call, by what they are used for."""

    def __init__(self, call: CallState) -> None:
        self._by_key: dict[Secret, set[_Use]] = {}
        self._described: dict[_Use, set[int | None]] = {}  # in which transactions, by CSeq
        self._last: dict[tuple[int, int, int], _Place] = {}  # by leg, sender, m-line
        self._prints: dict[tuple[int, int, int, str], frozenset[bytes]] = {}  # leg, sender, m-line, tls-id
        for leg in call.legs.values():
            for message in leg.messages:
                for media in message.sdp.media if message.sdp and not message.retransmission else ():
                    use = (media.index, _forward(leg, message), leg.call_id)
                    self._described.setdefault(use, set()).add(message.cseq)
                    for key in keys_of(media):
                        self._by_key.setdefault(key, set()).add(use)

    def hygiene(
        self, leg: LegState, message: MessageRecord, media: Media, role: str | Unknown, exchange: Exchange | None
    ) -> Hygiene:
        """What a description shows. Descriptions of a call are to be asked for in order."""
        if not media.crypto:
            return CLEAN if not media.tls_id else Hygiene(tls_id_stale=self._stale(leg, message, media))
        keys = keys_of(media)
        found = Hygiene(
            selects_offer=_selects(message, media, exchange),
            returned=self._returned(leg, message, media, exchange),
            moved=self._moved(leg, message, media, frozenset(keys)),
            weak=any(looks_weak(key) for key in keys),
        )
        if role == "answer":
            self._take(leg, message, media, exchange)
        return found

    def _returned(self, leg: LegState, message: MessageRecord, media: Media, exchange: Exchange | None) -> Tristate:
        """Whether the other end describes one of the keys as its own; unknown while its side of the exchange was not
        seen. Captures with clocks of their own may show an answer before its offer: order tells nothing here."""
        back = (media.index, not _forward(leg, message), leg.call_id)
        if any(back in self._by_key.get(key, ()) for key in keys_of(media)):
            return True
        complete = exchange is not None and exchange.answer is not None
        if complete or message.cseq in self._described.get(back, ()):
            return False
        if message.request and leg.outcome in ("rejected", "failed", "cancelled"):
            return False
        return Unknown.of("message", "the description of the other end of this m-line")

    def _moved(self, leg: LegState, message: MessageRecord, media: Media, keys: frozenset[Secret]) -> Tristate:
        """Whether a later description of the same end keeps a key although it is at another address. An end that is on
        hold at no address is where it was (RFC 3264 8.4)."""
        if not media.port or media.ip in _NOWHERE:
            return False
        place = (leg.ordinal, message.carrier.endpoints.src.ip, media.index)
        before, now = self._last.get(place), _Place((media.ip, media.port), keys)
        self._last[place] = now
        if before is None:
            begun = leg.first.initial and leg.first.request
            return False if begun else Unknown.of("message", "the descriptions of this end before this one")
        if now.address == before.address:
            now.used = before.used if before.used and before.used & keys else None
            return False
        kept = keys & before.keys
        if not kept or (before.used is not None and not keys & before.used):
            return False
        if before.used is not None or len(before.keys) == 1:
            return True
        return Unknown.of("message", "the answer that took one of the keys of this end before")

    def _take(self, leg: LegState, message: MessageRecord, media: Media, exchange: Exchange | None) -> None:
        """Notes what the ends use by an answer: the key of its line, and that of the line of the offer that it takes
        (RFC 4568 5.1.2)."""
        ends = message.carrier.endpoints
        here = self._last.get((leg.ordinal, ends.src.ip, media.index))
        if here is not None:
            here.used = here.keys
        there = self._last.get((leg.ordinal, ends.dst.ip, media.index))
        offered = exchange.offer.session.media[media.index : media.index + 1] if exchange is not None else ()
        taken = [line for each in offered for line in each.crypto if line.tag == media.crypto[0].tag]
        if there is not None and taken:
            there.used = frozenset(key.key for line in taken for key in line.keys if key.key is not None) & there.keys

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
