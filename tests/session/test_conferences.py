"""Conferences: dial-in, dial-out, rosters, referrals and lists, every message generated (RFC 4579, TS 33.328 G.2)."""

from dataclasses import replace
from typing import Any

import pytest

from analyzer.pipeline.assemble import assemble
from analyzer.pipeline.engine import Engine
from analyzer.report.codec import to_json
from analyzer.session.topology import Topology, load
from tests.conftest import ROOT
from tests.golden.runs import rules, tree
from tests.pipeline.sip_text import dialog, exchange, request, response
from tests.pipeline.wire import Wire, at

SCSCF, MRF = at("10.0.0.1", 5060), at("10.0.0.13", 5060)
ALICE, BOB, CAROL = "<sip:alice@ims.example>", "<sip:bob@ims.example>", "<sip:carol@ims.example>"
NOBODY = '"Anonymous" <sip:anonymous@anonymous.invalid>'
FOCUS = "Contact: <sip:conf7@10.0.0.13>;isfocus"
ROSTER = "application/conference-info+xml"
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 10.0.0.13\r\ns=-\r\nc=IN IP4 10.0.0.13\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    b"m=application 5070 TCP/BFCP *\r\na=confid:4711\r\na=userid:1\r\na=floorid:1 mstrm:10\r\na=floorid:2 mstrm:11\r\n"
)


def _topology(**policy: str) -> Topology:
    topology, problems = load((ROOT / "samples" / "lab.topology.yaml").read_bytes(), "lab")
    assert not problems
    return replace(topology, policy=policy).indexed()


def _pai(value: str) -> str:
    return f"P-Asserted-Identity: {value}"


def _dial_in(
    wire: Wire,
    call_id: str,
    *headers: str,
    caller: str = ALICE,
    status: int = 200,
    body: bytes = SDP,
    offer: bytes = b"",
) -> None:
    """A call to the focus, and its answer."""
    ask = dialog(
        call_id, 1, "INVITE", via=["10.0.0.1", "10.0.0.9"], caller=f"{caller};tag=a", called="<sip:conf@ims.example>"
    )
    say = dialog(
        call_id,
        1,
        "INVITE",
        via=["10.0.0.1", "10.0.0.9"],
        caller=f"{caller};tag=a",
        called="<sip:conf@ims.example>;tag=b",
    )
    answer = response(status, [*say, *([FOCUS] if status == 200 else [])], body if status == 200 else b"")
    exchange(wire, SCSCF, MRF, request("INVITE", "sip:conf@ims.example", [*ask, *headers], offer), answer)


def _dial_out(wire: Wire, call_id: str, *answer: str, invite: tuple[str, ...] = (), ends: bool = False) -> None:
    """A call of the focus to Bob, its answer, and perhaps its BYE."""
    focus = "<sip:conf7@10.0.0.13>;tag=f"
    ask = dialog(call_id, 1, "INVITE", via=["10.0.0.13"], caller=focus, called=BOB)
    say = dialog(call_id, 1, "INVITE", via=["10.0.0.13"], caller=focus, called=f"{BOB};tag=b")
    exchange(
        wire, MRF, SCSCF,
        request("INVITE", "sip:bob@ims.example", [*ask, FOCUS, *invite]),
        response(200, [*say, "Contact: <sip:x@10.2.0.2>", *answer]),
    )  # fmt: skip
    if ends:
        bye = dialog(call_id, 2, "BYE", via=["10.0.0.13"], caller=focus, called=f"{BOB};tag=b")
        wire.udp(MRF, SCSCF, request("BYE", "sip:x@10.2.0.2", bye))


def _notify(wire: Wire, *users: str) -> None:
    xml = (
        '<?xml version="1.0"?><conference-info xmlns="urn:ietf:params:xml:ns:conference-info" '
        f'entity="sip:conf7@10.0.0.13" state="full" version="1"><users>{"".join(users)}</users></conference-info>'
    )
    head = dialog("sub", 3, "NOTIFY", via=["10.0.0.13"], caller="<sip:conf7@10.0.0.13>;tag=n", called=f"{BOB};tag=s")
    wire.udp(MRF, SCSCF, request("NOTIFY", "sip:bob@10.2.0.2", [*head, "Event: conference"], xml.encode(), ROSTER))


def _user(uri: str, call_id: str = "") -> str:
    info = f"<call-info><sip><call-id>{call_id}</call-id></sip></call-info>" if call_id else ""
    return f'<user entity="{uri}"><endpoint entity="{uri}"><status>connected</status>{info}</endpoint></user>'


def _run(wire: Wire, **policy: str) -> Engine:
    return wire.run(rules=rules(), topology=_topology(**policy))


def _said(engine: Engine, rule: str) -> dict[str, int]:
    return {v.value: n for v, n in engine.judge.tallies[rule].counts.items() if n and v.value != "n/a"}


def _rows(engine: Engine) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tree(to_json(assemble(engine, [])))["conferences"]
    return rows


def test_calls_to_one_focus_are_one_conference() -> None:
    wire = Wire()
    _dial_in(wire, "one", _pai(ALICE))
    _dial_in(wire, "two", _pai(BOB), caller=BOB)
    _dial_out(wire, "three", _pai(BOB))
    engine = _run(wire)
    (row,) = _rows(engine)
    assert (row["focus"], row["uri"], len(row["legs"])) == ("mrf", "sip:conf7@10.0.0.13", 3)
    assert [p["asserted"] for p in row["participants"]] == [True, True, True]
    assert row["floors"] == ["4711/1", "4711/2"]
    assert "NO_ACCESS_ASSURANCE" in row["caveats"], "only the core side was captured (NOTE 1)"
    assert "NO_PARTICIPANT_TO_PARTICIPANT_ASSURANCE" in row["caveats"]
    for rule in ("CONF-01", "CONF-03"):
        assert set(_said(engine, rule)) == {"pass"}
    assert _said(engine, "CONF-02") == {"pass": 1}


def test_two_conference_uris_are_two_conferences() -> None:
    wire = Wire()
    _dial_in(wire, "one", _pai(ALICE))
    ask = dialog("two", 1, "INVITE", via=["10.0.0.13"], caller="<sip:conf8@10.0.0.13>;tag=f", called=BOB)
    wire.udp(MRF, SCSCF, request("INVITE", "sip:bob@ims.example", [*ask, "Contact: <sip:conf8@10.0.0.13>;isfocus"]))
    assert [row["id"] for row in _rows(_run(wire))] == ["conference-1", "conference-2"]


def test_a_relayed_leg_alone_shows_no_focus() -> None:
    """Seen between S-CSCF and P-CSCF only: nobody knows what the focus was told."""
    wire = Wire()
    say = dialog("c", 1, "INVITE", via=["10.0.0.11"], caller=f"{ALICE};tag=a", called="<sip:conf@ims.example>;tag=b")
    ask = dialog("c", 1, "INVITE", via=["10.0.0.11"], caller=f"{ALICE};tag=a", called="<sip:conf@ims.example>")
    far = "Contact: <sip:conf7@198.51.100.7>;isfocus"
    exchange(
        wire, at("10.0.0.11", 5060), SCSCF,
        request("INVITE", "sip:conf@ims.example", [*ask, _pai(ALICE)]), response(200, [*say, far]),
    )  # fmt: skip
    engine = _run(wire)
    assert _said(engine, "CONF-03") == {"open": 1}
    assert _rows(engine)[0]["participants"][0]["asserted"] is None


@pytest.mark.parametrize(
    ("status", "policy", "verdict"),
    [(200, {"anonymous_dial_in": "reject"}, "fail"), (200, {"anonymous_dial_in": "accept"}, "pass"), (200, {}, "open"),
     (433, {}, "pass")],
)  # fmt: skip
def test_anonymous_dial_in(status: int, policy: dict[str, str], verdict: str) -> None:
    wire = Wire()
    _dial_in(wire, "anon", "Privacy: id", caller=NOBODY, status=status)
    engine = _run(wire, **policy)
    assert _said(engine, "CONF-04") == {verdict: 1}
    assert _rows(engine)[0]["participants"][0]["anonymous"] is True


def test_private_towards_others_is_not_anonymous_to_the_focus() -> None:
    wire = Wire()
    _dial_in(wire, "private", _pai(ALICE), "Privacy: id", caller=NOBODY)
    engine = _run(wire, anonymous_dial_in="reject")
    assert _said(engine, "CONF-04") == {}
    assert _said(engine, "CONF-03") == {"pass": 1}


def test_answered_by_somebody_else() -> None:
    wire = Wire()
    _register(wire, "<sip:bob@ims.example>")
    _dial_out(wire, "out", _pai(CAROL))
    engine = _run(wire)
    assert _said(engine, "CONF-05") == {"fail": 1}
    assert _said(engine, "ID-15") == {"fail": 1}
    message = next(f.message for f in engine.judge.findings if f.rule.id == "CONF-05")
    assert message == "mrf called sip:bob@ims.example, and sip:carol@ims.example answered"
    wire = Wire()
    _register(wire, "<sip:bob@ims.example>")
    _dial_out(wire, "out", _pai(CAROL), "History-Info: <sip:bob@ims.example>;index=1, <sip:carol@x>;index=1.1;mp=1")
    assert _said(_run(wire), "ID-15") == {"pass": 1}
    wire = Wire()
    _dial_out(wire, "out", _pai("<sip:bob@ims.example:5060;user=phone>"))
    assert _said(_run(wire), "CONF-05") == {"pass": 1}, "parameters and port do not make another user"


def test_an_answer_that_names_nobody() -> None:
    for ends, policy, verdict in (
        (True, {}, "pass"),
        (False, {}, "open"),
        (False, {"unrevealed_dial_out": "reject"}, "fail"),
    ):
        wire = Wire()
        _dial_out(wire, "out", "Privacy: id", ends=ends)
        engine = _run(wire, **policy)
        assert _said(engine, "CONF-06") == {verdict: 1}
        assert _said(engine, "CONF-05") == {"open": 1}
        assert _said(engine, "ID-16") == {"fail": 1}
        assert engine.judge.tallies["CONF-07"].notes == int(ends)


@pytest.mark.parametrize(
    ("seconds", "reason", "verdict"),
    [
        (60, "", "fail"),  # half a minute of RFC 3261's 64*T1 has passed: the ordinary end of a call
        (10, "", "open"),
        (1, "", "pass"),
        (60, 'Reason: SIP;cause=433;text="Anonymity Disallowed"', "pass"),  # RFC 5079
        (60, "Reason: Q.850;cause=21", "pass"),  # call rejected
        (1, 'Reason: Q.850;cause=16;text="Normal call clearing"', "fail"),
        (1, "Reason: SIP;cause=200", "fail"),
        (1, "Reason: SIP;cause=408, Q.850;cause=21", "pass"),
        (10, "Reason: SIP;text=why", "open"),  # names no cause
    ],
)
def test_a_bye_of_the_focus_is_a_decision_by_its_reason_or_its_time(seconds: int, reason: str, verdict: str) -> None:
    wire = Wire()
    _dial_out(wire, "out", "Privacy: id")
    wire.now_ns += seconds * 10**9
    bye = dialog("out", 2, "BYE", via=["10.0.0.13"], caller="<sip:conf7@10.0.0.13>;tag=f", called=f"{BOB};tag=b")
    wire.udp(MRF, SCSCF, request("BYE", "sip:x@10.2.0.2", [*bye, *([reason] if reason else [])]))
    engine = _run(wire, unrevealed_dial_out="reject")
    assert _said(engine, "CONF-06") == {verdict: 1}
    assert engine.judge.tallies["CONF-07"].notes == (verdict == "pass")
    assert _said(engine, "CONF-07") == {"fail": {"pass": 1}, "open": {"open": 1}}.get(verdict, {})


@pytest.mark.parametrize(
    ("seconds", "reason", "notes", "verdicts"),
    [
        (1, "", 1, {}),
        (20, "", 0, {"open": 1}),  # nobody answered, or nobody was named: no packet says which
        (1, "Reason: SIP;cause=200", 0, {"pass": 1}),  # RFC 3326 3.1: another branch answered
        (20, "Reason: SIP;cause=403", 1, {}),
    ],
)
def test_an_invitation_that_the_focus_cancels(seconds: int, reason: str, notes: int, verdicts: dict[str, int]) -> None:
    """G.2: the server may cancel the invitation; `seconds` after the called rang."""
    wire = Wire()
    focus = "<sip:conf7@10.0.0.13>;tag=f"
    ask = dialog("out", 1, "INVITE", via=["10.0.0.13"], caller=focus, called=BOB)
    say = dialog("out", 1, "INVITE", via=["10.0.0.13"], caller=focus, called=f"{BOB};tag=b")
    exchange(wire, MRF, SCSCF, request("INVITE", "sip:bob@ims.example", [*ask, FOCUS]), response(180, say))
    wire.now_ns += seconds * 10**9
    cancel = dialog("out", 1, "CANCEL", via=["10.0.0.13"], caller=focus, called=BOB)
    wire.udp(MRF, SCSCF, request("CANCEL", "sip:bob@ims.example", [*cancel, *([reason] if reason else [])]))
    engine = _run(wire)
    assert engine.judge.tallies["CONF-07"].notes == notes
    assert _said(engine, "CONF-07") == verdicts


def test_a_bye_of_the_participant_is_no_decision_of_the_focus() -> None:
    wire = Wire()
    _dial_out(wire, "out", "Privacy: id")
    bye = dialog("out", 2, "BYE", via=["10.0.0.1"], caller=f"{BOB};tag=b", called="<sip:conf7@10.0.0.13>;tag=f")
    wire.udp(SCSCF, MRF, request("BYE", "sip:conf7@10.0.0.13", bye))
    assert _said(_run(wire, unrevealed_dial_out="reject"), "CONF-06") == {"fail": 1}


@pytest.mark.parametrize(
    ("supported", "shown", "revealed", "same"),
    [
        ("Supported: timer, from-change", CAROL, "pass", "fail"),  # RFC 4916 4.3
        ("Supported: from-change", BOB, "pass", "pass"),
        ("Supported: timer", CAROL, "fail", "open"),  # From may not have been changed
        ("Supported: from-change", NOBODY, "fail", "open"),
        ("P-Asserted-Identity: <sip:carol@ims.example>", BOB, "pass", "fail"),
    ],
)
def test_who_answered_may_be_said_later_in_the_dialog(supported: str, shown: str, revealed: str, same: str) -> None:
    wire = Wire()
    _register(wire, "<sip:bob@ims.example>")
    _dial_out(wire, "out")
    update = dialog("out", 2, "UPDATE", via=["10.0.0.1"], caller=f"{shown};tag=b", called="<sip:conf7@10.0.0.13>;tag=f")
    wire.udp(SCSCF, MRF, request("UPDATE", "sip:conf7@10.0.0.13", [*update, supported]))
    engine = _run(wire)
    assert _said(engine, "ID-16") == {revealed: 1}
    assert _said(engine, "CONF-05") == {same: 1}


def _register(wire: Wire, associated: str, user: str = "<sip:bob@ims.example>") -> None:
    ue, edge = at("10.2.0.2", 5060), at("10.2.0.1", 5060)
    ask = dialog("reg", 1, "REGISTER", via=["10.2.0.2"], caller=f"{user};tag=r", called=user)
    say = dialog("reg", 1, "REGISTER", via=["10.2.0.2"], caller=f"{user};tag=r", called=f"{user};tag=s")
    answer = response(200, [*say, f"P-Associated-URI: {associated}"])
    exchange(wire, ue, edge, request("REGISTER", "sip:ims.example", [*ask, "Contact: <sip:bob@10.2.0.2>"]), answer)


@pytest.mark.parametrize(
    ("registered", "answered", "verdict"),
    [
        ("", "<tel:+4930123>", "open"),  # one user or two: only a registration tells
        ("", CAROL, "open"),
        ("<sip:bob@ims.example>, <tel:+4930123>", "<tel:+49-30-123>", "pass"),
        ("<sip:bob@ims.example>, <tel:+4930123>", "<tel:+4930999>", "fail"),
        ("<sip:bob@ims.example>, <sip:robert@ims.example>", "<sip:robert@ims.example>", "pass"),
        ("<sip:bob@ims.example>", CAROL, "fail"),
    ],
)
def test_an_answer_by_another_identity_of_the_invited_user(registered: str, answered: str, verdict: str) -> None:
    wire = Wire()
    if registered:
        _register(wire, registered)
    _dial_out(wire, "out", _pai(answered))
    assert _said(_run(wire), "CONF-05") == {verdict: 1}


@pytest.mark.parametrize(
    ("associated", "verdict"),
    [("<sip:carol@ims.example>", "fail"), ("<sip:carol@ims.example>, <sip:bob@ims.example>", "pass")],
)
def test_the_registration_of_who_answered_tells_as_well(associated: str, verdict: str) -> None:
    wire = Wire()
    _register(wire, associated, CAROL)
    _dial_out(wire, "out", _pai(CAROL))
    assert _said(_run(wire), "CONF-05") == {verdict: 1}


def test_where_the_focus_stands() -> None:
    wire = Wire()
    _dial_in(wire, "one", _pai(ALICE))
    assert _said(_run(wire), "G-08") == {"pass": 1}
    other = replace(_topology(), trust_domain=frozenset({"access"})).indexed()
    assert wire.run(rules=rules(), topology=other).judge.tallies["G-08"].notes == 1
    assert _said(wire.run(rules=rules()), "G-08") == {"open": 1}, "no packet says what belongs to the core"


def test_a_roster_that_names_a_private_participant() -> None:
    for shown, verdict in (("sip:alice@ims.example", "fail"), ("sip:anonymous1@anonymous.invalid", "pass")):
        wire = Wire()
        _dial_in(wire, "private", _pai(ALICE), "Privacy: id", caller=NOBODY)
        _notify(wire, _user(shown))
        assert _said(_run(wire), "CONF-10") == {verdict: 1}
    for text, verdict in (("Alice of Sales", "fail"), ("Anonymous 1", "pass")):
        wire = Wire()
        _dial_in(wire, "private", _pai(ALICE), "Privacy: id", caller=NOBODY)
        _notify(wire, f'<user entity="sip:a1@anonymous.invalid"><display-text>{text}</display-text></user>')
        assert _said(_run(wire), "CONF-10") == {verdict: 1}, "RFC 4575 5.6.1: a display text names somebody, too"
    wire = Wire()
    _dial_in(wire, "private", _pai(ALICE), "Privacy: id", caller=NOBODY)
    assert _said(_run(wire), "CONF-10") == {"open": 1}


def test_a_roster_against_asserted_identities() -> None:
    cases = (
        (_user("sip:alice@ims.example", "one"), "pass"),
        (_user("sip:carol@ims.example", "one"), "fail"),
        (_user("sip:carol@ims.example", "elsewhere"), "open"),
    )
    for user, verdict in cases:
        wire = Wire()
        _dial_in(wire, "one", _pai(ALICE))
        _notify(wire, user)
        engine = _run(wire)
        assert _said(engine, "CONF-11") == {verdict: 1}
        assert _said(engine, "CONF-12") == {"fail": 1}, "the roster travelled over UDP in clear"


@pytest.mark.parametrize(
    ("headers", "status", "event", "verdict"),
    [
        ((_pai(ALICE),), 200, "conference", {"pass": 1}),
        ((), 200, "conference", {"fail": 1}),
        ((), 401, "Conference", {"pass": 1}),  # RFC 4575 8.1: it was asked who it is
        ((), 0, "conference;id=7", {"open": 1}),
        ((), 200, "reg", {}),
        (('Authorization: Digest username="alice",realm="r",response="0"',), 200, "conference", {"pass": 1}),
    ],
)
def test_who_subscribes(headers: tuple[str, ...], status: int, event: str, verdict: dict[str, int]) -> None:
    wire = Wire()
    parties = {"caller": f"{ALICE};tag=s", "called": "<sip:conf7@10.0.0.13>"}
    ask = dialog("sub", 1, "SUBSCRIBE", via=["10.0.0.1"], **parties)
    wire.udp(SCSCF, MRF, request("SUBSCRIBE", "sip:conf7@10.0.0.13", [*ask, f"Event: {event}", *headers]))
    if status:
        wire.udp(MRF, SCSCF, response(status, ask))
    assert _said(_run(wire), "CONF-12.subscriber") == verdict


def _refer(wire: Wire, *headers: str, status: int = 202) -> None:
    parties = {"caller": f"{ALICE};tag=r", "called": "<sip:conf7@10.0.0.13>"}
    ask = dialog("refer", 1, "REFER", via=["10.0.0.1"], **parties)
    say = dialog("refer", 1, "REFER", via=["10.0.0.1"], **parties)
    exchange(
        wire, SCSCF, MRF,
        request("REFER", "sip:conf7@10.0.0.13", [*ask, f"Refer-To: {BOB}", *headers]), response(status, say),
    )  # fmt: skip


def test_a_referral_of_a_participant() -> None:
    wire = Wire()
    _dial_in(wire, "one", _pai(ALICE))
    _refer(wire, _pai(ALICE))
    _dial_out(wire, "out", _pai(BOB), invite=(f"Referred-By: {ALICE}",))
    engine = _run(wire)
    assert _said(engine, "CONF-13") == {"pass": 1}
    assert _said(engine, "CONF-13.referred-by") == {"pass": 1}


def test_a_referral_of_nobody_known() -> None:
    wire = Wire()
    _dial_in(wire, "one", _pai(ALICE))
    _refer(wire)
    _dial_out(wire, "out", _pai(BOB))
    engine = _run(wire)
    assert _said(engine, "CONF-13") == {"fail": 1}
    assert _said(engine, "CONF-13.referred-by") == {"fail": 1}
    wire = Wire()
    _dial_in(wire, "one", _pai(ALICE))
    _refer(wire, _pai(CAROL))
    assert _said(_run(wire), "CONF-13") == {"open": 1}
    wire = Wire()
    _dial_in(wire, "one", _pai(ALICE))
    _refer(wire, status=403)
    assert _said(_run(wire), "CONF-13") == {}, "the focus refused it"


def _list(*entries: str) -> bytes:
    return (
        '<?xml version="1.0"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" '
        f'xmlns:cp="urn:ietf:params:xml:ns:copycontrol"><list>{"".join(entries)}</list></resource-lists>'
    ).encode()


def _create(wire: Wire, *entries: str) -> None:
    parties = {"caller": f"{ALICE};tag=a", "called": "<sip:factory@ims.example>"}
    ask = dialog("create", 1, "INVITE", via=["10.0.0.1"], **parties)
    say = dialog("create", 1, "INVITE", via=["10.0.0.1"], **(parties | {"called": "<sip:factory@ims.example>;tag=b"}))
    kind = "application/resource-lists+xml"
    headers = [*ask, _pai(ALICE), "Require: recipient-list-invite", "Content-Disposition: recipient-list"]
    invite = request("INVITE", "sip:factory@ims.example", headers, _list(*entries), kind)
    exchange(wire, SCSCF, MRF, invite, response(200, [*say, FOCUS]))


def test_an_invitation_list() -> None:
    bob = '<entry uri="sip:bob@ims.example"/>'
    wire = Wire()
    _create(wire, bob)
    _dial_out(wire, "out", _pai(BOB))
    engine = _run(wire)
    assert len(_rows(engine)) == 1, "the factory URI led to the conference URI of the Contact"
    assert _said(engine, "CONF-14") == {"pass": 1}
    assert _said(engine, "CONF-14.leak") == {"pass": 1}
    wire = Wire()
    _create(wire, bob, '<entry uri="sip:carol@ims.example"/>')
    _dial_out(wire, "out", _pai(BOB))
    assert _said(_run(wire), "CONF-14") == {"open": 1}, "the other INVITE may have passed elsewhere"


def test_conferences_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.session.conferences.MAX_PARTICIPANTS", 2)
    wire = Wire()
    for number in range(5):
        _dial_in(wire, f"c{number}", _pai(ALICE))
    engine = _run(wire)
    assert len(_rows(engine)[0]["participants"]) == 2
    assert engine.closer.conferences.evicted == 3
