"""What joins calls to one, and what does not: links with their score and evidence, doubts, named dialogs."""

from collections.abc import Callable

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.severity import Severity
from analyzer.session.correlation_keys import SCORES, Kind, Named
from analyzer.session.legs import CallState
from analyzer.session.one_call import one_call

AMBIGUOUS = define(
    "correlation.ambiguous",
    Severity.LOW,
    "Calls have something in common that names one call, and cannot all be one: they are left apart",
)
LATE = define(
    "correlation.late_leg",
    Severity.LOW,
    "A leg came after the call it belongs to was judged: the statements on that call do not know of it",
)
NodeOf = Callable[[int], object]


@frozen
class Link:
    """Why two calls are one: by what, how sure (per cent), and the first messages of both."""

    kind: Kind
    score: int
    call_ids: tuple[str, str]
    cites: tuple[Cite, ...]


@frozen
class Group:
    """What belongs together, in order of start. `doubts` are joins that were refused."""

    calls: tuple[CallState, ...]
    links: tuple[Link, ...] = ()
    doubts: tuple[Anomaly, ...] = ()


def first_cites(call: CallState) -> tuple[Cite, ...]:
    """The frame of its first message."""
    legs = [leg for leg in call.legs.values() if leg.messages]
    return legs[0].first.cites[-1:] if legs else ()


def link(kind: Kind, score: int, one: CallState, other: CallState) -> Link:
    """That two calls are one."""
    first, second = sorted((one, other), key=lambda call: (call.first_ns, call.ordinal))
    return Link(kind, score, (first.call_id, second.call_id), first_cites(first) + first_cites(second))


def doubt(call: CallState, why: str) -> Anomaly:
    """That something in common was refused as a ground."""
    return Anomaly(AMBIGUOUS, first_cites(call), why)


def naming(name: Named, one: CallState, other: CallState) -> Link:
    """That one call names a dialog of the other."""
    return link(name.kind, SCORES[name.kind], one, other)


def _has_tags(call: CallState, name: Named) -> bool:
    """Whether one dialog of the call has both tags."""
    wanted = set(name.tags)
    return any(wanted == {message.from_tag, message.to_tag} for leg in call.legs.values() for message in leg.messages)


def meant(name: Named, named: CallState, by: CallState, node: NodeOf) -> bool:
    """Whether the call that names a dialog belongs to it. In-Reply-To also names calls that are returned: it joins only
    what goes on while the other lasts, and not the participants of a focus (RFC 3261 20.21)."""
    if name.tags:
        return _has_tags(named, name) and (name.kind == "dialog" or one_call([named, by], node))
    lasts = named.ended_ns is None or named.ended_ns > by.first_ns
    at_focus = any(m.conference_focus for call in (named, by) for leg in call.legs.values() for m in leg.messages)
    return lasts and named.first_ns <= by.first_ns and not at_focus and one_call([named, by], node)
