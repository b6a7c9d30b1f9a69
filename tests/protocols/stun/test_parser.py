"""STUN datagrams: the properties of every parser, then the vectors of RFC 5769."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.addresses import Address, parse_ip
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.protocols.stun.message import ChannelData, StunMessage
from analyzer.protocols.stun.parser import parse
from analyzer.protocols.stun.probe import probe
from tests.linear import assert_linear

CITES = (Cite(0, 1, 0, 100, 7),)
# RFC 5769 2.1, 2.2, 2.3.
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151"
    "263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
RESPONSE = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643000800142b91f599fd"
    "9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
RESPONSE6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5be"
    "d2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
HEAD = bytes.fromhex("000100002112a442") + b"abcdefghijkl"


def message(attributes: bytes, kind: int = 1) -> bytes:
    return kind.to_bytes(2, "big") + len(attributes).to_bytes(2, "big") + HEAD[4:] + attributes


def touch(event: StunMessage) -> None:
    names = ("mapped", "relayed", "peers", "username", "software", "realm", "error", "data", "channel", "priority")
    for name in (*names, "nominates", "controlling", "protected", "classic", "name"):
        getattr(event, name)
    assert all(attribute.name for attribute in event.attributes)


WIRE = st.one_of(
    st.binary(max_size=80),
    st.binary(max_size=60).map(lambda b: message(b[: len(b) // 4 * 4])),
    st.tuples(st.sampled_from([REQUEST, RESPONSE, RESPONSE6]), st.integers(0, 107), st.integers(0, 255)).map(
        lambda t: t[0][: t[1]] + bytes([t[2]]) + t[0][t[1] + 1 :]
    ),
)


@given(WIRE)
def test_total_accounted_and_cited(data: bytes) -> None:
    event = parse(data, CITES)
    assert event.cites == CITES
    assert isinstance(probe(data), int)
    if isinstance(event, Anomaly):
        return
    assert event.raw == data
    if isinstance(event, StunMessage):
        touch(event)
        assert all(anomaly.cites == CITES for anomaly in event.anomalies)
        if not event.anomalies:
            assert 20 + sum(4 + (len(a.value) + 3) // 4 * 4 for a in event.attributes) == len(data)
    else:
        assert 0 <= len(data) - 4 - len(event.data) <= 3


@given(st.sampled_from([REQUEST, RESPONSE, RESPONSE6]), st.data())
def test_a_part_is_never_read_as_the_whole(data: bytes, draw: st.DataObject) -> None:
    """The datagram's form of being blind to segmentation: a cut message is named, never read as a shorter one."""
    cut = data[: draw.draw(st.integers(0, len(data) - 1))]
    assert isinstance(parse(cut, CITES), Anomaly)


@given(WIRE)
def test_values_are_bounded_by_the_datagram(data: bytes) -> None:
    event = parse(data, CITES)
    if isinstance(event, StunMessage):
        assert sum(len(a.value) + 4 for a in event.attributes) <= len(data) - 20
        assert len(event.anomalies) <= 6


@given(st.binary(max_size=200))
def test_what_the_probe_claims_is_read(data: bytes) -> None:
    if probe(data) in (90, 40, 20):
        assert not isinstance(parse(data, CITES), Anomaly)


@pytest.mark.parametrize("unit", [b"\x00\x25\x00\x00", b"\x80\x28\x00\x00", b"\x00\x12\x00\x04\0\1\0\0"])
def test_linear(unit: bytes) -> None:
    """A message of empty attributes, of FINGERPRINT and of XOR-PEER-ADDRESS."""

    def prepare(size: int) -> Callable[[], None]:
        data = message(unit * size)

        def work() -> None:
            event = parse(data, CITES)
            assert isinstance(event, StunMessage)
            touch(event)

        return work

    assert_linear(prepare, 2_000)


def test_the_request_of_rfc_5769() -> None:
    event = parse(REQUEST, CITES)
    assert isinstance(event, StunMessage)
    assert (event.name, event.software, event.username) == ("Binding request", "STUN test client", "evtj:h6vY")
    assert (event.priority, event.controlling, event.nominates) == (0x6E0001FF, False, False)
    assert [a.name for a in event.attributes] == [
        "SOFTWARE", "PRIORITY", "ICE-CONTROLLED", "USERNAME", "MESSAGE-INTEGRITY", "FINGERPRINT",
    ]  # fmt: skip
    assert (event.anomalies, event.protected, probe(REQUEST)) == ((), True, 90)


def test_the_responses_of_rfc_5769() -> None:
    for raw, host in ((RESPONSE, "192.0.2.1"), (RESPONSE6, "2001:db8:1234:5678:11:2233:4455:6677")):
        event = parse(raw, CITES)
        assert isinstance(event, StunMessage)
        assert event.mapped == Address(parse_ip(host) or 0, 32853)
        assert (event.name, event.anomalies) == ("Binding success response", ())


def codes(data: bytes) -> list[str]:
    event = parse(data, CITES)
    assert isinstance(event, StunMessage)
    return [anomaly.kind.code for anomaly in event.anomalies]


def test_what_is_wrong_is_named() -> None:
    assert codes(REQUEST[:-1] + b"\0") == ["stun.fingerprint"]
    assert codes(REQUEST + b"x") == ["stun.trailing"]
    assert codes(message(b"\x00\x06\x00\x09abcd")) == ["stun.attribute_length"]
    assert codes(message(b"\x00\x08\x00\x14" + bytes(20) + b"\x00\x25\x00\x00")) == ["stun.after_integrity"]
    assert codes(message(b"\x00\x20\x00\x04\x00\x01\x00\x00")) == ["stun.address"]
    assert codes(message(b"\x7f\x01\x00\x00")) == ["stun.unknown_attribute"]
    assert codes(message(b"\xff\x01\x00\x00")) == []


def test_a_classic_message_counts_only_to_the_byte() -> None:
    """RFC 3489 11: no cookie, 16 bytes of transaction id; 11.2.1 MAPPED-ADDRESS in the clear."""
    raw = bytes.fromhex("0101000c") + b"0123456789abcdef" + bytes.fromhex("000100080001100fc0000201")
    event = parse(raw, CITES)
    assert isinstance(event, StunMessage)
    assert (event.classic, str(event.mapped), probe(raw)) == (True, "192.0.2.1:4111", 40)
    assert isinstance(parse(raw + b"\0", CITES), Anomaly)
    assert (probe(raw + b"\0"), probe(raw[:-1])) == (-1, -1)


def test_an_error_response_shows_its_code() -> None:
    """RFC 8489 14.8: 401 is class 4, number 1."""
    event = parse(message(b"\x00\x09\x00\x10\0\0\x04\x01Unauthorized", 0x0113), CITES)
    assert isinstance(event, StunMessage)
    assert (event.name, event.error) == ("Allocate error response", (401, "Unauthorized"))


def test_channel_data() -> None:
    """RFC 8656 12.4: channels 0x4000 to 0x4FFF, padding allowed over UDP."""
    for raw in (b"\x40\x01\x00\x05hello", b"\x40\x01\x00\x05hello\0\0\0"):
        event = parse(raw, CITES)
        assert isinstance(event, ChannelData)
        assert (event.channel, event.data, probe(raw)) == (0x4001, b"hello", 20)
    assert probe(b"\x40\x01\x00\x05hell") == -1
    assert probe(b"\x50\x00\x00\x00") == -1
