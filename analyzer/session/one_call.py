"""Whether calls of several Call-IDs can be the legs of one call, by who calls whom and when.

A call runs from element to element: no element is called twice in it, and none calls twice. It may pass one element
several times only in a row (a call that a proxy sends through an application server and gets back), and an element may
try one target after another while the leg that reached it waits.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations

from analyzer.session.legs import CallState

NodeOf = Callable[[int], object]
_FOREVER = 1 << 63


def one_call(calls: Sequence[CallState], node: NodeOf) -> bool:
    """Whether there is one call that has all of these as its legs."""
    ends = [_ends(call, node) for call in calls]
    for (a, one), (b, other) in combinations(list(enumerate(ends)), 2):
        if (one[0] & other[0] or one[1] & other[1]) and not _in_turn(calls, a, b):
            return _in_a_row(ends)
    return True


def passed_on(calls: Sequence[CallState], start: CallState, node: NodeOf) -> list[CallState]:
    """Those of some calls that elements pass on to each other, from `start` on in both ways: where one goes to, the
    next comes from."""
    ends = [(call, *_ends(call, node)) for call in calls]
    at = next(place for place, (call, _, _) in enumerate(ends) if call is start)
    reached, waiting = {at}, [at]
    while waiting:
        _, sources, targets = ends[waiting.pop()]
        near = {place for place, (_, theirs, to) in enumerate(ends) if theirs & targets or to & sources} - reached
        reached |= near
        waiting += near
    return [call for place, call in enumerate(calls) if place in reached]


def _ends(call: CallState, node: NodeOf) -> tuple[set[object], set[object]]:
    """The elements a call comes from, and those it goes to: what passes it on in between is neither."""
    senders = {node(leg.initiator) for leg in call.legs.values()}
    receivers = {node(leg.responder) for leg in call.legs.values()}
    first = next(iter(call.legs.values()))
    return senders - receivers or {node(first.initiator)}, receivers - senders or {node(first.responder)}


def _span(call: CallState) -> tuple[int, int]:
    return call.first_ns, _FOREVER if call.ended_ns is None else call.ended_ns


def _in_turn(calls: Sequence[CallState], a: int, b: int) -> bool:
    """Whether two attempts follow each other within a third call."""
    (first_a, last_a), (first_b, last_b) = _span(calls[a]), _span(calls[b])
    if last_a > first_b and last_b > first_a:
        return False
    first, last = min(first_a, first_b), max(last_a, last_b)
    spans = (_span(call) for at, call in enumerate(calls) if at not in (a, b))
    return any(start <= first and (end >= last or end >= max(first_a, first_b)) for start, end in spans)


def _in_a_row(ends: Sequence[tuple[set[object], set[object]]]) -> bool:
    """Whether the legs can be walked one after the other from one end to another (an Eulerian trail)."""
    if any(len(sources) != 1 or len(targets) != 1 for sources, targets in ends):
        return False
    steps = [(next(iter(sources)), next(iter(targets))) for sources, targets in ends]
    balance: Counter[object] = Counter()
    for source, target in steps:
        balance[source] += 1
        balance[target] -= 1
    odd = sorted(count for count in balance.values() if count)
    if odd != [-1, 1]:
        return False
    reached = {steps[0][0]}
    while grown := {n for step in steps if reached & set(step) for n in step} - reached:
        reached |= grown
    return len(reached) == len(balance)
