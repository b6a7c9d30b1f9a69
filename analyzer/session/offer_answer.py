"""Offer and answer, for each m-line over a whole dialog (RFC 3264, RFC 3262, RFC 3311, RFC 6337).

An offer stands in an INVITE, an UPDATE, a PRACK, or, where the INVITE had none, in the first reliable response. The
answer to an INVITE's offer stands in the first reliable response with SDP or the 2xx; SDP in an unreliable provisional
is a preview of it. A refused re-INVITE or UPDATE leaves what was agreed before.
"""

from dataclasses import dataclass
from typing import Literal

from analyzer.core.addresses import Address
from analyzer.core.cites import Cite
from analyzer.protocols.sdp.session import Crypto, Media, Session

HISTORY = 32

Keying = Literal["none", "sdes", "dtls", "mikey"]


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Described:
    """A session description in its message."""

    session: Session
    cites: tuple[Cite, ...]
    ts_ns: int
    from_initiator: bool
    method: str
    cseq: int | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """An offer with its answer; `answer` is None while it is outstanding. `final`: not only a preview."""

    offer: Described
    answer: Described | None = None
    final: bool = False


@dataclass(frozen=True, slots=True)
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
        self._pending: Exchange | None = None
        self.exchanges: list[Exchange] = []

    def apply(self, message: SdpMessage) -> None:
        """Takes the next message of the dialog."""
        if message.status is not None and message.status >= 300:
            self._refused(message)
            return
        if message.sdp is None:
            return
        described = Described(
            message.sdp, message.cites, message.ts_ns, message.from_initiator, message.method, message.cseq
        )
        if message.status is None:
            self._request(message, described)
        elif 100 < message.status < 300:
            self._response(message, described)

    def _request(self, message: SdpMessage, described: Described) -> None:
        pending = self._pending
        answers = (
            pending is not None
            and message.method in {"ACK", "PRACK"}
            and pending.offer.from_initiator != message.from_initiator
        )
        if answers and pending is not None:
            self._settle(Exchange(pending.offer, described, final=True))
        elif message.method in {"INVITE", "UPDATE", "PRACK"}:
            self._pending = Exchange(described)

    def _response(self, message: SdpMessage, described: Described) -> None:
        final = message.reliable or (message.status or 0) >= 200
        pending = self._pending
        if pending is not None and pending.offer.from_initiator != message.from_initiator:
            exchange = Exchange(pending.offer, described, final)
            if final:
                self._settle(exchange)
            else:
                self._pending = exchange
        elif pending is None and final and message.method == "INVITE" and not self._repeats(described):
            self._pending = Exchange(described)  # the offer of an INVITE that had none

    def _repeats(self, described: Described) -> bool:
        """A 2xx repeats the answer that a reliable provisional gave (RFC 6337 2.2), or is retransmitted."""
        current = self._current
        return (
            current is not None
            and current.answer is not None
            and current.answer.cseq == described.cseq
            and current.answer.from_initiator == described.from_initiator
        ) or (current is not None and current.offer.cseq == described.cseq and current.offer.method == "INVITE")

    def _settle(self, exchange: Exchange) -> None:
        self._current, self._pending = exchange, None
        if len(self.exchanges) < HISTORY:
            self.exchanges.append(exchange)
        else:
            self.exchanges[-1] = exchange

    def _refused(self, message: SdpMessage) -> None:
        pending = self._pending
        if pending is None or pending.offer.method != message.method or pending.offer.cseq != message.cseq:
            return
        if self._current is not None:
            self._pending = None

    def forked(self) -> "OfferAnswer":
        """The negotiation of another dialog that the same offer started (RFC 3261 13.2.2.4)."""
        copy = OfferAnswer()
        copy._current, copy._pending = self._current, self._pending  # its own kind
        copy.exchanges = list(self.exchanges)
        return copy

    @property
    def exchange(self) -> Exchange | None:
        """The exchange that stands: the last settled one, else the one under way."""
        return self._current or self._pending

    @property
    def negotiations(self) -> tuple[Negotiation, ...]:
        """Each m-line of the exchange that stands."""
        return negotiations(self.exchange) if self.exchange else ()


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
    return Address(media.ip, media.port + 1)


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
