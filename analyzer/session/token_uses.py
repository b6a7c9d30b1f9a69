"""Where each PASSporT was used: one call may hand its token through any number of elements, another may not have it
(RFC 8224 12.1).

A B2BUA passes a token on under a Call-ID of its own. Whether two calls that carry one token are one shows in who began
to use it: an element that received it before, or somebody who cannot be seen to have done so.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.headers import parameters, split
from analyzer.session.legs import CallState
from analyzer.session.records import MessageRecord

MAX_TOKENS = 100_000
MAX_CALLS = 16  # of one token
MAX_PER_MESSAGE = 16
_RECEIVERS = 16  # elements that a call handed a token to


@dataclass(slots=True)
class _Use:
    """A token in one call: who sent it first, to whom, and who received it."""

    call_ids: frozenset[str]
    src: int
    dst: int
    ts_ns: int
    received: tuple[int, ...] = ()

    def handed(self, message: MessageRecord) -> None:
        """Takes one more message with the token."""
        ends = message.carrier.endpoints
        if message.ts_ns < self.ts_ns:
            self.src, self.dst, self.ts_ns = ends.src.ip, ends.dst.ip, message.ts_ns
        if ends.dst.ip not in self.received and len(self.received) < _RECEIVERS:
            self.received += (ends.dst.ip,)


def tokens(message: MessageRecord) -> Iterable[str]:
    """The values of the Identity headers of a message, at most `MAX_PER_MESSAGE`."""
    values = [part for value in message.all("identity") for part in split(value)]
    return values[:MAX_PER_MESSAGE]


def _digest(value: str) -> bytes:
    token = parameters(value)[0].strip().strip('"')
    return hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=16).digest()


class TokenUses:
    """The calls that each token was used in, as they are judged."""

    def __init__(self) -> None:
        self._uses: dict[bytes, list[_Use]] = {}
        self._of: CallState | None = None
        self._here: dict[bytes, _Use] = {}  # those of that call

    def elsewhere(self, value: str, call: CallState) -> Tristate:
        """Whether a call judged before used the token, and this one cannot have it from there."""
        if self._of is not call:
            self._of, self._here = call, _uses(call)
        digest = _digest(value)
        here = self._here.get(digest)
        if here is None:
            return Unknown.of("message", "tokens beyond those of one message that are read")
        known = self._uses.get(digest)
        if known is None:
            if len(self._uses) >= MAX_TOKENS:
                return Unknown.of("message", "tokens beyond those remembered")
            known = self._uses[digest] = []
        said = [_again(here, other) for other in known if other is not here]
        if here not in known and len(known) < MAX_CALLS:
            known.append(here)
        elif here not in known:
            said.append(Unknown.of("message", "calls beyond those remembered for a token"))
        return True if True in said else next((each for each in said if each is not False), False)


def _uses(call: CallState) -> dict[bytes, _Use]:
    found: dict[bytes, _Use] = {}
    call_ids = frozenset(call.call_ids or (call.call_id,))
    for leg in call.legs.values():
        for message in leg.messages:
            for value in tokens(message):
                ends = message.carrier.endpoints
                use = found.setdefault(_digest(value), _Use(call_ids, ends.src.ip, ends.dst.ip, message.ts_ns))
                use.handed(message)
    return found


def _again(here: _Use, other: _Use) -> Tristate:
    """Whether two calls use one token apart from each other."""
    if here.call_ids & other.call_ids or here.src in other.received or other.src in here.received:
        return False
    if (here.src, here.dst) == (other.src, other.dst):
        return True
    return Unknown.of("vantage", "how the token came to who sends it, as another call that has it shows no way")
