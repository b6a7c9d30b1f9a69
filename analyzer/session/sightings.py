"""One message, several sightings: what was seen at two vantage points is one message, not a retransmission.

A datagram's identity is its addresses, ports, IPv4 identification and bytes; a stream message's its addresses, ports
and bytes. The k-th sighting at one vantage point matches the k-th at another within a window of time. A second one at
the same vantage point is a retransmission, except a mirror port's copy: same identification, within a millisecond.
A copy that was captured in part has no bytes to be known by: it is known by what its caller says of it.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from analyzer.core.limits import Limits
from analyzer.session.carrier import Carrier

MIRROR_NS = 1_000_000
_OCCURRENCES = 256  # of one identity that are told apart; a flood of equal bytes starts anew then
RETRANSMISSION_NS = 32_000_000_000  # 64*T1, RFC 3261 17.1.1.2: no transaction repeats a message later

Occurrence = Literal["new", "retransmission", "sighting", "mirror", "whole", "whole again"]
"""`whole`: the first whole sighting of a message that was seen in part; `again`: of a retransmission."""


@dataclass(slots=True)
class _Identity:
    first_ns: list[int] = field(default_factory=list)  # of each occurrence
    owners: list[object] = field(default_factory=list)
    seen: dict[int, int] = field(default_factory=dict)  # vantage -> occurrences there
    last_ns: dict[int, int] = field(default_factory=dict)  # vantage -> time of the latest one
    alias: tuple[object, ...] | None = None
    parts: set[int] = field(default_factory=set)  # occurrences of which no whole copy was seen


class SightingTable:
    """Tells new messages from copies. Holds what was seen within the window, at most `capacity` identities."""

    def __init__(self, limits: Limits, capacity: int = 65_536) -> None:
        self._window_ns = max(limits.sighting_window_ns, RETRANSMISSION_NS)
        self._match_ns = limits.sighting_window_ns
        self._capacity = capacity
        self._identities: OrderedDict[tuple[object, ...], _Identity] = OrderedDict()
        self._whole: dict[tuple[object, ...], tuple[object, ...]] = {}  # alias -> identity of the whole copies
        self._bytes_seen: OrderedDict[tuple[object, ...], int] = OrderedDict()
        self._due_ns = -1  # up to here nothing is old enough to be forgotten

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
        self._forget(ts_ns)
        digest = (carrier.endpoints, hash(raw), len(raw))  # 64 bits under a key of this process
        key: tuple[object, ...] = (*digest, carrier.ip_id) if carrier.ip_id > 0 else digest
        if alias is not None:
            key = self._same(key, alias, part)
        identity = self._identities.get(key)
        if identity is None or len(identity.owners) >= _OCCURRENCES:
            identity = self._identities[key] = _Identity(alias=alias)
        count = identity.seen.get(carrier.vantage, 0)
        previous_ns = identity.last_ns.get(carrier.vantage)
        identity.last_ns[carrier.vantage] = ts_ns
        if carrier.ip_id >= 0 and previous_ns is not None and abs(ts_ns - previous_ns) < MIRROR_NS:
            return "mirror", identity.owners[count - 1]
        identity.seen[carrier.vantage] = count + 1
        if count < len(identity.owners) and abs(ts_ns - identity.first_ns[count]) <= self._match_ns:
            if count in identity.parts and not part:
                identity.parts.discard(count)
                return ("whole again" if self._again(digest, ts_ns) else "whole"), identity.owners[count]
            return "sighting", identity.owners[count]
        identity.owners.append(owner)
        identity.first_ns.append(ts_ns)
        identity.seen[carrier.vantage] = len(identity.owners)
        if part:
            identity.parts.add(len(identity.owners) - 1)
            return "new", owner  # whether it is a repeat cannot be told
        return ("retransmission" if self._again(digest, ts_ns) else "new"), owner

    def _same(self, key: tuple[object, ...], alias: tuple[object, ...], part: bool) -> tuple[object, ...]:
        """The key under which the copies of a message are, in part and whole."""
        if part:
            known = self._whole.get(alias)
            return known if known is not None and known in self._identities else ("part", alias)
        if key not in self._identities and (identity := self._identities.pop(("part", alias), None)) is not None:
            self._identities[key] = identity
        self._whole[alias] = key
        return key

    def _again(self, digest: tuple[object, ...], ts_ns: int) -> bool:
        """Whether the same bytes came before; notes that they came."""
        repeated = digest in self._bytes_seen
        self._bytes_seen[digest] = ts_ns
        return repeated

    def _forget(self, now_ns: int) -> None:
        full = max(len(self._identities), len(self._bytes_seen)) > self._capacity
        if now_ns <= self._due_ns and not full:
            return
        horizon = now_ns - self._window_ns
        while self._identities:
            key, identity = next(iter(self._identities.items()))
            if identity.first_ns[-1] >= horizon and len(self._identities) <= self._capacity:
                break
            del self._identities[key]
            if identity.alias is not None and self._whole.get(identity.alias) == key:
                del self._whole[identity.alias]
        while self._bytes_seen:
            key, ts_ns = next(iter(self._bytes_seen.items()))
            if ts_ns >= horizon and len(self._bytes_seen) <= self._capacity:
                break
            del self._bytes_seen[key]
        oldest = [identity.first_ns[-1] for identity in islice(self._identities.values(), 1)]
        oldest += islice(self._bytes_seen.values(), 1)
        self._due_ns = min(oldest, default=now_ns) + self._window_ns
