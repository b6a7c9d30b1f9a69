"""One message, several sightings: what was seen at two vantage points is one message, not a retransmission.

A datagram's identity is its addresses, ports, IPv4 identification and bytes; a stream message's its addresses, ports
and bytes. The k-th sighting at one vantage point matches the k-th at another within a window of time. A second one at
the same vantage point is a retransmission, except a mirror port's copy: same identification, within a millisecond.
A copy that was captured in part has no bytes to be known by: it is known by what its caller says of it.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from analyzer.core.limits import SECOND_NS, Limits
from analyzer.session.carrier import Carrier

MIRROR_NS = 1_000_000
_OCCURRENCES = 256  # of one identity that are told apart; a flood of equal bytes starts anew then
RETRANSMISSION_NS = 32_000_000_000  # 64*T1, RFC 3261 17.1.1.2: no transaction repeats a message later

_NEVER = 0, 0

Occurrence = Literal["new", "retransmission", "sighting", "mirror", "whole", "whole again"]
"""`whole`: the first whole sighting of a message that was seen in part; `again`: of a retransmission."""


@dataclass(slots=True)
class _Identity:
    alias: tuple[object, ...] | None
    first_ns: list[int] = field(default_factory=list)  # of each occurrence
    owners: list[object] = field(default_factory=list)
    seen: dict[int, tuple[int, int]] = field(default_factory=dict)  # vantage -> occurrences there, time of the latest
    parts: set[int] | None = None  # occurrences of which no whole copy was seen


class SightingTable:
    """Tells new messages from copies. Knows what was seen within the window, at most `capacity` identities."""

    def __init__(self, limits: Limits, capacity: int = 65_536) -> None:
        self._window_ns = max(limits.sighting_window_ns, RETRANSMISSION_NS)
        self._match_ns = limits.sighting_window_ns
        self._capacity = capacity
        self._identities: OrderedDict[tuple[object, ...], _Identity] = OrderedDict()
        self._whole: dict[tuple[object, ...], tuple[object, ...]] = {}  # alias -> identity of the whole copies
        self._bytes_seen: OrderedDict[tuple[object, ...], int] = OrderedDict()
        self._parts = False  # a copy in part was seen
        self._sweep_ns = -1 << 63  # when to let go of what is old

    def place(
        self,
        carrier: Carrier,
        raw: bytes,
        ts_ns: int,
        owner: object,
        alias: tuple[object, ...] | None = None,
        part: bool = False,
    ) -> tuple[Occurrence, object]:
        """Says what this occurrence is, and the `owner` given with the one it belongs to (itself if new).

        `alias` is what copies in `part` and whole ones have in common, None where nothing is.
        """
        if ts_ns >= self._sweep_ns or max(len(self._identities), len(self._bytes_seen)) > self._capacity:
            self._sweep(ts_ns)
        digest = (carrier.endpoints, hash(raw), len(raw))  # 64 bits under a key of this process
        key: tuple[object, ...] = (*digest, carrier.ip_id) if carrier.ip_id > 0 else digest
        if alias is not None:
            key = self._same(key, alias, part, ts_ns)
        identity = self._known(key, ts_ns)
        if identity is None or len(identity.owners) >= _OCCURRENCES:
            identity = self._identities[key] = _Identity(alias)
        vantage = carrier.vantage
        count, previous_ns = identity.seen.get(vantage, _NEVER)
        if count and carrier.ip_id >= 0 and abs(ts_ns - previous_ns) < MIRROR_NS:
            identity.seen[vantage] = count, ts_ns
            return "mirror", identity.owners[count - 1]
        if count < len(identity.owners) and abs(ts_ns - identity.first_ns[count]) <= self._match_ns:
            identity.seen[vantage] = count + 1, ts_ns
            if identity.parts and count in identity.parts and not part:
                identity.parts.discard(count)
                return ("whole again" if self._again(digest, ts_ns) else "whole"), identity.owners[count]
            return "sighting", identity.owners[count]
        identity.owners.append(owner)
        identity.first_ns.append(ts_ns)
        identity.seen[vantage] = len(identity.owners), ts_ns
        if part:
            identity.parts = identity.parts or set()
            identity.parts.add(len(identity.owners) - 1)
            return "new", owner  # whether it is a repeat cannot be told
        return ("retransmission" if self._again(digest, ts_ns) else "new"), owner

    def _known(self, key: tuple[object, ...], now_ns: int) -> _Identity | None:
        """What was seen of an identity within the window."""
        identity = self._identities.get(key)
        if identity is not None and identity.first_ns[-1] < now_ns - self._window_ns:
            self._drop(key)
            return None
        return identity

    def _same(self, key: tuple[object, ...], alias: tuple[object, ...], part: bool, now_ns: int) -> tuple[object, ...]:
        """The key under which the copies of a message are, in part and whole."""
        if part:
            self._parts = True
            whole = self._whole.get(alias)
            return whole if whole is not None and self._known(whole, now_ns) is not None else ("part", alias)
        if self._parts and self._known(key, now_ns) is None:
            identity = self._known(("part", alias), now_ns)
            if identity is not None:
                self._identities[key] = self._identities.pop(("part", alias))
        self._whole[alias] = key
        return key

    def _again(self, digest: tuple[object, ...], ts_ns: int) -> bool:
        """Whether the same bytes came before; notes that they came."""
        before_ns = self._bytes_seen.get(digest)
        repeated = before_ns is not None and before_ns >= ts_ns - self._window_ns
        if before_ns is not None and not repeated:
            del self._bytes_seen[digest]
        self._bytes_seen[digest] = ts_ns
        return repeated

    def _drop(self, key: tuple[object, ...]) -> None:
        alias = self._identities.pop(key).alias
        if alias is not None and self._whole.get(alias) == key:
            del self._whole[alias]

    def _sweep(self, now_ns: int) -> None:
        """Lets go of what is no longer known, and of the oldest past the capacity; once a second is enough."""
        horizon = now_ns - self._window_ns
        self._sweep_ns = now_ns + SECOND_NS
        old: list[tuple[object, ...]] = []
        excess = len(self._identities) - self._capacity
        for key, identity in self._identities.items():
            if identity.first_ns[-1] >= horizon and len(old) >= excess:
                break
            old.append(key)
        for key in old:
            self._drop(key)
        old, excess = [], len(self._bytes_seen) - self._capacity
        for key, ts_ns in self._bytes_seen.items():
            if ts_ns >= horizon and len(old) >= excess:
                break
            old.append(key)
        for key in old:
            del self._bytes_seen[key]
