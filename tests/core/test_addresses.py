"""Host texts as addresses: what the standard library reads of them (RFC 791, RFC 4291)."""

import ipaddress

from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.core.addresses import ip_text, parse_ip


@given(st.one_of(st.ip_addresses().map(str), st.text(alphabet="0123456789.:af\u0661", min_size=2, max_size=40)))
@example("1.2.3.04")
@example("256.1.1.1")
@example("1.2.3.")
@example("1.2.3.4.5")
@example("1.2.3.\u0661")
def test_a_text_is_the_address_that_it_is(text: str) -> None:
    try:
        expected = ipaddress.ip_address(text)
    except ValueError:
        assert parse_ip(text) is None
        return
    found = parse_ip(text)
    mapped = int(expected) | (0xFFFF << 32 if expected.version == 4 else 0)
    assert found == mapped
    if expected.version == 4:
        assert ip_text(mapped) == text
