"""Relayed payloads come out of TURN in the direction they travel."""

from analyzer.core.addresses import Address, Endpoints, parse_ip
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.stun.message import ChannelData, StunMessage
from analyzer.protocols.stun.parser import parse
from analyzer.protocols.stun.turn import TurnTable

CITES = (Cite(0, 1, 0, 100, 7),)
CLIENT, SERVER, PEER = (
    Address(parse_ip(host) or 0, port) for host, port in (("10.0.0.1", 4000), ("10.0.0.2", 3478), ("192.0.2.1", 32853))
)
OUT = Endpoints(CLIENT, SERVER, 17)
PEER_ATTRIBUTE = bytes.fromhex("001200080001a147e112a643")  # 192.0.2.1:32853 as RFC 5769 2.2 masks it
OTHER_ATTRIBUTE = bytes.fromhex("001200080001a147e112a640")  # 192.0.2.2
CHANNEL_ATTRIBUTE = bytes.fromhex("000c000440010000")
DATA = ChannelData(0x4001, b"rtp", b"\x40\x01\x00\x03rtp", CITES)


def message(kind: int, attributes: bytes = b"", transaction: bytes = b"abcdefghijkl") -> StunMessage:
    size = len(attributes).to_bytes(2, "big")
    event = parse(kind.to_bytes(2, "big") + size + b"\x21\x12\xa4\x42" + transaction + attributes, CITES)
    assert isinstance(event, StunMessage)
    return event


def test_send_and_data_indications() -> None:
    """RFC 8656 11: methods 6 and 7, class indication."""
    attributes = PEER_ATTRIBUTE + b"\x00\x13\x00\x03rtp\0"
    table = TurnTable(Limits())
    assert table.unwrap(OUT, message(0x0016, attributes)) == (Endpoints(CLIENT, PEER, 17), b"rtp")
    assert table.unwrap(OUT.reverse, message(0x0017, attributes)) == (Endpoints(PEER, CLIENT, 17), b"rtp")
    assert table.unwrap(OUT, message(0x0016, PEER_ATTRIBUTE)) is None


def test_a_channel_is_bound_by_its_request_and_confirmed_by_its_answer() -> None:
    """RFC 8656 12.1, 12.2: request 0x0009, success 0x0109."""
    table = TurnTable(Limits())
    assert table.unwrap(OUT, DATA) is None
    assert table.unwrap(OUT, message(0x0009, CHANNEL_ATTRIBUTE + PEER_ATTRIBUTE)) is None
    for _ in range(2):
        assert table.unwrap(OUT, DATA) == (Endpoints(CLIENT, PEER, 17), b"rtp")
        assert table.unwrap(OUT.reverse, DATA) == (Endpoints(PEER, CLIENT, 17), b"rtp")
        table.unwrap(OUT.reverse, message(0x0109))
    assert table.unwrap(Endpoints(PEER, SERVER, 17), DATA) is None


def test_a_refused_binding_changes_nothing() -> None:
    """RFC 8656 12.2: binding a channel to another peer is answered 400."""
    table = TurnTable(Limits())
    table.unwrap(OUT, message(0x0009, CHANNEL_ATTRIBUTE + PEER_ATTRIBUTE))
    table.unwrap(OUT.reverse, message(0x0119))
    assert table.unwrap(OUT, DATA) is None
    table.unwrap(OUT, message(0x0009, CHANNEL_ATTRIBUTE + PEER_ATTRIBUTE))
    table.unwrap(OUT.reverse, message(0x0109))
    table.unwrap(OUT, message(0x0009, CHANNEL_ATTRIBUTE + OTHER_ATTRIBUTE))
    table.unwrap(OUT.reverse, message(0x0119))
    assert table.unwrap(OUT, DATA) == (Endpoints(CLIENT, PEER, 17), b"rtp")


def test_the_table_is_bounded_and_says_so_once() -> None:
    table = TurnTable(Limits(turn_channels=3))
    for port in range(10):
        flow = Endpoints(Address(CLIENT.ip, port), SERVER, 17)
        table.unwrap(flow, message(0x0009, CHANNEL_ATTRIBUTE + PEER_ATTRIBUTE))
        assert len(table) <= 3
    assert [anomaly.cites for anomaly in table.drain()] == [CITES]
    assert table.drain() == []
