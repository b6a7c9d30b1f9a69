"""Bodies (RFC 2046 5.1): leaves in order, bounds announced."""

from collections.abc import Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.limits import Limits
from analyzer.formats.mime import media_type, parts_of
from tests.linear import assert_linear

MULTI = 'multipart/mixed;boundary="b"'
PIECES = st.sampled_from(
    [b"--b", b"--b--", b"\r\n", b"\n", b"Content-Type: multipart/mixed;boundary=b", b"x", b"\r\n\r\n"]
)


@given(st.lists(PIECES, max_size=20).map(b"".join), st.integers(0, 3), st.integers(1, 4))
def test_any_body_is_read_within_bounds(body: bytes, nesting: int, most: int) -> None:
    found, _ = parts_of(MULTI, "", body, Limits(nesting=nesting, body_parts=most))
    assert len(found) <= most
    assert all(part.body in body for part in found)


def test_media_type() -> None:
    assert media_type("Application / SDP ; charset=UTF-8") == ("application/sdp", {"charset": "UTF-8"})


def test_leaves_of_nested_bodies_in_order() -> None:
    """The preamble and epilogue are ignored; the line end before a boundary belongs to it (RFC 2046 5.1.1)."""
    inner = b"--i\r\n\r\none\r\n--i\r\nContent-Type: a/b\r\nContent-Disposition: Session;x=1\r\n\r\ntwo\r\n--i--\r\n"
    body = (
        b"preamble\r\n--b\r\nContent-Type: multipart/alternative;\r\n boundary=i\r\n\r\n" + inner
        + b"\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b--\r\nepilogue"
    )  # fmt: skip
    found, cut = parts_of(MULTI, "", body, Limits())
    assert [(part.content_type, part.disposition, part.body) for part in found] == [
        ("text/plain", "", b"one"),
        ("a/b", "session", b"two"),
        ("application/sdp", "", b"v=0\r\n"),
    ]
    assert not cut


def test_a_bound_that_is_hit_is_named() -> None:
    many = b"--b\r\n\r\nx\r\n" * 5
    found, cut = parts_of(MULTI, "", many, Limits(body_parts=3))
    assert (len(found), cut) == (3, True)
    deep = b"--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--"
    assert parts_of(MULTI, "", deep, Limits(nesting=1))[1]
    assert not parts_of(MULTI, "", deep, Limits(nesting=2))[1]
    long = b"--b\r\nX: " + b"y" * 90 + b"\r\nContent-Type: a/b\r\n\r\nz\r\n--b--"
    assert parts_of(MULTI, "", long, Limits(header_bytes=64))[1]
    assert not parts_of(MULTI, "", b"--b\r\n\r\nx\r\n" * 3 + b"--b--", Limits(body_parts=3))[1]


def test_time_is_linear() -> None:
    def prepare(count: int) -> Callable[[], object]:
        return partial(parts_of, MULTI, "", b"--b\r\n\r\n" * count, Limits(body_parts=count))

    assert_linear(prepare, 15_000)
