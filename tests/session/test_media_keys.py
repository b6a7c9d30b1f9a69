"""Which keys of SDP may protect a stream: RFC 4568 5.1.1 (a key protects what its end sends), bounds, bad lines."""

import base64

import pytest

from analyzer.core.addresses import Address, parse_ip
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.protocols.sdp.parser import parse as parse_sdp
from analyzer.protocols.sdp.session import Session
from analyzer.session.media_keys import MediaKeys

CITES = (Cite(0, 7, 0, 100, 0),)
FIRST, SECOND, THIRD = bytes(range(30)), bytes(range(30, 60)), bytes(range(60, 90))


def address(text: str) -> Address:
    ip, _, port = text.partition(":")
    number = parse_ip(ip)
    assert number is not None
    return Address(number, int(port))


A, B, C = address("10.0.0.1:4000"), address("10.0.0.2:5000"), address("10.0.0.3:6000")


def line(key: bytes, suite: str = "AES_CM_128_HMAC_SHA1_80", rest: str = "") -> str:
    return f"a=crypto:1 {suite} inline:{base64.b64encode(key).decode()}{rest}"


def sdp(ip: str, port: int, *lines: str) -> Session:
    text = "\r\n".join(
        ["v=0", f"o=- 1 1 IN IP4 {ip}", "s=-", f"c=IN IP4 {ip}", "t=0 0", f"m=audio {port} RTP/SAVP 0", *lines, ""]
    )
    return parse_sdp(text.encode(), CITES, Limits())


def told(keys: MediaKeys, call: str, end: Address, *lines: str, at: int = 0) -> None:
    keys.position = at
    keys.describe(call, sdp(".".join(str(end.ip >> shift & 255) for shift in (24, 16, 8, 0)), end.port, *lines), CITES)


def materials(keys: MediaKeys, src: Address, dst: Address, at: int = 99) -> list[Secret] | None:
    found = keys.keys(src, dst, at)
    return None if found is None else [key.material for key in found]


def test_a_key_protects_what_its_end_sends() -> None:
    """RFC 4568 5.1.1: the offerer's key is for packets from the offerer."""
    keys = MediaKeys(Limits())
    told(keys, "call", A, line(FIRST))
    told(keys, "call", B, line(SECOND))
    assert materials(keys, A, B) == [Secret(FIRST)]
    assert materials(keys, B, A) == [Secret(SECOND)]
    assert materials(keys, C, address("10.0.0.9:9")) is None


def test_another_source_port_is_nat() -> None:
    """A source nobody described: the keys of the destination's medium, except the destination's own."""
    keys = MediaKeys(Limits())
    told(keys, "call", A, line(FIRST))
    assert materials(keys, C, A) == []
    told(keys, "call", B, line(SECOND))
    assert materials(keys, C, A) == [Secret(SECOND)]


def test_an_address_of_two_calls_is_told_apart_by_the_other_end() -> None:
    """A relay sends from one port for two calls."""
    keys = MediaKeys(Limits())
    told(keys, "one", A, line(FIRST))
    told(keys, "one", B, line(SECOND))
    told(keys, "two", A, line(THIRD))
    told(keys, "two", C, line(SECOND))
    assert materials(keys, A, B) == [Secret(FIRST)]
    assert materials(keys, A, C) == [Secret(THIRD)]
    assert materials(keys, A, address("10.0.0.9:9")) == [Secret(THIRD), Secret(FIRST)], "the last one first"


def test_a_description_takes_effect_at_its_position() -> None:
    """What is asked about earlier packets does not see it, and changes say where to ask again."""
    keys = MediaKeys(Limits())
    told(keys, "call", A, line(FIRST), at=10)
    told(keys, "call", B, line(SECOND), at=20)
    assert materials(keys, A, B, at=9) is None
    assert materials(keys, A, B, at=10) == [Secret(FIRST)]
    assert materials(keys, B, A, at=19) == []
    assert materials(keys, B, A, at=20) == [Secret(SECOND)]
    assert keys.changes(A, B, 9) == [10, 20]
    assert keys.changes(A, B, 10) == [20]


def test_declined_keys_are_not_tried() -> None:
    """RFC 8643: an answer without a=crypto declines what was offered."""
    keys = MediaKeys(Limits())
    told(keys, "call", A, line(FIRST))
    told(keys, "call", B)
    assert materials(keys, A, B) is None


def test_repeats_add_nothing_and_new_keys_do() -> None:
    """A session refresh says the same again; a re-keying adds a key."""
    keys = MediaKeys(Limits())
    told(keys, "call", A, line(FIRST))
    version = keys.version
    told(keys, "call", A, line(FIRST), at=50)
    assert keys.version == version
    told(keys, "call", A, line(SECOND), at=60)
    assert materials(keys, A, B) == [Secret(SECOND), Secret(FIRST)], "the last one first"


def test_forgotten_with_its_call() -> None:
    """Nothing of a closed call stays."""
    keys = MediaKeys(Limits())
    told(keys, "call", A, line(FIRST))
    keys.forget("call", 4)
    assert not keys.concerns(A, B)
    assert materials(keys, A, B) is None


@pytest.mark.parametrize(
    "words",
    [
        line(FIRST[:29]),
        line(FIRST, "AEAD_AES_256_GCM"),
        line(FIRST, "NO_SUCH_SUITE"),
        line(FIRST, rest="|2^20|300:1"),
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:!!!",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80",
        line(FIRST, rest=" KDR=99"),
    ],
)
def test_a_line_that_cannot_be_used_gives_no_key(words: str) -> None:
    """Wrong length, unknown suite, an identifier that does not fit, no key: nothing to try, nothing raised."""
    keys = MediaKeys(Limits())
    told(keys, "call", A, words)
    assert not materials(keys, A, B)


def test_unpadded_base64_and_a_key_identifier() -> None:
    """28 bytes in base64 without its padding; an MKI of two bytes (RFC 4568 6.1)."""
    keys = MediaKeys(Limits())
    told(keys, "call", A, line(FIRST[:28], "AEAD_AES_128_GCM").rstrip("="))
    told(keys, "call", B, line(SECOND, rest="|2^20|258:2"))
    assert materials(keys, A, B) == [Secret(FIRST[:28])]
    found = keys.keys(B, A, 99)
    assert found is not None
    assert found[0].context.mki == b"\x01\x02"


def test_bounds_are_counted() -> None:
    """Past the bound on media the oldest goes; past that on descriptions the newest is not taken. Both are counted."""
    keys = MediaKeys(Limits(keyed_media=1, descriptions_per_medium=1))
    told(keys, "one", A, line(FIRST))
    told(keys, "two", B, line(SECOND))
    assert keys.evicted == 1
    assert not keys.concerns(A, C)
    told(keys, "two", C, line(THIRD))
    assert keys.evicted == 2
    assert not keys.concerns(C, A)
