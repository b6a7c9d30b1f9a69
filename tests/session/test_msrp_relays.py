"""MSRP over relays: the way that two a=path lines describe (RFC 4975 8.3, RFC 4976 4)."""

import pytest

from analyzer.core.addresses import Address, parse_ip
from analyzer.core.limits import Limits
from analyzer.protocols.sdp.parser import parse
from analyzer.session.connections import Connection
from analyzer.session.msrp_relays import chain, connections
from analyzer.session.offer_answer import Negotiation
from tests.session.test_offer_answer import Dialog

ALICE, BOB = "msrps://192.0.2.1:7654/jshA7weztas;tcp", "msrp://192.0.2.2:8493/kjfjan;tcp"
INNER, OUTER = "msrps://192.0.2.11:9000/a98s;tcp", "msrps://192.0.2.12/jui7;tcp"


def _negotiation(offer: str, answer: str | None) -> Negotiation:
    dialog = Dialog()
    for way, what, path in ((">", "INVITE", offer), ("<", "200 INVITE", answer)):
        head = (
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=message 7654 TCP/TLS/MSRP *\r\n"
        )
        if path is not None:
            dialog(way, what, 1, parse(f"{head}a=path:{path}\r\n".encode(), (), Limits()))
    (found,) = dialog.state.negotiations
    return found


def _address(host: str, port: int) -> Address:
    ip = parse_ip(host)
    assert ip is not None
    return Address(ip, port)


def test_the_way_leads_from_the_offerer_over_both_ends_relays() -> None:
    """Each path has the relay that the peer connects to first, and its own end last (RFC 4975 8.3)."""
    assert chain(_negotiation(f"{OUTER} {INNER} {ALICE}", BOB)) == (
        _address("192.0.2.1", 7654), _address("192.0.2.11", 9000), _address("192.0.2.12", 2855),
        _address("192.0.2.2", 8493),
    )  # fmt: skip
    assert chain(_negotiation(BOB, f"{INNER} {ALICE}")) == (
        _address("192.0.2.2", 8493), _address("192.0.2.11", 9000), _address("192.0.2.1", 7654),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (ALICE, BOB),
        (f"{INNER} {ALICE}", None),
        (f"msrps://relay.example/a98s;tcp {ALICE}", BOB),
        (f"{' '.join([INNER] * 20)} {ALICE}", BOB),
        ("x y z", BOB),
    ],
    ids=["no relay", "no answer", "a host that is a name", "longer than the bound", "no URIs"],
)
def test_where_no_way_is_known(offer: str, answer: str | None) -> None:
    assert chain(_negotiation(offer, answer)) == ()


def test_connections_of_two_neighbours_whoever_connected() -> None:
    near, far, else_where = _address("192.0.2.1", 7654), _address("192.0.2.11", 9000), _address("192.0.2.3", 9)
    there = Connection(1, _address("192.0.2.1", 40000), far, 6)
    back = Connection(0, _address("192.0.2.11", 50000), near, 6)
    other = Connection(2, else_where, far, 6)
    table = {far: [there, other], near: [back]}
    assert connections(near, far, lambda end, _: table.get(end, [])) == [back, there]
