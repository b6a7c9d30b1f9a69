"""SIP messages as they arrive: counted once, filed under their call, their SDP negotiated."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from analyzer.core.addresses import Address, parse_ip
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.tally import count
from analyzer.formats.uri import host_port
from analyzer.protocols.sip.message import Message
from analyzer.session.address_uses import AddressUses
from analyzer.session.bodies import bodies_of
from analyzer.session.call_links import AMBIGUOUS, NodeOf, first_cites
from analyzer.session.carrier import Carrier
from analyzer.session.claims import Claims
from analyzer.session.correlation import Correlator
from analyzer.session.esp.agreements import Agreements
from analyzer.session.inference import Facts, Observations
from analyzer.session.joining import joined
from analyzer.session.legs import CallState, CallTable
from analyzer.session.media_keys import MediaKeys
from analyzer.session.offer_answer import rtp_address
from analyzer.session.records import MessageRecord, record
from analyzer.session.referrals import Referrals
from analyzer.session.registrations import Registrations
from analyzer.session.sightings import SightingTable

_CALL_IDS = 1_000_000  # Call-IDs counted exactly
_CORE_HEADERS = ("p-charging-vector", "p-charging-function-addresses")


@dataclass(slots=True)
class SipCounts:
    """SIP as a whole, each message once however many vantage points saw it on its hop. Repeats are among them."""

    messages: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    responses: Counter[str] = field(default_factory=Counter)
    retransmissions: int = 0
    mirrored: int = 0
    malformed: int = 0
    call_ids: set[int] = field(default_factory=set)  # 64 bits of each, under a key of this process


@frozen
class Filed:
    """What became of a message: its record if it is new, the call it belongs to, calls that have to make room.

    Who gets those `evicted` takes them (`Signalling.take`). `anew` are addresses that it describes and that were those
    of a call which is over.
    """

    record: MessageRecord | None
    call: CallState | None
    evicted: Sequence[CallState]
    anomalies: Sequence[Anomaly]
    anew: tuple[Address, ...] = ()


@dataclass(slots=True)
class _Seen:
    """A message that was seen: its record once it is filed. `others` saw it too. The message itself is not kept."""

    record: MessageRecord | None = None
    others: dict[int, tuple[Cite, ...]] | None = None

    def also(self, vantage: int, cites: tuple[Cite, ...]) -> None:
        """Notes a sighting at another vantage point, the first there."""
        if self.record is not None:
            self.record.sightings.setdefault(vantage, cites)
        else:
            self.others = self.others or {}
            self.others.setdefault(vantage, cites)


class _Held(NamedTuple):
    """What was captured of a message in part."""

    seen: _Seen
    message: Message
    carrier: Carrier


class Signalling:
    """Takes SIP messages in capture order."""

    def __init__(self, limits: Limits, correlation_headers: Sequence[str] = (), takes_keys: bool = True) -> None:
        self._limits = limits
        self._takes_keys = takes_keys
        self._sightings = SightingTable(limits)
        self.calls = CallTable(limits)
        self._correlator = Correlator(limits, correlation_headers)
        self.referrals = Referrals(limits)
        self.keys = MediaKeys(limits)
        self.claims = Claims(limits)
        self._uses = AddressUses(limits)
        self.counts = SipCounts()
        self.registrations = Registrations()
        self.agreements = Agreements(limits)
        self.observations = Observations()
        self._ordinal = 0
        self.held: dict[int, _Held] = {}  # copies in part, until it is known that no whole one comes

    def message(self, message: Message, carrier: Carrier) -> Filed:
        """Takes one sighting of a message. One that was captured in part is held back: a whole copy counts for it."""
        seen = _Seen()
        alias = _alias(message, carrier)
        occurrence, owner = self._sightings.place(carrier, message.raw, message.ts_ns, seen, alias, message.cut)
        known = owner if isinstance(owner, _Seen) else seen
        if occurrence == "mirror":
            self.counts.mirrored += 1
            return Filed(None, None, (), ())
        if occurrence in ("sighting", "whole", "whole again"):
            part = self.held.pop(id(known), None) if occurrence != "sighting" else None
            if part is None:
                known.also(carrier.vantage, message.cites)
                return Filed(None, None, (), ())
            known.also(part.carrier.vantage, part.message.cites)
            return self._file(known, message, carrier, occurrence == "whole again")
        if message.cut:
            self.held[id(seen)] = _Held(seen, message, carrier)
            return Filed(None, None, (), ())
        return self._file(seen, message, carrier, occurrence == "retransmission")

    def overdue(self, now_ns: int | None) -> list[tuple[Message, Filed]]:
        """Files messages that were held back too long for a whole copy to come; all of them, without a time."""
        found: list[tuple[Message, Filed]] = []
        if not self.held:
            return found
        excess = len(self.held) - self._limits.cut_messages
        for place, held in list(self.held.items()):
            due = now_ns is None or now_ns - held.message.ts_ns > self._limits.sighting_window_ns
            if not due and len(found) >= excess:
                break
            del self.held[place]
            found.append((held.message, self._file(*held, False)))
        return found

    def _file(self, seen: _Seen, message: Message, carrier: Carrier, repeated: bool) -> Filed:
        """Counts a message and puts it into its call."""
        self._count(message)
        self.counts.retransmissions += repeated
        self._ordinal += 1
        bodies, anomalies = bodies_of(message, self._limits)
        sdp = bodies.sdp
        filed = record(message, carrier, bodies, self._ordinal)
        filed.retransmission = repeated
        if seen.others:
            filed.sightings.update({place: cites for place, cites in seen.others.items() if place != carrier.vantage})
        seen.record = filed
        self._observe(message, carrier, filed.vias)
        ends = carrier.endpoints
        filed.on_agreed_port = self.agreements.protects(ends)
        anomalies += self.agreements.observe(message, ends.src.ip, ends.dst.ip)
        call, _, evicted = self.calls.add(filed)
        if call.messages == 1 and not call.divided and call.call_id and len(self.counts.call_ids) < _CALL_IDS:
            self.counts.call_ids.add(hash(call.call_id))  # that of a call which is open has been counted
        anew: tuple[Address, ...] = ()
        if sdp is not None and not filed.retransmission:
            named = (rtp_address(media) for media in sdp.media if media.is_rtp)
            anew = self._uses.describe(call, [each for each in named if each is not None], self.calls)
            if self._takes_keys:
                self.keys.describe(call.name, sdp, filed.cites)
            self.claims.describe(call.name, sdp)
        if filed.bodies.roster is not None and not filed.retransmission:
            anomalies += call.notify(filed)
        late = self._correlator.observe(call, filed, message)
        self.referrals.observe(call, filed)
        return Filed(filed, call, evicted, (*anomalies, *late), anew)

    def ready(self, call: CallState, now_ns: int, node: NodeOf) -> bool:
        """Whether a call that is due can be judged: so can every leg that belongs to it."""
        group = self._correlator.group(call, node)
        return all(self.calls.is_due(member, now_ns) for member in group.calls)

    def take(self, call: CallState, node: NodeOf) -> tuple[CallState, Sequence[Anomaly]]:
        """An open call with every leg that belongs to it, taken out to be judged; what is doubtful about that."""
        group = self._correlator.group(call, node)
        doubts = [*group.doubts, *_divided(group.calls)]
        for member in group.calls:
            self.drop(member)
        return joined(group), doubts

    def drop(self, call: CallState) -> None:
        """Takes an open call out without what belongs to it."""
        self.calls.remove(call)
        self._correlator.forget(call)

    def _count(self, message: Message) -> None:
        counts = self.counts
        counts.messages += 1
        if message.anomalies:
            counts.malformed += any(anomaly.kind.origin == "wire" for anomaly in message.anomalies)
        if message.is_request:
            count(counts.requests, message.method, self._limits.counted_words)
        else:
            count(counts.responses, str(message.status), self._limits.counted_words)

    def _observe(self, message: Message, carrier: Carrier, vias: int) -> None:
        src, dst = carrier.endpoints.src.ip, carrier.endpoints.dst.ip
        contact = message.first("contact") or ""
        focus = "isfocus" in contact.lower()
        if not (focus or (vias > 1 and message.is_request) or message.method == "REGISTER"):
            self.observations.meet(src, dst)  # nothing else tells more
            return
        own = bool(contact) and _host(contact) == src
        registers = message.method == "REGISTER" and bool(message.call_id)
        self.observations.observe(
            src,
            dst,
            Facts(
                request=message.is_request,
                method=message.method,
                vias=vias,
                contact_is_sender=own,
                core_headers=any(message.first(name) is not None for name in _CORE_HEADERS),
                asserted=message.first("p-asserted-identity") is not None,
                focus=focus,
                request_id=f"{message.call_id} {message.first('cseq')}" if registers else "",
            ),
        )
        if message.method == "REGISTER":
            self.registrations.observe(message, carrier, vias == 1)


def _alias(message: Message, carrier: Carrier) -> tuple[object, ...] | None:
    """What a copy of a message that was captured in part has in common with a whole one: the packet, or the branch."""
    what = message.method if message.is_request else message.status
    if carrier.ip_id > 0:
        return carrier.endpoints, carrier.ip_id, what
    branch = message.branch
    return (carrier.endpoints, branch, what) if branch else None


def _divided(calls: Sequence[CallState]) -> list[Anomaly]:
    """Calls whose Call-ID another one had, without a tag in common, and that nothing joined to it."""
    times = Counter(call.call_id for call in calls)
    return [
        Anomaly(AMBIGUOUS, first_cites(call), "a Call-ID of which no tag is the other's")
        for call in calls
        if call.divided and times[call.call_id] == 1
    ]


def _host(contact: str) -> int | None:
    """The address in a Contact's URI, if it is numeric."""
    uri = contact.partition("<")[2].partition(">")[0] or contact.partition(";")[0]
    place = uri.partition(":")[2].partition(";")[0].partition("?")[0].rpartition("@")[2]
    return parse_ip(host_port(place)[0])
