"""A forked offer: several answerers share the offerer's key, and must not get other media under it (RFC 4568 7.3)."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from analyzer.core.unknown import Tristate, Unknown
from analyzer.session.media.record import StreamRecord
from analyzer.session.media.trail import match
from analyzer.session.model.media import MediaHop
from analyzer.session.scope import PathHop

_UNSEEN = Unknown.of("media", "packets with the same number on both branches of the fork")


def with_forks(hops: Sequence[PathHop], entities: Sequence[MediaHop]) -> list[MediaHop]:
    """The entities of a call's hops, those of one offer with what its branches got from the offerer."""
    branches: dict[object, list[int]] = {}
    for at, hop in enumerate(hops):
        if hop.offered:
            branches.setdefault((hop.index, hop.offerer, hop.offered), []).append(at)
    found = list(entities)
    for places in branches.values():
        if len(places) > 1 and all(entities[at].key_exchange == "sdes" for at in places):
            reused = _reused([_sent(hops[at]) for at in places])
            for at in places:
                found[at] = replace(found[at], forked=True, fork_reuses_key=reused)
    return found


def _sent(hop: PathHop) -> list[StreamRecord]:
    """What the offerer sent on a branch."""
    return [record for record in hop.streams if hop.offerer is not None and record.endpoints.src.ip == hop.offerer]


def _reused(branches: Sequence[Sequence[StreamRecord]]) -> Tristate:
    """Whether two branches got different packets under one key, SSRC and number."""
    open_: Tristate = False
    for ours, theirs in combinations([branch for branch in branches if branch], 2):
        for one in ours:
            for other in theirs:
                if one.ssrc != other.ssrc:
                    continue
                found = match(one.trail.wire(), other.trail.wire(), same_ssrc=True)
                if found.different:
                    return True
                if not found.equal:
                    open_ = _UNSEEN
    return open_
