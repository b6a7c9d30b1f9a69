"""The media that a call's descriptions name: which m-line, between which addresses, by which negotiations."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from analyzer.core.addresses import Address
from analyzer.protocols.sdp.session import Media
from analyzer.session.bundling import Marks, bundled
from analyzer.session.ice import candidate_addresses, fragments
from analyzer.session.legs import CallState, LegState
from analyzer.session.offer_answer import Negotiation, negotiations, rtp_address


@dataclass(slots=True)
class Candidate:
    """One medium between one pair of addresses, with every negotiation that named it."""

    index: int
    first: Media
    offer_address: Address | None
    answer_address: Address | None
    negotiations: list[Negotiation] = field(default_factory=list)
    legs: list[LegState] = field(default_factory=list)
    own: Marks = field(default_factory=Marks)  # where there are several m-lines between the same addresses
    together: Marks | None = None  # of all of those
    repeated: bool = False  # the m-line has the same fragments of ICE between other addresses, too


def candidates(call: CallState) -> list[Candidate]:
    """The media of a call that was not refused, each between one pair of addresses, in the order of first sight."""
    found: dict[object, Candidate] = {}
    for leg in call.legs.values():
        if leg.outcome in ("rejected", "failed", "cancelled"):
            continue
        for negotiation in _negotiations(leg):
            offered = rtp_address(negotiation.offer)
            answered = rtp_address(negotiation.answer) if negotiation.answer else None
            if negotiation.offer.rejected or (negotiation.answer is not None and negotiation.answer.rejected):
                continue
            pair = frozenset(address for address in (offered, answered) if address is not None)
            key: object = (negotiation.index, pair) if pair else (negotiation.index, pair, leg.ordinal)
            candidate = found.get(key)
            if candidate is None:
                candidate = found[key] = Candidate(negotiation.index, negotiation.offer, offered, answered)
            candidate.negotiations.append(negotiation)
            if leg not in candidate.legs:
                candidate.legs.append(leg)
    if len(found) < 2:
        return list(found.values())  # the others are what one is told from
    whole = _without_halves(list(found.values()))
    _mark_repeated(whole)
    _mark_shared(whole)
    return whole


def _without_halves(found: list[Candidate]) -> list[Candidate]:
    """A description without its answer names no medium of its own where another leg has the answer to it."""
    whole = {
        (each.index, address)
        for each in found
        if each.offer_address is not None and each.answer_address is not None
        for address in (each.offer_address, each.answer_address)
    }
    return [each for each in found if each.answer_address is not None or (each.index, each.offer_address) not in whole]


def _mark_repeated(found: Iterable[Candidate]) -> None:
    named: dict[tuple[int, str, str], list[Candidate]] = {}
    for candidate in found:
        pairs = {(offer.ice_ufrag, answer.ice_ufrag) for offer, answer in fragments(candidate.negotiations)}
        for pair in pairs:
            named.setdefault((candidate.index, *pair), []).append(candidate)
    for same in named.values():
        for candidate in same:
            candidate.repeated = candidate.repeated or len(same) > 1


def _mark_shared(found: Iterable[Candidate]) -> None:
    """Tells m-lines of RTP between one pair of addresses of each other."""
    at: dict[frozenset[Address | None], list[Candidate]] = {}
    for candidate in found:
        if candidate.first.is_rtp:
            at.setdefault(frozenset((candidate.offer_address, candidate.answer_address)), []).append(candidate)
    for same in at.values():
        together = Marks()
        for candidate in same if len({each.index for each in same}) > 1 else ():
            for negotiation in candidate.negotiations:
                candidate.own.add((negotiation.offer, negotiation.answer))
            together.types |= candidate.own.types
            together.ssrcs |= candidate.own.ssrcs
            candidate.together = together


def _negotiations(leg: LegState) -> list[Negotiation]:
    """Every negotiation of a leg: of each settled exchange, of those under way where none is settled.

    An offer that one dialog of the leg refused or left without answer is no negotiation if another one answered.
    """
    dialogs = [dialog for tag, dialog in leg.offer_answer.items() if tag or len(leg.offer_answer) == 1]
    exchanges = [
        exchange for d in dialogs for exchange in (d.exchanges or ([d.exchange] if d.exchange is not None else []))
    ]
    answered = [exchange for exchange in exchanges if exchange.answer is not None]
    return [negotiation for exchange in answered or exchanges for negotiation in bundled(negotiations(exchange))]


def places(candidate: Candidate) -> tuple[list[Address], list[Address]]:
    """Where the offerer may receive, and where the answerer may: the negotiated address, and candidates of ICE."""
    ours = [candidate.offer_address, *(a for n in candidate.negotiations for a in candidate_addresses(n.offer))]
    theirs = [
        candidate.answer_address,
        *(a for n in candidate.negotiations if n.answer is not None for a in candidate_addresses(n.answer)),
    ]
    return [a for a in dict.fromkeys(ours) if a is not None], [a for a in dict.fromkeys(theirs) if a is not None]
