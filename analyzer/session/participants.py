"""Who takes part in a conference: what its focus was told of each, and what it did (TS 33.328 G.2; RFC 4579)."""

from collections.abc import Callable

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.headers import split
from analyzer.formats.passport import parse_passport
from analyzer.formats.uri import parse_name_addr, same_user
from analyzer.session.endings import ended_by_focus
from analyzer.session.focus import FocusLeg
from analyzer.session.model.people import Participant
from analyzer.session.passports import claimed, forms
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord
from analyzer.session.shown_identities import anonymous, from_uri

_PRIVATE = frozenset({"id", "user", "header"})
_FROM_CHANGE = "from-change"  # option tag of RFC 4916
_TOKENS = 16  # PASSporTs of a call that are looked into for a diversion
_REDIRECTION = ("history-info", "diversion")


Together = Callable[[str], tuple[str, ...]]


@frozen
class Joined:
    """A participant with what a report and the roster need of it: identity as shown, as asserted, its dialog, and when
    it was let in and left (None: not seen)."""

    entity: Participant
    identity: str
    asserted: tuple[str, ...]
    anonymous: bool | None
    call_ids: tuple[str, ...]
    since_ns: int
    until_ns: int | None


def joined(focal: FocusLeg, call_ids: tuple[str, ...], placement: Placement, together: Together) -> Joined:
    """The participant of a call with a focus; `together` gives what is registered together with an identity."""
    leg = focal.leg
    messages = [m for m in leg.messages if not m.retransmission]
    invite = next((m for m in messages if m.method == "INVITE" and m.request and not m.to_tag), None)
    answers = [m for m in messages if m.method == "INVITE" and m.status is not None and 180 <= m.status < 300]
    said = [invite] if invite and focal.direction == "dial_in" else answers if focal.direction == "dial_out" else []
    asserted = tuple(dict.fromkeys(uri for m in reversed(said) for uri in m.asserted))
    if focal.direction == "dial_out" and all(map(anonymous, asserted)):
        connected = _connected(messages, focal)
        said, asserted = [*said, *(m for m, _ in connected)], (*asserted, *(uri for _, uri in connected))
    names = any(not anonymous(uri) for uri in asserted)
    identified = _identified(focal, said, names)
    invited = _invited(invite) if focal.direction == "dial_out" else ""
    shown = next((u for u in asserted if not anonymous(u)), "") or invited
    caller = from_uri(invite) if invite is not None else ""
    nobody: Tristate = not identified if isinstance(identified, bool) else identified
    removed, ender = ended_by_focus(messages, focal.focus, focal.direction == "dial_in")
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
        retargeted=_answered_by(answers, asserted, invited, identified, together)
        if focal.direction == "dial_out"
        else False,
        explained=_explained(messages, invited),
        removed=removed,
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
    since, until = _while(messages)
    return Joined(entity, shown or caller, asserted, seen, call_ids, since, until)


def _while(messages: list[MessageRecord]) -> tuple[int, int | None]:
    """From the answer, or the first message seen, to the BYE."""
    answers = [m.ts_ns for m in messages if m.method == "INVITE" and 200 <= (m.status or 0) < 300]
    ends = [m.ts_ns for m in messages if m.request and m.method == "BYE"]
    return min(answers, default=messages[0].ts_ns), min(ends, default=None)


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


def _connected(messages: list[MessageRecord], focal: FocusLeg) -> list[tuple[MessageRecord, str]]:
    """Who a request of the called inside the dialog says it is: P-Asserted-Identity, else a From that it may change
    (RFC 4916 4.3). The From is nobody's word but its own.
    """
    found = []
    for message in messages:
        if message.request and message.to_tag and message.method in ("UPDATE", "INVITE"):
            if message.carrier.endpoints.src.ip == focal.focus:
                continue
            tags = {tag.lower() for value in message.all("supported") for tag in split(value)}
            shown = message.asserted or ((from_uri(message),) if _FROM_CHANGE in tags else ())
            found += [(message, uri) for uri in shown if uri and not anonymous(uri)]
    return found


def _answered_by(
    answers: list[MessageRecord], asserted: tuple[str, ...], invited: str, identified: Tristate, together: Together
) -> Tristate:
    """Whether one of those who answered is another user than was called. Each final answer of a fork counts, by what it
    asserts itself; where it does not, by what was asserted before or after (requirements, CONF-05)."""
    final = {m.to_tag: m.asserted for m in answers if (m.status or 0) >= 200}
    early = {m.to_tag: m.asserted for m in answers if (m.status or 0) < 200 and m.asserted}
    said = [
        _retargeted(invited, own if _somebody(own) else early.get(tag, ()), identified, together)
        for tag, own in final.items()
    ]
    if len(final) < 2 and not any(map(_somebody, final.values())):
        said = [_retargeted(invited, asserted, identified, together)]
    return True if True in said else next((each for each in said if each is not False), False)


def _somebody(uris: tuple[str, ...]) -> bool:
    return any(not anonymous(uri) for uri in uris)


def _retargeted(invited: str, asserted: tuple[str, ...], identified: Tristate, together: Together) -> Tristate:
    """Whether who answered is another user than was called: one user may have several names and telephone numbers,
    which only the registration tells to be one (P-Associated-URI)."""
    named = [uri for uri in asserted if not anonymous(uri)]
    if not named or not invited:
        unseen = Unknown.of("message", "an identity asserted of who answered the INVITE of the focus")
        return identified if isinstance(identified, Unknown) else unseen
    own = together(invited)
    theirs = [known for uri in named for known in together(uri)]
    if any(same_user(uri, known) for uri in named for known in (invited, *own)):
        return False
    if any(same_user(invited, known) for known in theirs):
        return False
    if not own and not theirs:
        return Unknown.of("message", f"the registration of {invited}, for its other identities")
    return True


def _explained(messages: list[MessageRecord], invited: str) -> Tristate:
    """Whether the way to the new target is told: by the headers, or by a div PASSporT that names whom the focus called
    (RFC 8946 3)."""
    if any(m.all(name) for m in messages for name in _REDIRECTION):
        return True
    tokens = [part for m in messages for value in m.all("identity") for part in split(value)]
    diverted = [one.div for one in map(parse_passport, tokens[:_TOKENS]) if one.ppt in ("div", "div-o")]
    if any(not each or forms(invited) & claimed(each.numbers, each.uris) for each in diverted):
        return True
    whole = all(message.complete for message in messages)
    return False if whole else Unknown.of("frames", "whole messages of the call: some were captured in part")


def _cites(invite: MessageRecord | None, answers: list[MessageRecord], ender: MessageRecord | None) -> tuple[Cite, ...]:
    final = [m for m in answers if (m.status or 0) >= 200][:1]
    chosen = [m for m in (invite, *final, ender) if m is not None]
    return tuple(dict.fromkeys(cite for message in chosen for cite in message.cites))
