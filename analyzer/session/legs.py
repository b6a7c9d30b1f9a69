"""Legs and calls: SIP messages put together by dialog and by the two elements they pass between.

A leg is one dialog, or the attempt at one, between two elements (RFC 3261 12). Its messages are those of one call
between one pair of addresses. A call is the legs that share a Call-ID and a tag of either end (hops.md section 3), or
a Call-ID and both addresses. Without a Call-ID, what is between two addresses and shares a tag is one call, and a
message without a tag too is alone with what answers it. A call closes when it has ended, or gone quiet, and its
linger has passed in capture time.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.formats.conference_info import ConferenceInfo, merge
from analyzer.session.bodies import Bodies
from analyzer.session.offer_answer import OfferAnswer, SdpMessage
from analyzer.session.records import MessageRecord

if TYPE_CHECKING:
    from analyzer.session.call_links import Link

_NEGOTIATING = frozenset({"INVITE", "UPDATE", "PRACK", "ACK"})
_MAX_FORKS = 16
_ROSTERS = 32  # documents of a subscription that are kept beside what they make together
_TAGS = 64  # of one call, by which further messages are known to be of it
RETRIED = frozenset({401, 407, 422, 423, 491, 494})
"""Status codes after which the client is expected to try the request again."""


@dataclass(slots=True)
class LegState:
    """One leg while its call is open. `initiator` sent the first request seen; `answer_from` is the other end."""

    ordinal: int
    call_id: str
    initiator: int
    responder: int
    started_by_request: bool
    messages: list[MessageRecord] = field(default_factory=list)
    dropped_messages: int = 0
    offer_answer: dict[str, OfferAnswer] = field(default_factory=dict)  # to-tag of the dialog -> its negotiation
    invites: int = 0
    answered: bool = False
    cancelled: bool = False
    final_status: int | None = None
    bye: bool = False

    @property
    def first(self) -> MessageRecord:
        """Its first message."""
        return self.messages[0]

    @property
    def outcome(self) -> str:
        """answered, cancelled, rejected, failed, unanswered or unknown."""
        if self.answered:
            return "answered"
        if not self.invites:
            return "unknown"
        if self.cancelled or self.final_status == 487:
            return "cancelled"
        if self.final_status is None:
            return "unanswered" if all(message.complete for message in self.messages) else "unknown"
        return "failed" if self.final_status >= 500 else "rejected"

    @property
    def over(self) -> bool:
        """Nothing more is expected of it."""
        if self.bye:
            return True
        refused = self.final_status is not None and self.final_status not in RETRIED
        return refused and not self.answered


@dataclass(slots=True)
class CallState:
    """The legs of one call while they are open; to be judged, those of every call that is one with it.

    `name` tells it from all others: its Call-ID, where no call before it had that one. `divided`: one had.
    """

    ordinal: int
    call_id: str
    name: str
    first_ns: int
    last_ns: int
    divided: bool = False
    legs: dict[tuple[int, ...], LegState] = field(default_factory=dict)
    ended_ns: int | None = None
    messages: int = 0
    roster: ConferenceInfo | None = None  # what its notifications say together (RFC 4575 4.6)
    notified: list[MessageRecord] = field(default_factory=list)  # the last of them whose own document is kept
    unkept: int = 0  # documents that are not
    call_ids: tuple[str, ...] = ()  # of a call put together from several: each of theirs
    names: tuple[str, ...] = ()  # likewise
    links: "tuple[Link, ...]" = ()  # what joins them

    def notify(self, message: MessageRecord) -> tuple[Anomaly, ...]:
        """Takes a NOTIFY with a conference document; says which are missing before it."""
        if message.bodies.roster is None:
            return ()
        self.notified.append(message)
        if len(self.notified) > _ROSTERS:
            self.notified.pop(0).bodies = Bodies()
            self.unkept += 1
        self.roster, gaps = merge(self.roster, message.bodies.roster)
        return gaps

    @property
    def is_call(self) -> bool:
        """An INVITE, or a message of an INVITE dialog, was seen."""
        return any(leg.invites or leg.bye for leg in self.legs.values())

    def deadline(self, limits: Limits) -> int:
        """When it closes if nothing more is heard, in capture time."""
        if self.ended_ns is not None:
            return self.ended_ns + limits.linger_ns
        return self.last_ns + (limits.call_quiet_ns if self.is_call else limits.linger_ns)


def _pair(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a <= b else (b, a)


_Key = tuple[object, ...]


def _known_by(message: MessageRecord, pair: tuple[int, int]) -> list[_Key]:
    """What other messages of the same call have in common with this one, strongest first."""
    call_id, tags = message.call_id, filter(None, (message.from_tag, message.to_tag))
    keys: list[_Key] = []
    for tag in tags:
        keys.append((call_id, tag) if call_id else ("", *pair, tag))
    if call_id:
        keys.append((call_id, *pair))
    elif not keys and message.branch:
        keys.append(("", *pair, message.branch, message.cseq))
    return keys


class CallTable:
    """Every open call. Past `Limits.calls` the oldest is closed early and said to be evicted.

    Who is told of a call that is due or evicted removes it.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._calls: dict[int, CallState] = {}  # by ordinal
        self._known: dict[_Key, int] = {}
        self._keys: dict[int, list[_Key]] = {}  # of each call, those of `_known` that lead to it
        self._by_call_id: dict[str, dict[int, None]] = {}
        self._ordinal = 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._calls)

    def at(self, ordinal: int) -> CallState | None:
        """The open call with this ordinal."""
        return self._calls.get(ordinal)

    def holds(self, call: CallState) -> bool:
        """Whether it is open: not judged yet."""
        return self.at(call.ordinal) is call

    def add(self, message: MessageRecord) -> tuple[CallState, LegState, list[CallState]]:
        """Files a new message. Also gives calls that had to be closed to make room."""
        evicted: list[CallState] = []
        ends = message.carrier.endpoints
        pair = _pair(ends.src.ip, ends.dst.ip)
        keys = _known_by(message, pair)
        ordinals = list(map(self._known.get, keys))
        ordinal = next(filter(None, ordinals), None)  # they begin with 1
        if ordinal is None:
            if len(self._calls) >= self._limits.calls:
                evicted.append(next(iter(self._calls.values())))
                self.evicted += 1
            call = self._begin(message)
        else:
            call = self._calls[ordinal]
        if None in ordinals:
            self._learn(call, keys)
        leg = call.legs.get(pair) or self._begin_leg(call, message, pair)
        call.messages += 1
        call.last_ns = max(call.last_ns, message.ts_ns)
        if len(leg.messages) < self._limits.messages_per_call:
            leg.messages.append(message)
        else:
            leg.dropped_messages += 1
        _advance(leg, message)
        call.ended_ns = call.last_ns if leg.over and all(each.over for each in call.legs.values()) else None
        return call, leg, evicted

    def _begin(self, message: MessageRecord) -> CallState:
        self._ordinal += 1
        ordinal, call_id = self._ordinal, message.call_id
        same = self._by_call_id.setdefault(call_id, {})
        divided = bool(same) and bool(call_id)
        name = call_id if call_id and not divided else f"{call_id}\0{ordinal}"  # no Call-ID has a NUL (RFC 3261 25.1)
        call = CallState(ordinal, call_id, name, message.ts_ns, message.ts_ns, divided)
        same[ordinal] = None
        self._calls[ordinal] = call
        self._keys[ordinal] = []
        return call

    def _learn(self, call: CallState, keys: list[_Key]) -> None:
        known = self._keys[call.ordinal]
        for key in keys:
            if key not in self._known and len(known) < _TAGS:
                self._known[key] = call.ordinal
                known.append(key)

    def _begin_leg(self, call: CallState, message: MessageRecord, pair: tuple[int, int]) -> LegState:
        source, target = message.carrier.endpoints.src.ip, message.carrier.endpoints.dst.ip
        first, other = (source, target) if message.request else (target, source)
        leg = call.legs[pair] = LegState(len(call.legs) + 1, call.call_id, first, other, message.request)
        return leg

    def due(self, now_ns: int) -> list[CallState]:
        """Calls whose linger has passed, in the order in which they came due."""
        due = [call for call in self._calls.values() if call.deadline(self._limits) <= now_ns]
        due.sort(key=lambda call: (call.deadline(self._limits), call.ordinal))
        return due

    def touch(self, call: CallState, ts_ns: int) -> None:
        """Keeps a call open whose media still flows."""
        call.last_ns = max(call.last_ns, ts_ns)
        self._calls[call.ordinal] = self._calls.pop(call.ordinal)

    def is_due(self, call: CallState, now_ns: int) -> bool:
        """Whether the linger of a call has passed."""
        return call.deadline(self._limits) <= now_ns

    def all(self) -> list[CallState]:
        """Every open call, oldest first."""
        return list(self._calls.values())

    def remove(self, call: CallState) -> None:
        """Takes a call out, to be judged."""
        del self._calls[call.ordinal]
        for key in self._keys.pop(call.ordinal):
            del self._known[key]
        same = self._by_call_id[call.call_id]
        del same[call.ordinal]
        if not same:
            del self._by_call_id[call.call_id]


def _advance(leg: LegState, message: MessageRecord) -> None:
    """What the message does to the leg's life."""
    if message.request:
        if message.method == "INVITE":
            leg.invites += 1
            if not message.to_tag:
                leg.final_status = None
        elif message.method == "CANCEL":
            leg.cancelled = True
        elif message.method == "BYE":
            leg.bye = True
    elif message.method == "INVITE" and message.status is not None and message.status >= 200:
        leg.invites = max(leg.invites, 1)
        if message.status < 300:
            leg.answered = True
        elif not leg.answered:
            leg.final_status = message.status
    elif message.method not in {"INVITE", "CANCEL", "PRACK", "UPDATE"} and not leg.invites:
        leg.final_status = message.status if (message.status or 0) >= 200 else leg.final_status
    _negotiate(leg, message)


def _negotiate(leg: LegState, message: MessageRecord) -> None:
    """Hands the message to the negotiation of its dialog: one for each To tag of a forked INVITE."""
    if message.retransmission or message.method not in _NEGOTIATING:
        return
    refused = message.status is not None and message.status >= 300
    if message.sdp is None and not refused:
        return
    ends = message.carrier.endpoints
    if ends.src.ip != ends.dst.ip:
        from_initiator = ends.src.ip == leg.initiator
    else:  # both ends on one host: the tags tell them apart
        from_initiator = message.request == (message.from_tag == leg.first.from_tag)
    fact = SdpMessage(
        message.method, message.status, from_initiator, message.cseq,
        message.reliable, message.sdp, message.cites, message.ts_ns,
    )  # fmt: skip
    tag = message.to_tag if message.from_tag == leg.first.from_tag else message.from_tag
    dialogs = leg.offer_answer
    if tag in dialogs:
        dialogs[tag].apply(fact)
    elif not tag or "" not in dialogs:
        dialogs[tag] = OfferAnswer()
        dialogs[tag].apply(fact)
    elif len(dialogs) <= _MAX_FORKS:
        dialogs[tag] = dialogs[""].forked()
        dialogs[tag].apply(fact)
