"""The SDES keys of a call, and what became of each (RFC 4568 5.1.3, RFC 3264 6)."""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from analyzer.core.cites import Cite
from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.engine import split_material
from analyzer.crypto.srtp.suites import suite_named
from analyzer.protocols.sdp.session import Crypto, Media
from analyzer.session.legs import CallState
from analyzer.session.media_keys import media_key
from analyzer.session.offer_answer import Exchange, Negotiation, negotiations

_UNANSWERED = "its offer has no answer in the captures"
_FAILED = "the request that offered it was refused"
_REFUSED = "the answer refused the medium"
_NO_KEYS = "the answer has no a=crypto"
_OTHER_LINE = "the answer chose another a=crypto line"
_NO_PACKET = "no packet in the captures verifies with this key"
_OTHER_SUITE = "its suite is not opened here"
_OTHER_LENGTH = "its length is not that of its suite"
_OTHER_MKI = "its MKI or key derivation rate is none that there can be (RFC 4568 6.1, 6.3.1)"
_ORDER = (  # of a forked offer the furthest counts
    _UNANSWERED,
    _FAILED,
    _REFUSED,
    _NO_KEYS,
    _OTHER_LINE,
    _OTHER_SUITE,
    _OTHER_LENGTH,
    _OTHER_MKI,
    _NO_PACKET,
)


class IdleKey(NamedTuple):
    """A key of an a=crypto line, why it would open nothing, and the message that brought it."""

    key: Secret
    why: str
    cites: tuple[Cite, ...]


def idle_keys(call: CallState) -> list[IdleKey]:
    """Every key that was offered or answered; whether one opened packets all the same is not known here."""
    found: dict[Secret, IdleKey] = {}
    exchanged = (_of(negotiation) for exchange in _exchanges(call) for negotiation in negotiations(exchange))
    for each in chain.from_iterable((*exchanged, _failed(call))):
        known = found.get(each.key)
        if known is None or _ORDER.index(each.why) > _ORDER.index(known.why):
            found[each.key] = each
    return list(found.values())


def _exchanges(call: CallState) -> list[Exchange]:
    """Every exchange once; the one that stands is among those that were settled, or under way."""
    found: dict[int, Exchange] = {}
    for leg in call.legs.values():
        for dialog in leg.offer_answer.values():
            found |= {id(each): each for each in (*dialog.exchanges, dialog.exchange) if each is not None}
    return list(found.values())


def _failed(call: CallState) -> Iterator[IdleKey]:
    """The keys of offers inside a dialog whose request failed."""
    for leg in call.legs.values():
        for dialog in leg.offer_answer.values():
            for exchange in dialog.refused:
                for media in exchange.offer.session.media:
                    for line in media.crypto:
                        yield from _keys(line, _FAILED, exchange.offer.cites)


def _of(negotiation: Negotiation) -> Iterator[IdleKey]:
    answer, exchange = negotiation.answer, negotiation.exchange
    for line in negotiation.offer.crypto:
        yield from _keys(line, _why(answer, line.tag), exchange.offer.cites)
    if answer is not None and exchange.answer is not None:
        for line in answer.crypto:
            yield from _keys(line, _NO_PACKET, exchange.answer.cites)


def _keys(line: Crypto, why: str, cites: tuple[Cite, ...]) -> Iterator[IdleKey]:
    suite = suite_named(line.suite)
    for key in line.keys:
        if key.key is None:
            continue
        if why != _NO_PACKET:
            yield IdleKey(key.key, why, cites)
        elif suite is None or not suite.opened:
            yield IdleKey(key.key, _OTHER_SUITE, cites)
        elif split_material(suite, key.key) is None:
            yield IdleKey(key.key, _OTHER_LENGTH, cites)
        else:
            yield IdleKey(key.key, _NO_PACKET if media_key(line, key, cites) is not None else _OTHER_MKI, cites)


def _why(answer: Media | None, tag: str) -> str:
    if answer is None:
        return _UNANSWERED
    if answer.rejected:
        return _REFUSED
    if not answer.crypto:
        return _NO_KEYS
    return _NO_PACKET if tag in {line.tag for line in answer.crypto} else _OTHER_LINE
