"""The messages of a session one by one, for a ladder: kept only where one is asked for."""

from dataclasses import dataclass, field

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.session.carrier import Carrier


@frozen
class Traced:
    """One message: who sent it to whom (addresses), in a few words."""

    src: int
    dst: int
    label: str
    cite: Cite


@dataclass(slots=True)
class Trace:
    """The first `Limits.traced_messages` messages of a session, and how many came after them."""

    messages: list[Traced] = field(default_factory=list)
    dropped: int = 0

    def add(self, carrier: Carrier, label: str, cite: Cite, limits: Limits) -> None:
        """Takes the next message."""
        if len(self.messages) < limits.traced_messages:
            ends = carrier.endpoints
            self.messages.append(Traced(ends.src.ip, ends.dst.ip, label, cite))
        else:
            self.dropped += 1
