"""Whether an MSRP session id is what it has to be: drawn for one session, and known to nobody else (RFC 4975 14.1)."""

from collections import OrderedDict
from collections.abc import Iterator

from analyzer.core.frozen import frozen
from analyzer.core.limits import SECOND_NS, Limits
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.msrp_uri import session_id
from analyzer.formats.uri import parse_name_addr, parse_uri
from analyzer.session.legs import CallState

_APART_NS = 10 * SECOND_NS  # calls that start further apart are not two legs of one


@frozen
class _Use:
    first_ns: int
    ended_ns: int | None


@frozen
class IdUse:
    """`reused`: another call's description names it too. `known`: it is a Call-ID of the call, or a user part."""

    reused: Tristate
    known: bool


class PathUses:
    """The first use of each session id, of the last `Limits.keyed_media` ids."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.keyed_media
        self._uses: OrderedDict[str, _Use] = OrderedDict()

    def place(self, call: CallState) -> dict[str, IdUse]:
        """What is said of each session id that the call's descriptions name."""
        found: dict[str, IdUse] = dict.fromkeys(_ids(call), IdUse(False, False))
        told = set(_told(call)) if found else ()
        use = _Use(call.first_ns, call.ended_ns)
        for identifier in found:
            before = self._uses.setdefault(identifier, use)
            while len(self._uses) > self._limit:
                self._uses.popitem(last=False)
            found[identifier] = IdUse(before is not use and _reused(before, use), identifier.lower() in told)
        return found


def _ids(call: CallState) -> Iterator[str]:
    for leg in call.legs.values():
        for message in leg.messages:
            for media in message.sdp.media if message.sdp is not None else ():
                for uri in media.path[-1:]:
                    identifier = session_id(uri)
                    if identifier != uri:
                        yield identifier


def _told(call: CallState) -> Iterator[str]:
    """What whoever takes part in the signalling knows anyway, in lower case."""
    for leg in call.legs.values():
        yield leg.call_id.lower()
        yield leg.call_id.partition("@")[0].lower()
        for message in leg.messages[:2]:
            for name in ("from", "to"):
                for value in message.all(name)[:1]:
                    user = parse_uri(parse_name_addr(value).uri).user
                    if user:
                        yield user.lower()


def _reused(before: _Use, use: _Use) -> Tristate:
    earlier, later = sorted((before, use), key=lambda each: each.first_ns)
    ended = earlier.ended_ns is not None and earlier.ended_ns < later.first_ns
    if ended or later.first_ns - earlier.first_ns > _APART_NS:
        return True
    return Unknown.of("vantage", "what joins the two calls with this session id, if they are one")
