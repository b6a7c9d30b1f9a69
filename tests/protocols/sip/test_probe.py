"""The probe: SIP is seen, its likes are not."""

import random
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.limits import Limits
from analyzer.protocols.sip.message import Message
from analyzer.protocols.sip.parser import recognise
from analyzer.protocols.sip.probe import is_start, probe, start_within
from tests.linear import assert_linear

SIP = (
    b"INVITE sip:bob@example.com SIP/2.0\r\n",
    b"SIP/2.0 200 OK\r\n",
    b"SIP/2.0 100 \r\n",  # RFC 4475 3.1.1.13
    b"OPTIONS sip:t.watson@example.org SIP/7.0\r\n",  # 3.1.2.16
    b"INVITE  sip:user@example.com  SIP/2.0\r\n",  # 3.1.2.9
    b"SIP/2.0 4294967301 better not break the receiver\r\n",  # 3.1.2.19
    b"\r\n\r\nBYE sip:a SIP/2.0\r\n",
)
OTHER = (
    b"MSRP a786hjs2 SEND\r\nTo-Path: msrp://b:7654/j;tcp\r\n",
    b"MSRP a786hjs2 200 OK\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"GET sip:/SIP/2.0 HTTP/1.1\r\n",
    b"SETUP rtsp://example.com/a RTSP/1.0\r\nCSeq: 1\r\n",
    b"RTSP/1.0 200 OK\r\n",
    b"M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\n",
    b"v=0\r\no=- 1 1 IN IP4 a\r\n",
    b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\x03sip\x07example\x03com\0\0\1\0\1\n",  # a DNS query
    b"\0\1\0\x08\x21\x12\xa4\x42" + bytes(12) + b"\x80\x22\0\4SIP\n",  # STUN with SOFTWARE
    b"\x80\0\0\1" + bytes(8) + b"\n" * 160,  # RTP
    b"\x16\x03\x01\0\x05hello\n",
)


@pytest.mark.parametrize("data", SIP)
def test_sip_is_seen_and_never_ruled_out_before(data: bytes) -> None:
    assert probe(data) > 0
    assert all(probe(data[:size]) == 0 for size in range(len(data)))


@pytest.mark.parametrize("data", OTHER)
def test_its_likes_are_not(data: bytes) -> None:
    assert probe(data) < 0


def test_random_bytes_are_not() -> None:
    source = random.Random(5)
    assert not any(probe(source.randbytes(source.randrange(400))) > 0 for _ in range(5_000))


@given(st.binary(max_size=300))
def test_any_bytes_are_probed(data: bytes) -> None:
    assert isinstance(probe(data), int)
    assert start_within(data) < len(data) or not data


@given(
    st.lists(st.sampled_from([b"INVITE", b" ", b"\t", b"sip:a", b"SIP/2.0", b"\r", b"\n", b"1", b"200"]), max_size=9)
)
def test_a_short_cut_is_never_wider_than_the_grammar(words: list[bytes]) -> None:
    """What begins a line with the well-formed end does so with a bare LF, too: that way takes the full grammar."""
    line = b"".join(words).replace(b"\n", b"")
    assert is_start(line + b"\r\n") == is_start(line + b"\n") or line.endswith(b"\r")


def test_a_start_line_behind_garbage_is_found() -> None:
    assert start_within(b"\x01junkBYE sip:a SIP/2.0\r\n") == 5


@pytest.mark.parametrize("size", [100, 8_000, 60_000])
def test_a_long_request_uri_hides_no_datagram(size: int) -> None:
    """RFC 3261 sets no length for a URI, and what fits in a datagram is served."""
    line = b"INVITE sip:bob@example.com;p=" + b"q" * size + b" SIP/2.0\r\n"
    events = recognise(line + b"Call-ID: a\r\n\r\n", (), Limits())
    assert events is not None
    assert [event.method for event in events if isinstance(event, Message)] == ["INVITE"]


@pytest.mark.parametrize("unit", [b" ", b"a ", b"A sip:", b"SIP/2.0 200 ", b"INVITE sip:a SIP/", b"\t SIP/"])
@pytest.mark.parametrize("reader", [probe, is_start, start_within])
def test_a_hostile_line_takes_linear_time(reader: Callable[[bytes], object], unit: bytes) -> None:
    assert_linear(lambda size: partial(reader, (unit * size)[: size - 1] + b"\n"), 4_096)
