"""Offer and answer, for each m-line over a whole dialog (RFC 3264, RFC 3262, RFC 3311, RFC 6337).

An offer stands in an INVITE, an UPDATE, a PRACK, or, where the INVITE had none, in the first reliable response. The
answer to an INVITE's offer stands in the first reliable response with SDP or the 2xx; SDP in an unreliable provisional
is a preview of it. A refused re-INVITE or UPDATE leaves what was agreed before.
"""

from collections.abc import Sequence
from typing import Literal

from analyzer.core.addresses import Address
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.protocols.sdp.session import Crypto, Media, Session

HISTORY = 32

Keying = Literal["none", "sdes", "dtls", "mikey"]


@frozen
class SdpMessage:
    """A message of the dialog, as far as offer/answer is concerned. `sdp` is None where it carries none."""

    method: str
    status: int | None
    from_initiator: bool
    cseq: int | None
    reliable: bool
    sdp: Session | None
    cites: tuple[Cite, ...]
    ts_ns: int


@frozen
class Described:
    """A session description in its message."""

    session: Session
    cites: tuple[Cite, ...]
    ts_ns: int
    from_initiator: bool
    method: str
    cseq: int | None
    status: int | None = None


@frozen
class Exchange:
    """An offer with its answer; `answer` is None while it is outstanding. `final`: not only a preview."""

    offer: Described
    answer: Described | None = None
    final: bool = False


@frozen
class Negotiation:
    """One m-line of one exchange."""

    index: int
    offer: Media
    answer: Media | None
    exchange: Exchange

    @property
    def agreed(self) -> bool:
        """Both descriptions were seen and the answer accepts the medium."""
        return self.answer is not None and not self.answer.rejected and not self.offer.rejected

    @property
    def initiator(self) -> Media | None:
        """What the dialog's initiator said of itself."""
        return self.offer if self.exchange.offer.from_initiator else self.answer

    @property
    def responder(self) -> Media | None:
        """What the other end said of itself."""
        return self.answer if self.exchange.offer.from_initiator else self.offer


class OfferAnswer:
    """The state of one dialog. Feed every message of it in order."""

    def __init__(self) -> None:
        self._current: Exchange | None = None  # the last one that stands
        self._pending: dict[bool, Exchange] = {}  # by who offers (from_initiator): under glare both do
        self._before: dict[bool, Exchange | None] = {}  # by who sent the last INVITE: what stood before it
        self._answered: dict[bool, int | None] = {}  # by who sent it: the last INVITE whose exchange is complete
        self.exchanges: list[Exchange] = []
        self.refused: list[Exchange] = []  # offers inside the dialog whose request failed

    def apply(self, message: SdpMessage) -> None:
        """Takes the next message of the dialog."""
        if message.status is not None and message.status >= 300:
            self._refused(message)
            return
        if message.sdp is None:
            return
        described = Described(
            message.sdp,
            message.cites,
            message.ts_ns,
            message.from_initiator,
            message.method,
            message.cseq,
            message.status,
        )
        if message.status is None:
            self._request(message, described)
        elif 100 < message.status < 300:
            self._response(message, described)

    def _request(self, message: SdpMessage, described: Described) -> None:
        sender = message.from_initiator
        offered = self._pending.get(not sender)
        if message.method in {"ACK", "PRACK"} and offered is not None and offered.offer.status is not None:
            self._answered[sender] = offered.offer.cseq
            self._settle(Exchange(offered.offer, described, final=True))
        elif message.method in {"INVITE", "UPDATE", "PRACK"}:
            if message.method == "INVITE":
                self._before[sender] = self._current
            self._pending[sender] = Exchange(described)

    def _response(self, message: SdpMessage, described: Described) -> None:
        requester = not message.from_initiator
        final = message.reliable or (message.status or 0) >= 200
        pending = self._pending.get(requester)
        if pending is not None and _same_transaction(pending.offer, message):
            exchange = Exchange(pending.offer, described, final)
            if not final:
                self._pending[requester] = exchange
                return
            if message.method == "INVITE":
                self._answered[requester] = message.cseq
            self._settle(exchange)
        elif message.method == "INVITE" and final and not self._repeats(requester, message):
            self._before[requester] = self._current
            self._pending[message.from_initiator] = Exchange(described)  # the offer of an INVITE that had none

    def _repeats(self, requester: bool, message: SdpMessage) -> bool:
        """A 2xx repeats what a reliable provisional said (RFC 6337 2.2), or is retransmitted."""
        if requester in self._answered and self._answered[requester] == message.cseq:
            return True
        offered = self._pending.get(message.from_initiator)
        return offered is not None and offered.offer.status is not None and _same_transaction(offered.offer, message)

    def _settle(self, exchange: Exchange) -> None:
        self._current = exchange
        self._pending.pop(exchange.offer.from_initiator, None)
        if len(self.exchanges) < HISTORY:
            self.exchanges.append(exchange)
        else:
            self.exchanges[-1] = exchange

    def _refused(self, message: SdpMessage) -> None:
        """Drops the offer of a failed request, keeping one that nothing came before: it shows what was asked for."""
        requester = not message.from_initiator
        current = self._current
        if current is None:
            return
        for side, pending in tuple(self._pending.items()):
            offers = side == requester or pending.offer.status is not None
            if offers and _same_transaction(pending.offer, message):
                del self._pending[side]
                self.refused += [pending] if len(self.refused) < HISTORY else []
        by_it = current.offer.method == "INVITE" == message.method and current.offer.cseq == message.cseq
        inside = (current.offer.from_initiator == requester) != (current.offer.status is not None)
        if by_it and inside and self._before.get(requester) is not None:
            self._current = self._before[requester]  # agreed inside a re-INVITE that then failed (RFC 3261 14.1)

    def forked(self) -> "OfferAnswer":
        """The negotiation of another dialog that the same offer started (RFC 3261 13.2.2.4)."""
        copy = OfferAnswer()
        copy._current, copy._pending = self._current, dict(self._pending)  # its own kind
        copy._before, copy._answered = dict(self._before), dict(self._answered)
        copy.exchanges, copy.refused = list(self.exchanges), list(self.refused)
        return copy

    @property
    def exchange(self) -> Exchange | None:
        """The exchange that stands: the last settled one, else the one under way."""
        return self._current or next(iter(self._pending.values()), None)

    @property
    def known(self) -> Sequence[Exchange]:
        """Every exchange: the settled ones, and the one that stands where it is none of them."""
        stands = self.exchange
        if stands is None or (self.exchanges and self.exchanges[-1] is stands):
            return self.exchanges
        return [*self.exchanges, stands]

    @property
    def negotiations(self) -> tuple[Negotiation, ...]:
        """Each m-line of the exchange that stands."""
        return negotiations(self.exchange) if self.exchange else ()


def _same_transaction(offer: Described, message: SdpMessage) -> bool:
    return offer.method == message.method and offer.cseq == message.cseq


def negotiations(exchange: Exchange) -> tuple[Negotiation, ...]:
    """The m-lines of an exchange, offer and answer matched by position (RFC 3264 6)."""
    answers = exchange.answer.session.media if exchange.answer else ()
    return tuple(
        Negotiation(index, media, answers[index] if index < len(answers) else None, exchange)
        for index, media in enumerate(exchange.offer.session.media)
    )


def rtp_address(media: Media) -> Address | None:
    """Where the describing end receives RTP (or listens), None without a numeric address or port."""
    return Address(media.ip, media.port) if media.ip is not None and media.port else None


def rtcp_address(media: Media) -> Address | None:
    """Where it receives RTCP: a=rtcp (RFC 3605), the RTP port with rtcp-mux (RFC 5761), else the next port."""
    if media.ip is None or not media.port:
        return None
    if media.rtcp_mux:
        return Address(media.ip, media.port)
    if media.rtcp_port is not None:
        return Address(media.rtcp_ip if media.rtcp_ip is not None else media.ip, media.rtcp_port)
    return Address(media.ip, media.port + 1) if media.port < 65_535 else None


def chosen_crypto(negotiation: Negotiation) -> tuple[Crypto | None, Crypto | None]:
    """The chosen line of the offer, and the answer's. Each protects what its end sends (RFC 4568 5.1)."""
    if negotiation.answer is None or not negotiation.answer.crypto:
        return None, None
    answer = negotiation.answer.crypto[0]
    return next((line for line in negotiation.offer.crypto if line.tag == answer.tag), None), answer


def keying(negotiation: Negotiation) -> Keying:
    """Where the keys of the agreed medium come from."""
    answer = negotiation.answer
    if answer is None:
        return "none"
    if negotiation.offer.crypto and answer.crypto:
        return "sdes"
    if negotiation.offer.fingerprints and answer.fingerprints:
        return "dtls"
    if negotiation.offer.key_mgmt and answer.key_mgmt:
        return "mikey"
    return "none"


def opportunistic(negotiation: Negotiation) -> bool:
    """Keying was offered on an unprotected profile (OSRTP, RFC 8643)."""
    return negotiation.offer.is_rtp and not negotiation.offer.secure_profile and negotiation.offer.keying
