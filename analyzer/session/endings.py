"""Why a focus ended a call: a decision about the participant, or an ordinary end (TS 33.328 G.2; RFC 3326; RFC 4579 5).

What is in a server's mind no packet shows. A Reason header says it; without one, an end within seconds of the answer is
a decision, one within the next half minute may be, and a later one is the ordinary end of a call.
"""

from collections.abc import Iterable, Sequence

from analyzer.core.limits import SECOND_NS
from analyzer.core.numbers import decimal
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.headers import parameters, split
from analyzer.session.records import MessageRecord

REFUSALS = frozenset({403, 433, 488, 603})
"""Final answers to a dial-in that refuse who asks, or what it offers."""
DECIDED_NS = 4 * SECOND_NS
"""So soon after the answer (T2 of RFC 3261 17.1.2) nobody has conferred."""
PERHAPS_NS = 32 * SECOND_NS
"""Up to then (64*T1 of RFC 3261) an end without a reason may be a decision."""
_ABOUT_THE_USER = {
    "sip": frozenset({403, 428, 433, 436, 437, 438, 603, 607, 608}),
    "q.850": frozenset({21, 55, 57, 87}),  # rejected; barred in the group; not authorised; no member of the group
}
_MAX_REASONS = 16
_UNSAID = Unknown.of("message", "a Reason header that says why the focus ended the call")


def ended_by_focus(
    messages: Sequence[MessageRecord], focus: int, dial_in: bool
) -> tuple[Tristate, MessageRecord | None]:
    """Whether the focus refused, cancelled or ended a call for the participant's sake, and the message that did."""
    for message in messages:
        if message.carrier.endpoints.src.ip != focus:
            continue
        if dial_in and message.method == "INVITE" and message.status in REFUSALS:
            return True, message
        if message.request and message.method in ("CANCEL", "BYE"):
            removed = _removed(message, messages)
            return removed, message if removed is not False else None
    return False, None


def _removed(ending: MessageRecord, messages: Sequence[MessageRecord]) -> Tristate:
    said = _said(ending.all("reason"))
    if said is not None:
        return said
    begun = _begun(ending, messages)
    if begun is None:
        return _UNSAID
    lasted = ending.ts_ns - begun
    return lasted <= DECIDED_NS or (False if lasted > PERHAPS_NS and ending.method == "BYE" else _UNSAID)


def _begun(ending: MessageRecord, messages: Sequence[MessageRecord]) -> int | None:
    """When the answer came that the end follows: the final one, of a CANCEL the first that shows who is called."""
    lowest, highest = (101, 199) if ending.method == "CANCEL" else (200, 299)
    answers = [m.ts_ns for m in messages if m.method == "INVITE" and lowest <= (m.status or 0) <= highest]
    return min(answers, default=None)


def _said(values: Iterable[str]) -> bool | None:
    """Whether Reason headers name a cause that lies in who takes part; None if they name none (RFC 3326 2)."""
    causes = []
    for part in [part for value in values for part in split(value)][:_MAX_REASONS]:
        protocol, given = parameters(part)
        cause = decimal(given.get("cause", ""), 3)
        if cause is not None:
            causes.append(cause in _ABOUT_THE_USER.get(protocol.strip().lower(), frozenset()))
    return any(causes) if causes else None
