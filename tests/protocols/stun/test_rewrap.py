"""Relayed data replaced: what the parser then reads is the new data, and nothing is wrong with the message."""

import struct
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.protocols.stun.message import (
    COOKIE,
    DATA,
    FINGERPRINT,
    MESSAGE_INTEGRITY,
    MESSAGE_INTEGRITY_SHA256,
    ChannelData,
    StunMessage,
)
from analyzer.protocols.stun.parser import parse
from analyzer.protocols.stun.rewrap import with_data, with_data_in_stream
from analyzer.protocols.stun.stream import StunStream
from analyzer.transport.cited import Chunk
from analyzer.transport.framed import Frame
from tests.protocols.bfcp.writer import CITE

DATAS = st.binary(max_size=40)


def indication(*attributes: tuple[int, bytes], fingerprint: bool = False, behind: bytes = b"") -> bytes:
    """RFC 8489 5 and 14."""
    body = b"".join(struct.pack(">HH", kind, len(v)) + v + bytes(-len(v) % 4) for kind, v in attributes)
    head = struct.pack(">HHI", 0x0016, len(body) + 8 * fingerprint, COOKIE) + b"abcdefghijkl" + body
    if fingerprint:
        head += struct.pack(">HHI", FINGERPRINT, 4, crc32(head) ^ 0x5354554E)
    return head + behind


@given(DATAS, DATAS, st.booleans(), st.sampled_from([(), ((0x8022, b"software"),)]))
def test_an_indication(old: bytes, new: bytes, fingerprint: bool, more: tuple[tuple[int, bytes], ...]) -> None:
    attributes = ((0x0012, b"\0\1\x21\x12\x21\x12\xa4\x42"), (DATA, old), *more)
    message = parse(indication(*attributes, fingerprint=fingerprint), ())
    assert isinstance(message, StunMessage)
    made = with_data(message, new)
    assert made == indication(attributes[0], (DATA, new), *more, fingerprint=fingerprint)
    read = parse(made, ())
    assert isinstance(read, StunMessage) and read.data == new and not read.anomalies


@given(DATAS, DATAS, st.booleans())
def test_channel_data(old: bytes, new: bytes, padded: bool) -> None:
    """RFC 8656 12.5: over UDP padding may be there."""
    raw = struct.pack(">HH", 0x4001, len(old)) + old
    message = parse(raw + bytes(-len(raw) % 4 if padded else 0), ())
    assert isinstance(message, ChannelData)
    read = parse(with_data(message, new) or b"", ())
    assert isinstance(read, ChannelData) and (read.channel, read.data) == (0x4001, new)
    assert len(read.raw) == 4 + len(new) or (padded and len(read.raw) % 4 == 0)


def test_what_cannot_be_made_again() -> None:
    data, integrity = (DATA, b"data"), (MESSAGE_INTEGRITY, bytes(20))
    for raw in (indication(), indication(integrity, data), indication(data, (DATA, bytes(65_500)))[:40]):
        message = parse(raw, ())
        assert isinstance(message, Anomaly) or with_data(message, b"new") is None
    message = parse(indication(data), ())
    assert isinstance(message, StunMessage) and with_data(message, bytes(0xFFFF)) is None


@pytest.mark.parametrize("kind", [MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256])
@pytest.mark.parametrize("fingerprint", [True, False])
def test_integrity_goes_with_the_data_it_was_of(kind: int, fingerprint: bool) -> None:
    """RFC 8489 14.5: it covers what stands before it; what stands behind it, but for FINGERPRINT, no receiver reads."""
    before, data, behind = (0x8022, b"software"), (DATA, b"data"), (0x0006, b"user")
    raw = indication(before, data, (kind, bytes(20)), behind, fingerprint=fingerprint)
    message = parse(raw, ())
    assert isinstance(message, StunMessage) and message.protected
    assert with_data(message, b"new") == indication(before, (DATA, b"new"), fingerprint=fingerprint)


@given(st.binary(max_size=60), st.integers(0, 60), st.booleans(), st.booleans())
def test_as_long_as_it_was(old: bytes, shorter: int, fingerprint: bool, sealed: bool) -> None:
    """RFC 5780 7.6: PADDING, before FINGERPRINT; RFC 8656 12.4: empty channel data."""
    new = old[: max(0, len(old) - shorter)]
    more = ((MESSAGE_INTEGRITY, bytes(20)),) if sealed else ()
    message = parse(indication((DATA, old), *more, fingerprint=fingerprint), ())
    assert isinstance(message, StunMessage)
    made = with_data_in_stream(message, new)
    assert made is not None and len(made) == len(message.raw)
    read = parse(made, ())
    assert isinstance(read, StunMessage) and read.data == new and not read.anomalies and not read.protected
    raw = struct.pack(">HH", 0x4001, len(old)) + old
    channel = parse(raw + bytes(-len(raw) % 4), ())
    assert isinstance(channel, ChannelData)
    made = with_data_in_stream(channel, new)
    assert made is not None and len(made) == len(channel.raw)
    found = [event for event in StunStream().receive(Chunk(made, CITE)) if isinstance(event, Frame)]
    first, *rest = (parse(event.payload, ()) for event in found)
    assert isinstance(first, ChannelData) and first.data == new
    assert all(isinstance(each, ChannelData) and (each.channel, each.data) == (0x4001, b"") for each in rest)


def test_more_than_there_was_has_no_room() -> None:
    for raw in (indication((DATA, b"data")), struct.pack(">HH", 0x4001, 4) + b"data"):
        message = parse(raw, ())
        assert not isinstance(message, Anomaly) and with_data_in_stream(message, b"longer") is None


def test_bytes_behind_the_message_stay() -> None:
    message = parse(indication((DATA, b"data"), behind=b"\0\0\0\0"), ())
    assert isinstance(message, StunMessage)
    assert with_data(message, b"new") == indication((DATA, b"new"), behind=b"\0\0\0\0")


@given(st.binary(max_size=80), DATAS)
def test_total(raw: bytes, new: bytes) -> None:
    message = parse(b"\0\x16" + raw[:2] + COOKIE.to_bytes(4, "big") + raw[2:], ())
    if not isinstance(message, Anomaly):
        with_data(message, new)
