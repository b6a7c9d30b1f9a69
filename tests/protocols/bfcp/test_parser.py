"""One BFCP message, as RFC 8855 5 and real captures write it."""

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.protocols.bfcp import names
from analyzer.protocols.bfcp.message import Attribute, BfcpMessage, FloorRequest
from analyzer.protocols.bfcp.parser import parse_datagram, read
from tests.linear import assert_linear
from tests.protocols.bfcp.writer import CITE, message, messages, write


def parsed(data: bytes, limits: Limits | None = None) -> BfcpMessage:
    found = parse_datagram(data, (CITE,), limits or Limits())
    assert isinstance(found, BfcpMessage)
    return found


def tcp(text: str) -> BfcpMessage:
    return read(bytes.fromhex(text), (CITE,), Limits(), reliable=True)


def notes(found: BfcpMessage) -> list[str]:
    return [anomaly.kind.code for anomaly in found.anomalies]


@given(messages(version=2))
def test_what_is_written_is_read_back(written: BfcpMessage) -> None:
    assert parsed(write(written)) == written


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=80).map(lambda tail: b"\x40\4\0\x0a" + b"\0" * 8 + tail)))
def test_any_datagram_is_read_and_cited(data: bytes) -> None:
    found = parse_datagram(data, (CITE,), Limits(nesting=2, bfcp_attributes=4))
    assert found.cites == (CITE,)
    if isinstance(found, BfcpMessage):
        assert found.size == len(data)
        assert all(each.cites == (CITE,) for each in found.anomalies)


@given(messages(version=2), st.data())
def test_a_changed_or_cut_message_is_read(written: BfcpMessage, data: st.DataObject) -> None:
    raw = bytearray(write(written))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    parse_datagram(bytes(raw[: data.draw(st.integers(0, len(raw)))]), (CITE,), Limits())


def test_the_header() -> None:
    """bfcp-udp.pcapng, frame 3: a HelloAck of version 2, R set."""
    found = parsed(bytes.fromhex("500c00060000126700010001170a01020407080b0c0d0000150a0406080a0c1e22240000"))
    assert (found.version, found.responder, found.fragment, found.name) == (2, True, None, "HelloAck")
    assert (found.conference_id, found.transaction_id, found.user_id, found.length) == (0x1267, 1, 1, 6)
    assert [(each.name, each.mandatory, each.value.hex()) for each in found.attributes] == [
        ("SUPPORTED-PRIMITIVES", True, "01020407080b0c0d"),
        ("SUPPORTED-ATTRIBUTES", True, "0406080a0c1e2224"),
    ]
    assert found.anomalies == ()


def test_nested_attributes() -> None:
    """bfcp-tcp.pcapng, frame 21: floor request 1 is granted, floor 1."""
    found = tcp("2004000400001267000300011f100001240800010a04030022040001")
    assert found.floor_requests == (FloorRequest(1, 3, 0, ((1, None),), None, None),)
    assert found.floor_requests[0].status_name == "Granted"
    assert found.anomalies == ()


def test_a_floor_request() -> None:
    """bfcp-tcp.pcapng, frame 19: floor 1, priority normal, "may I speak" padded with three zeros."""
    found = tcp("2001000600001267000300010504000108044000100d6d6179204920737065616b000000")
    assert (found.name, found.floor_ids, found.anomalies) == ("FloorRequest", (1,), ())
    assert [each.priority for each in found.find(names.PRIORITY)] == [2]
    assert [each.text for each in found.find(names.PARTICIPANT_PROVIDED_INFO)] == ["may I speak"]


def test_every_primitive_of_the_rfc_has_its_name() -> None:
    """RFC 8855 table 1; tshark 4.0 shifts 15 and up."""
    assert [tcp(f"20{number:02x}0000" + "00" * 8).name for number in (10, 14, 15, 16, 17, 18)] == [
        "ChairActionAck", "FloorRequestStatusAck", "FloorStatusAck", "Goodbye", "GoodbyeAck", "primitive-18",
    ]  # fmt: skip


def test_an_error_names_its_code_and_details() -> None:
    """5.2.6: code 4 lists the unknown attributes."""
    found = parsed(write(message(13, Attribute(6, True, b"\4\x3e\xfe"), Attribute(7, False, b"no"), version=2)))
    assert (found.error_code, names.ERRORS[4], found.error_details) == (4, "Unknown Mandatory Attribute", b"\x3e\xfe")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("400b0000 00000001 0001 0001", "bfcp.version"),
        ("300b0000 00000001 0001 0001", "bfcp.flags"),
        ("280b0000 00000001 0001 0001", "bfcp.flags"),
        ("210b0000 00000001 0001 0001", "bfcp.reserved"),
        ("20120000 00000001 0001 0001", "bfcp.primitive"),
        ("200b0001 00000001 0001 0001", "bfcp.length"),
        ("20010000 00000001 0001 0001", "bfcp.attribute_missing"),
        ("200b0001 00000001 0001 0001 05080001", "bfcp.attribute_length"),
        ("200b0001 00000001 0001 0001 05030001", "bfcp.attribute_length"),
        ("200b0001 00000001 0001 0001 05010001", "bfcp.attribute_length"),
        ("200b0001 00000001 0001 0001 27040001", "bfcp.unknown_mandatory"),
        ("200b0001 00000001 0001 0001 0e036101", "bfcp.padding"),
    ],
)
def test_what_the_rfc_forbids_is_named(text: str, code: str) -> None:
    assert code in notes(tcp(text))


def test_an_unknown_attribute_without_m_is_no_anomaly() -> None:
    """5.2: it is ignored."""
    found = tcp("200b0001 00000001 0001 0001 26040001")
    assert (found.attributes[0].name, found.anomalies) == ("attribute-19", ())


def test_depth_and_number_of_attributes_are_bounded() -> None:
    inner = Attribute(18, False, b"\0\1")
    for _ in range(4):
        inner = Attribute(15, False, b"\0\1", (inner,))
    deep = parsed(write(message(8, inner, version=2)), Limits(nesting=2))
    many = parsed(write(message(8, *[Attribute(2, True, b"\0\1")] * 9, version=2)), Limits(bfcp_attributes=5))
    assert (notes(deep), notes(many), len(many.attributes)) == (["bfcp.nesting"], ["bfcp.attributes_limit"], 5)


def test_short_and_long_datagrams_are_anomalies() -> None:
    short, long = (
        parse_datagram(b"\x40", (CITE,), Limits()),
        parse_datagram(bytes(99), (CITE,), Limits(message_bytes=50)),
    )
    assert isinstance(short, Anomaly)
    assert isinstance(long, Anomaly)
    assert (short.kind.code, long.kind.code) == ("bfcp.short", "bfcp.message_too_long")


@pytest.mark.parametrize("unit", ["04040001", "0e020000", "1e080001 22040001", "fe040001", "1efc0001", "0aff0000"])
def test_time_is_linear(unit: str) -> None:
    def prepare(size: int) -> Callable[[], object]:
        raw = bytes.fromhex(unit)
        data = b"\x40\x08" + (size // 4).to_bytes(2, "big") + b"\0" * 8 + raw * (size // len(raw))
        return partial(parsed, data, Limits(bfcp_attributes=10**6))

    assert_linear(prepare, 30_000)
