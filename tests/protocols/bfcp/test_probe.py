"""What is taken for BFCP, and above all what is not."""

import pytest
from hypothesis import given

from analyzer.protocols.bfcp.message import BfcpMessage
from analyzer.protocols.bfcp.probe import probe
from tests.protocols.bfcp.writer import Attribute, message, messages, write

HELLO = write(message(11, version=2))
OTHERS = [
    b"GET / HTTP/1.1\r\n\r\n", b"INVITE sip:a@b SIP/2.0\r\n", b"MSRP abcd SEND\r\n", b"\x16\x03\x01\0\x20" + b"\1" * 32,
    b"\x80\0" + b"\0" * 30, b"\0\1\0\0\x21\x12\xa4\x42" + b"\0" * 12, b"\x16\xfe\xfd" + b"\0" * 20,
    b"\x40\1\0\4abcd", b"\x40\x0b\0\0", b"\x40\1\0\x08" + b"a" * 8, b"    hello world    ", b"",
]  # fmt: skip


@pytest.mark.parametrize("data", OTHERS)
def test_other_protocols_are_not_bfcp(data: bytes) -> None:
    assert probe(data, True) < 0
    assert probe(data, False) < (0 if data else 1)


@given(messages().filter(lambda each: each.length < 256 and all(a.type < 19 for a in each.attributes)))
def test_every_beginning_of_a_message_stays_possible(written: BfcpMessage) -> None:
    data = write(written)
    assert all(probe(data[:size], False) == 0 for size in range(len(data)))
    assert probe(data, False) > 0
    assert probe(data, True) < 0  # version 1 is for streams


@given(messages(version=2).filter(lambda each: all(a.type < 19 for a in each.attributes)))
def test_a_datagram_is_whole(written: BfcpMessage) -> None:
    data = write(written)
    assert probe(data, True) > 0
    assert probe(data + b"\0", True) < 0
    assert probe(data[:-1], True) < 0
    assert probe(data, False) < 0


def test_lengths_padding_and_reserved_bits_decide() -> None:
    text = write(message(5, Attribute(8, False, b"x"), version=2))
    assert probe(text, True) > 0
    assert probe(text[:-1] + b"\1", True) < 0
    assert probe(b"\x41" + HELLO[1:], True) < 0
    assert probe(HELLO[:1] + b"\x12" + HELLO[2:], True) < 0
    assert probe(b"\x40\x01\0\0" + HELLO[4:], True) < 0  # a FloorRequest needs a floor


def test_fragments_are_recognised() -> None:
    """5.1: offset and length are in words and within the Payload Length."""
    assert probe(b"\x48\x08\0\x09" + HELLO[4:] + b"\0\2\0\1" + b"abcd", True) > 0
    assert probe(b"\x48\x08\0\x02" + HELLO[4:] + b"\0\2\0\1" + b"abcd", True) < 0
