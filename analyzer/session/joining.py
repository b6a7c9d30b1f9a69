"""The legs of correlated calls as one call, in the order in which a request passes them."""

from analyzer.session.call_links import Group
from analyzer.session.legs import CallState, LegState
from analyzer.session.records import MessageRecord


def joined(group: Group) -> CallState:
    """One call of everything that belongs together; its legs are numbered in path order."""
    calls = group.calls
    legs = [leg for call in calls for leg in sorted(call.legs.values(), key=_along)]
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


def _along(leg: LegState) -> tuple[int, int]:
    """How far along the path a leg is."""
    return vias(leg), leg.ordinal


def vias(leg: LegState) -> int:
    """Elements that the first request had passed: each that passes it on adds a Via (RFC 3261 16.6); 0: not seen."""
    return min((message.vias for message in leg.messages if _starting(message)), default=0)


def _starting(message: MessageRecord) -> bool:
    """A message whose Vias tell how far the first request went: the request itself, or a response to it."""
    return message.method == "INVITE" and (not message.request or not message.to_tag)
