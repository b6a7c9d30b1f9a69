"""Connections from an element of a call's path to where a medium listens."""

from types import SimpleNamespace

from analyzer.core.addresses import Address, parse_ip
from analyzer.session.connections import Connection
from analyzer.session.media_path import from_elements


def test_a_listener_that_is_named_twice_is_asked_once() -> None:
    """The c= and m= lines and a=path name the same address, as RFC 4975 8.1 wants: one connection is one."""
    proxy, server, far = (parse_ip(text) for text in ("192.0.2.11", "192.0.2.13", "192.0.2.99"))
    end = Address(server, 2855)
    ours, other = (Connection(number, Address(ip, 40000), end, 6) for number, ip in enumerate((proxy, far)))
    legs = [SimpleNamespace(initiator=proxy, responder=server)]
    assert list(from_elements(legs, [end, end], lambda *_: [ours, other], 6)) == [(ours, ours.src)]
