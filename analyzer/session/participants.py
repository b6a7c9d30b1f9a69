"""Who takes part in a conference: what its focus was told of each, and what it did (TS 33.328 G.2; RFC 4579)."""

from dataclasses import dataclass

from analyzer.core.cites import Cite
from analyzer.core.limits import SECOND_NS
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.headers import split
from analyzer.formats.passport import parse_passport
from analyzer.formats.uri import parse_name_addr, same_user
from analyzer.session.focus import FocusLeg
from analyzer.session.model.people import Participant
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord
from analyzer.session.shown_identities import anonymous, from_uri

_PRIVATE = frozenset({"id", "user", "header"})
_REFUSALS = frozenset({403, 433, 488, 603})
REMOVAL_NS = 32 * SECOND_NS
"""How soon after the answer a BYE of the focus counts as its decision about the participant."""
_REDIRECTION = ("history-info", "diversion")


@dataclass(frozen=True, slots=True)
class Joined:
    """A participant with what a report and the roster need of it: identity as shown, as asserted, its dialog."""

    entity: Participant
    identity: str
    asserted: tuple[str, ...]
    anonymous: bool | None
    call_ids: tuple[str, ...]


def joined(focal: FocusLeg, call_ids: tuple[str, ...], placement: Placement) -> Joined:
    """The participant of a call with a focus."""
    leg = focal.leg
    messages = [m for m in leg.messages if not m.retransmission]
    invite = next((m for m in messages if m.method == "INVITE" and m.request and not m.to_tag), None)
    answers = [m for m in messages if m.method == "INVITE" and m.status is not None and 180 <= m.status < 300]
    said = [invite] if invite and focal.direction == "dial_in" else answers if focal.direction == "dial_out" else []
    asserted = tuple(dict.fromkeys(uri for m in reversed(said) for uri in m.asserted))
    names = any(not anonymous(uri) for uri in asserted)
    identified = _identified(focal, said, names)
    invited = _invited(invite) if focal.direction == "dial_out" else ""
    shown = next((u for u in asserted if not anonymous(u)), "") or invited
    caller = from_uri(invite) if invite is not None else ""
    nobody: Tristate = not identified if isinstance(identified, bool) else identified
    ender = _ended_by_focus(messages, focal)
    policies = placement.topology.policy
    entity = Participant(
        direction=focal.direction,
        focus=focal.name,
        focus_node=focal.name,
        peer_node=placement.node(focal.peer),
        at_focus=focal.at_focus,
        focus_marked=_marked(focal),
        admitted=leg.answered,
        outcome=leg.outcome,
        identified=identified,
        anonymous=nobody,
        private=names and any(_PRIVATE & set(m.privacy) for m in said),
        invited=invited,
        answered_by=asserted if focal.direction == "dial_out" else (),
        revealed=identified if focal.direction == "dial_out" else True,
        retargeted=_retargeted(invited, asserted, names, identified) if focal.direction == "dial_out" else False,
        explained=_explained(messages),
        removed=ender is not None,
        anonymous_policy=policies.get("anonymous_dial_in") or _policy("anonymous_dial_in"),
        unrevealed_policy=policies.get("unrevealed_dial_out") or _policy("unrevealed_dial_out"),
        exposed=False,
        writes=False,  # this and what follows is known at the end
        writes_as_self=True,
        floor_named=False,
        floor_named_right=True,
        floor_named_hidden=False,
        talk=(),
        first=_cites(invite, answers, ender),
    )
    seen = nobody if isinstance(nobody, bool) else None
    return Joined(entity, shown or caller, asserted, seen, call_ids)


def _policy(name: str) -> Unknown:
    return Unknown.of("topology", f"policy {name}")


def _identified(focal: FocusLeg, said: list[MessageRecord], names: bool) -> Tristate:
    if names and focal.at_focus:
        return True
    if not focal.at_focus:
        return Unknown.of("vantage", f"the hop at the focus of {focal.uri}")
    if focal.direction == "dial_out" and not any((m.status or 0) >= 200 for m in said):
        return Unknown.of("message", "the answer to the INVITE of the focus")
    if not said or not all(message.complete for message in said):
        return Unknown.of("frames", "the whole message that names the participant to the focus")
    return False


def _marked(focal: FocusLeg) -> Tristate:
    if focal.marked or focal.at_focus:
        return focal.marked
    return Unknown.of("vantage", "the hop at the focus")


def _invited(invite: MessageRecord | None) -> str:
    if invite is None:
        return ""
    called = parse_name_addr(next(iter(invite.all("to")), "")).uri
    return called or invite.request_uri


def _retargeted(invited: str, asserted: tuple[str, ...], names: bool, identified: Tristate) -> Tristate:
    if not names or not invited:
        unseen = Unknown.of("message", "an identity asserted of who answered the INVITE of the focus")
        return identified if isinstance(identified, Unknown) else unseen
    return not any(same_user(invited, uri) for uri in asserted)


def _explained(messages: list[MessageRecord]) -> Tristate:
    if any(m.all(name) for m in messages for name in _REDIRECTION):
        return True
    tokens = [part for m in messages for value in m.all("identity") for part in split(value)]
    if any(parse_passport(token).ppt in ("div", "div-o") for token in tokens[:16]):
        return True
    whole = all(message.complete for message in messages)
    return False if whole else Unknown.of("frames", "whole messages of the call: some were captured in part")


def _ended_by_focus(messages: list[MessageRecord], focal: FocusLeg) -> MessageRecord | None:
    """What the focus sent to refuse, cancel or end the call."""
    for message in messages:
        if message.carrier.endpoints.src.ip != focal.focus:
            continue
        if message.request and message.method == "CANCEL":
            return message
        if message.request and message.method == "BYE":
            answered = [m.ts_ns for m in messages if m.method == "INVITE" and 200 <= (m.status or 0) < 300]
            return message if answered and message.ts_ns - answered[0] <= REMOVAL_NS else None
        if message.method == "INVITE" and message.status in _REFUSALS and focal.direction == "dial_in":
            return message
    return None


def _cites(invite: MessageRecord | None, answers: list[MessageRecord], ender: MessageRecord | None) -> tuple[Cite, ...]:
    final = [m for m in answers if (m.status or 0) >= 200][:1]
    chosen = [m for m in (invite, *final, ender) if m is not None]
    return tuple(dict.fromkeys(cite for message in chosen for cite in message.cites))
