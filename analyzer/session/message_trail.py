"""The first messages of each MSRP or BFCP connection, by which a session is known again on another hop.

A relay or an access gateway may rewrite paths and transactions of MSRP; it passes on what is said. BFCP has nothing
that a relay would change. Compared are digests keyed anew in every process, which never leave it.
"""

from collections import Counter, OrderedDict

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.limits import Limits

KEPT = 32  # messages of a connection
_ENOUGH = 2
_TELLING = 16  # bytes of one message that no other session has by chance


class MessageTrails:
    """Digests of messages by the two ends of their connection, those of `Limits.flows` connections at most."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.flows
        self._said: OrderedDict[tuple[Address, Address], list[tuple[int, int]]] = OrderedDict()

    def note(self, endpoints: Endpoints, content: object, size: int) -> None:
        """Takes a message that is no copy: what is compared of it, and how many bytes that is."""
        key = _key(endpoints.src, endpoints.dst)
        said = self._said.get(key)
        if said is None:
            said = self._said[key] = []
            if len(self._said) > self._limit:
                self._said.popitem(last=False)
        if len(said) < KEPT:
            said.append((hash(content), size))

    def same(self, one: tuple[Address, Address], other: tuple[Address, Address]) -> int:
        """How many messages two connections have in common; 0 unless it is nearly all that one of them has."""
        ours, theirs = self._said.get(_key(*one), []), self._said.get(_key(*other), [])
        common = Counter(ours) & Counter(theirs)
        count = common.total()
        if not count or count * 10 < min(len(ours), len(theirs)) * 9:
            return 0
        telling = max(size for _, size in common) >= _TELLING
        return count if telling or len(common) >= _ENOUGH else 0


def _key(a: Address, b: Address) -> tuple[Address, Address]:
    return (a, b) if a <= b else (b, a)
