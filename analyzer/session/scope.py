"""How far the protection of each media hop reaches: to the access edge, from end to end, or to the next element.

The decision table of hops.md section 5, for each m-line over the path of its call. A hop whose neighbour carries the
same protection (the same keys, the same bytes) is one stretch with it; where the stretch ends, what the next hop
carries tells what happens there. The grounds, from strong to weak: payloads that are equal on both sides, keys that
open the packets, headers, sizes and times of one stream, the 3ge2ae indication, the descriptions alone.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Literal

from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret
from analyzer.core.unknown import Tristate
from analyzer.session.connections import Connection
from analyzer.session.media.likeness import Likeness
from analyzer.session.media.record import StreamRecord
from analyzer.session.model.media import MediaHop
from analyzer.session.model.states import Continuity, Scope, ScopeDetail, Termination

Side = Literal["left", "right"]


@frozen
class PathHop:
    """A media hop on its call's path. `left` is the end towards the caller: whether a UE or a server stands there."""

    entity: MediaHop
    index: int  # of the m-line
    first_leg: int
    last_leg: int
    left_final: Tristate
    right_final: Tristate
    keys: frozenset[Secret]  # SDES keys agreed
    prints: frozenset[bytes]  # fingerprints agreed
    offerer: int | None = None  # the address where the offering end is
    offered: tuple[object, ...] = ()  # what is one offer, wherever it was forked to: Call-ID, CSeq, key of the line
    reports: frozenset[tuple[int | str, int]] = frozenset()  # RTCP sender reports: SSRC, or CNAME, and NTP time
    streams: tuple[StreamRecord, ...] = ()
    connections: tuple[Connection, ...] = ()
    handshakes: frozenset[int] = frozenset()  # of TLS and DTLS that key it: equal ones are one, passed on

    def final(self, side: Side) -> bool:
        """Whether what is at this end is known to be an end of the medium."""
        return (self.left_final if side == "left" else self.right_final) is True


@frozen
class Equality:
    """What the packets of two hops have in common: `content` when opened where it had to be, `wire` as it was sent.

    `rewritten`: payloads are equal of which none is as it was sent: who stands between has the keys. `headers`: SSRC,
    numbers, timestamps and a constant difference of sizes are those of one stream; `reports`: so are sender reports;
    `alike`: the streams are alike as no others are, though every header is new.
    """

    content: bool = False
    wire: bool = False
    rewritten: bool = False
    headers: bool = False
    reports: bool = False
    alike: Likeness | None = None

    @property
    def matched(self) -> bool:
        """Without a key: that one stream is the other, passed on, and not that it is opened between."""
        return self.headers or self.reports or self.alike is not None


@frozen
class Continued:
    """The media of a hop is that of another one: `at` which of the path, how that shows, how well, per cent."""

    at: int
    by: Continuity
    score: int


@frozen
class Verdict:
    """How far a hop's protection reaches, and how that is known.

    `passed_on`: it goes on unchanged beyond the hop's end; None: that was not seen.
    """

    scope: Scope
    detail: ScopeDetail
    termination: Termination
    passed_on: bool | None = None


Compare = Callable[[PathHop, PathHop], Equality]
Consecutive = Callable[[int, int], bool]  # whether nothing of the path is missing between two legs
NOTHING = Verdict("unknown", "none", "unknown")
_AMBIGUOUS: ScopeDetail = "e2ae_or_e2e_ambiguous"


def _marked(hops: Iterable[PathHop]) -> bool:
    return any(hop.entity.e2ae in ("requested", "applied") for hop in hops)


def _connected(hop: PathHop) -> bool:
    return bool(hop.entity.key_exchange == "tls" or hop.connections)


class Path:
    """The hops of one call's media, in path order."""

    def __init__(self, hops: Sequence[PathHop], compare: Compare, consecutive: Consecutive) -> None:
        self._hops = hops
        self._consecutive = consecutive
        self._compare = compare
        self._known: dict[tuple[int, int], Equality] = {}

    def verdict(self, at: int) -> Verdict:
        """How far the protection of a hop reaches."""
        hop = self._hops[at]
        if hop.entity.confidentiality != "yes":
            return NOTHING
        if _by_esp(hop):
            return Verdict(
                "hop_by_hop", "none", "proven_by_keys" if hop.entity.evidence == "keyed_verified" else "assumed", False
            )
        span = self._span(at)
        hops = [self._hops[each] for each in span]
        if hops[0].final("left") and hops[-1].final("right"):
            return self._whole(span)
        for side, end in (("right", span[-1]), ("left", span[0])):
            if not self._hops[end].final(side):  # type: ignore[arg-type]  # a side
                for beyond in self._neighbours(end, side):  # type: ignore[arg-type]  # as above
                    found = self._ended(hops, end, beyond)
                    if found is not None:
                        return found
        if _marked(hops):
            return Verdict("e2ae", "e2ae", "indicated") if len(hops) == 1 else self._inconsistent(span)
        return Verdict("unknown", _AMBIGUOUS, "unknown")

    def continued(self, at: int) -> tuple[Continued, ...]:
        """The hops that carry the media of this one on, of those that verdicts compared it with."""
        found = []
        for pair, equality in sorted(self._known.items()):
            if at in pair and (ground := _ground(self._hops[at], equality)) is not None:
                found.append(Continued(pair[0] if pair[1] == at else pair[1], *ground))
        return tuple(found)

    # -- the stretch of one protection ---------------------------------------------------------------------------

    def _neighbours(self, at: int, side: Side) -> list[int]:
        """The hops of the same medium next to one, on one side."""
        hop = self._hops[at]
        same = [n for n, other in enumerate(self._hops) if other.index == hop.index and n != at]
        if side == "right":
            beyond = [n for n in same if self._hops[n].first_leg > hop.last_leg]
            near = min((self._hops[n].first_leg for n in beyond), default=0)
            beyond = [n for n in beyond if self._hops[n].first_leg == near]
            return beyond if beyond and self._consecutive(hop.last_leg, near) else []
        beyond = [n for n in same if self._hops[n].last_leg < hop.first_leg]
        near = max((self._hops[n].last_leg for n in beyond), default=0)
        beyond = [n for n in beyond if self._hops[n].last_leg == near]
        return beyond if beyond and self._consecutive(near, hop.first_leg) else []

    def _span(self, at: int) -> list[int]:
        span = [at]
        while (more := self._relayed_to(span[-1], "right")) is not None:
            span.append(more)
        while (more := self._relayed_to(span[0], "left")) is not None:
            span.insert(0, more)
        return span

    def _relayed_to(self, at: int, side: Side) -> int | None:
        if self._hops[at].final(side):
            return None
        near = self._neighbours(at, side)
        return next((other for other in near if self._relayed(at, other)), None)

    def _relayed(self, at: int, other: int) -> bool:
        one, two = self._hops[at], self._hops[other]
        if two.entity.confidentiality != "yes" or _by_esp(two):
            return False
        same_keys = bool(one.keys and one.keys == two.keys) or bool(one.prints and one.prints == two.prints)
        equality = self._equality(at, other)
        anew = _shaken_anew(one, two) or _other_streams(one, two) or equality.rewritten
        return (same_keys and not anew) or equality.wire

    def _equality(self, at: int, other: int) -> Equality:
        key = (at, other) if at < other else (other, at)
        if key not in self._known:
            self._known[key] = self._compare(self._hops[key[0]], self._hops[key[1]])
        return self._known[key]

    def _bytes_equal(self, span: Sequence[int]) -> bool:
        return any(self._equality(a, b).wire for a, b in pairwise(span))

    def _whole(self, span: list[int]) -> Verdict:
        """One protection from one end to the other."""
        hops = [self._hops[at] for at in span]
        if _marked(hops):
            return self._inconsistent(span)
        detail: ScopeDetail = "e2e_tls" if _connected(hops[0]) else "e2e"
        return Verdict("e2e", detail, self._kept(span), True)

    def _kept(self, span: list[int]) -> Termination:
        """How it is known that nothing ends the protection within a stretch."""
        if self._bytes_equal(span):
            return "proven_by_payload"
        proven = all(_proven(self._hops[at]) for at in span)
        return "proven_by_keys" if proven else "assumed"

    def _inconsistent(self, span: list[int]) -> Verdict:
        return Verdict("unknown", "inconsistent", self._kept(span), True)

    # -- where it ends ----------------------------------------------------------------------------------------------

    def _ended(self, hops: list[PathHop], end: int, beyond: int) -> Verdict | None:
        """What the hop beyond the end of a stretch shows, None if nothing."""
        here, there = self._hops[end], self._hops[beyond]
        equality = self._equality(end, beyond)
        opened = there.entity.confidentiality == "no"
        anew = there.entity.confidentiality == "yes" and (
            _other_keys(here, there) or equality.content or _shaken_anew(here, there)
        )
        if not opened and not anew:
            return None
        termination = _termination(here, there, equality, opened, _marked(hops))
        if _marked(hops):
            if len(hops) == 1:
                return Verdict("e2ae", "e2ae", termination, False)
            return Verdict("unknown", "inconsistent", termination, True)
        if opened and len(hops) == 1:
            if here.entity.access is True:
                return Verdict("e2ae", _like(here), termination, False)
            if here.entity.access is not False:
                return Verdict("unknown", _AMBIGUOUS, termination, False)
        return Verdict("hop_by_hop", "hop_by_hop_tls" if _connected(here) else "hop_by_hop_srtp", termination, False)


def _by_esp(hop: PathHop) -> bool:
    """What hides the medium is around its packets, and ends with them at the next element."""
    return hop.entity.state == "esp_only"


def _like(hop: PathHop) -> ScopeDetail:
    """e2ae in fact, without its indication."""
    if _connected(hop):
        return "edge_terminated_tls"
    return "e2ae_dtls_srtp" if hop.entity.key_exchange == "dtls" else "e2ae_like"


def _other_keys(one: PathHop, other: PathHop) -> bool:
    """Whether both have keys of their own."""
    if one.keys and other.keys:
        return not one.keys & other.keys
    if one.prints and other.prints:
        return not one.prints & other.prints
    return bool((one.keys or one.prints) and (other.keys or other.prints))


def _ground(hop: PathHop, equality: Equality) -> tuple[Continuity, int] | None:
    """The strongest ground on which two hops carry one medium, and how sure that is, per cent."""
    if equality.content:
        return "messages" if hop.connections else "payload", 100
    if equality.wire:
        return "ciphertext", 100
    if equality.headers or equality.reports:
        return "headers" if equality.headers else "reports", 100
    return (equality.alike.by, equality.alike.score) if equality.alike is not None else None


def _shaken_anew(one: PathHop, other: PathHop) -> bool:
    """Whether each has handshakes of its own: whatever the descriptions say, somebody between them ends both."""
    return bool(one.handshakes and other.handshakes) and not one.handshakes & other.handshakes


def _other_streams(one: PathHop, other: PathHop) -> bool:
    """Whether each has opened streams of its own, both ways and at one time: one key, and yet not one stream passed on
    (hops.md 4: the same key and the same SSRCs are one stream observed twice)."""
    ours, theirs = (
        [s for s in hop.streams if s.verification is not None and s.verification.decrypted] for hop in (one, other)
    )
    both_ways = all(len({stream.endpoints.src for stream in streams}) > 1 for streams in (ours, theirs))
    if not both_ways or {stream.ssrc for stream in ours} & {stream.ssrc for stream in theirs}:
        return False
    return any(a.first_ns <= b.last_ns and b.first_ns <= a.last_ns for a in ours for b in theirs)


def _proven(hop: PathHop) -> bool:
    """Whether keys show that the two ends of a hop hold its protection."""
    if _connected(hop):
        return hop.entity.peer_auth == "yes"
    return hop.entity.evidence == "keyed_verified"


def _termination(here: PathHop, there: PathHop, equality: Equality, opened: bool, marked: bool) -> Termination:
    if equality.content:
        return "proven_by_payload"
    if here.entity.evidence == "keyed_verified" and (opened or there.entity.evidence == "keyed_verified"):
        return "proven_by_keys"
    if equality.matched:
        return "matched"
    return "indicated" if marked else "assumed"
