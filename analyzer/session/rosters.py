"""What the rosters of a conference have shown over time, held against who took part (RFC 4575).

What a later document takes back was read all the same: every user counts who was ever shown, with the last moment of
it. That somebody is not shown is known only of a roster that is whole, while that somebody took part.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.conference_info import LIMIT, ConferenceInfo, User, merge
from analyzer.formats.uri import parse_uri, same_user, user_names
from analyzer.session.records import MessageRecord
from analyzer.session.shown_identities import anonymous

MAX_SHOWN = 4_096
"""Users, as they are shown, that are remembered of one conference; past it nobody is said not to be shown."""
MAX_TIMES = 4_096
"""Moments of documents that are remembered; past it every other one is."""
_TELLING = 4  # characters of a user part by which a display text names somebody
_Shape = tuple[object, ...]


class Participant(Protocol):
    """What is asked of who takes part: asserted identities, dialogs, and when it was let in and left (None: open)."""

    @property
    def asserted(self) -> tuple[str, ...]: ...
    @property
    def call_ids(self) -> tuple[str, ...]: ...
    @property
    def since_ns(self) -> int: ...
    @property
    def until_ns(self) -> int | None: ...


@dataclass(slots=True)
class _Shown:
    user: User
    last_ns: int


@dataclass(slots=True)
class Rosters:
    """Everybody that documents of one conference showed. `whole`: nothing was left out of what is remembered."""

    shown: dict[_Shape, _Shown] = field(default_factory=dict)
    times: list[int] = field(default_factory=list)
    """Moments at which all users were known, in order."""
    whole: bool = True

    @property
    def names_somebody(self) -> bool:
        """A user was shown who is not anonymous."""
        return any(not anonymous(each.user.entity) for each in self.shown.values())

    def take(self, known: ConferenceInfo, every: bool, ts_ns: int) -> None:
        """What a subscriber knew at a moment; `every`: all users of the conference."""
        for user in known.users:
            if user.state == "deleted":
                continue
            shape = (user.entity, user.display_text, user.associated, *[_dialog(each) for each in user.endpoints])
            shown = self.shown.get(shape)
            if shown is not None:
                shown.last_ns = max(shown.last_ns, ts_ns)
            elif len(self.shown) < MAX_SHOWN:
                self.shown[shape] = _Shown(user, ts_ns)
            else:
                self.whole = False
        if every:
            self.times.insert(bisect_left(self.times, ts_ns), ts_ns)
            if len(self.times) > MAX_TIMES:
                del self.times[::2]

    def exposed(self, one: Participant) -> Tristate:
        """Whether a participant who asked for privacy was named while it took part."""
        own = [uri for uri in one.asserted if not anonymous(uri)]
        if any(each.last_ns >= one.since_ns and _names(each.user, own) for each in self.shown.values()):
            return True
        at = bisect_left(self.times, one.since_ns)
        during = at < len(self.times) and (one.until_ns is None or self.times[at] <= one.until_ns)
        if self.whole and during:
            return False
        return Unknown.of("message", "the roster of the conference (NOTIFY with conference-info) while it took part")

    def right(self, joined: Sequence[Participant]) -> Tristate:
        """Whether every user is the identity asserted of a participant: by the dialog it names, else by identity."""
        by_dialog: dict[str, list[Participant]] = {}
        asserted: set[str] = set()
        for one in joined:
            for call_id in one.call_ids:
                by_dialog.setdefault(call_id, []).append(one)
            for uri in one.asserted:
                asserted |= user_names(uri)
        unseen: Unknown | None = None
        for user in (each.user for each in self.shown.values()):
            if anonymous(user.entity):
                continue
            own = user_names(user.entity)
            named_by = [one for each in user.endpoints for one in by_dialog.get(each.call_id, ())]
            if any(one.asserted and not _among(own, one.asserted) for one in named_by):
                return False
            if own.isdisjoint(asserted):
                unseen = Unknown.of("vantage", "the identities asserted of users that the roster names")
        return unseen or True


def _dialog(endpoint: object) -> _Shape:
    return tuple(getattr(endpoint, name) for name in ("entity", "display_text", "call_id"))


def _among(own: frozenset[str], uris: Iterable[str]) -> bool:
    return any(not own.isdisjoint(user_names(uri)) for uri in uris)


def _names(user: User, own: Sequence[str]) -> bool:
    """Whether a user as shown is one of these identities, or its texts tell one (RFC 4575 5.6.1)."""
    uris = (user.entity, *user.associated, *(each.entity for each in user.endpoints))
    if any(same_user(uri, known) for uri in uris for known in own):
        return True
    telling = [name for uri in own if len(name := parse_uri(uri).user.lower().lstrip("+")) >= _TELLING]
    texts = [text.lower() for text in (user.display_text, *(each.display_text for each in user.endpoints)) if text]
    return any(name in text for name in telling for text in texts)


@frozen
class Document:
    """What one subscriber knows after a document; `every`: of all users of the conference."""

    message: MessageRecord
    known: ConferenceInfo
    every: bool


def documents(messages: Iterable[MessageRecord]) -> list[Document]:
    """The documents of one leg's messages, each with what those before it said: their versions count for one
    subscription (RFC 4575 5.1)."""
    found = []
    states: dict[str, tuple[ConferenceInfo, bool]] = {}
    for message in messages:
        news = message.bodies.roster
        if news is None or message.retransmission:
            continue
        known, every = states.get(news.entity, (None, False))
        merged, gaps = merge(known, news)
        if merged is not known:
            cut = any(anomaly.kind is LIMIT for anomaly in news.anomalies)
            all_listed = news.users_state == "full" and (news.state == "full" or known is not None)
            every = not cut and (all_listed or (every and news.state == "partial" and not gaps))
        states[news.entity] = merged, every
        found.append(Document(message, merged, every))
    return found
