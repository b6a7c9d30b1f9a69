"""Who takes part when: re-targeted and forked dial-outs, REFERs before, in and after a call, who writes as whom."""

import pytest

from analyzer.session.shown_identities import anonymous
from tests.pipeline.sip_text import dialog, exchange, request, response
from tests.pipeline.wire import Wire, at
from tests.session.test_conferences import ALICE, BOB, CAROL, FOCUS, MRF, NOBODY, SCSCF
from tests.session.test_conferences import _dial_in as dial_in
from tests.session.test_conferences import _pai as pai
from tests.session.test_conferences import _register as register
from tests.session.test_conferences import _rows as rows
from tests.session.test_conferences import _run as run
from tests.session.test_conferences import _said as said
from tests.session.test_conferences import _user as user
from tests.session.test_rosters import leave, notify

HALF_A_MINUTE = 30 * 10**9


def called(wire: Wire, call_id: str, *answers: tuple[int, str, str], invite: str = "", who: str = BOB) -> None:
    """The focus calls somebody, and answers come: status, To tag, what it asserts."""
    names = {"via": ["10.0.0.13"], "caller": f"<sip:conf7@10.0.0.13>;tag=f{call_id}"}
    ask = [*dialog(call_id, 1, "INVITE", called=who, **names), FOCUS, *([invite] if invite else [])]
    said = [
        response(
            status, [*dialog(call_id, 1, "INVITE", called=f"{who};tag={tag}", **names), *([pai(of)] if of else [])]
        )
        for status, tag, of in answers
    ]
    exchange(wire, MRF, SCSCF, request("INVITE", who.strip("<>"), ask), *said)


def refer(
    wire: Wire, call_id: str, *headers: str, target: str = BOB, caller: str = f"{ALICE};tag=r", tag: str = ""
) -> None:
    """A REFER to the focus; with `tag` inside a dialog."""
    names = {"via": ["10.0.0.1"], "caller": caller, "called": f"<sip:conf7@10.0.0.13>{tag}"}
    ask = dialog(call_id, 5, "REFER", **names)
    asks = request("REFER", "sip:conf7@10.0.0.13", [*ask, f"Refer-To: {target}", *headers])
    exchange(wire, SCSCF, MRF, asks, response(202, ask))


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        (((180, "b", BOB), (200, "b", CAROL)), "fail"),  # who rang first is not who answered
        (((180, "b", CAROL), (200, "b", BOB)), "pass"),
        (((180, "b", CAROL), (200, "b", "")), "fail"),
        (((180, "b", CAROL), (200, "c", "")), "fail"),  # one answer alone: the fork is what is known of it
        (((200, "b", BOB), (200, "c", CAROL)), "fail"),  # RFC 3261 13.2.2.4: two branches answered
        (((200, "b", BOB), (200, "c", "")), "open"),
        (((200, "b", BOB), (200, "c", BOB)), "pass"),
    ],
)
def test_each_final_answer_says_who_answered(answers: tuple[tuple[int, str, str], ...], verdict: str) -> None:
    wire = Wire()
    register(wire, BOB)
    called(wire, "out", *answers)
    assert said(run(wire), "CONF-05") == {verdict: 1}


@pytest.mark.parametrize(
    ("before", "behind", "verdict"),
    [("", f"Referred-By: {ALICE}", "pass"), (f"Referred-By: {ALICE}", "", "fail"), ("", None, "open")],
)
def test_a_referral_led_to_the_invite_that_follows_it(before: str, behind: str | None, verdict: str) -> None:
    """Bob was called once before anybody asked for it."""
    wire = Wire()
    dial_in(wire, "alice", pai(ALICE))
    called(wire, "first", (200, "b", BOB), invite=before)
    wire.now_ns += HALF_A_MINUTE
    refer(wire, "refer", pai(ALICE))
    if behind is not None:
        called(wire, "again", (200, "b", BOB), invite=behind)
    assert said(run(wire), "CONF-13.referred-by") == {verdict: 1}


def test_a_referral_that_ends_a_call_leads_to_no_invite() -> None:
    """RFC 4579 5.11: Refer-To with method=BYE removes a participant."""
    wire = Wire()
    dial_in(wire, "alice", pai(ALICE))
    called(wire, "bob", (200, "b", BOB))
    refer(wire, "refer", pai(ALICE), target="<sip:bob@ims.example;method=BYE>")
    engine = run(wire)
    assert said(engine, "CONF-13.referred-by") == {}
    assert said(engine, "CONF-13") == {"pass": 1}


def test_who_has_left_takes_no_part() -> None:
    wire = Wire()
    dial_in(wire, "alice", pai(ALICE))
    leave(wire, "alice")
    refer(wire, "refer", pai(ALICE))
    assert said(run(wire), "CONF-13") == {"open": 1}, "another call of hers may have passed elsewhere"


def test_from_makes_nobody_a_participant() -> None:
    wire = Wire()
    dial_in(wire, "alice")
    refer(wire, "refer", pai(ALICE))
    assert said(run(wire), "CONF-13") == {"open": 1}


def test_a_referral_in_the_dialog_of_a_call_is_its_participants() -> None:
    """RFC 3325 5 asserts who begins the dialog; a REFER inside it needs no header of its own."""
    for asserted, verdict in (((pai(ALICE),), "pass"), ((), "fail")):
        wire = Wire()
        dial_in(wire, "alice", *asserted)
        refer(wire, "alice", caller=f"{ALICE};tag=a", tag=";tag=b")
        assert said(run(wire), "CONF-13") == {verdict: 1}


@pytest.mark.parametrize(
    ("uri", "nobody"),
    [
        ("sip:anonymous@anonymous.invalid", True),
        ("sip:unavailable@unknown.invalid", True),
        ("sip:anonymous@ims.example", True),
        ("sip:alice@invalid.example", False),
        ("tel:+4930123", False),
    ],
)
def test_uris_that_name_nobody(uri: str, nobody: bool) -> None:
    """RFC 3323 4.1.1.3; RFC 2606 2: no host has a name under .invalid."""
    assert anonymous(uri) is nobody


def test_an_identity_that_is_not_available_identifies_nobody() -> None:
    wire = Wire()
    dial_in(wire, "one", pai("<sip:unavailable@unknown.invalid>"), caller=NOBODY)
    engine = run(wire, anonymous_dial_in="reject")
    assert said(engine, "CONF-03") == {"fail": 1}
    assert said(engine, "CONF-04") == {"fail": 1}


def test_privacy_values_behind_a_comma_count() -> None:
    """RFC 3323 4.2 joins them by semicolons; an element that reads a list of headers makes the same of a comma."""
    wire = Wire()
    dial_in(wire, "private", pai(ALICE), "Privacy: header, id", caller=NOBODY)
    notify(wire, 1, user("sip:alice@ims.example"))
    assert said(run(wire), "CONF-10") == {"fail": 1}


@pytest.mark.parametrize(
    ("asserted", "caller", "writer", "verdict"),
    [
        ("alice", "alice", "alice", {"pass": 1}),
        ("alice", "alice", "carol", {"fail": 1}),
        ("", "alice", "alice", {"open": 1}),  # a name that nobody asserted proves none
        ("", "alice", "carol", {"fail": 1}),
        ("alice", "carol", "carol", {"fail": 1}),
    ],
)
def test_who_writes_as_whom(asserted: str, caller: str, writer: str, verdict: dict[str, int]) -> None:
    """RFC 3862 3.1 against RFC 3325: From of message/cpim, over the MSRP session of the participant's call."""
    path = "msrp://10.0.0.{0}:{1}/session{0};tcp"
    lines = "v=0\r\no=- 1 1 IN IP4 10.0.0.{0}\r\ns=-\r\nc=IN IP4 10.0.0.{0}\r\nt=0 0\r\nm=message {1} TCP/MSRP *\r\n"
    ours, theirs = (path.format(host, port) for host, port in ((1, 2855), (13, 2856)))
    offer = f"{lines.format(1, 2855)}a=path:{ours}\r\n".encode()
    answer = f"{lines.format(13, 2856)}a=path:{theirs}\r\n".encode()
    wire = Wire()
    headers = (pai(f"<sip:{asserted}@ims.example>"),) if asserted else ()
    dial_in(wire, "chat", *headers, caller=f"<sip:{caller}@ims.example>", body=answer, offer=offer)
    near, far = at("10.0.0.1", 2855), at("10.0.0.13", 2856)
    wire.connect(near, far)
    cpim = f"From: <sip:{writer}@ims.example>\r\nTo: <sip:conf7@10.0.0.13>\r\n\r\nContent-Type: text/plain\r\n\r\nhello"
    send = (
        f"MSRP d93kswow SEND\r\nTo-Path: {theirs}\r\nFrom-Path: {ours}\r\nMessage-ID: 1\r\n"
        f"Byte-Range: 1-{len(cpim)}/{len(cpim)}\r\nContent-Type: message/cpim\r\n\r\n{cpim}\r\n-------d93kswow$\r\n"
    )
    wire.tcp(near, far, send.encode())
    assert said(run(wire), "MSRP-12") == verdict


def test_dial_out_referral_retargeting_and_removal_at_once() -> None:
    """Alice asks for Bob and Dave; Carol answers for Bob and is put out; Dave stays."""
    dave = "<sip:dave@ims.example>"
    wire = Wire()
    register(wire, BOB)
    dial_in(wire, "alice", pai(ALICE))
    for name, who, answered in (("bob", BOB, CAROL), ("dave", dave, dave)):
        refer(wire, f"refer-{name}", pai(ALICE), target=who)
        called(wire, name, (200, "b", answered), invite=f"Referred-By: {ALICE}", who=who)
    bye = dialog("bob", 2, "BYE", via=["10.0.0.13"], caller="<sip:conf7@10.0.0.13>;tag=fbob", called=f"{BOB};tag=b")
    wire.udp(MRF, SCSCF, request("BYE", "sip:x@10.2.0.2", [*bye, "Reason: SIP;cause=403"]))
    notify(wire, 1, user("sip:alice@ims.example", "alice"), user("sip:dave@ims.example", "dave"))
    engine = run(wire)
    (row,) = rows(engine)
    assert [(each["identity"], each["asserted"]) for each in row["participants"]] == [
        ("sip:alice@ims.example", True), ("sip:carol@ims.example", True), ("sip:dave@ims.example", True)
    ]  # fmt: skip
    assert said(engine, "CONF-05") == {"pass": 1, "fail": 1}
    assert engine.judge.tallies["CONF-07"].notes == 1
    assert said(engine, "CONF-11") == {"pass": 1}
    for rule in ("CONF-13", "CONF-13.referred-by"):
        assert said(engine, rule) == {"pass": 2}, rule
