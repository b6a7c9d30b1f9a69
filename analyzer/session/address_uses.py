"""Media addresses that calls use one after the other: a stream there that goes on is another call's from then on."""

from collections import OrderedDict
from collections.abc import Iterable

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.session.legs import CallState, CallTable


class AddressUses:
    """Which call described each address last: of calls that are not judged yet, `Limits.streams` addresses at most."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.streams
        self._last: OrderedDict[Address, int] = OrderedDict()  # the ordinal of the call

    def describe(self, call: CallState, addresses: Iterable[Address], calls: CallTable) -> tuple[Address, ...]:
        """Notes addresses that a call describes; gives those that a call described last which is over by now.

        A call that is not over shares the address: its media may be the same, on another leg.
        """
        found: list[Address] = []
        while self._last and calls.at(next(iter(self._last.values()))) is None:  # said of no call any more
            self._last.popitem(last=False)
        for address in addresses:
            before = self._last.get(address, call.ordinal)
            earlier = calls.at(before) if before != call.ordinal else None
            if earlier is not None and earlier.ended_ns is not None:
                found.append(address)
            self._last[address] = call.ordinal
            self._last.move_to_end(address)
            if len(self._last) > self._limit:
                self._last.popitem(last=False)
        return tuple(found)
