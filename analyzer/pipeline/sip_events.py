"""Where SIP comes out of every transport: parsed messages go to the session layer, the rest to the ledger."""

from collections.abc import Callable, Iterable

from analyzer.core.addresses import Address
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.pipeline.ledger import Ledger
from analyzer.protocols.sip.checks import check
from analyzer.protocols.sip.message import Message
from analyzer.session.carrier import Carrier
from analyzer.session.legs import CallState
from analyzer.session.signalling import Filed, Signalling

CloseCall = Callable[[CallState], None]
BeginAnew = Callable[[str, Address], None]
"""A call has taken over an address from one that is over."""


class SipEvents:
    """Takes parser events with what carried them."""

    def __init__(
        self, limits: Limits, signalling: Signalling, ledger: Ledger, close: CloseCall, begin_anew: BeginAnew
    ) -> None:
        self._limits = limits
        self._signalling = signalling
        self._ledger = ledger
        self._close = close
        self._begin_anew = begin_anew

    def take(self, events: Iterable[object], carrier: Carrier, cites: tuple[Cite, ...] = ()) -> int:
        """Files messages and anomalies; says how many messages there were. Values are checked in whole first copies."""
        messages = 0
        for event in events:
            if isinstance(event, Message):
                messages += 1
                if self._signalling.held:
                    self.tick(event.ts_ns)
                self._filed(event, self._signalling.message(event, carrier))
            elif isinstance(event, Anomaly):
                self._ledger.add(event, cites)
        return messages

    def tick(self, now_ns: int) -> None:
        """Files what was captured in part and of which no whole copy can come any more."""
        for message, filed in self._signalling.overdue(now_ns):
            self._filed(message, filed)

    def finish(self) -> None:
        """The capture has ended: no whole copy comes."""
        for message, filed in self._signalling.overdue(None):
            self._filed(message, filed)

    def _filed(self, message: Message, filed: Filed) -> None:
        if filed.record is not None:
            for anomaly in message.anomalies:
                self._ledger.add(anomaly, message.cites)
            if message.complete and not filed.record.retransmission:
                for anomaly in check(message, self._limits):
                    self._ledger.add(anomaly)
            for address in filed.anew:
                self._begin_anew(filed.call.name if filed.call is not None else "", address)
        if filed.anomalies:
            self._ledger.extend(filed.anomalies)
        for call in filed.evicted:
            self._close(call)
