"""What the keys that may be a stream's say of it."""

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret
from analyzer.session.media.failure import Failure
from analyzer.session.media.refused import Lot
from analyzer.session.media_keys import KeyOrigin


@frozen
class Opener:
    """A key, the message that it stands in, and how many distinct packets of a stream it opened."""

    key: Secret
    cites: tuple[Cite, ...]
    origin: KeyOrigin
    opened: int


@frozen
class Verification:
    """What the keys that may be a stream's say of it.

    `suite` as RFC 4568 and its successors name it; `key` is the one that opened the stream's packets last, None where
    none did, `origin` where it comes from and `cites` the message it stands in; `earlier` are the others that opened
    some. `authenticated`, `failed` and `decrypted` are distinct packets: the tag verified, it verified with no key, the
    payload was opened. `failure` is why packets stayed closed, `detail` what else was found out about that.
    `tentative`: no key was known to be the stream's own, and none opened it. `unencrypted`: what opened them has no
    cipher. `reused` counts packets whose index another packet of the stream had with other bytes, `rollovers` is the
    highest roll-over counter. `refused` are the packets that failed in a stream of which others were opened, `trailer`
    the bytes that its protection adds to each.
    """

    suite: str
    key: Secret | None
    cites: tuple[Cite, ...]
    authenticated: int
    failed: int
    decrypted: int
    failure: Failure | None
    detail: str = ""
    origin: KeyOrigin = "sdes"
    tentative: bool = False
    unencrypted: bool = False
    reused: int = 0
    rollovers: int = 0
    refused: tuple[Lot, ...] = ()
    trailer: int = 0
    earlier: tuple[Opener, ...] = ()

    def openers(self) -> tuple[Opener, ...]:
        """Every key that opened packets."""
        if self.key is None:
            return ()
        rest = max(0, self.decrypted - sum(each.opened for each in self.earlier))
        return *self.earlier, Opener(self.key, self.cites, self.origin, rest)
