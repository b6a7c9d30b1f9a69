"""Whether messages of two calls keep step, as those of two legs of one call do (hops.md section 3).

An element that passes a call on passes each message on: INVITE, ringing, final answer, ACK and BYE of one leg stand by
those of the other. Weak by itself: it supports what else two calls have in common.
"""

from itertools import islice

from analyzer.session.legs import CallState
from analyzer.session.records import MessageRecord

STEP_NS = 100_000_000  # that an element takes to pass a message on
_MOMENTS = 3  # that two calls have in common at least, the final answer among them
_MESSAGES = 64  # of each leg, the first ones


def in_step(one: CallState, other: CallState) -> bool:
    """Whether each moment that both calls have is the same, but for the time an element takes."""
    ours, theirs = _moments(one), _moments(other)
    common = ours.keys() & theirs.keys()
    if len(common) < _MOMENTS or "final" not in common:
        return False
    return all(abs(ours[moment] - theirs[moment]) <= STEP_NS for moment in common)


def _moments(call: CallState) -> dict[str, int]:
    """When each of them was first seen."""
    found: dict[str, int] = {}
    for leg in call.legs.values():
        for message in islice(leg.messages, _MESSAGES):
            moment = _moment(message)
            if moment and message.ts_ns < found.get(moment, message.ts_ns + 1):
                found[moment] = message.ts_ns
    return found


def _moment(message: MessageRecord) -> str:
    if message.request:
        starts = message.method == "INVITE" and not message.to_tag
        return message.method if starts or message.method in ("ACK", "BYE") else ""
    if message.method != "INVITE" or message.status is None:
        return ""
    return "final" if message.status >= 200 else "ringing" if message.status >= 180 else ""
