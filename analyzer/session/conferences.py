"""Conferences: the calls that go to one focus under one conference URI, with rosters, lists and referrals (RFC 4579).

Calls are taken as they close; what is said of a conference is decided at the end. Bounded: further conferences,
participants, rosters and referrals are counted, not kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.referral import ReferTo
from analyzer.formats.uri import parse_name_addr, same_user
from analyzer.session.bound import BoundBfcp, BoundMsrp
from analyzer.session.call_floors import CallFloor, together
from analyzer.session.focus import ROLES, FocusLeg, conference_uri, focus_leg, focus_name
from analyzer.session.legs import CallState
from analyzer.session.model.people import Conference, Participant, Referral
from analyzer.session.participant_talk import FloorUser, Talk, floor_uris, talk_of, with_talk
from analyzer.session.participants import Joined, Together, joined
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord
from analyzer.session.rosters import Rosters, documents
from analyzer.session.shown_identities import anonymous

MAX_CONFERENCES = 10_000
MAX_PARTICIPANTS = 1_000
_MAX_KEPT = 256  # recipients, referrals, invitations of one conference
_CITES = 20


@dataclass(slots=True)
class _Refer:
    """A REFER to the focus; `within`: the participant in whose dialog it stands."""

    target: ReferTo
    sender: str
    asserted: tuple[str, ...]
    accepted: Tristate
    within: Joined | None
    ts_ns: int
    cites: tuple[Cite, ...]


@dataclass(slots=True)
class _Invite:
    """An INVITE of the focus: whom it calls, for whom, and whom its body names."""

    called: str
    referred_by: bool
    listed: tuple[str, ...]
    ts_ns: int
    cites: tuple[Cite, ...]


@dataclass(slots=True)
class ConferenceState:
    """What is known of one conference."""

    ordinal: int
    at_focus: bool
    focus: str  # its node name, address or host name
    uri: str
    calls: list[str] = field(default_factory=list)
    joined: list[Joined] = field(default_factory=list)
    floors: dict[str, None] = field(default_factory=dict)  # named in SDP or on the wire, as conference/floor
    control: dict[tuple[int, int], CallFloor] = field(default_factory=dict)  # what BFCP shows of them
    talk: dict[str, Talk] = field(default_factory=dict)  # of each participant, by its call
    floor_uris: dict[FloorUser, str] = field(default_factory=dict)  # USER-URI of BFCP users
    states: set[str] = field(default_factory=set)
    access_seen: bool = False
    protected: Tristate = True  # every leg of who joined, as far as captured
    inside: Tristate = False  # the focus belongs to the trust domain
    rosters: Rosters = field(default_factory=Rosters)
    listed: dict[str, bool] = field(default_factory=dict)  # recipient: whether it should stay unnamed
    refers: list[_Refer] = field(default_factory=list)
    invites: list[_Invite] = field(default_factory=list)
    cites: tuple[Cite, ...] = ()

    def cite(self, cites: Iterable[Cite]) -> None:
        """Remembers evidence, within the bound."""
        self.cites = tuple(dict.fromkeys((*self.cites, *cites)))[:_CITES]


@dataclass(frozen=True, slots=True)
class HopState:
    """What a conference needs of a media hop of its calls."""

    state: str
    access: bool
    core: bool  # beyond the access, with packets
    readable: Tristate = False  # content is in clear where nothing permits that


class Conferences:
    """Takes closed calls and dialogs. Of at most `bfcp_conferences` the floors are kept."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._found: dict[str, ConferenceState] = {}
        self._with_floors: set[int] = set()
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._found)

    def take(
        self,
        call: CallState,
        call_id: str | None,
        hops: Sequence[HopState],
        placement: Placement,
        floors: Sequence[CallFloor] = (),
        sessions: Sequence[BoundMsrp | BoundBfcp] = (),
        together: Together = lambda _: (),
    ) -> str | None:
        """Takes a call, or a dialog without INVITE; gives the id of the conference that it joins.

        `together` gives the identities registered together with one.
        """
        if call_id is None:
            self._dialog(call, placement)
            return None
        focal = focus_leg(call, placement)
        if focal is None:
            return None
        state = self._of(focal.uri, focal.name, focal.at_focus)
        if state is None or len(state.joined) >= MAX_PARTICIPANTS:
            self.evicted += state is not None
            return None
        state.calls.append(call_id)
        if state.inside is not True:
            state.inside = _inside(focal, placement)
        one = joined(focal, call.call_ids or (call.call_id,), placement, together)
        state.joined.append(one)
        state.talk[call_id] = talk_of(focal, sessions)
        for user, uri in floor_uris(sessions):
            if len(state.floor_uris) < MAX_PARTICIPANTS:
                state.floor_uris.setdefault(user, uri)
        state.states.update(hop.state for hop in hops)
        state.access_seen |= any(hop.access for hop in hops)
        state.protected = _still_protected(state.protected, call, hops, "protect" in placement.topology.policy.values())
        state.cite(one.entity.first)
        self._bodies(focal, state)
        self._floors(floors, state)
        self._rosters(call, placement)
        self._refers(call, placement, state, one)
        return f"conference-{state.ordinal}"

    def _of(self, uri: str, focus: str, at_focus: bool) -> ConferenceState | None:
        state = self._found.get(uri)
        if state is None:
            if len(self._found) >= MAX_CONFERENCES:
                self.evicted += 1
                return None
            state = self._found[uri] = ConferenceState(len(self._found) + 1, at_focus, focus, uri)
        elif at_focus and not state.at_focus:
            state.focus, state.at_focus = focus, True
        return state

    # -- what messages of the conference carry -----------------------------------------------------------------------

    def _bodies(self, focal: FocusLeg, state: ConferenceState) -> None:
        for message in focal.leg.messages:
            if message.retransmission:
                continue
            from_focus = message.carrier.endpoints.src.ip == focal.focus
            for media in message.sdp.media if message.sdp and from_focus else ():
                for floor, _ in media.floorids[:_MAX_KEPT]:
                    state.floors.setdefault(f"{media.confid if media.confid is not None else '-'}/{floor}")
            recipients = message.bodies.recipients
            if message.method != "INVITE" or not message.request:
                continue
            if from_focus and len(state.invites) < _MAX_KEPT:
                shown = tuple(r.uri for r in recipients.recipients) if recipients else ()
                called = parse_name_addr(next(iter(message.all("to")), "")).uri
                state.invites.append(_Invite(called, bool(message.referred_by), shown, message.ts_ns, message.cites))
            elif recipients is not None and not from_focus:
                self._list(recipients.recipients, state)
                state.cite(message.cites)

    def _floors(self, floors: Sequence[CallFloor], state: ConferenceState) -> None:
        """What the BFCP of a call shows of the conference's floors, joined with what other calls show."""
        if not floors:
            return
        if state.ordinal not in self._with_floors and len(self._with_floors) >= self._limits.bfcp_conferences:
            self.evicted += 1
            return
        self._with_floors.add(state.ordinal)
        for floor in floors:
            key = (floor.conference_id, floor.floor_id)
            if key in state.control:
                state.control[key] = together(state.control[key], floor)
            elif len(state.control) < _MAX_KEPT:
                state.control[key] = floor
                state.floors.setdefault(f"{floor.conference_id}/{floor.floor_id}")

    @staticmethod
    def _list(recipients: Iterable[object], state: ConferenceState) -> None:
        for recipient in recipients:
            uri, hidden = getattr(recipient, "uri", ""), getattr(recipient, "anonymize", False)
            hidden = hidden or getattr(recipient, "copy", "") == "bcc"
            if uri and len(state.listed) < _MAX_KEPT:
                state.listed.setdefault(uri, bool(hidden))

    def _dialog(self, call: CallState, placement: Placement) -> None:
        """A subscription or a referral outside the call."""
        self._rosters(call, placement)
        self._refers(call, placement, None, None)

    def _rosters(self, call: CallState, placement: Placement) -> None:
        for leg in call.legs.values():
            for document in documents(leg.messages):
                message, known = document.message, document.known
                state = self._near(known.entity, message.carrier.endpoints.src.ip, placement) if known.entity else None
                if state is not None:
                    state.rosters.take(known, document.every, message.ts_ns)
                    state.rosters.whole &= not call.unkept
                    state.cite(message.cites)

    def _near(self, uri: str, focus: int, placement: Placement) -> ConferenceState | None:
        wanted = conference_uri(uri)
        known, at_focus = self._found.get(wanted), placement.role(focus) in ROLES
        return known or self._of(wanted, focus_name(focus, at_focus, wanted, placement), at_focus)

    def _refers(
        self, call: CallState, placement: Placement, inside: ConferenceState | None, one: Joined | None
    ) -> None:
        for leg in call.legs.values():
            for message in leg.messages:
                target = message.carrier.endpoints.dst.ip
                if not (message.request and message.method == "REFER" and message.refer_to is not None):
                    continue
                if message.retransmission or placement.role(target) not in ROLES:
                    continue
                state = inside or self._near(message.request_uri, target, placement)
                if state is None or len(state.refers) >= _MAX_KEPT:
                    continue
                sender = placement.node(message.carrier.endpoints.src.ip)
                accepted = _accepted(message, leg.messages)
                within = one if message.to_tag else None
                state.refers.append(
                    _Refer(message.refer_to, sender, message.asserted, accepted, within, message.ts_ns, message.cites)
                )
                if message.bodies.recipients is not None:
                    self._list(message.bodies.recipients.recipients, state)

    # -- what they amount to -----------------------------------------------------------------------------------------

    def all(self) -> list[ConferenceState]:
        """Every conference that a call joined or tried to, in order of first sight."""
        return [state for state in self._found.values() if state.joined]


def _inside(focal: FocusLeg, placement: Placement) -> Tristate:
    """Whether the focus belongs to the core: an address shows it to nobody, the operator's file does."""
    if placement.inferred or not placement.topology.trust_domain:
        return Unknown.of("topology", f"whether {focal.name} belongs to the trust domain")
    if not focal.at_focus:
        return Unknown.of("vantage", f"the hop at the focus of {focal.uri}")
    zone = placement.zone(focal.focus)
    return zone if isinstance(zone, Unknown) else zone in placement.topology.trust_domain


def _accepted(refer: MessageRecord, messages: Sequence[MessageRecord]) -> Tristate:
    answers = [m.status for m in messages if not m.request and m.method == "REFER" and m.cseq == refer.cseq]
    if not answers:
        return Unknown.of("message", "the answer to the REFER")
    return any(200 <= (status or 0) < 300 for status in answers)


def participant_entities(state: ConferenceState) -> Iterator[tuple[Participant, str]]:
    """Each participant with the id of its call, held against the roster."""
    for one, call_id in zip(state.joined, state.calls, strict=True):
        exposed = one.entity.private and state.rosters.exposed(one)
        yield with_talk(replace(one.entity, exposed=exposed), one, state.talk[call_id], state.floor_uris), call_id


def _took_part(one: Joined, asserted: Iterable[str], refer: _Refer) -> bool:
    """Whether who sent a REFER was let in by then and had not left: by the dialog it stands in, else by who is asserted
    of both; what a caller says of itself proves nothing."""
    during = one.since_ns <= refer.ts_ns and (one.until_ns is None or refer.ts_ns <= one.until_ns)
    if not (one.entity.admitted and during):
        return False
    own = [uri for uri in one.asserted if not anonymous(uri)]
    return one is refer.within or any(same_user(uri, known) for uri in asserted for known in own)


def _still_protected(before: Tristate, call: CallState, hops: Sequence[HopState], core: bool) -> Tristate:
    """Whether all legs are protected when those of one more call are known (Kleene and). `core`: there, too."""
    if before is False or any(hop.readable is True for hop in hops):
        return False
    if not any(leg.outcome == "answered" for leg in call.legs.values()):
        return before
    missing = [hop.readable for hop in hops if isinstance(hop.readable, Unknown)]
    if not any(hop.access for hop in hops):
        missing.append(Unknown.of("vantage", "the access leg of every participant"))
    if core and not any(hop.core for hop in hops):
        missing.append(Unknown.of("vantage", "the media of every participant in the core, which policy protects"))
    return missing[0] if missing else before


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
