"""Keys as users write them."""

import base64

import pytest

from analyzer.core.secrets import Secret
from analyzer.session.key_values import read_key


@pytest.mark.parametrize("behind", [b"\x00" * 28, bytes(range(28)), b"\xff" * 28])
def test_base64_may_begin_with_0x(behind: bytes) -> None:
    """One random key in 4,096 does: its first two bytes are d3 1x (RFC 4648 4)."""
    raw = b"\xd3\x1f" + behind
    text = base64.b64encode(raw).decode()
    assert text.startswith("0x")
    found = read_key(text, (30,))
    assert isinstance(found, Secret) and found.reveal() == raw


@pytest.mark.parametrize("text", ["0x12", "0x1", "0x" + "1g" * 15, "0x" + "0" * 58 + "zz"])
def test_what_begins_with_0x_and_is_no_key_is_refused(text: str) -> None:
    assert isinstance(read_key(text, (30,)), str)
