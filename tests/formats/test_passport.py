"""PASSporT: forms of RFC 8225 and RFC 8588, and anything at all."""

import base64
import json
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.formats.passport import MAX_TOKEN, parse_passport
from tests.linear import assert_linear

INFO = "https://cert.example.org/passport.cer"
HEADER = {"alg": "ES256", "typ": "passport", "x5u": INFO}
UUID = "123e4567-e89b-12d3-a456-426655440000"  # the example of RFC 8588 6
CLAIMS = {"dest": {"uri": ["sip:alice@example.com"]}, "iat": 1471375418, "orig": {"tn": "12155551212"}}
RFC8225_A = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9"
    ".eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUx"
    "MjEyIn19.VLBCIVDCaeK6M4hLJb6SHQvacAQVvoiiEOWQ_iUkqk79UD81fHQ0E1b3_GluIkba7UWYRM47ZbNFdOJquE35cw"
)
RFC8225_7 = "..rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w"


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _value(header: object = HEADER, claims: object = CLAIMS, params: str = f";info=<{INFO}>") -> str:
    return f"{_part(header)}.{_part(claims)}.{'A' * 86}{params}"


def test_the_example_of_rfc_8225_appendix_a() -> None:
    passport = parse_passport(f"{RFC8225_A};info=<{INFO}>")
    assert not passport.problems
    assert (passport.compact, passport.alg, passport.iat) == (False, "ES256", 1471375418)
    assert (passport.orig.numbers, passport.dest.uris) == (("12155551212",), ("sip:alice@example.com",))
    assert len(passport.signature) == 64
    assert passport.signing_input == RFC8225_A.rpartition(".")[0]


def test_the_compact_form_of_rfc_8225_7_1() -> None:
    passport = parse_passport(f"{RFC8225_7};info=<{INFO}>;alg=ES256")
    assert (passport.compact, passport.problems, passport.signing_input) == (True, (), "")
    assert len(passport.signature) == 64


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (_value(params=""), "no info parameter"),
        (_value(params=";info=<https://other.example>"), "info is not x5u"),
        (_value(params=f";info=<{INFO}>;ppt=shaken"), "the parameter ppt is not the header's"),
        (_value({"alg": "ES256", "typ": "JWT", "x5u": INFO}), "typ is not passport"),
        (_value(claims={"dest": CLAIMS["dest"], "orig": CLAIMS["orig"]}), "no claim iat"),
        (_value(claims={**CLAIMS, "iat": "now"}), "iat is not a time in seconds"),
        (_value(claims={**CLAIMS, "orig": {"tn": "+1 215"}}), "a tn of orig is not canonical"),
        (_value({**HEADER, "ppt": "shaken"}), "shaken without attest A, B or C and origid"),
        (_value({**HEADER, "ppt": "shaken"}, {**CLAIMS, "attest": "A", "origid": "call-1"}), "origid is not a UUID"),
        (_value(claims={**CLAIMS, "orig": {"tn": "12155551212", "uri": "sip:a@b"}}), "orig is not one identity"),
        (_value(claims={**CLAIMS, "orig": {"tn": ["12155551212"]}}), "orig is not one identity"),
        (_value(claims={**CLAIMS, "dest": {"tn": "12155551213"}}), "an identity of dest stands in no array"),
        (_value(claims={**CLAIMS, "mky": {"alg": "sha-256", "dig": "02"}}), "mky is no array"),
        (_value(claims={**CLAIMS, "mky": [{"alg": "sha-256", "dig": "02:1A"}]}), "a dig of mky has colons"),
        (_value({**HEADER, "ppt": "div"}), "div without its claim"),
        (_value({**HEADER, "ppt": "rph"}), "rph without its claim"),
        (_value({**HEADER, "ppt": "new"}), "an unknown ppt"),
        (_value(claims=[]), "the payload is not a JSON object"),
        (f"a.b;info=<{INFO}>", "not three parts separated by dots"),
        (f"****.e30.AAAA;info=<{INFO}>", "the header is not base64url"),
        (f"{_part(HEADER)}.{'W1tb' * 3_000}.AAAA;info=<{INFO}>", "the payload is not JSON"),
        (f"{'A' * MAX_TOKEN}.e30.AAAA;info=<{INFO}>", "longer than the bound"),
    ],
)
def test_what_is_wrong_is_said(value: str, problem: str) -> None:
    assert problem in parse_passport(value).problems


def test_a_name_given_twice_is_no_object() -> None:
    twice = base64.urlsafe_b64encode(b'{"orig":{"tn":"1"},"orig":{"tn":"2"}}').decode().rstrip("=")
    passport = parse_passport(f"{_part(HEADER)}.{twice}.AAAA;info=<{INFO}>")
    assert "the payload has a name twice, or a number that is none" in passport.problems
    assert not passport.orig


def test_extensions() -> None:
    shaken = parse_passport(_value({**HEADER, "ppt": "shaken"}, {**CLAIMS, "attest": "B", "origid": UUID}))
    assert (shaken.ppt, shaken.attest, shaken.problems) == ("shaken", "B", ())
    div = parse_passport(_value({**HEADER, "ppt": "div"}, {**CLAIMS, "div": {"tn": "12155551213"}}))
    assert (div.div.numbers, div.problems) == (("12155551213",), ())
    rph = parse_passport(_value({**HEADER, "ppt": "rph"}, {**CLAIMS, "rph": {"auth": ["ets.0"]}}))
    assert (rph.resource_priority, rph.problems) == (("ets.0",), ())
    keys = [{"alg": "sha-256", "dig": "02:1A"}, {"alg": "sha-256", "dig": "4AAD"}]
    assert parse_passport(_value(claims={**CLAIMS, "mky": keys})).mky == (("sha-256", "021a"), ("sha-256", "4aad"))
    assert "mky is not sorted" in parse_passport(_value(claims={**CLAIMS, "mky": keys[::-1]})).problems


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*CLAIMS, "mky", "div"]), inner),
    max_leaves=8,
)


@given(st.text(max_size=300) | st.builds(_value, _JSON, _JSON))
def test_total(value: str) -> None:
    passport = parse_passport(value)
    assert passport.problems or passport.signature


def test_linear() -> None:
    def prepare(size: int) -> Callable[[], object]:
        return partial(parse_passport, f"{_part(HEADER)}.{'e30' * size}.AAAA{';x' * size};info=<{INFO}>")

    assert_linear(prepare, 10_000)
