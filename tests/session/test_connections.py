"""What is remembered of connections, and for how long."""

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.cites import Cite
from analyzer.core.limits import SECOND_NS, Limits
from analyzer.net.packets import TCP, UDP
from analyzer.session.connections import ConnectionTable

LIMITS = Limits()
SILENCE_NS = LIMITS.call_quiet_ns + LIMITS.linger_ns


def test_only_silent_sip_flows_are_let_go() -> None:
    """A BFCP or TLS connection may be silent for long while its call goes on; a SIP flow has told all it had."""
    table = ConnectionTable(LIMITS)
    kept = [("tls", TCP), ("bfcp", TCP), ("bfcp", UDP), ("dtls", UDP), ("", UDP), ("sip", TCP)]
    ends = {}
    for number, (protocol, carrier) in enumerate([*kept, ("sip", UDP)], 1):
        ends[protocol, carrier] = Endpoints(Address(number, 5060), Address(99, 5060), carrier)
        table.touch(ends[protocol, carrier], 0, Cite(0, number, 0, 60, SECOND_NS), 60).protocol = protocol
    table.tick(SECOND_NS + SILENCE_NS)
    assert table.find(ends["sip", UDP]) is not None
    table.tick(SECOND_NS + SILENCE_NS + 1)
    assert [(each.protocol, each.ip_protocol) for each in table.all()] == kept
    assert sum(len(table.listening(Address(99, 5060), protocol)) for protocol in (TCP, UDP)) == len(kept)
    again = table.touch(ends["sip", UDP], 0, Cite(0, 9, 0, 60, SECOND_NS), 60)
    assert again.ordinal == len(kept) + 2


def test_of_many_connections_at_one_address_the_latest_are_given() -> None:
    table = ConnectionTable(Limits(connections_per_address=3))
    server = Address(99, 2855)
    for number in range(1, 6):
        table.touch(Endpoints(Address(number, 5060), server, TCP), 0, Cite(0, number, 0, 60, SECOND_NS), 60)
        assert table.evicted == 0
    assert [each.src.ip for each in table.listening(server, TCP)] == [3, 4, 5]
    assert table.evicted == 1  # it is announced that others were not looked at
