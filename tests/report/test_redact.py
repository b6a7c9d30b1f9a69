"""Identities get ordinals, secrets nothing at all."""

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.report.border import clean, scrub
from analyzer.report.model import Finding, Report
from analyzer.report.redact import Redactor
from analyzer.report.rows import encode_row
from tests import factories
from tests.linear import assert_linear


@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        ("sip:alice@ims.example", "sip:user-1@ims.example"),
        ("SIPS:alice@ims.example;transport=tls", "SIPS:user-1@ims.example;transport=tls"),
        ("sip:alice:secret@h", "sip:user-1@h"),
        ("sip:+15551234567@ims.example;user=phone", "sip:user-1@ims.example;user=phone"),
        ("tel:+1-555-123-4567", "tel:user-1"),
        ("tel:7042;phone-context=ims.example", "tel:user-1;phone-context=ims.example"),
        ('"Alice Smith" <sip:alice@h>;tag=1', "<sip:user-1@h>;tag=1"),
        ("Alice Smith <sip:alice@h>", "<sip:user-1@h>"),
        ("From: Alice <sip:alice@h>", "From: <sip:user-1@h>"),
        ("from alice@ims.example to bob@ims.example", "from user-1@ims.example to user-2@ims.example"),
        ("the number +44 20 7946 0958 called", "the number user-1 called"),
        ("IMSI 001010123456789 registered", "IMSI user-1 registered"),
        ("sip:anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid"),
        ("sip:10.0.0.1:5060", "sip:10.0.0.1:5060"),
        ("frame 1234567 from 10.0.0.10:49152", "frame 1234567 from 10.0.0.10:49152"),
        ("Call-ID a84b4c76e66710@10.1.0.10", "Call-ID a84b4c76e66710@10.1.0.10"),
    ],
)  # fmt: skip
def test_user_parts_numbers_and_display_names_go_and_the_rest_stays(wire: str, shown: str) -> None:
    assert Redactor().text(wire) == shown


def test_one_person_has_one_name_however_written() -> None:
    redactor = Redactor()
    assert redactor.text("sip:+1-555-123-4567@a") == "sip:user-1@a"
    assert redactor.text("tel:+15551234567") == "tel:user-1"
    assert redactor.identity("15551234567") == "user-1"
    assert redactor.text("sip:bob@a") == "sip:user-2@a"
    assert redactor.identity("bob") == "user-2"


def test_passing_twice_changes_nothing() -> None:
    redactor = Redactor()
    once = redactor.text('"Bob" <sip:bob@h>, alice@h, tel:+15551234567')
    assert redactor.text(once) == once


def test_revealed_identities_stay_and_secrets_still_go() -> None:
    shown = Redactor(reveal_identities=True).text(
        '"Alice" <sip:alice@h> inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz'
    )
    assert shown == '"Alice" <sip:alice@h> inline:[removed]'


def test_equal_keys_have_one_ordinal() -> None:
    redactor = Redactor()
    assert [redactor.key(Secret(k)) for k in (b"a" * 30, b"b" * 30, b"a" * 30)] == ["key-1", "key-2", "key-1"]


def test_a_known_call_id_stays_in_free_text() -> None:
    redactor = Redactor()
    redactor.call_id("xyz@10.0.0.1")
    assert redactor.text("xyz@10.0.0.1 and bob@10.0.0.1") == "xyz@10.0.0.1 and user-1@10.0.0.1"


FEW = Limits(identities=2, named_keys=2, call_ids=2)


def size(redactor: Redactor) -> int:
    """What a redactor remembers of whom it named."""
    return len(redactor._users._names) + len(redactor._keys._names) + len(redactor._call_ids)


def named(redactor: Redactor, name: str) -> tuple[str, str, str]:
    """What is shown of a person, a key and a Call-ID of this name."""
    return redactor.text(f"{name}@h"), redactor.key(Secret(name.encode())), redactor.call_id(name)


@given(st.lists(st.sampled_from("abcdefgh"), min_size=20, max_size=60))
def test_beyond_the_bound_who_is_who_stays_visible_and_nothing_more_is_kept(names: list[str]) -> None:
    redactor, again = Redactor(limits=FEW), Redactor(limits=FEW)
    shown = [named(redactor, name) for name in names]
    assert shown == [named(again, name) for name in names]
    assert size(redactor) <= 6
    for place in (0, 1):
        given_to = {(name, each[place]) for name, each in zip(names, shown, strict=True)}
        assert len({one for one, _ in given_to}) == len({one for _, one in given_to}) == len(given_to)
    first = list(dict.fromkeys(names))[:2]
    assert [redactor.user(name) for name in first] == [f"user-{at}" for at in range(1, len(first) + 1)]
    assert [redactor.text(each[0]) for each in shown] == [each[0] for each in shown]  # passing twice changes nothing


def test_a_digest_names_nobody_who_does_not_know_whom_the_ordinals_stand_for() -> None:
    one, other = Redactor(limits=FEW), Redactor(limits=FEW)
    for name in ("alice", "bob"):
        one.user(name)
        other.user(name[::-1])
    assert one.user("carol") != other.user("carol")
    assert "carol" not in one.user("carol")


@pytest.mark.parametrize("name", ["user-3", "user-01", "user-0", "user-", "user-" + "0" * 28, "user-" + "a" * 28])
def test_a_name_that_only_looks_like_a_pseudonym_is_hidden(name: str) -> None:
    redactor = Redactor(limits=FEW)
    assert redactor.user("alice") != name
    assert redactor.user("bob") != name
    assert redactor.user(name) not in (name, "user-1", "user-2")


def test_a_call_id_shown_long_ago_is_hidden_like_an_identity() -> None:
    redactor = Redactor(limits=FEW)
    for value in ("first@h", "second@h", "first@h", "third@h"):
        assert redactor.call_id(value) == value
    assert redactor.text("of first@h and third@h") == "of first@h and third@h"
    assert redactor.text("of second@h") == "of user-1@h"


def test_a_row_is_redacted_by_its_declarations() -> None:
    redactor = Redactor()
    call = redactor.row(factories.call(participants=("sip:alice@h", "bob"), call_ids=("q@h",)))
    assert call.participants == ("sip:user-1@h", "user-2")
    assert call.call_ids == ("q@h",)
    found = redactor.row(factories.finding(message="bob@h", where={"uri": "sip:alice@h", "hop": "hop-1"}))
    assert (found.message, found.where) == ("user-2@h", {"uri": "sip:user-1@h", "hop": "hop-1"})


def test_the_cut_of_a_long_text_shows_no_half_identity() -> None:
    shown = Redactor().text("x " * 1_990 + "sip:alice-with-a-long-name@h" * 3)
    assert "alice" not in shown


# RFC 4568 9.1 example key; RFC 8760 2.6 style digest; RFC 8225 style token; NSS key log line
SECRETS = (
    ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4", "WVNfX19"),
    ('Digest username="u", response="6629fae49393a05397450978507c4ef1"', "6629fae4"),
    ("response=6629fae49393a05397450978507c4ef1", "6629fae4"),
    ("Identity: eyJhbGciOiJFUzI1NiJ9.eyJvcmlnIjp7fX0.c2lnbmF0dXJl;info=<https://c.example>", "eyJ"),
    ("Identity: ..rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojN;info=x", "rq3pjT1"),
    ("token eyJhbGciOiJFUzI1NiJ9.e30.xyz ends", "eyJ"),
    ("CLIENT_RANDOM " + "ab" * 32 + " " + "cd" * 48, "cdcd"),
    ("CLIENT_HANDSHAKE_TRAFFIC_SECRET " + "ab" * 32 + " " + "cd" * 32, "cdcd"),
    ("a=key-mgmt:mikey AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAAAAAGEEoo2pee4hp2", "AQAFgM0X"),
    ("a=ice-pwd:asd88fgpdd777uzjYhagZg", "asd88"),
    ("Authorization: Bearer mF_9.B5f-4.1JqM2Y0T1n9", "mF_9"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_secrets_never_pass(text: str, secret: str) -> None:
    assert secret not in scrub(text)
    assert "[removed]" in scrub(text)
    assert secret not in Redactor(reveal_identities=True).text(text)


@pytest.mark.parametrize(
    "text", ["response=200 after INVITE", "identity: none", "the nonce was repeated", "inline key"]
)
def test_plain_words_pass(text: str) -> None:
    assert scrub(text) == text


@given(factories.texts() | st.text())
def test_cleaning_is_printable_and_settles(text: str) -> None:
    shown = clean(text)
    shown.encode("utf-8")
    assert clean(shown) == shown
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in shown)


@given(st.text(alphabet="abc.-_12", min_size=1, max_size=12).filter(lambda user: user.strip(".-_12") != ""), st.text())
def test_no_user_part_survives(user: str, around: str) -> None:
    name = f"Q{user}Q"
    assert name not in Redactor().text(f"{around[:8]} sip:{name}@ims.example {around[8:]}")


@given(st.text())
def test_any_text_is_redacted_without_raising(text: str) -> None:
    Redactor().text(text)
    Redactor().identity(text)


@given(factories.any_row(Report))
def test_any_report_row_is_redacted(report: Report) -> None:
    assert isinstance(Redactor().row(report), Report)


@pytest.mark.parametrize(
    "unit", ["sip:", '"', "a ", "+1 ", "1", "a@", '"\\', "a.", "Identity: a", "inline:", "x=", "eyJ", "a    "]
)
def test_redacting_hostile_text_is_linear(unit: str) -> None:
    assert_linear(lambda size: partial(Redactor().text, unit * (size // len(unit))), 100_000)


@pytest.mark.parametrize("unit", ["Identity: a", "inline:", "CLIENT_RANDOM ab", "A_", "TRAFFIC_", "eyJ", "Identity:"])
def test_scrubbing_is_linear(unit: str) -> None:
    assert_linear(lambda size: partial(scrub, unit * (size // len(unit))), 200_000)


def test_finding_fields_of_ours_are_left() -> None:
    finding: Finding = factories.finding()
    assert Redactor().row(finding) == finding


@pytest.mark.parametrize("text", ["IK=", "nonce=", "inline:", 'ck="', "password = ", "Identity: ", "ice-pwd:", 'x"IK='])
def test_a_secrets_name_at_the_end_of_a_string_leaves_json_whole(text: str) -> None:
    encoded = encode_row(Finding("id", "rule", "info", "fail", text, text, fix=text))
    assert json.loads(encoded)["fix"].startswith(text.rstrip('" ')[:2])


def test_a_quoted_secret_inside_json_is_removed() -> None:
    encoded = encode_row(
        Finding("id", "rule", "info", "fail", "t", 'Digest nonce="c0ffee", response="deadbeefdeadbeef"')
    )
    assert b"c0ffee" not in encoded
    assert b"deadbeef" not in encoded
    json.loads(encoded)
