"""Where the packets of a call's media are looked up."""

from collections.abc import Callable

from analyzer.core.addresses import Address
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.session.bound import Tables
from analyzer.session.ice_checks import IceChecks
from analyzer.session.media.closed import Taken
from analyzer.session.media.record import RtcpRecord, Span
from analyzer.session.placement import Placement
from analyzer.session.registrations import Registrations
from analyzer.session.scope import Compare
from analyzer.session.trust import Trust

TakeStreams = Callable[[Address, int, int], Taken]
TakeBetween = Callable[[Address, Address, int, int], Taken]  # from one address to another
Between = Callable[[Address, Address], bool]
Sealed = Callable[[int, int, tuple[int, int]], bool]  # ESP between two hosts in a span of time that stays closed


@frozen
class MediaSources:
    """Where a call's packets are looked up."""

    take: TakeStreams
    take_between: TakeBetween
    tables: Tables
    registrations: Registrations
    placement: Placement
    zrtp: Between
    rtcp: Callable[[Address, Address, Span], list[RtcpRecord]]
    ice: IceChecks
    compare: Compare
    limits: Limits
    trust: Trust
    sealed: Sealed
