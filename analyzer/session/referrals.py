"""REFER and the request that it led to, which is of another call: related, not one (RFC 3515, RFC 3892).

What a REFER asks for is sent by its receiver, to the target that it names, while its implicit subscription lasts: until
a NOTIFY tells the final answer. A request is looked at as it comes, held against the REFERs that wait for one to this
target; which of them it belongs to is decided at the end, when all that may have asked for it are known. Where two
calls may have asked for one request, or one REFER for two calls, none is related to the other, and that is said.
"""

from collections import Counter, OrderedDict, deque
from itertools import islice

from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.core.numbers import decimal
from analyzer.formats.headers import parameters
from analyzer.session.call_links import AMBIGUOUS, NodeOf
from analyzer.session.legs import RETRIED, CallState
from analyzer.session.records import MessageRecord
from analyzer.session.referral_facts import (
    ACCEPTED,
    Refer,
    Relation,
    Request,
    Trait,
    fits,
    grounds,
    passed,
    refer_of,
    request_of,
    score,
    targets_of,
)

_TARGETS = 64  # of one REFER


class Referrals:
    """The REFERs of the last minute, and those that something may have come of. `evicted`: past a bound."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: OrderedDict[tuple[object, ...], Refer] = OrderedDict()  # in the order of their coming
        self._by_trait: dict[Trait, deque[Refer]] = {}
        self._by_dialog: dict[str, dict[int | None, list[Refer]]] = {}  # call -> CSeq -> one for each target
        self._requests: dict[tuple[str, str], Request] = {}  # what may have been asked for, by its call and method
        self._names: Counter[str] = Counter()  # of calls that something is remembered of
        self._shown: dict[str, str | None] = {}  # the id that the report has for one that was judged
        self._led = 0  # REFERs whose time has passed and that something may have come of
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._waiting) + self._led

    # -- what is learnt ------------------------------------------------------------------------------------------

    def observe(self, call: CallState, record: MessageRecord) -> None:
        """Takes a message of an open call."""
        if record.retransmission:
            return
        if record.method == "REFER":
            self._refer(call, record)
        elif not self._waiting and not self._requests:
            return
        elif record.request and record.bodies.sipfrag is not None and record.method == "NOTIFY":
            self._told(call, record)
        elif record.request:
            self._sent(call, record)
        else:
            self._answered(call, record)

    def _refer(self, call: CallState, record: MessageRecord) -> None:
        if not record.request:
            refused = (record.status or 0) >= 300  # a challenge, too: another REFER follows it
            for refer in self._by_dialog.get(call.name, {}).get(record.cseq, ()):
                refer.refused |= refused
            return
        for target, method in islice(targets_of(record), _TARGETS):
            known = self._waiting.get((call.name, record.from_tag, record.cseq, target))
            if known is not None:
                passed(known.ways, record)
            elif target:
                self._wait(call, record, target, method)

    def _wait(self, call: CallState, record: MessageRecord, target: str, method: str) -> None:
        self._expire(record.ts_ns)
        if len(self._waiting) >= self._limits.referrals:
            self.evicted += 1
            return
        refer = refer_of(call, record, target, method, self._limits.referral_ns)
        self._waiting[refer.key] = refer
        for trait in refer.traits():
            self._by_trait.setdefault(trait, deque(maxlen=self._limits.referral_candidates)).append(refer)
        self._by_dialog.setdefault(call.name, {}).setdefault(record.cseq, []).append(refer)
        self._names[call.name] += 1

    def _expire(self, now_ns: int) -> None:
        """Of REFERs whose time has passed those are kept that something may have come of."""
        while self._waiting:
            key, refer = next(iter(self._waiting.items()))
            if refer.at_ns + self._limits.referral_ns >= now_ns:
                return
            del self._waiting[key]
            for trait in refer.traits():
                known = self._by_trait.get(trait)
                if known and known[0] is refer:  # they came in this order
                    known.popleft()
                if not known:
                    self._by_trait.pop(trait, None)
            dialog = self._by_dialog[refer.call]
            dialog.pop(refer.cseq, None)
            if not dialog:
                del self._by_dialog[refer.call]
            self._leave(refer)

    def _leave(self, refer: Refer) -> None:
        if refer.led_to and self._led < self._limits.referrals:
            self._led += 1
            return
        self.evicted += bool(refer.led_to)
        self._unname(refer.call)
        for request in refer.led_to:
            request.asked_by.remove(refer)
            if not request.asked_by:
                del self._requests[request.call, request.method]
                self._unname(request.call)

    def _unname(self, call: str) -> None:
        self._names[call] -= 1
        if not self._names[call]:
            del self._names[call]
            self._shown.pop(call, None)

    def _told(self, call: CallState, notify: MessageRecord) -> None:
        """A NOTIFY ends what a REFER asked for: the one whose number it names, or the only one (RFC 3515 2.4.6). Where
        there were several targets it does not say which of them has answered."""
        dialog, frag = self._by_dialog.get(call.name, {}), notify.bodies.sipfrag
        if frag is None or not frag.final or len(dialog) > self._limits.referral_candidates:
            return
        number = decimal(parameters(next(iter(notify.all("event")), ""))[1].get("id", ""))
        rows = dialog.values() if number is None else [dialog.get(number, [])]
        refers = [refer for row in rows for refer in row if not refer.refused]
        if len(refers) != 1:
            return
        (refer,) = refers
        if refer.status is None:
            refer.status, refer.told = frag.status, notify.cites
            refer.until_ns = min(refer.until_ns, notify.ts_ns)

    def _sent(self, call: CallState, record: MessageRecord) -> None:
        known = self._requests.get((call.name, record.method))
        if known is not None:
            if record.cseq == known.cseq and call.name not in self._shown:
                passed(known.ways, record)
            return
        if not self._by_trait or not (record.initial or record.method == "BYE"):
            return
        request = request_of(call, record)
        asked = {
            id(refer): refer
            for trait in request.traits()
            for refer in self._by_trait.get(trait, ())
            if refer.at_ns <= record.ts_ns <= refer.until_ns and fits(refer, request)
        }
        for refer in islice(asked.values(), self._limits.referral_candidates):
            if len(refer.led_to) < self._limits.referral_candidates:
                refer.led_to.append(request)
                request.asked_by.append(refer)
        if request.asked_by:
            self._requests[call.name, request.method] = request
            self._names[call.name] += 1

    def _answered(self, call: CallState, record: MessageRecord) -> None:
        request, status = self._requests.get((call.name, record.method)), record.status or 0
        if request is None or status < 200 or status in RETRIED:
            return
        if request.status is None or status < 300:
            request.status = status

    def closed(self, call: CallState, shown: str | None) -> None:
        """The id that the report has for a call which was judged; None for a dialog that is no call."""
        for name in call.names or (call.name,):
            if name in self._names:
                self._shown.setdefault(name, shown)

    # -- what it amounts to --------------------------------------------------------------------------------------

    def decide(self, node: NodeOf) -> tuple[list[Relation], list[Anomaly]]:
        """What was asked for by which REFER, in order of time, and what may have been asked for by several."""
        chosen: dict[int, list[tuple[int, Refer, Request]]] = {}
        doubts: list[Anomaly] = []
        for request in self._requests.values():
            best = self._best(request, node)
            if isinstance(best, Anomaly):
                doubts.append(best)
            elif best is not None:
                chosen.setdefault(id(best[1]), []).append((*best, request))
        found: list[Relation] = []
        for pairs in chosen.values():
            most = max(score for score, _, _ in pairs)
            likely = [pair for pair in pairs if pair[0] == most]
            if len({self._one(request) for _, _, request in likely}) > 1:
                doubts.append(Anomaly(AMBIGUOUS, likely[0][1].cites, "a REFER that several calls may have followed"))
            elif self._one(likely[0][1]) != self._one(likely[0][2]):
                found.append(self._relation(*likely[0], node))
        return sorted(found, key=lambda relation: relation.cites[0].ts_ns), doubts

    def _one(self, what: Refer | Request) -> str:
        """The call of the report that it belongs to; of what is no call, the dialog."""
        return self._shown.get(what.call) or what.call

    def _best(self, request: Request, node: NodeOf) -> tuple[int, Refer] | Anomaly | None:
        """The REFER that fits a request best; of several of one call, the last."""
        scored = [(score(refer, request, node), refer) for refer in request.asked_by]
        most = max((points for points, _ in scored), default=0)
        likely = [refer for points, refer in scored if points == most]
        if most < ACCEPTED:
            return None
        if len({self._one(refer) for refer in likely}) > 1:
            return Anomaly(AMBIGUOUS, request.cites, "a call that several REFERs may have asked for")
        return most, max(likely, key=lambda refer: refer.at_ns)

    def _relation(self, points: int, refer: Refer, request: Request, node: NodeOf) -> Relation:
        return Relation(
            asking=self._shown.get(refer.call),
            caused=self._shown.get(request.call),
            call_ids=(refer.call_id, request.call_id),
            method=request.method,
            score=points,
            grounds=tuple(grounds(refer, request, node)),
            status=refer.status,
            cites=tuple(dict.fromkeys((*refer.cites[-1:], *request.cites[-1:], *refer.told[-1:]))),
        )
