"""What is taken for MSRP."""

import pytest

from analyzer.protocols.msrp.probe import probe
from tests.protocols.msrp.writer import chunk, response


@pytest.mark.parametrize("data", [chunk(), response(), chunk(method="NICKNAME"), b"MSRP abcd 481\r\n"])
def test_every_beginning_of_a_message_stays_possible_until_it_is_sure(data: bytes) -> None:
    sure = data.index(b"\n") + 1
    assert all(probe(data[:size]) == 0 for size in range(sure))
    assert all(probe(data[:size]) > 50 for size in range(sure, len(data)))


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n", b"INVITE sip:a SIP/2.0\r\n", b"\x16\x03\x01", b"MSRP a SEND\r\n", b"MSRP abcd send\r\n",
     b"MSRP abcd\r\n", b"MSRPx", b"msrp abcd SEND\r\n", b"MSRP " + b"a" * 2000],
)  # fmt: skip
def test_other_bytes_are_not_msrp(data: bytes) -> None:
    assert probe(data) < 0
