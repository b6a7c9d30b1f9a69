"""BFCP that means harm: bounded, named, no exception."""

from functools import partial

from analyzer.core.limits import Limits
from analyzer.protocols.bfcp.message import Attribute, BfcpMessage
from analyzer.protocols.bfcp.parser import parse_datagram
from tests.linear import assert_linear
from tests.protocols.bfcp.writer import CITE, message, write


def nested(depth: int) -> bytes:
    """FLOOR-REQUEST-INFORMATION in itself; the length octet allows 63 levels of 4 bytes (RFC 8855 5.2)."""
    inner = b""
    for _ in range(depth):
        inner = bytes((15 << 1 | 1, 4 + len(inner), 0, 1)) + inner
    return inner


def deep(count: int) -> bytes:
    """A FloorRequestStatus of so many towers of attributes."""
    body = nested(60) * count
    return bytes((0x40, 8)) + (len(body) // 4).to_bytes(2, "big") + bytes(8) + body


def test_depth_is_read_in_linear_time() -> None:
    assert_linear(lambda count: partial(parse_datagram, deep(count), (CITE,), Limits(bfcp_attributes=10**6)), 80)


def test_ten_thousand_attributes() -> None:
    """Nested as deep as their lengths allow, and one after another: read to the bounds, which are said."""
    found = parse_datagram(deep(160), (CITE,), Limits())
    assert isinstance(found, BfcpMessage)
    assert {anomaly.kind.code for anomaly in found.anomalies} >= {"bfcp.nesting", "bfcp.attributes_limit"}
    flat = write(message(8, *[Attribute(2, True, b"\0\1")] * 10_000, version=2))
    many = parse_datagram(flat, (CITE,), Limits())
    assert isinstance(many, BfcpMessage)
    assert len(many.attributes) == Limits().bfcp_attributes
    assert [anomaly.kind.code for anomaly in many.anomalies] == ["bfcp.attributes_limit"]
