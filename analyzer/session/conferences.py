"""Conferences: the calls that go to one focus under one conference URI, with rosters, lists and referrals (RFC 4579).

Calls are taken as they close; what is said of a conference is decided at the end, and for the dialogs of an MRFC whose
INVITEs call nothing after a conference, which conference that is. Bounded: further conferences, participants, rosters
and referrals are counted, not kept.
"""

from collections.abc import Iterable, Sequence

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.uri import parse_name_addr
from analyzer.session.bound import BoundBfcp, BoundMsrp
from analyzer.session.call_floors import CallFloor, together
from analyzer.session.conference_identifiers import discover
from analyzer.session.conference_state import (
    BY_URI,
    MAX_KEPT,
    AskedInvitation,
    ConferenceState,
    Grouping,
    HopState,
    Invitation,
    still_protected,
)
from analyzer.session.controlled import REQUEST_URI, ControlDialog, control_dialog
from analyzer.session.focus import ROLES, FocusLeg, conference_uri, focus_leg, focus_name
from analyzer.session.legs import CallState
from analyzer.session.media.record import RtcpRecord, StreamRecord
from analyzer.session.participant_talk import floor_uris, talk_of
from analyzer.session.participants import Joined, Together, joined
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord
from analyzer.session.rosters import documents

UNNAMED = define(
    "conference.unnamed",
    Severity.LOW,
    "Dialogs with an MRFC have nothing in common that tells one conference from another: each is taken by itself",
    "TS 23.218 8.1.3",
)
MAX_CONFERENCES = 10_000
MAX_PARTICIPANTS = 1_000


@frozen
class _Undecided:
    """A dialog with an MRFC, with all there is to say of its conference but which one it is."""

    state: ConferenceState
    dialog: ControlDialog
    call_id: str


class Conferences:
    """Takes closed calls and dialogs. Of at most `bfcp_conferences` the floors are kept."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._found: dict[str, ConferenceState] = {}
        self._undecided: list[_Undecided] = []
        self._with_floors: set[int] = set()
        self.settled: dict[str, str] = {}  # calls whose conference is known at the end, by their id
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
        records: Sequence[StreamRecord] = (),
        rtcp: Sequence[RtcpRecord] = (),
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
        state = self._undecide(focal, call, call_id, placement) if focal.unnamed else self._named(focal, placement)
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
        state.protected = still_protected(state.protected, call, hops, "protect" in placement.topology.policy.values())
        state.cite(one.entity.first)
        state.mixing.take(call_id, focal, records, rtcp)
        self._bodies(focal, state)
        self._floors(floors, state)
        self._rosters(call, placement)
        self._refers(call, placement, state, one)
        return f"conference-{state.ordinal}" if state.ordinal > 0 else None

    def _named(self, focal: FocusLeg, placement: Placement) -> ConferenceState | None:
        """The conference that a call names. An identifier is one of the server's that gives it, a URI is anybody's."""
        own = bool(focal.place) and not focal.place.startswith(REQUEST_URI)
        key = f"{focal.uri}\0{placement.node(focal.peer)}" if own else focal.uri
        grouping = Grouping("identifier", focal.place) if focal.place else BY_URI
        return self._of(key, focal.name, focal.at_focus, focal.uri, grouping)

    def _undecide(self, focal: FocusLeg, call: CallState, call_id: str, placement: Placement) -> ConferenceState | None:
        """What is to be said of a conference that is known at the end."""
        if focal.unnamed is None or len(self._undecided) >= MAX_CONFERENCES:
            self.evicted += 1
            return None
        server, mrfc = placement.node(focal.peer), placement.node(focal.focus)
        dialog = control_dialog(focal.leg, focal.unnamed, call, server, mrfc)
        state = ConferenceState(-1 - len(self._undecided), focal.at_focus, focal.name, dialog.uri)
        self._undecided.append(_Undecided(state, dialog, call_id))
        return state

    def settle(self) -> list[Anomaly]:
        """Puts the dialogs with an MRFC into their conferences, now that all are known; says that some stay alone."""
        found = discover([each.dialog for each in self._undecided])
        alone: dict[tuple[str, str], list[_Undecided]] = {}
        for number, (each, known) in enumerate(zip(self._undecided, found, strict=True)):
            dialog, state = each.dialog, each.state
            if known is None:
                alone.setdefault((dialog.server, dialog.mrfc), []).append(each)
                key, grouping = f"{dialog.uri}\0\0{number}", Grouping("none", "", 0)
            else:
                state.uri = dialog.uri_of(known.word)
                key = state.uri if known.place == REQUEST_URI else f"{state.uri}\0{dialog.server}"
                grouping = Grouping("identifier" if known.named else "common_word", known.place, known.score)
            whole = self._of(key, state.focus, state.at_focus, state.uri, grouping)
            if whole is None or len(whole.joined) >= MAX_PARTICIPANTS:
                self.evicted += whole is not None
                continue
            whole.absorb(state)
            self.settled[each.call_id] = f"conference-{whole.ordinal}"
        self._undecided.clear()
        doubtful = (dialogs[0].state for dialogs in alone.values() if len(dialogs) > 1)
        return [Anomaly(UNNAMED, state.cites[:1], f"at {state.focus}") for state in doubtful]

    def _of(
        self, key: str, focus: str, at_focus: bool, uri: str, grouping: Grouping = BY_URI
    ) -> ConferenceState | None:
        state = self._found.get(key)
        if state is None:
            if len(self._found) >= MAX_CONFERENCES:
                self.evicted += 1
                return None
            state = self._found[key] = ConferenceState(len(self._found) + 1, at_focus, focus, uri, grouping)
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
                for floor, _ in media.floorids[:MAX_KEPT]:
                    state.floors.setdefault(f"{media.confid if media.confid is not None else '-'}/{floor}")
            recipients = message.bodies.recipients
            if message.method != "INVITE" or not message.request:
                continue
            if from_focus and len(state.invites) < MAX_KEPT:
                shown = tuple(r.uri for r in recipients.recipients) if recipients else ()
                called = parse_name_addr(next(iter(message.all("to")), "")).uri
                state.invites.append(Invitation(called, bool(message.referred_by), shown, message.ts_ns, message.cites))
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
            elif len(state.control) < MAX_KEPT:
                state.control[key] = floor
                state.floors.setdefault(f"{floor.conference_id}/{floor.floor_id}")

    @staticmethod
    def _list(recipients: Iterable[object], state: ConferenceState) -> None:
        for recipient in recipients:
            uri, hidden = getattr(recipient, "uri", ""), getattr(recipient, "anonymize", False)
            hidden = hidden or getattr(recipient, "copy", "") == "bcc"
            if uri and len(state.listed) < MAX_KEPT:
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
        return known or self._of(wanted, focus_name(focus, at_focus, wanted, placement), at_focus, wanted)

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
                if state is None or len(state.refers) >= MAX_KEPT:
                    continue
                sender = placement.node(message.carrier.endpoints.src.ip)
                accepted = _accepted(message, leg.messages)
                within, wanted = one if message.to_tag else None, message.refer_to
                state.refers.append(
                    AskedInvitation(wanted, sender, message.asserted, accepted, within, message.ts_ns, message.cites)
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
