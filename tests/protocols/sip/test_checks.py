"""The checks of values: total and linear; the grammar of RFC 3261 25.1 for hosts and ports."""

import dataclasses
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.sip import checks
from analyzer.protocols.sip.checks import check, is_host_port
from analyzer.protocols.sip.message import Header, Message
from analyzer.protocols.sip.parser import parse_datagram
from tests.linear import assert_linear

CITES = (Cite(0, 1, 0, 1, 1),)
NAMES = st.sampled_from([b"Via", b"From", b"Contact", b"Route", b"Date", b"Expires", b"Warning", b"Max-Forwards"])
PIECES = st.sampled_from(
    [
        b'"',
        b"\\",
        b"<",
        b">",
        b";",
        b",",
        b" ",
        b"sip:",
        b"a",
        b"%4",
        b"[::1]",
        b":70",
        b"=",
        b"SIP/2.0/UDP ",
        b"?",
        b"\xff",
    ]
)
VALUES = st.lists(PIECES, max_size=14).map(b"".join)


def read(uri: bytes, headers: list[tuple[bytes, bytes]]) -> Message:
    data = b"OPTIONS " + uri + b" SIP/2.0\r\n" + b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    (message,) = (event for event in parse_datagram(data + b"\r\n", CITES, Limits()) if isinstance(event, Message))
    return message


@given(VALUES.map(lambda value: b"a" + value), st.lists(st.tuples(NAMES, st.one_of(VALUES, st.binary(max_size=20)))))
def test_any_values_are_judged_and_cited(uri: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    clean = [(name, value.replace(b"\r", b"").replace(b"\n", b"")) for name, value in headers]
    found = check(read(uri, clean))
    assert all(anomaly.cites == CITES and anomaly.detail.isprintable() for anomaly in found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("unit", [b",", b";", b'"', b"\\", b"<", b"%", b"a,", b"sip:a;", b" "])
@pytest.mark.parametrize("name", [b"Via", b"Contact", b"From"])
def test_time_is_linear(name: bytes, unit: bytes) -> None:
    def prepare(size: int) -> Callable[[], object]:
        return partial(check, read(b"sip:a", [(name, b"x" + unit * (size // len(unit)))]))

    assert_linear(prepare, 20_000)


@pytest.mark.parametrize(
    "text", ["a", "a.example.com:5060", "192.0.2.1:1", "[2001:db8::1]", "[::ffff:192.0.2.1]:65535"]
)
def test_hosts_and_ports(text: str) -> None:
    assert is_host_port(text)


@pytest.mark.parametrize(
    "text", ["", ":1", "a:", "a:0", "a:65536", "a:x", "a b", "[::1", "[::1]x", "2001:db8::1", "[a]"]
)
def test_broken_hosts_and_ports(text: str) -> None:
    assert not is_host_port(text)


def test_a_control_character_is_named_unless_it_is_a_quoted_pair() -> None:
    """RFC 3261 25.1: quoted-pair."""
    assert [found.kind.code for found in check(read(b"sip:a\0", []))][:1] == ["sip.uri_syntax"]
    assert "sip.control_character" in [found.kind.code for found in check(read(b"sip:a\0", []))]
    assert check(read(b"sip:a", [(b"To", b'"a\\\0" <sip:b@c>')])) == ()
    assert [found.kind.code for found in check(read(b"sip:a", [(b"Subject", b"a\0")]))] == ["sip.control_character"]


def test_a_body_that_is_not_read_in_full_is_named() -> None:
    kind = b"multipart/mixed;boundary=b"
    message = read(b"sip:a", [(b"Content-Type", kind)])
    full = dataclasses.replace(message, body=b"--b\r\n\r\nx\r\n" * 3 + b"--b--")
    assert check(full, Limits(body_parts=3)) == ()
    assert [found.kind.code for found in check(full, Limits(body_parts=2))] == ["sip.body_parts_limit"]
    bare = dataclasses.replace(read(b"sip:a", [(b"Content-Type", b"multipart/mixed")]), body=b"x")
    assert [found.kind.code for found in check(bare)] == ["sip.multipart_boundary"]


@given(
    st.sampled_from(["from", "contact", "route", "p-asserted-identity"]),
    st.from_regex(checks._USUAL_ADDRESS, fullmatch=True),
)
def test_addresses_of_the_usual_shape_do_nothing_wrong(name: str, value: str) -> None:
    assert not [*checks._header_problems(name, value)]


@given(st.from_regex(checks._USUAL_VIA, fullmatch=True))
def test_hops_of_the_usual_shape_do_nothing_wrong_but_an_empty_branch(value: str) -> None:
    assert tuple(checks._header_problems("via", value)) == tuple(checks._header(Header("via", "Via", value)))


def test_what_is_wrong_is_said_of_every_message() -> None:
    """Only headers that are right are remembered, whichever way they are written and however many there are."""
    right, wrong = (b"Subject", b"hello"), (b"Subject", b"a\0")
    for _ in range(2):
        assert check(read(b"sip:a", [right])) == ()
        assert [found.kind.code for found in check(read(b"sip:a", [right, wrong]))] == ["sip.control_character"]
    for number in range(5_000):
        assert check(read(b"sip:a", [(b"Subject", b"%d" % number)])) == ()
    assert len(checks._RIGHT) <= 4_096


def test_credentials_are_not_remembered() -> None:
    secret = b'Digest username="a", response="6629fae49393a05397450978507c4ef1"'
    for name in (b"Authorization", b"Proxy-Authorization"):
        assert check(read(b"sip:a", [(name, secret)])) == ()
    assert not [header for header in checks._RIGHT if "6629fae4" in header.value]


@given(st.from_regex(checks._USUAL_URI, fullmatch=True))
def test_uris_of_the_usual_shape_do_nothing_wrong(value: str) -> None:
    assert not [*checks._request_uri(value)]


@pytest.mark.parametrize(
    "value",
    [
        "<sip:bob@example.com>;tag=1",
        '"Bob, B." <sips:+4930@example.com:5061;transport=tls>',
        "Bob <sip:192.0.2.1;lr>;q=0.5;+sip.instance",
    ],
)
def test_the_usual_shape_is_what_is_usual(value: str) -> None:
    """Examples after RFC 3261 20.10 and 20.34; the last has a parameter that the pattern leaves to the full reading."""
    assert (checks._USUAL_ADDRESS.fullmatch(value) is None) == value.endswith("+sip.instance")
    assert not [*checks._header_problems("contact", value)]
