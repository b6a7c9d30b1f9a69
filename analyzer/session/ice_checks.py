"""Where ICE and STUN say that media run (RFC 8445, RFC 8489).

A connectivity check names the fragments of both descriptions in its USERNAME, that of its receiver first (RFC 8445
7.2.2), and is keyed with the receiver's password: a flow on which one verifies is that of the m-lines which gave both.
A response shows its receiver as which address it is known beyond a NAT, or which address a relay gave it.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import SECOND_NS, Limits
from analyzer.core.severity import Severity
from analyzer.core.text import decode
from analyzer.protocols.sdp.session import Media
from analyzer.protocols.stun.integrity import verifies
from analyzer.protocols.stun.message import ALLOCATE, BINDING, REQUEST, SUCCESS, USERNAME, StunMessage
from analyzer.protocols.stun.parser import parse
from analyzer.session.ice import fragments
from analyzer.session.media.record import Span
from analyzer.session.offer_answer import Negotiation

EVICTED = define(
    "ice.checks_limit", Severity.LOW, "More ICE checks or mapped addresses than are remembered; the oldest is forgotten"
)
_LONGEST = 1_024  # bytes of a check that is kept
_FLOWS = 64  # of one m-line that are looked at
_MAPPED = 4  # addresses that one was shown as
_BEFORE_NS = 300 * SECOND_NS  # how long a mapping may have been idle when a call begins (RFC 4787 REQ-5)
Shown = OrderedDict[Address, dict[Address, "_Response"]]


@dataclass(slots=True)
class _Check:
    """The first and the last request with one USERNAME from one address to another, and when those were."""

    first: bytes
    last: bytes
    cite: Cite
    last_ns: int

    def verifies(self, password: bytes) -> bool:
        """Whether the password made one of them."""
        read = (parse(raw, ()) for raw in dict.fromkeys((self.first, self.last)))
        return any(isinstance(each, StunMessage) and verifies(each, password) for each in read)


@dataclass(slots=True)
class _Response:
    """The first response that showed an address, and when the last one did."""

    cite: Cite
    last_ns: int


@frozen
class IceFlow:
    """Two addresses between which checks of both descriptions verify, and the first of them."""

    offerer: Address
    answerer: Address
    cite: Cite


@dataclass(slots=True)
class _Mappings:
    """As what addresses were shown, and who was shown as one."""

    shown: Shown = field(default_factory=OrderedDict)
    behind: Shown = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self.shown) + len(self.behind)

    def add(self, own: Address, other: Address, cite: Cite) -> None:
        for table, key, value in ((self.shown, own, other), (self.behind, other, own)):
            known = table.setdefault(key, {})
            if value in known:
                known[value].last_ns = cite.ts_ns
            elif len(known) < _MAPPED:
                known[value] = _Response(cite, cite.ts_ns)
            table.move_to_end(key)

    def of(self, address: Address, span: Span) -> Iterator[tuple[Address, Cite]]:
        """The one address that stands for another in a span of time, with the response; none where several do."""
        for table in (self.shown, self.behind):
            known = table.get(address, {})
            near = [
                (other, response.cite)
                for other, response in known.items()
                if response.cite.ts_ns <= span.last_ns and response.last_ns >= span.first_ns - _BEFORE_NS
            ]
            if len(near) == 1 and len(known) < _MAPPED:
                yield near[0]


class IceChecks:
    """Checks and mapped addresses, `Limits.ice_checks` of each; the ones longest unused make room, which is said."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._checks: OrderedDict[tuple[str, Endpoints], _Check] = OrderedDict()
        self._named: dict[str, dict[Endpoints, None]] = {}
        self._asked: OrderedDict[tuple[Endpoints, bytes], None] = OrderedDict()
        self._mappings = _Mappings()
        self._heard: OrderedDict[str, int] = OrderedDict()  # by fragment: time of the latest check
        self._announced = False

    def __len__(self) -> int:
        return len(self._checks)

    def take(self, endpoints: Endpoints, message: StunMessage) -> list[Anomaly]:
        """Takes a STUN message that went this way; gives the announcement, once, that a bound was hit."""
        if message.method not in (BINDING, ALLOCATE):
            return []
        if message.message_class == REQUEST:
            self._asked[endpoints, message.transaction] = None
            username = message.value(USERNAME)
            if username is not None and message.protected and len(message.raw) <= _LONGEST:
                self._check(decode(username), endpoints, message)
        elif message.message_class == SUCCESS:
            asked = endpoints.reverse, message.transaction
            if asked in self._asked:  # a response to nobody's question shows nothing
                del self._asked[asked]
                self._respond(endpoints.dst, message)
        return self._make_room(message)

    def _check(self, name: str, endpoints: Endpoints, message: StunMessage) -> None:
        known = self._checks.get((name, endpoints))
        if known is None:
            self._checks[name, endpoints] = _Check(message.raw, message.raw, message.cites[0], message.cites[-1].ts_ns)
            self._named.setdefault(name, {})[endpoints] = None
        else:
            known.last, known.last_ns = message.raw, message.cites[-1].ts_ns
            self._checks.move_to_end((name, endpoints))
        for fragment in name.split(":", 1):
            self._heard[fragment] = message.cites[-1].ts_ns
            self._heard.move_to_end(fragment)

    def last_activity(self, fragment: str) -> int:
        """Time of the latest check that names a fragment, 0 if none: they go on as long as media do (RFC 7675)."""
        return self._heard.get(fragment, 0)

    def _respond(self, own: Address, message: StunMessage) -> None:
        for other in (message.mapped, message.relayed):
            if other is not None and other != own and other.port:
                self._mappings.add(own, other, message.cites[-1])

    def _make_room(self, message: StunMessage) -> list[Anomaly]:
        most, full = self._limits.ice_checks, False
        if len(self._checks) > most:
            (name, endpoints), _ = self._checks.popitem(last=False)
            del self._named[name][endpoints]
            if not self._named[name]:
                del self._named[name]
            full = True
        for mappings in (self._mappings.shown, self._mappings.behind):
            while len(mappings) > most:
                mappings.popitem(last=False)
                full = True
        while len(self._asked) > most:  # unanswered
            self._asked.popitem(last=False)
        while len(self._heard) > 2 * most:
            self._heard.popitem(last=False)
        if not full or self._announced:
            return []
        self._announced = True
        return [Anomaly(EVICTED, message.cites, f"{most} of each")]

    # -- what is asked at the end of a call ------------------------------------------------------------------------

    def flows(self, negotiations: Sequence[Negotiation], span: Span) -> list[IceFlow]:
        """Where checks of an m-line ran in a span of time, those that its passwords verify, in the order of sight."""
        found: dict[tuple[Address, Address], IceFlow] = {}
        for offer, answer in fragments(negotiations):
            for receiver, sender, by_offerer in ((answer, offer, True), (offer, answer, False)):
                for endpoints, check in self._verified(receiver, sender, span):
                    ends = endpoints if by_offerer else endpoints.reverse
                    found.setdefault((ends.src, ends.dst), IceFlow(ends.src, ends.dst, check.cite))
        return list(found.values())[:_FLOWS]

    def _verified(self, receiver: Media, sender: Media, span: Span) -> Iterator[tuple[Endpoints, _Check]]:
        name, password = f"{receiver.ice_ufrag}:{sender.ice_ufrag}", receiver.ice_pwd
        assert password is not None
        ways = self._named.get(name, {})
        for endpoints in islice(reversed(ways), self._limits.connections_per_address):
            check = self._checks[name, endpoints]
            in_time = check.cite.ts_ns <= span.last_ns and check.last_ns >= span.first_ns
            if in_time and check.verifies(password.reveal()):
                yield endpoints, check

    def translated(self, address: Address, span: Span) -> list[tuple[Address, Cite]]:
        """Other addresses of the same end, on the other side of a NAT or a relay, and the response that shows it; none
        where that is not unique."""
        return list(self._mappings.of(address, span)) if len(self._mappings) else []
