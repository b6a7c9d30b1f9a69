"""Safe text: what reaches a terminal is printable, whatever came from the wire."""

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.numbers import decimal, hexadecimal
from analyzer.core.text import decode, encode, safe


@given(st.binary(max_size=400))
def test_decode_loses_nothing(data: bytes) -> None:
    assert encode(decode(data)) == data


@given(st.one_of(st.binary(max_size=400), st.text(max_size=400)))
def test_safe_text_is_printable_and_encodable(value: str | bytes) -> None:
    shown = safe(value)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert len(shown) <= 200 * 10 + 1


def test_terminal_control_is_made_visible() -> None:
    assert safe(b"sip:\x1b[31mx\x9b\xe2\x80\xae@h") == "sip:\\u001b[31mx\\x9b\\u202e@h"


@given(st.binary(max_size=30))
def test_numbers_are_total(data: bytes) -> None:
    for reader in (decimal, hexadecimal):
        value = reader(data)
        assert value is None or value >= 0


def test_numbers_refuse_what_python_would_accept() -> None:
    assert decimal(b"+1") is None
    assert decimal("1_0") is None
    assert decimal("١٢") is None
    assert hexadecimal("0x10") is None
