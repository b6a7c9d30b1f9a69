"""Legs put together into calls across proxies, B2BUAs, an IMS-ALG and a focus (hops.md section 3).

Calls are one call where a key joins them: exactly (a Call-ID that an element kept as it passed the call on,
Session-ID, icid, a header that the operator named, the offered address, the origin of the offer, a dialog named by
Replaces or in a Refer-To, a referral), or by likeness, where caller and callee, the shape of the offer and the time all
agree; for an offer that was not seen two grounds stand in that alone prove nothing (who generated the icid, the
operators, History-Info, messages that keep step). Joining is transitive. A wrong join is worse than none: where a key
or a likeness would put two calls together that one call cannot hold, it joins nothing, and that is said.

Work and memory are proportional to the calls: every question goes to an index, and a key that too many calls carry
names no session.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import SECOND_NS, Limits
from analyzer.protocols.sip.message import Message
from analyzer.session.call_links import LATE, Group, Link, NodeOf, doubt, link, meant, naming
from analyzer.session.correlation_keys import (
    BRIEF,
    SCORES,
    SLOT_NS,
    TELLING,
    Ground,
    Key,
    Kind,
    Named,
    call_id_keys,
    features,
    grounds,
    header_keys,
    likenesses,
    named_dialogs,
    offer_keys,
    referral_keys,
    similarity,
    slotted,
)
from analyzer.session.key_index import KeyIndex
from analyzer.session.leg_timing import in_step
from analyzer.session.legs import CallState
from analyzer.session.one_call import one_call, passed_on
from analyzer.session.records import MessageRecord

BRIEF_NS = 10 * SECOND_NS  # calls with a common brief key start within this time of each other
ACCEPTED = 70
SHAPE, TIME, PERSONS = 40, 20, 30  # weights of a likeness
SUPPORT, MOST_SUPPORT, SURE = 10, 20, 99  # of each ground that supports it, and of all; none makes it exact
_GROUNDS = 8  # values that support a likeness, kept of a call
_NAMES = 8  # dialogs that one call names
_SIMILAR = 0.8
_PERSISTENT = frozenset[Kind](("session_id", "icid", "header"))


@dataclass(slots=True)
class _Traits:
    call: CallState
    keys: dict[Key, None] = field(default_factory=dict)
    likenesses: tuple[bytes, ...] = ()
    names: tuple[Named, ...] = ()
    shape: frozenset[int] | None = None
    grounds: set[tuple[Ground, bytes]] = field(default_factory=set)
    late: bool = False


@dataclass(slots=True)
class _Component:
    """Calls that are joined so far."""

    calls: dict[int, CallState] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    doubts: list[Anomaly] = field(default_factory=list)


class Correlator:
    """An index of the open calls. Every open call may be asked for its group at any time."""

    def __init__(self, limits: Limits, headers: Sequence[str] = ()) -> None:
        self._limits = limits
        self._headers = tuple(headers)
        self._telling = TELLING.union(map(str.lower, headers))
        self._traits: dict[int, _Traits] = {}
        self._index = KeyIndex(limits.correlation_past)
        self._by_call_id: dict[str, list[int]] = {}
        self._named_by: dict[str, list[int]] = {}  # Call-ID -> calls that name that dialog

    def __len__(self) -> int:
        return len(self._traits)

    # -- what is learnt ------------------------------------------------------------------------------------------

    def observe(self, call: CallState, record: MessageRecord, message: Message) -> Sequence[Anomaly]:
        """Takes a message of an open call."""
        traits = self._traits.get(call.ordinal)
        refers = record.request and record.method == "REFER" and traits is not None
        if record.retransmission or not (refers or record.method == "INVITE" or (record.initial and _names(message))):
            return ()
        begins = traits is None
        if traits is None:
            traits = self._traits[call.ordinal] = _Traits(call)
            self._by_call_id.setdefault(call.call_id, []).append(call.ordinal)
        telling = record.method == "INVITE" and not self._telling.isdisjoint(message.index)
        found = list(header_keys(message, self._headers)) if telling else []
        if begins:  # all messages of a call have its Call-ID
            found += call_id_keys(message)
        if telling:
            traits.grounds |= set(islice(grounds(message), _GROUNDS - len(traits.grounds)))
        if record.initial or refers:
            self._note_names(traits, named_dialogs(message))
            found += referral_keys(message) if record.request else ()
            if record.method == "INVITE":
                found += offer_keys(record.sdp) if record.sdp is not None else ()
                self._note_likeness(traits, message)
        return self._note_keys(traits, found, record.cites) if found else ()

    def _note_keys(self, traits: _Traits, found: Iterable[Key], cites: tuple[Cite, ...]) -> Sequence[Anomaly]:
        late = False
        for key in found:
            if key not in traits.keys and len(traits.keys) < self._limits.correlation_keys:
                traits.keys[key] = None
                self._index.enter(key.digest, traits.call.ordinal)
                late |= self._index.is_past(key.digest)
        if not late or traits.late:
            return ()
        traits.late = True
        return (Anomaly(LATE, cites),)

    def _note_names(self, traits: _Traits, names: Iterable[Named]) -> None:
        for name in names:
            if name not in traits.names and len(traits.names) < _NAMES:
                traits.names += (name,)
                self._named_by.setdefault(name.call_id, []).append(traits.call.ordinal)

    def _note_likeness(self, traits: _Traits, message: Message) -> None:
        if traits.likenesses:
            return
        traits.likenesses = tuple(likenesses(message))
        slot = traits.call.first_ns // SLOT_NS
        for likeness in traits.likenesses:
            self._index.enter(slotted(likeness, slot), traits.call.ordinal)

    def forget(self, call: CallState) -> None:
        """A call has been judged. Its lasting keys are remembered, within a bound, to know a leg that comes late."""
        traits = self._traits.pop(call.ordinal, None)
        if traits is None:
            return
        same = self._by_call_id[call.call_id]
        same.remove(call.ordinal)
        if not same:
            del self._by_call_id[call.call_id]
        for key in traits.keys:
            self._index.leave(key.digest, call.ordinal)
            if key.kind in _PERSISTENT:
                self._index.remember(key.digest)
        slot = call.first_ns // SLOT_NS
        for likeness in traits.likenesses:
            self._index.leave(slotted(likeness, slot), call.ordinal)
        for name in traits.names:
            naming = self._named_by.get(name.call_id, [])
            if call.ordinal in naming:
                naming.remove(call.ordinal)
            if not naming:
                self._named_by.pop(name.call_id, None)

    # -- what belongs together -----------------------------------------------------------------------------------

    def group(self, call: CallState, node: NodeOf) -> Group:
        """The calls that are one with this call. `node` tells which element stands at an address."""
        if call.ordinal not in self._traits:
            return Group((call,))
        whole, waiting = _Component(), [call.ordinal]
        while waiting:
            ordinal = waiting.pop()
            if ordinal in whole.calls:
                continue
            part = self._alike(ordinal, node)
            whole.calls |= part.calls
            whole.links += part.links
            whole.doubts += part.doubts
            for member in part.calls:
                waiting += self._named(member, whole, node)
        calls = sorted(whole.calls.values(), key=lambda member: (member.first_ns, member.ordinal))
        links = sorted(dict.fromkeys(whole.links), key=lambda link: (-link.score, link.kind, link.call_ids))
        return Group(tuple(calls), tuple(links), tuple(dict.fromkeys(whole.doubts)))

    def _named(self, ordinal: int, whole: _Component, node: NodeOf) -> list[int]:
        """Calls that name a dialog of this one, and those whose dialogs it names."""
        call = self._traits[ordinal].call
        pairs = [
            (other, name)
            for other in self._named_by.get(call.call_id, ())[: self._limits.correlation_members]
            for name in self._traits[other].names
            if name.call_id == call.call_id
        ]
        found: list[int] = []
        for other, name in pairs:
            if meant(name, call, self._traits[other].call, node):
                found.append(other)
                whole.links.append(naming(name, call, self._traits[other].call))
        for name in self._traits[ordinal].names:
            for named in self._by_call_id.get(name.call_id, ())[: self._limits.correlation_members]:
                if named != ordinal and meant(name, self._traits[named].call, call, node):
                    found.append(named)
                    whole.links.append(naming(name, call, self._traits[named].call))
        return found

    def _exact(self, start: int, node: NodeOf) -> _Component:
        """The calls that keys join to one."""
        found, waiting = _Component(), [start]
        while waiting:
            ordinal = waiting.pop()
            if ordinal in found.calls:
                continue
            traits = self._traits[ordinal]
            found.calls[ordinal] = traits.call
            for key in traits.keys:
                members = self._joined_by(key, traits.call, node, found)
                waiting += [member.ordinal for member in members]
                found.links += [link(key.kind, SCORES[key.kind], one, other) for one, other in pairwise(members)]
        if len(found.calls) > 1 and not one_call(list(found.calls.values()), node):
            return self._refused(start, found)
        return found

    def _joined_by(self, key: Key, call: CallState, node: NodeOf, found: _Component) -> list[CallState]:
        if self._index.is_spoiled(key.digest):
            found.doubts += self._doubts(key, call)
            return []
        if not self._index.shared(key.digest):
            return []
        known = self._index.carriers(key.digest)
        if len(known) > self._limits.correlation_members:
            self._index.spoil(key.digest)
            found.doubts += self._doubts(key, call)
            return []
        members = sorted((self._traits[o].call for o in known), key=lambda each: (each.first_ns, each.ordinal))
        if key.kind in BRIEF:
            members = _near(members, call)
        elif key.kind == "call_id":
            members = passed_on(members, call, node)
        if len(members) > 1 and not one_call(members, node):
            self._index.spoil(key.digest)
            found.doubts += self._doubts(key, call)
            return []
        return members

    def _doubts(self, key: Key, call: CallState) -> list[Anomaly]:
        """That a key was refused. One UUID in several calls is a focus's: where the other half tells which call it is,
        there is no doubt (RFC 7989 9)."""
        known = key.kind == "session_uuid" and any(k.kind == "session_id" for k in self._traits[call.ordinal].keys)
        return [] if known else [doubt(call, str(key.kind))]

    def _refused(self, start: int, found: _Component) -> _Component:
        """Each key by itself joins what may be one call, all together do not: none of them does."""
        for ordinal in found.calls:
            for key in self._traits[ordinal].keys:
                if self._index.shared(key.digest):
                    self._index.spoil(key.digest)
        alone = self._traits[start].call
        return _Component({start: alone}, [], [*found.doubts, doubt(alone, "what joins it leads to two calls")])

    def _alike(self, start: int, node: NodeOf) -> _Component:
        """The same, with the calls that likeness joins to them."""
        first = self._exact(start, node)
        whole = _Component(dict(first.calls), list(first.links), list(first.doubts))
        waiting, likely = list(first.calls), False
        while waiting:
            ordinal = waiting.pop()
            for other, score in self._likely(ordinal):
                if other is None or len(whole.calls) > self._limits.correlation_candidates:
                    return self._unlike(start, first, whole)
                if other in whole.calls:
                    continue
                likely = True
                more = self._exact(other, node)
                whole.calls |= more.calls
                whole.links += [*more.links, link("likeness", score, self._traits[ordinal].call, whole.calls[other])]
                whole.doubts += more.doubts
                waiting += list(more.calls)
        if likely and not one_call(list(whole.calls.values()), node):
            return self._unlike(start, first, whole)
        return whole

    def _unlike(self, start: int, first: _Component, whole: _Component) -> _Component:
        for ordinal in whole.calls:
            traits = self._traits[ordinal]
            for likeness in traits.likenesses:
                self._index.spoil(slotted(likeness, traits.call.first_ns // SLOT_NS))
        unlike = doubt(self._traits[start].call, "likeness")
        return _Component(first.calls, first.links, [*first.doubts, unlike])

    def _likely(self, ordinal: int) -> Iterator[tuple[int | None, int]]:
        """Calls of the same persons with the same offer at the same time; None: too many to tell."""
        traits = self._traits[ordinal]
        shape = self._shape(traits)
        if not traits.likenesses or not (shape or traits.grounds):
            return
        slot, seen = traits.call.first_ns // SLOT_NS, {ordinal}
        for likeness in traits.likenesses:
            for near in (slot - 1, slot, slot + 1):
                digest = slotted(likeness, near)
                members = self._index.carriers(digest)
                if self._index.is_spoiled(digest) or len(members) > self._limits.correlation_candidates:
                    yield None, 0
                for other in members:
                    if other not in seen:
                        seen.add(other)
                        score = self._score(traits, shape, self._traits[other])
                        if score >= ACCEPTED:
                            yield other, score

    def _score(self, traits: _Traits, shape: frozenset[int], other: _Traits) -> int:
        apart = abs(traits.call.first_ns - other.call.first_ns)
        if apart > SLOT_NS:
            return 0
        theirs = self._shape(other)
        alike = bool(shape and theirs) and similarity(shape, theirs) >= _SIMILAR
        if not alike and shape and theirs:
            return PERSONS + TIME  # two offers that differ: what many calls have in common does not outweigh that
        common = {ground for ground, _ in traits.grounds & other.grounds}
        support = min(MOST_SUPPORT, SUPPORT * (len(common) + in_step(traits.call, other.call)))
        return min(SURE, PERSONS + TIME + support + (SHAPE if alike else 0))

    def _shape(self, traits: _Traits) -> frozenset[int]:
        if traits.shape is None:
            offers = (m.sdp for leg in traits.call.legs.values() for m in leg.messages[:4] if m.initial and m.sdp)
            offer = next(offers, None)
            traits.shape = features(offer) if offer is not None else frozenset()
        return traits.shape


def _names(message: Message) -> bool:
    return any(message.first(name) is not None for name in ("replaces", "target-dialog"))


def _near(members: list[CallState], call: CallState) -> list[CallState]:
    """Those of a sorted row of calls that start near this one, over any number of steps."""
    rows: list[list[CallState]] = []
    for member in members:
        if rows and member.first_ns - rows[-1][-1].first_ns <= BRIEF_NS:
            rows[-1].append(member)
        else:
            rows.append([member])
    return next(row for row in rows if any(member is call for member in row))
