"""message/cpim as RFC 3862 writes it."""

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.limits import Limits
from analyzer.core.text import encode
from analyzer.formats.cpim import parse, uri_of

EXAMPLE = b"""From: MR SANDERS <im:piglet@100akerwood.com>\r
To: Depressed Donkey <im:eeyore@100akerwood.com>\r
DateTime: 2000-12-13T13:40:00-08:00\r
Subject: the weather will be fine today\r
Subject:;lang=fr beau temps prevu pour aujourd'hui\r
NS: MyFeatures <mid:MessageFeatures@id.foo.com>\r
\r
Content-type: text/xml; charset=utf-8\r
Content-ID: <1234567890@foo.com>\r
\r
<body>\r
Here is the text of my message.\r
</body>\r
"""


def test_the_example_of_the_rfc() -> None:
    """RFC 3862 5.1, shortened."""
    cpim = parse(EXAMPLE, Limits())
    assert (cpim.from_, cpim.from_uri) == ("MR SANDERS <im:piglet@100akerwood.com>", "im:piglet@100akerwood.com")
    assert [uri_of(each) for each in cpim.to] == ["im:eeyore@100akerwood.com"]
    assert (cpim.content_type, cpim.complete) == ("text/xml", True)
    assert cpim.body.startswith(b"<body>\r\n")
    assert [name for name, _ in cpim.headers] == ["From", "To", "DateTime", "Subject", "Subject", "NS"]


def test_escapes_are_undone() -> None:
    """RFC 3862 2.3: \\uxxxx, the short forms; an unknown escape is its character, a last backslash nothing."""
    cpim = parse(b"Subject: a\\u00e9\\n\\q\\\r\n\r\n\r\n", Limits())
    assert cpim.headers == (("Subject", "aé\nq"),)


def test_what_does_not_end_is_incomplete() -> None:
    assert not parse(EXAMPLE[:100], Limits()).complete
    assert not parse(EXAMPLE, Limits(headers=3)).complete
    assert not parse(EXAMPLE, Limits(header_bytes=50)).complete


@given(
    st.one_of(
        st.binary(max_size=200), st.lists(st.sampled_from([b"\\", b"u", b"d800", b"a: ", b"\r\n", b"<"])).map(b"".join)
    )
)
def test_any_bytes_are_read(data: bytes) -> None:
    cpim = parse(data, Limits(headers=3, header_bytes=100))
    assert data.endswith(cpim.body)
    for _, value in cpim.headers:
        encode(value)
