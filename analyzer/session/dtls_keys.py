"""SRTP keys that DTLS handshakes gave, by the flow that the handshake and its media share (RFC 5764 5.1).

Each handshake takes effect at its position, in frames; a later one of the same flow adds its keys. Media whose flow had
no handshake in the capture, as behind a NAT or after ICE chose another pair, may be that of a flow that shares one end:
such keys are tried, and what they do not open says nothing.
"""

from collections import OrderedDict
from dataclasses import replace

from analyzer.core.addresses import Address
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.session.dtls import SrtpKeys
from analyzer.session.media_keys import END, MediaKey

_NEIGHBOURS = 4  # flows at one end whose keys are tried for media without a handshake of its own

_Flow = tuple[Address, Address]  # the lesser first


@frozen
class _Handshake:
    position: int
    client: Address
    keys: SrtpKeys

    def of(self, src: Address) -> tuple[MediaKey, ...]:
        """The keys of what an end sends."""
        return self.keys.client if src == self.client else self.keys.server


class DtlsMediaKeys:
    """Keys by flow, those of `Limits.dtls_sessions` flows at most. `evicted` counts flows and handshakes that bounds
    did not admit."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._flows: OrderedDict[_Flow, list[_Handshake]] = OrderedDict()
        self._at: dict[Address, dict[_Flow, None]] = {}
        self._version = 0
        self._versions: dict[Address, int] = {}  # for each address in `_at`: when its flows changed last
        self.evicted = 0
        self._expected: OrderedDict[_Flow, None] = OrderedDict()

    def expect(self, client: Address, server: Address) -> None:
        """A handshake agreed on keys that may become known: media of its flow waits for them."""
        self._expected[(client, server) if client <= server else (server, client)] = None
        if len(self._expected) > self._limits.dtls_sessions:
            self._expected.popitem(last=False)

    def expects(self, src: Address, dst: Address) -> bool:
        """Whether keys for what passes between two addresses may become known."""
        return bool(self._expected) and ((src, dst) if src <= dst else (dst, src)) in self._expected

    def learn(self, client: Address, server: Address, keys: SrtpKeys, position: int) -> None:
        """Takes what a handshake gave, at a position. A handshake seen before, elsewhere, adds nothing."""
        flow = (client, server) if client <= server else (server, client)
        known = self._flows.get(flow)
        if known is None:
            if len(self._flows) >= self._limits.dtls_sessions:
                self._drop(next(iter(self._flows)))
                self.evicted += 1
            known = self._flows[flow] = []
            for end in flow:
                self._at.setdefault(end, {})[flow] = None
        if any(each.client == client and _same(each.keys, keys) for each in known):
            return
        if len(known) >= self._limits.descriptions_per_medium:
            self.evicted += 1
            return
        known.append(_Handshake(position, client, keys))
        self._changed(flow)

    def _drop(self, flow: _Flow) -> None:
        del self._flows[flow]
        self._changed(flow)
        for end in set(flow):
            flows = self._at.get(end, {})
            flows.pop(flow, None)
            if not flows:
                self._at.pop(end, None)
                self._versions.pop(end, None)

    def _changed(self, flow: _Flow) -> None:
        self._version += 1
        for end in flow:
            self._versions[end] = self._version

    def version(self, src: Address, dst: Address) -> tuple[int, int]:
        """What changes whenever the keys that `keys` gives for two addresses may."""
        return self._versions.get(src, 0), self._versions.get(dst, 0)

    def concerns(self, src: Address, dst: Address) -> bool:
        """Whether either address belongs to a flow with keys."""
        return src in self._at or dst in self._at or self.expects(src, dst)

    def _neighbours(self, src: Address, dst: Address) -> list[tuple[_Flow, bool]]:
        """Flows that share one end, and whether it is the one that sends."""
        found: list[tuple[_Flow, bool]] = []
        for end in (src, dst):
            flows = self._at.get(end, {})
            if len(flows) <= _NEIGHBOURS:
                found += [(flow, end == src) for flow in flows]
        return found

    def changes(self, src: Address, dst: Address, after: int) -> list[int]:
        """The positions behind `after` at which more becomes known about either address, ascending."""
        flow = (src, dst) if src <= dst else (dst, src)
        flows = {flow, *(near for near, _ in self._neighbours(src, dst))}
        return sorted({h.position for each in flows for h in self._flows.get(each, ()) if h.position > after})

    def near(self, src: Address, dst: Address, position: int) -> list[MediaKey]:
        """As `keys`, with all that is known by now, the handshake that is nearest to a position first."""
        flow = (src, dst) if src <= dst else (dst, src)
        handshakes = sorted(self._flows.get(flow, ()), key=lambda each: abs(each.position - position))
        return [key for each in handshakes for key in each.of(src)] or self.keys(src, dst, END)

    def keys(self, src: Address, dst: Address, position: int) -> list[MediaKey]:
        """The keys that may protect packets between two addresses, as known at a position."""
        flow = (src, dst) if src <= dst else (dst, src)
        own = [key for h in self._flows.get(flow, ()) if h.position <= position for key in h.of(src)]
        if own:
            return own
        found: list[MediaKey] = []
        for near, sends in self._neighbours(src, dst):
            other = near[0] if near[1] == (src if sends else dst) else near[1]
            for handshake in self._flows[near]:
                if handshake.position <= position:
                    found += handshake.of(src if sends else other)
        return [replace(key, tentative=True) for key in found]


def _same(some: SrtpKeys, others: SrtpKeys) -> bool:
    return [key.identity for key in some.client] == [key.identity for key in others.client]
