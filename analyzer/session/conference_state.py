"""What is known of one conference while its calls close, and of two that are found to be one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.referral import ReferTo
from analyzer.session.call_floors import CallFloor, together
from analyzer.session.legs import CallState
from analyzer.session.mixing import Mixing
from analyzer.session.model.states import GroupedBy
from analyzer.session.participant_talk import FloorUser, Talk
from analyzer.session.participants import Joined
from analyzer.session.rosters import Rosters

_CITES = 20
MAX_KEPT = 256  # recipients, referrals, invitations of one conference


@dataclass(slots=True)
class AskedInvitation:
    """A REFER to the focus; `within`: the participant in whose dialog it stands."""

    target: ReferTo
    sender: str
    asserted: tuple[str, ...]
    accepted: Tristate
    within: Joined | None
    ts_ns: int
    cites: tuple[Cite, ...]


@dataclass(slots=True)
class Invitation:
    """An INVITE of the focus: whom it calls, for whom, and whom its body names."""

    called: str
    referred_by: bool
    listed: tuple[str, ...]
    ts_ns: int
    cites: tuple[Cite, ...]


@frozen
class Grouping:
    """Why calls are of one conference: its URI, an identifier that the INVITEs to an MRFC name, or a word that they
    have in common; where that stands, and how sure it is, per cent. `none`: nothing tells, and the call is by itself.
    """

    by: GroupedBy = "uri"
    place: str = ""
    score: int = 100


@dataclass(slots=True)
class ConferenceState:
    """What is known of one conference."""

    ordinal: int
    at_focus: bool
    focus: str  # its node name, address or host name
    uri: str
    grouping: Grouping = field(default_factory=Grouping)
    calls: list[str] = field(default_factory=list)
    joined: list[Joined] = field(default_factory=list)
    floors: dict[str, None] = field(default_factory=dict)  # named in SDP or on the wire, as conference/floor
    control: dict[tuple[int, int], CallFloor] = field(default_factory=dict)  # what BFCP shows of them
    talk: dict[str, Talk] = field(default_factory=dict)  # of each participant, by its call
    floor_uris: dict[FloorUser, str] = field(default_factory=dict)  # USER-URI of BFCP users
    mixing: Mixing = field(default_factory=Mixing)  # whose streams its mixer put together
    states: set[str] = field(default_factory=set)
    access_seen: bool = False
    protected: Tristate = True  # every leg of who joined, as far as captured
    inside: Tristate = False  # the focus belongs to the trust domain
    rosters: Rosters = field(default_factory=Rosters)
    listed: dict[str, bool] = field(default_factory=dict)  # recipient: whether it should stay unnamed
    refers: list[AskedInvitation] = field(default_factory=list)
    invites: list[Invitation] = field(default_factory=list)
    cites: tuple[Cite, ...] = ()

    def absorb(self, other: "ConferenceState") -> None:
        """Takes what is known of another one, which is the same."""
        self.calls += other.calls
        self.joined += other.joined
        self.talk |= other.talk
        self.floor_uris = other.floor_uris | self.floor_uris
        self.floors |= other.floors
        for key, floor in other.control.items():
            if key in self.control:
                self.control[key] = together(self.control[key], floor)
            elif len(self.control) < MAX_KEPT:
                self.control[key] = floor
        self.states |= other.states
        self.access_seen |= other.access_seen
        self.protected = both(self.protected, other.protected)
        if self.inside is not True:
            self.inside = other.inside
        self.mixing.calls |= other.mixing.calls
        for uri, hidden in list(other.listed.items())[: MAX_KEPT - len(self.listed)]:
            self.listed.setdefault(uri, hidden)
        self.refers = [*self.refers, *other.refers][:MAX_KEPT]
        self.invites = [*self.invites, *other.invites][:MAX_KEPT]
        self.cite(other.cites)

    def cite(self, cites: Iterable[Cite]) -> None:
        """Remembers evidence, within the bound."""
        self.cites = tuple(dict.fromkeys((*self.cites, *cites)))[:_CITES]


BY_URI = Grouping()


@frozen
class HopState:
    """What a conference needs of a media hop of its calls."""

    state: str
    access: bool
    core: bool  # beyond the access, with packets
    readable: Tristate = False  # content is in clear where nothing permits that


def still_protected(before: Tristate, call: CallState, hops: Sequence[HopState], core: bool) -> Tristate:
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


def both(one: Tristate, other: Tristate) -> Tristate:
    """Kleene and."""
    if one is False or other is False:
        return False
    return other if one is True else one
