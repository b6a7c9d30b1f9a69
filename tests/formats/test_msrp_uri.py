"""MSRP URIs by RFC 4975 6 and 9."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.formats.msrp_uri import parse_uri, same_uri, session_id
from tests.pipeline.wire import at


def test_parts_of_a_uri() -> None:
    uri = parse_uri("MSRPS://alice@[2001:DB8::1]:9000/s1d;tcp;x=y")
    assert uri is not None
    assert (uri.scheme, uri.host, uri.port, uri.session_id, uri.transport, uri.secure) == (
        "msrps", "2001:db8::1", 9000, "s1d", "tcp", True,
    )  # fmt: skip
    assert uri.address == at("2001:db8::1", 9000)


def test_names_have_no_address_and_no_port_is_2855() -> None:
    """RFC 4975 6.2: the default port."""
    named, bare = parse_uri("msrp://a.example:7654/x;tcp"), parse_uri("msrp://192.0.2.1/x;ws")
    assert named is not None
    assert named.address is None
    assert bare is not None
    assert bare.address == at("192.0.2.1", 2855)
    assert parse_uri("http://192.0.2.1/x") is parse_uri("") is None


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("MSRP://bob@HOST.example:8493/asfd34;TCP", True),  # scheme, host, transport without case; user aside
        ("msrp://host.example:8493/asfd34;tcp;p=1", True),
        ("msrp://h%6fst.example:8493/asfd34;tcp", True),  # percent-encoding normalised
        ("msrp://host.example:8493/ASFD34;tcp", False),  # the session id has case
        ("msrps://host.example:8493/asfd34;tcp", False),
        ("msrp://host.example/asfd34;tcp", False),  # a named port is never equal to none
        ("msrp://host.example:8493;tcp", False),
        ("msrp://host.example:8493/asfd34;ws", False),
    ],
)
def test_comparison(other: str, same: bool) -> None:
    """RFC 4975 6.1, rule by rule."""
    assert same_uri("msrp://host.example:8493/asfd34;tcp", other) is same
    assert same_uri(other, "msrp://host.example:8493/asfd34;tcp") is same


def test_equal_addresses_in_other_words() -> None:
    assert same_uri("msrp://[2001:db8:0::1]:1/x;tcp", "msrp://[2001:db8::1]:1/x;tcp")


def test_the_session_id() -> None:
    assert session_id("msrp://a.example:1/kjhd37s2s20w2a;tcp") == "kjhd37s2s20w2a"
    assert session_id("msrp://a.example:1;tcp") == "msrp://a.example:1;tcp"


@given(st.text(max_size=60))
def test_any_text_gives_a_value(text: str) -> None:
    parse_uri(text)
    parse_uri("msrp://" + text)
    assert same_uri(text, text)
