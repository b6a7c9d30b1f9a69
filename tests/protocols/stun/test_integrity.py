"""MESSAGE-INTEGRITY: the vectors of RFC 5769, and RFC 8489 14.5, 14.6 where it has none."""

import hashlib
import hmac
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.protocols.stun.integrity import verifies
from analyzer.protocols.stun.message import StunMessage
from analyzer.protocols.stun.parser import parse
from tests.protocols.stun.test_parser import CITES, HEAD, REQUEST, RESPONSE, RESPONSE6

PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"  # RFC 5769 2


def read(data: bytes) -> StunMessage:
    found = parse(data, CITES)
    assert isinstance(found, StunMessage)
    return found


@pytest.mark.parametrize("vector", [REQUEST, RESPONSE, RESPONSE6])
def test_the_vectors_verify_with_their_password_alone(vector: bytes) -> None:
    assert verifies(read(vector), PASSWORD)
    assert not verifies(read(vector), PASSWORD[:-1])


@given(st.integers(4, len(REQUEST) - 1), st.integers(1, 255))
def test_no_bit_that_is_protected_may_change(at: int, change: int) -> None:
    """All but the length, which the hash takes as of its own attribute, padding of the hash, and FINGERPRINT."""
    event = parse(REQUEST[:at] + bytes([REQUEST[at] ^ change]) + REQUEST[at + 1 :], CITES)
    if isinstance(event, StunMessage) and at < len(REQUEST) - 8:
        assert not verifies(event, PASSWORD)


def with_sha256(size: int) -> bytes:
    """A request with SHA-256 cut to a size (RFC 8489 14.6: 16 to 32 bytes, a multiple of four)."""
    head = struct.pack(">HH", 1, 4 + size) + HEAD[4:]
    value = hmac.digest(b"key", head, hashlib.sha256)[:size]
    return head + struct.pack(">HH", 0x1C, size) + value


@pytest.mark.parametrize(("size", "good"), [(32, True), (20, True), (16, True), (12, False), (0, False)])
def test_sha256_may_be_cut_to_sixteen_bytes(size: int, good: bool) -> None:
    assert verifies(read(with_sha256(size)), b"key") == good


def test_without_integrity_nothing_is_verified() -> None:
    assert not verifies(read(HEAD), PASSWORD)
