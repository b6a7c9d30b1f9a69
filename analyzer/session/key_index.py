"""Which calls carry a key: the index of correlation, with the keys that name no session and those of the past."""

from collections import OrderedDict


class KeyIndex:
    """Digests of keys and the ordinals of the open calls that carry them.

    `past`: how many keys of judged calls are remembered, to know a leg that comes late, and how many that were found
    to join what is not one call.
    """

    def __init__(self, past: int) -> None:
        self._most = past
        self._members: dict[bytes, int | list[int]] = {}  # the call, or calls
        self._past: OrderedDict[bytes, None] = OrderedDict()
        self._spoiled: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._members)

    def enter(self, digest: bytes, ordinal: int) -> None:
        """A call carries the key."""
        known = self._members.get(digest)
        if known is None:
            self._members[digest] = ordinal
        elif isinstance(known, int):
            self._members[digest] = [known, ordinal]
        else:
            known.append(ordinal)

    def leave(self, digest: bytes, ordinal: int) -> None:
        """The call has been judged."""
        known = self._members.get(digest)
        if isinstance(known, list) and ordinal in known:
            known.remove(ordinal)
            if len(known) == 1:
                self._members[digest] = known[0]
        elif known == ordinal:
            del self._members[digest]

    def carriers(self, digest: bytes) -> tuple[int, ...] | list[int]:
        """The open calls that carry it. Not to be kept: it changes with them."""
        known = self._members.get(digest, ())
        return (known,) if isinstance(known, int) else known

    def shared(self, digest: bytes) -> bool:
        """Whether several open calls carry it."""
        return isinstance(self._members.get(digest), list)

    def spoil(self, digest: bytes) -> None:
        """The key joins nothing from now on: what is left when some of its calls were judged is no better founded."""
        self._spoiled[digest] = None
        while len(self._spoiled) > self._most:
            self._spoiled.popitem(last=False)

    def is_spoiled(self, digest: bytes) -> bool:
        """Whether it was found to join what is not one call."""
        return digest in self._spoiled

    def remember(self, digest: bytes) -> None:
        """A call that carried it has been judged."""
        self._past[digest] = None
        while len(self._past) > self._most:
            self._past.popitem(last=False)

    def is_past(self, digest: bytes) -> bool:
        """Whether a call that was judged carried it."""
        return digest in self._past
