"""A conference, who takes part in it and who asked it for others, as rules see them (TS 33.328 G.2, RFC 4579)."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.uri import same_user
from analyzer.session.conference_state import AskedInvitation, ConferenceState
from analyzer.session.model.people import Conference, Participant, Referral
from analyzer.session.participant_talk import with_talk
from analyzer.session.participants import Joined
from analyzer.session.shown_identities import anonymous


def participant_entities(state: ConferenceState) -> Iterator[tuple[Participant, str]]:
    """Each participant with the id of its call, held against the roster."""
    for one, call_id in zip(state.joined, state.calls, strict=True):
        exposed = one.entity.private and state.rosters.exposed(one)
        yield with_talk(replace(one.entity, exposed=exposed), one, state.talk[call_id], state.floor_uris), call_id


def _took_part(one: Joined, asserted: Iterable[str], refer: AskedInvitation) -> bool:
    """Whether who sent a REFER was let in by then and had not left: by the dialog it stands in, else by who is asserted
    of both; what a caller says of itself proves nothing."""
    during = one.since_ns <= refer.ts_ns and (one.until_ns is None or refer.ts_ns <= one.until_ns)
    if not (one.entity.admitted and during):
        return False
    own = [uri for uri in one.asserted if not anonymous(uri)]
    return one is refer.within or any(same_user(uri, known) for uri in asserted for known in own)


def _all_protected(state: ConferenceState) -> Tristate:
    """Who else takes part is seen at the focus alone, so that nothing holds for all of them without that hop; nor does
    anything of those whom the focus did not let in."""
    if state.protected is True and not any(one.entity.admitted for one in state.joined):
        return Unknown.of("message", "a leg of a participant whom the focus let in")
    if state.protected is True and not state.at_focus:
        return Unknown.of("vantage", "the hop at the focus, which shows every participant")
    return state.protected


def conference_entity(state: ConferenceState) -> Conference:
    """The conference as rules see it."""
    called = [invite.called for invite in state.invites]
    reached: Tristate = all(any(same_user(uri, other) for other in called) for uri in state.listed)
    if reached is False:
        reached = Unknown.of("vantage", "the INVITEs of the focus to the recipients of the list")
    hidden = [uri for uri, secret in state.listed.items() if secret]
    leaked = any(
        same_user(uri, shown) and not same_user(uri, invite.called)
        for uri in hidden
        for invite in state.invites
        for shown in invite.listed
    )
    return Conference(
        focus_node=state.focus,
        calls=len(state.calls),
        participants=len(state.joined),
        roster_seen=state.rosters.names_somebody,
        roster_right=state.rosters.right(state.joined),
        list_seen=bool(state.listed),
        list_reached=reached,
        all_protected=_all_protected(state),
        focus_inside=state.inside,
        list_leaked=leaked or (False if state.invites else Unknown.of("vantage", "the INVITEs of the focus")),
        first=state.cites,
    )


def referral_entities(state: ConferenceState) -> Iterator[Referral]:
    """Each REFER to the focus, with the call that it led to."""
    for refer in state.refers:
        asserted = refer.asserted or (refer.within.asserted if refer.within is not None else ())
        names = any(not anonymous(uri) for uri in asserted)
        member: Tristate = any(_took_part(one, asserted, refer) for one in state.joined)
        if not member and names:
            member = Unknown.of("vantage", "the call of who sent the REFER with the focus, at that time")
        after = [
            each for each in state.invites if each.ts_ns >= refer.ts_ns and same_user(each.called, refer.target.uri)
        ]
        led = min(after, key=lambda each: each.ts_ns, default=None)
        unseen = Unknown.of("vantage", "the INVITE that the REFER led to")
        yield Referral(
            focus_node=state.focus,
            from_node=refer.sender,
            accepted=refer.accepted,
            invites=refer.target.method == "INVITE",
            identified=names,
            member=member,
            named_on=led.referred_by if led is not None else unseen,
            first=tuple(dict.fromkeys((*refer.cites, *(led.cites if led is not None else ())))),
        )
