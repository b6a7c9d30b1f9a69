"""The legs of correlated calls as one call, in the order in which a request passes them."""

from collections.abc import Sequence

from analyzer.session.call_links import Group
from analyzer.session.legs import CallState, LegState
from analyzer.session.records import MessageRecord


def joined(group: Group) -> CallState:
    """One call of everything that belongs together; its legs are numbered in path order."""
    calls = group.calls
    legs = [leg for call in calls for leg in in_path_order(list(call.legs.values()))]
    for ordinal, leg in enumerate(legs, 1):
        leg.ordinal = ordinal
    first = calls[0]
    if len(calls) == 1 and list(first.legs.values()) == legs:
        first.links = group.links
        return first
    ended = [call.ended_ns for call in calls]
    return CallState(
        ordinal=first.ordinal,
        call_id=first.call_id,
        name=first.name,
        first_ns=min(call.first_ns for call in calls),
        last_ns=max(call.last_ns for call in calls),
        legs={(leg.ordinal, leg.initiator, leg.responder): leg for leg in legs},
        ended_ns=None if None in ended else max(at for at in ended if at is not None),
        messages=sum(call.messages for call in calls),
        roster=next((call.roster for call in calls if call.roster is not None), None),
        notified=[message for call in calls for message in call.notified],
        unkept=sum(call.unkept for call in calls),
        call_ids=tuple(dict.fromkeys(call.call_id for call in calls)),
        names=tuple(call.name for call in calls),
        links=group.links,
    )


def in_path_order(legs: Sequence[LegState]) -> list[LegState]:
    """The legs of one dialog as its first request passes them: behind each those that go on from it. Of legs whose
    hop before is not known (not captured, or its Via hidden) the one with fewer Vias comes first."""
    before = previous_hops(legs)
    onward: dict[int, list[LegState]] = {}
    waiting: list[LegState] = []
    for leg in sorted(legs, key=lambda leg: (vias(leg), leg.ordinal), reverse=True):
        (onward.setdefault(before[leg.ordinal], []) if leg.ordinal in before else waiting).append(leg)
    ordered: dict[int, LegState] = {}
    while waiting:
        leg = waiting.pop()
        ordered[leg.ordinal] = leg
        waiting += onward.get(leg.ordinal, ())
    return list(ordered.values())


def previous_hops(legs: Sequence[LegState]) -> dict[int, int]:
    """Of legs, by ordinal, the leg on the hop before: its top Via is the second one here (RFC 3261 16.6)."""
    top: dict[str, LegState] = {}
    for leg in sorted(legs, key=lambda leg: (vias(leg), leg.ordinal)):
        for message in leg.messages:
            if _starting(message) and message.branch:
                top.setdefault(message.branch, leg)
    found: dict[int, int] = {}
    for leg in legs:
        passed = (top.get(m.passed_branch) for m in leg.messages if _starting(m) and m.passed_branch)
        before = next((each for each in passed if each is not None and vias(each) < vias(leg)), None)
        if before is not None:
            found[leg.ordinal] = before.ordinal
    return found


def vias(leg: LegState) -> int:
    """Elements that the first request had passed: each that passes it on adds a Via (RFC 3261 16.6); 0: not seen."""
    return min((message.vias for message in leg.messages if _starting(message)), default=0)


def _starting(message: MessageRecord) -> bool:
    """A message whose Vias tell how far the first request went: the request itself, or a response to it."""
    return message.method == "INVITE" and (not message.request or not message.to_tag)
