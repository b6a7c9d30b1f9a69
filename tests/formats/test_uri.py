"""URIs and addresses (RFC 3261 19.1, 20.10, RFC 3966, RFC 5118)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.formats.uri import address_uri, host_port, parse_name_addr, parse_uri, same_user, unescape

TEXT = st.text(alphabet='sip:@;?<>[]%0a="\\ ,.\u00e9\udc80', max_size=40)


@given(TEXT)
def test_any_text_is_read(text: str) -> None:
    for value in (text, "sip:" + text, "tel:" + text):
        assert parse_uri(value).raw == value
        assert address_uri(value) == parse_name_addr(value).uri
        host_port(value)
        unescape(value)
        same_user(value, text)


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sip:alice@Atlanta.example.COM", "alice", "atlanta.example.com", None),
        ("sips:alice:secret@gw:5061", "alice", "gw", 5061),
        ("sip:user;par=u%40example.net@example.com", "user;par=u@example.net", "example.com", None),  # RFC 4475 3.1.1.9
        ("sip:[2001:db8::10]:5070", "", "2001:db8::10", 5070),  # RFC 5118 4.4
        ("sip:[2001:db8::10:5070]", "", "2001:db8::10:5070", None),  # RFC 5118 4.3
        ("sip:a@b:99999999", "a", "b", None),
        ("isbn:2983792873", "", "", None),  # RFC 4475 3.3.4
    ],
)
def test_parts_of_a_uri(text: str, user: str, host: str, port: int | None) -> None:
    uri = parse_uri(text)
    assert (uri.user, uri.host, uri.port) == (user, host, port)


def test_parameters_and_headers_of_a_uri() -> None:
    """RFC 3261 19.1.3."""
    uri = parse_uri("sip:carol@chicago.com;transport=tcp;lr?subject=project%20x&priority=urgent")
    assert (uri.params, uri.headers) == ({"transport": "tcp", "lr": ""}, "subject=project%20x&priority=urgent")
    assert parse_uri("sip:a:b%3Ac@d").password == "b:c"


def test_a_broken_escape_stays() -> None:
    assert [unescape(text) for text in ("%41%4", "%zz", "%", "%e2%82%ac", "%ff")] == [
        "A%4",
        "%zz",
        "%",
        "\u20ac",
        "\udcff",
    ]


@pytest.mark.parametrize(
    ("value", "display", "uri", "params"),
    [
        ('"A. Bell" <sip:a@b;x=y>;tag=1', "A. Bell", "sip:a@b;x=y", {"tag": "1"}),
        (r'"J Rosenberg \\\"" <sip:j@e> ; tag = 9', 'J Rosenberg \\"', "sip:j@e", {"tag": "9"}),  # RFC 4475 3.1.1.1
        ("caller<sip:caller@example.com>;tag=323", "caller", "sip:caller@example.com", {"tag": "323"}),  # 3.1.1.6
        ("sip:a@b;tag=1", "", "sip:a@b", {"tag": "1"}),  # RFC 3261 20.10: without brackets, the header's
        ('"<sip:trap@x>" <sip:a@b>', "<sip:trap@x>", "sip:a@b", {}),
    ],
)
def test_addresses(value: str, display: str, uri: str, params: dict[str, str]) -> None:
    found = parse_name_addr(value)
    assert (found.display, found.uri, found.params) == (display, uri, params)
    assert address_uri(value) == uri


def test_one_user_under_two_names() -> None:
    """RFC 3261 19.1.6, RFC 3966 4: a telephone number is the same with and without visual separators."""
    assert same_user("sip:+1-212-555-1212@gw.com;user=phone", "tel:+1(212)5551212")
    assert same_user("sip:alice@A.com;transport=tcp", "sips:alice@a.com")
    assert not same_user("sip:alice@a.com", "sip:Alice@a.com")
    assert not same_user("isbn:1", "isbn:1")
