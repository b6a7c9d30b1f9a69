"""RTCP and SRTCP by the addresses it runs between: how it is protected, verified where keys are at hand (RFC 3711 3.4).

An SRTCP packet carries its own index, so each is opened by itself; one whose key is not known yet waits, within a
bound. Packets that were opened or refused count once, however many vantage points saw them. What was opened says what
clear RTCP says.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.crypto.srtp.reasons import Reason
from analyzer.protocols.rtp import rtcp
from analyzer.session.media.record import RtcpRecord, Span
from analyzer.session.media_keys import MediaKey
from analyzer.session.model.states import RtcpState
from analyzer.session.stream_keys import StreamKeys

_END = 1 << 62
_EARLIER = 8  # flows of a direction that are kept for calls which are over
Pair = tuple[Address, Address]
_NAMED = 64  # whose CNAME is kept, of one direction
_SENDERS = 16  # whose last report is kept, of one direction
_REFERENCES = 16  # to reports that are kept of it


@dataclass(slots=True)
class _Flow:
    """RTCP from one address to another."""

    first: Cite
    began_ns: int
    last_ns: int
    begun_by: str = ""  # the call that had taken over an address when it began
    parted_by: str = ""  # the one that took over an address from it
    packets: int = 0
    plain: int = 0
    protected: int = 0
    names: dict[int, str] = field(default_factory=dict)  # CNAME of each SSRC, and CSRC of a mixer, the latest
    cname: str = ""
    bye: bool = False
    reports: dict[int, rtcp.SenderReport] = field(default_factory=dict)  # the last of each SSRC
    references: dict[tuple[int, int], None] = field(default_factory=dict)  # the latest
    encrypted: int = 0
    authenticated: int = 0
    failed: int = 0
    late: int = 0
    suite: str | None = None
    keys: list[MediaKey] = field(default_factory=list)  # that opened packets, the latest first
    seen: dict[object, None] = field(default_factory=dict)
    waiting: dict[bytes, None] = field(default_factory=dict)


class RtcpFlows:
    """Flows by direction, `Limits.streams` of them at most; an old one makes room, and a pause starts a new one."""

    def __init__(self, limits: Limits, keys: StreamKeys | None = None) -> None:
        self._limits = limits
        self._keys = keys
        self._flows: OrderedDict[Pair, _Flow] = OrderedDict()
        self._at: dict[Address, dict[Pair, None]] = {}
        self._earlier: OrderedDict[Pair, list[_Flow]] = OrderedDict()  # of calls that are over
        self._taken_over: OrderedDict[Address, str] = OrderedDict()  # by which call
        self.evicted = 0

    def feed(self, endpoints: Endpoints, data: bytes, whole: bool, cite: Cite, position: int) -> None:
        """Takes a datagram that begins like RTCP, at a position in frames; `whole` unless the capture cut it."""
        parsed = rtcp.parse(data)
        if parsed is None:
            return
        flow = self._flow(endpoints, cite)
        flow.packets += 1
        flow.last_ns = cite.ts_ns
        if parsed.well_formed:
            if not flow.plain:
                flow.first = cite
            flow.plain += 1
            _tell(flow, parsed)
            return
        flow.protected += 1
        if self._keys is None or not whole:
            return
        mark = hash(data)
        if not self._new(flow, mark):
            return
        if not self._try(endpoints, flow, data, parsed.ssrc, position):
            flow.waiting[data] = None
            if len(flow.waiting) > self._limits.rtcp_wait_packets:
                del flow.waiting[next(iter(flow.waiting))]
                flow.late += 1

    def _flow(self, endpoints: Endpoints, cite: Cite) -> _Flow:
        key = (endpoints.src, endpoints.dst)
        flow = self._flows.get(key)
        if flow is not None and cite.ts_ns - flow.last_ns > self._limits.stream_idle_ns:
            self._drop(key)
            flow = None
        if flow is None:
            if len(self._flows) >= self._limits.streams:
                self._drop(next(iter(self._flows)))
                self.evicted += 1
            begun_by = self._taken_over.get(endpoints.src) or self._taken_over.get(endpoints.dst, "")
            flow = self._flows[key] = _Flow(cite, cite.ts_ns, cite.ts_ns, begun_by)
            for end in key:
                self._at.setdefault(end, {})[key] = None
        return flow

    def _drop(self, key: Pair) -> _Flow:
        for end in set(key):
            del self._at[end][key]
            if not self._at[end]:
                del self._at[end]
        return self._flows.pop(key)

    def begin_anew(self, call_id: str, address: Address) -> None:
        """A call has taken over an address of RTP from one that is over: what still comes there, or to the port above,
        is another flow. The last few of a direction are kept for the calls that they were of."""
        for end in (address, Address(address.ip, address.port + 1)):
            self._taken_over[end] = call_id
            self._taken_over.move_to_end(end)
            if len(self._taken_over) > self._limits.streams:
                self._taken_over.popitem(last=False)
            for key in [key for key in self._at.get(end, ()) if self._flows[key].begun_by != call_id]:
                flow = self._drop(key)
                flow.parted_by = call_id
                kept = self._earlier.setdefault(key, [])
                kept.append(flow)
                del kept[:-_EARLIER]
                self._earlier.move_to_end(key)
                if len(self._earlier) > self._limits.streams:
                    self._earlier.popitem(last=False)

    def _new(self, flow: _Flow, mark: object) -> bool:
        if mark in flow.seen:
            return False
        flow.seen[mark] = None
        if len(flow.seen) > self._limits.srtp_window:
            del flow.seen[next(iter(flow.seen))]
        return True

    def _try(self, endpoints: Endpoints, flow: _Flow, data: bytes, ssrc: int, position: int) -> bool:
        if self._keys is not None and not flow.keys:
            self._keys.screen((endpoints.src, endpoints.dst, ssrc), (data,), True)
        keys = self._keys.keys(endpoints.src, endpoints.dst, ssrc, position) if self._keys is not None else None
        for key in (*flow.keys, *(keys or ())):
            parts = key.context.split_rtcp(data)
            if isinstance(parts, Reason):
                continue
            plain = key.context.open_rtcp(parts)
            if isinstance(plain, Reason):
                continue
            flow.authenticated += 1
            flow.encrypted += parts.encrypted and key.context.suite.encrypts
            flow.suite = key.context.suite.name
            if self._keys is not None:
                self._keys.prove(ssrc, key)
            if not flow.keys or flow.keys[0] is not key:
                flow.keys = [key, *(known for known in flow.keys if known is not key)][: self._limits.srtp_keys]
            if (parsed := rtcp.parse(plain)) is not None and parsed.well_formed:
                _tell(flow, parsed)
            return True
        return False

    def between(self, a: Address, b: Address, span: Span | None = None) -> list[RtcpRecord]:
        """RTCP between two addresses, either direction, under all keys known by now; where calls took the addresses
        over from each other, that of a span."""
        found: list[RtcpRecord] = []
        for pair in ((a, b), (b, a)) if self._flows or self._earlier else ():
            earlier, flow = self._earlier.get(pair), self._flows.get(pair)
            if earlier is None and flow is None:
                continue
            flows = [*(earlier or ()), *([flow] if flow is not None else ())]
            if span is not None and any(each.begun_by or each.parted_by for each in flows):
                flows = [each for each in flows if span.holds(each.began_ns, each.last_ns, each.parted_by)]
            found += [self._record(Endpoints(*pair, 17), each) for each in flows]
        return found

    def _record(self, endpoints: Endpoints, flow: _Flow) -> RtcpRecord:
        ends = endpoints.src, endpoints.dst
        for data in list(flow.waiting):
            ssrc = int.from_bytes(data[4:8], "big")
            if self._try(endpoints, flow, data, ssrc, _END):
                del flow.waiting[data]
        ssrcs = {int.from_bytes(data[4:8], "big") for data in flow.waiting}
        tried = self._keys is not None and any(
            not key.tentative for ssrc in ssrcs for key in self._keys.keys(*ends, ssrc, _END) or ()
        )
        return RtcpRecord(
            *ends, flow.packets, flow.plain, flow.protected, flow.cname, flow.bye, flow.first,
            tuple(flow.reports.values()),
            tuple(flow.names.items()),
            frozenset(flow.references),
            suite=flow.suite,
            encrypted=flow.encrypted,
            authenticated=flow.authenticated,
            failed=len(flow.waiting) if tried else 0,
            late=flow.late,
        )  # fmt: skip


def _tell(flow: _Flow, parsed: rtcp.Rtcp) -> None:
    flow.cname = flow.cname or parsed.cname
    for source, name in parsed.names:
        if name and (source in flow.names or len(flow.names) < _NAMED):
            flow.names[source] = name
    flow.bye = flow.bye or parsed.bye
    report = parsed.report
    if report is not None and (report.ssrc in flow.reports or len(flow.reports) < _SENDERS):
        flow.reports[report.ssrc] = report
    sent = [(report.ssrc, report.ntp >> 16 & 0xFFFFFFFF)] if report is not None else []
    for reference in (*sent, *parsed.references):
        flow.references.pop(reference, None)  # the latest stand last
        flow.references[reference] = None
    while len(flow.references) > _REFERENCES:
        del flow.references[next(iter(flow.references))]


def rtcp_state(flows: Sequence[RtcpRecord]) -> RtcpState:
    """The weakest that any packet had (hops.md section 6); what no key verifies has the shape of SRTCP, and no more."""
    if not any(flow.packets for flow in flows):
        return "missing"
    if any(flow.plain for flow in flows):
        return "clear"
    if any(flow.authenticated > flow.encrypted for flow in flows):
        return "srtcp_auth_only"
    return "srtcp_enc" if all(flow.authenticated and not flow.failed for flow in flows) else "unknown"
