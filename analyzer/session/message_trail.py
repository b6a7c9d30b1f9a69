"""The first messages of each MSRP or BFCP connection, by which a session is known again on another hop.

A relay or an access gateway may rewrite paths and transactions of MSRP, and cut messages into other chunks (RFC 4975
5.1); it passes on what is said. So whole messages are compared, and chunks only where none was whole. BFCP has nothing
that a relay would change. Compared are digests keyed anew in every process, which never leave it.
"""

from collections import Counter, OrderedDict

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.limits import Limits

KEPT = 32  # messages of a connection, and chunks
_ENOUGH = 2
_Said = tuple[list[tuple[int, int]], list[tuple[int, int]]]  # digest and size of whole messages, of chunks
_NOTHING: _Said = [], []
_TELLING = 16  # bytes of one message that no other session has by chance


class MessageTrails:
    """Digests of messages by the two ends of their connection, those of `Limits.flows` connections at most."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.flows
        self._said: OrderedDict[tuple[Address, Address], _Said] = OrderedDict()

    def note(self, endpoints: Endpoints, content: object, size: int, *, part: bool = False) -> None:
        """Takes a message that is no copy, or a `part` of one: what is compared of it, and how many bytes that is."""
        key = _key(endpoints.src, endpoints.dst)
        said = self._said.get(key)
        if said is None:
            said = self._said[key] = [], []
            if len(self._said) > self._limit:
                self._said.popitem(last=False)
        if len(said[part]) < KEPT:
            said[part].append((hash(content), size))

    def same(self, one: tuple[Address, Address], other: tuple[Address, Address]) -> int:
        """How many messages two connections have in common; 0 unless it is nearly all that one of them has."""
        (ours, cut), (theirs, theirs_cut) = (self._said.get(_key(*ends), _NOTHING) for ends in (one, other))
        if not ours or not theirs:
            ours, theirs = cut, theirs_cut
        common = Counter(ours) & Counter(theirs)
        count = common.total()
        if not count or count * 10 < min(len(ours), len(theirs)) * 9:
            return 0
        telling = max(size for _, size in common) >= _TELLING
        return count if telling or len(common) >= _ENOUGH else 0


def _key(a: Address, b: Address) -> tuple[Address, Address]:
    return (a, b) if a <= b else (b, a)
