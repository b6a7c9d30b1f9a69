"""One identity in several forms: numbers as sip and tel, with marks and without, wildcards, and what stays behind."""

import pytest

from analyzer.formats.uri import same_user
from tests.golden.runs import rules
from tests.pipeline.sip_text import dialog, request
from tests.pipeline.wire import Wire, at
from tests.session.test_passages import CORE_EDGE, SCSCF, lab_topology
from tests.session.test_passages import _pai as pai
from tests.session.test_passages import _run as run
from tests.session.test_passages import _said as said

TEL = "<tel:+4930123456>"
NOBODY = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=a'
EDGE_2, UE_2 = at("10.2.0.1", 5060), at("10.2.0.2", 5060)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("tel:+4930123456", "sip:+4930123456@ims.example", True),  # user=phone is often left out
        ("tel:+49-30-123456", "sip:+4930123456@ims.example;user=phone", True),
        ("tel:+4930123456", "sip:+4930123457@ims.example", False),
        ("sip:+alice@a.example", "sip:+alice@b.example", False),
        ("sip:4930123456@a.example", "sip:4930123456@b.example", False),  # no international number: a user at its host
    ],
)
def test_an_international_number_is_one_in_any_scheme(one: str, other: str, same: bool) -> None:
    """RFC 3966 5.1.4: a global number is unique."""
    assert same_user(one, other) is same


@pytest.mark.parametrize("onward", ["<sip:+4930123456@ims.example>", "<sip:+49-30-123456@ims.example;user=phone>"])
def test_a_claim_that_goes_on_in_another_form_is_believed(onward: str) -> None:
    engine = run((pai(TEL),), (pai(onward),))
    assert said(engine, "ID-02") == {"fail": 1}
    assert said(engine, "ID-17") == {"fail": 1}


def test_a_wildcarded_registration_leaves_it_open() -> None:
    """TS 23.003: sip:pbx!.*!@ims.example stands for many; which, its regular expression says."""
    wildcard = "P-Associated-URI: <sip:ue1@ims.example>, <sip:pbx!.*!@ims.example>"
    engine = run((), (pai("<sip:pbx17@ims.example>"),), known=wildcard)
    assert said(engine, "ID-17") == {"open": 1}
    engine = run((), (pai("<sip:ue1@ims.example>"),), known=wildcard)
    assert said(engine, "ID-17") == {"pass": 1}


@pytest.mark.parametrize(
    ("asserted", "header", "verdict"),
    [
        (TEL, "History-Info: <sip:+49-30-123456@ims.example;user=phone>;index=1", "fail"),
        (TEL, "Contact: <sip:4930123456@10.2.0.1>", "fail"),
        (TEL, "History-Info: <sip:bob@ims.example>;index=1, <sip:+4930123456@ims.example>;index=1.1", "fail"),
        (TEL, "Contact: <sip:4930123457@10.2.0.1>", "pass"),
        ("<sip:alice@ims.example>", "Subject: Alice calling", "fail"),
        ("<sip:alice@ims.example>", "P-Preferred-Identity: <sip:alice@ims.example>", "fail"),
        ("<sip:alice@ims.example>", "Remote-Party-ID: <sip:alice@ims.example>;privacy=full", "fail"),
        ("<sip:alice@ims.example>", "Call-Info: <sip:alice@ims.example>;purpose=info", "fail"),
        ("<sip:alice@ims.example>", "Call-Info: <http://www.ims.example/icon.png>;purpose=icon", "pass"),
    ],
)
def test_what_stays_of_an_anonymous_caller(asserted: str, header: str, verdict: str) -> None:
    """RFC 3323 4.1: every header that the user's agent writes may name the user."""
    parties = {"caller": NOBODY, "called": "<sip:bob@ims.example>"}
    first = dialog("i", 1, "INVITE", via=["10.0.0.11", "10.1.0.2"], **parties)
    last = dialog("i", 1, "INVITE", via=["10.2.0.1", "10.0.0.11", "10.1.0.2"], **parties)
    wire = Wire()
    wire.udp(CORE_EDGE, SCSCF, request("INVITE", "sip:bob@ims.example", [*first, pai(asserted), "Privacy: user;id"]))
    wire.udp(EDGE_2, UE_2, request("INVITE", "sip:bob@10.2.0.2", [*last, "Privacy: user;id", header]))
    assert said(wire.run(rules=rules(), topology=lab_topology()), "ID-08") == {verdict: 1}
