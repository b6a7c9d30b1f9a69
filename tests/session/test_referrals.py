"""REFER and the call that it led to: related by what agrees, and never the wrong two (RFC 3515, RFC 3892)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from analyzer.core.limits import SECOND_NS, Limits
from analyzer.pipeline.assemble import assemble
from analyzer.pipeline.engine import Engine
from analyzer.report.codec import to_json
from analyzer.session.referral_facts import ACCEPTED, WEIGHTS
from analyzer.session.referrals import Referrals
from tests.golden.runs import tree
from tests.linear import assert_linear
from tests.pipeline.wire import STEP_NS, Wire, anomalies, at

CAROL = "sip:carol@ims.example"


@dataclass(frozen=True, slots=True)
class Transfer:
    """A calls B; A refers B to a target; B calls it. Addresses of A and B, and what else differs."""

    a: str = "10.1.0.1"
    b: str = "10.1.0.2"
    alice: str = "sip:alice@ims.example"
    bob: str = "sip:bob@ims.example"
    target: str = CAROL
    c: str = "10.1.0.3"
    refer: tuple[str, ...] = ()
    invite: tuple[str, ...] = ()
    answer: int = 202
    status: int = 200
    told: int | None = 200
    name: str = ""

    @property
    def ids(self) -> tuple[str, str]:
        """The Call-IDs of the first call and of the second."""
        return f"first{self.name}", f"second{self.name}"


def put(wire: Wire, way: tuple[str, str], text: str, headers: Sequence[str], body: str = "") -> int:
    """A message; gives its frame number."""
    lines = [text, *headers, f"Content-Length: {len(body)}", "", body]
    wire.now_ns += 1_000_000 - STEP_NS
    return wire.udp(at(way[0], 5060), at(way[1], 5060), "\r\n".join(lines).encode())


def head(call_id: str, cseq: int, method: str, caller: str, called: str, vias: int = 1) -> list[str]:
    """The headers of RFC 3261 8.1.1; `caller` and `called` are URIs with the tags behind them."""
    branches = [f"Via: SIP/2.0/UDP 192.0.2.{n};branch=z9hG4bK{call_id}{method}{cseq}{n}" for n in range(vias, 0, -1)]
    return [*branches, f"From: {caller}", f"To: {called}", f"Call-ID: {call_id}", f"CSeq: {cseq} {method}"]


def talk(
    wire: Wire, way: tuple[str, str], call_id: str, caller: str, called: str, *extra: str, status: int = 200
) -> int:
    """INVITE and its answer, ACK; gives the frame of the INVITE."""
    back = way[1], way[0]
    first = head(call_id, 1, "INVITE", f"<{caller}>;tag=f{call_id}", f"<{called}>")
    full = head(call_id, 1, "INVITE", f"<{caller}>;tag=f{call_id}", f"<{called}>;tag=t{call_id}")
    frame = put(wire, way, f"INVITE {called} SIP/2.0", [*first, *extra])
    put(wire, back, f"SIP/2.0 {status} Said", full)
    put(wire, way, f"ACK {called} SIP/2.0", [line.replace("CSeq: 1 INVITE", "CSeq: 1 ACK") for line in full])
    return frame


def ask(wire: Wire, one: Transfer, cseq: int = 2) -> int:
    """The REFER in the first call, and its answer."""
    call_id = one.ids[0]
    lines = head(call_id, cseq, "REFER", f"<{one.alice}>;tag=f{call_id}", f"<{one.bob}>;tag=t{call_id}")
    given = any(line.startswith("Refer-To") for line in one.refer)
    asked = one.refer if given else (f"Refer-To: <{one.target}>", *one.refer)
    frame = put(wire, (one.a, one.b), f"REFER {one.bob} SIP/2.0", [*lines, *asked])
    put(wire, (one.b, one.a), f"SIP/2.0 {one.answer} Said", lines)
    return frame


def tell(wire: Wire, one: Transfer, status: int, event: str = "refer") -> int:
    """The NOTIFY with what came of it."""
    call_id = one.ids[0]
    lines = head(call_id, 1, "NOTIFY", f"<{one.bob}>;tag=t{call_id}", f"<{one.alice}>;tag=f{call_id}")
    kind = [f"Event: {event}", "Subscription-State: terminated;reason=noresource", "Content-Type: message/sipfrag"]
    return put(wire, (one.b, one.a), f"NOTIFY {one.alice} SIP/2.0", [*lines, *kind], f"SIP/2.0 {status} Said\r\n")


def begin(wire: Wire, one: Transfer) -> None:
    """The first call."""
    talk(wire, (one.a, one.b), one.ids[0], one.alice, one.bob)


def follow(wire: Wire, one: Transfer) -> int:
    """The second call, and what is told of it."""
    frame = talk(wire, (one.b, one.c), one.ids[1], one.bob, one.target, *one.invite, status=one.status)
    if one.told is not None:
        tell(wire, one, one.told)
    return frame


def transferred(*transfers: Transfer) -> Wire:
    """All of them at once, step by step."""
    wire = Wire()
    steps: tuple[Callable[[Wire, Transfer], object], ...] = (begin, ask, follow)
    for step in steps:
        for each in transfers:
            step(wire, each)
    return wire


def calls(engine: Engine) -> dict[str, dict[str, Any]]:
    """The calls of the report by their first Call-ID."""
    return {call["call_ids"][0]: call for call in tree(to_json(assemble(engine, [])))["calls"]}


def related(engine: Engine) -> set[tuple[str, str]]:
    """Every pair of Call-IDs, as the calls that were asked for have it."""
    found = [(call, each) for call in calls(engine).values() for each in call.get("related", ())]
    assert all(each["call_ids"][each["role"] == "asked_for"] in call["call_ids"] for call, each in found)
    return {tuple(each["call_ids"]) for _, each in found}


# -- what is related -----------------------------------------------------------------------------------------------


def test_a_transfer_and_the_call_that_it_led_to_are_two_related_calls() -> None:
    """RFC 3515 2.4: B calls whom Refer-To names; the NOTIFY tells the final answer to that INVITE."""
    wire, one = Wire(), Transfer()
    begin(wire, one)
    refer = ask(wire, one)
    invite = talk(wire, (one.b, one.c), one.ids[1], one.bob, one.target)
    notify = tell(wire, one, 200)
    found = calls(wire.run())
    assert list(found) == [*one.ids]
    (asks,), (asked,) = found["first"]["related"], found["second"]["related"]
    assert (asks["role"], asks["call"], asked["role"], asked["call"]) == ("asks", "call-2", "asked_for", "call-1")
    for each in (asks, asked):
        assert (each["by"], each["method"], each["status"], each["score"]) == ("refer", "INVITE", 200, 90)
        assert each["grounds"] == ["target", "identity", "element", "outcome"]
        assert [cite["frame"] for cite in each["evidence"]] == [refer, invite, notify]
        assert each["call_ids"] == [*one.ids]


def test_the_score_is_the_sum_of_what_agrees() -> None:
    """RFC 3892 3: Referred-By goes from the REFER into the request; 99 is the most."""
    by = ("Referred-By: <sip:alice@ims.example>",)
    (full,) = calls(transferred(Transfer(refer=by, invite=by)).run())["second"]["related"]
    assert full["score"] == min(99, sum(WEIGHTS[ground] for ground in full["grounds"]))
    (hidden,) = calls(transferred(Transfer(refer=by, invite=by, told=None)).run())["second"]["related"]
    assert hidden["grounds"] == ["target", "identity", "referred_by", "element"]
    assert hidden["status"] is None


def test_an_anonymous_caller_is_known_by_who_referred() -> None:
    by = ("Referred-By: <sip:alice@ims.example>",)
    one = Transfer(refer=by, invite=by, told=None)
    wire = Wire()
    begin(wire, one)
    ask(wire, one)
    talk(wire, ("10.9.0.1", one.c), one.ids[1], "sip:anonymous@anonymous.invalid", one.target, *by)
    (found,) = calls(wire.run())["second"]["related"]
    assert (found["grounds"], found["score"]) == (["target", "referred_by"], 80)


def test_a_referral_with_replaces_goes_with_the_call_that_carries_it() -> None:
    """RFC 3891 4: the headers in the URI of Refer-To stand in the request that it asks for."""
    named = "other%40host%3Bto-tag%3D1%3Bfrom-tag%3D2"
    asked = Transfer(
        refer=(f"Refer-To: <{CAROL}?Replaces={named}>",), invite=("Replaces: other@host;to-tag=1;from-tag=2",)
    )
    (found,) = calls(transferred(asked).run())["second"]["related"]
    assert "replaces" in found["grounds"]
    assert not related(transferred(replace(asked, invite=())).run())
    assert not related(transferred(replace(asked, invite=("Replaces: third@host;to-tag=1;from-tag=2",))).run())


FOCUS, CONFERENCE = "10.0.0.13", "sip:conf7@10.0.0.13"


def invitation(name: str, who: str, a: str, *, by: bool) -> Transfer:
    """A participant asks the focus to call Carol (RFC 4579 5.5)."""
    header = (f"Referred-By: <{who}>",) if by else ()
    return Transfer(a, FOCUS, who, CONFERENCE, refer=header, invite=header, name=name, told=None)


def test_a_focus_that_is_asked_to_invite() -> None:
    """RFC 4579 5.5: a REFER outside any call is in no call of the report; its Call-ID tells it."""
    one = invitation("", "sip:alice@ims.example", "10.1.0.1", by=False)
    wire = Wire()
    refer = ask(wire, one)
    follow(wire, one)
    found = calls(wire.run())
    assert list(found) == ["second"]
    (asked,) = found["second"]["related"]
    assert (asked["role"], asked["call"], asked["call_ids"]) == ("asked_for", None, ["first", "second"])
    assert asked["evidence"][0]["frame"] == refer


def test_a_referral_outside_the_call_that_names_its_dialog() -> None:
    """RFC 4538 7: Target-Dialog says of which call the REFER is."""
    wire, one = Wire(), Transfer(told=None)
    begin(wire, one)
    named = "Target-Dialog: first;local-tag=ffirst;remote-tag=tfirst"
    lines = head("aside", 1, "REFER", f"<{one.alice}>;tag=x", f"<{one.bob}>")
    put(wire, (one.a, one.b), f"REFER {one.bob} SIP/2.0", [*lines, f"Refer-To: <{CAROL}>", named])
    follow(wire, one)
    found = calls(wire.run())
    assert sorted(found["first"]["call_ids"]) == ["aside", "first"]
    (asked,) = found["second"]["related"]
    assert (asked["call"], asked["call_ids"]) == (found["first"]["id"], ["aside", "second"])


def test_a_focus_that_is_asked_to_remove() -> None:
    """RFC 4579 5.11: Refer-To with method=BYE; the focus ends its dialog with that participant."""
    one = Transfer(b=FOCUS, bob=CONFERENCE, refer=(f"Refer-To: <{CAROL};method=BYE>",))
    wire = Wire()
    talk(wire, (one.c, FOCUS), "carol", CAROL, CONFERENCE)
    begin(wire, one)
    ask(wire, one)
    lines = head("carol", 1, "BYE", f"<{CONFERENCE}>;tag=tcarol", f"<{CAROL}>;tag=fcarol")
    put(wire, (FOCUS, one.c), "BYE sip:carol@10.1.0.3 SIP/2.0", lines)
    put(wire, (one.c, FOCUS), "SIP/2.0 200 OK", lines)
    assert related(wire.run()) == {("first", "carol")}
    (asked,) = calls(wire.run())["carol"]["related"]
    assert asked["method"] == "BYE"


def test_over_proxies_the_ends_of_both_ways_meet() -> None:
    """REFER and INVITE pass the same proxy: who got the one sent the other, the proxy did not."""
    one, proxy = Transfer(), "10.0.0.1"
    wire = Wire()
    for vias, way in enumerate(((one.a, proxy), (proxy, one.b)), 1):
        put(
            wire,
            way,
            f"INVITE {one.bob} SIP/2.0",
            head("first", 1, "INVITE", f"<{one.alice}>;tag=f", f"<{one.bob}>", vias),
        )
    for vias, way in enumerate(((one.a, proxy), (proxy, one.b)), 1):
        lines = head("first", 2, "REFER", f"<{one.alice}>;tag=f", f"<{one.bob}>;tag=t", vias)
        put(wire, way, f"REFER {one.bob} SIP/2.0", [*lines, f"Refer-To: {CAROL}"])
    for vias, way in enumerate(((one.b, proxy), (proxy, one.c)), 1):
        put(wire, way, f"INVITE {CAROL} SIP/2.0", head("second", 1, "INVITE", f"<{one.bob}>;tag=f", f"<{CAROL}>", vias))
    # one more call to the same target from behind the same proxy, by somebody else
    put(
        wire,
        ("10.1.0.9", proxy),
        f"INVITE {CAROL} SIP/2.0",
        head("dave", 1, "INVITE", "<sip:dave@ims.example>;tag=d", f"<{CAROL}>"),
    )
    put(
        wire,
        (proxy, one.c),
        f"INVITE {CAROL} SIP/2.0",
        head("dave", 1, "INVITE", "<sip:dave@ims.example>;tag=d", f"<{CAROL}>", 2),
    )
    engine = wire.run()
    assert related(engine) == {("first", "second")}
    assert calls(engine)["second"]["related"][0]["grounds"] == ["target", "identity", "element"]


def test_a_list_of_whom_to_invite() -> None:
    """RFC 5368: Refer-To names the body; each entry is called."""
    body = '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>{}</list></resource-lists>'
    users = [f"sip:user{n}@ims.example" for n in range(3)]
    lines = head("first", 2, "REFER", "<sip:alice@ims.example>;tag=f", f"<{CONFERENCE}>")
    kind = ["Refer-To: <cid:list@ims.example>", "Content-Type: application/resource-lists+xml"]
    wire = Wire()
    entries = "".join(f'<entry uri="{user}"/>' for user in users)
    put(wire, ("10.1.0.1", FOCUS), f"REFER {CONFERENCE} SIP/2.0", [*lines, *kind], body.format(entries))
    for number, user in enumerate([*users, CAROL]):
        talk(wire, (FOCUS, f"10.1.1.{number}"), f"call{number}", CONFERENCE, user)
    assert related(wire.run()) == {("first", f"call{number}") for number in range(3)}


# -- a wrong relation is worse than none ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"answer": 403},
        {"invite": ("Referred-By: <sip:dave@ims.example>",)},
        {"refer": ("Refer-To: <sip:dave@ims.example>",)},
        {"refer": (f"Refer-To: <{CAROL};method=MESSAGE>",)},
        {"status": 486},
        {"told": 503},
    ],
    ids=["refused", "for another", "to another", "another method", "another answer", "another outcome"],
)
def test_what_contradicts(change: dict[str, Any]) -> None:
    assert related(transferred(Transfer()).run()) == {("first", "second")}
    assert not related(transferred(replace(Transfer(), **change)).run())


def test_what_comes_when_it_has_ended() -> None:
    """RFC 3515 2.4.7: the subscription ends with the final answer; without a NOTIFY a minute is waited."""
    for told, pause, found in ((200, 0, 0), (None, 61 * SECOND_NS, 0), (None, 59 * SECOND_NS, 1)):
        wire, one = Wire(), Transfer(told=None)
        begin(wire, one)
        ask(wire, one)
        if told:
            tell(wire, one, told)
        wire.now_ns += pause
        follow(wire, one)
        assert len(related(wire.run())) == found


def test_somebody_else_who_calls_the_target_at_that_moment() -> None:
    """From the same element even: neither who was referred nor for the referrer."""
    wire, one = Wire(), Transfer()
    begin(wire, one)
    ask(wire, one)
    talk(wire, (one.b, one.c), "other", "sip:dave@ims.example", one.target)
    tell(wire, one, 200)
    assert not related(wire.run())


@pytest.mark.parametrize("number", [2, 40])
def test_transfers_to_one_target_at_once_are_told_apart_by_who_was_referred(number: int) -> None:
    """All over one element, as behind one P-CSCF: their identities differ."""
    all_of_them = [
        Transfer(alice=f"sip:a{n}@ims.example", bob=f"sip:b{n}@ims.example", name=str(n)) for n in range(number)
    ]
    assert related(transferred(*all_of_them).run()) == {one.ids for one in all_of_them}


@pytest.mark.parametrize("number", [2, 40])
def test_a_focus_that_many_ask_to_invite_the_same(number: int) -> None:
    """Told apart by Referred-By alone; without it none is related to any, and that is said."""
    for by in (True, False):
        asked = [invitation(str(n), f"sip:user{n}@ims.example", f"10.1.0.{n + 1}", by=by) for n in range(number)]
        engine = transferred(*asked).run()
        assert related(engine) == ({one.ids for one in asked} if by else set())
        assert (anomalies(engine).get("correlation.ambiguous", 0) == 0) is by


def test_a_second_try_belongs_to_the_second_referral() -> None:
    """Both in one call, to one target: the later REFER led to the later INVITE (RFC 3515 2.4.6: NOTIFY names it)."""
    wire, one = Wire(), Transfer(told=None)
    begin(wire, one)
    ask(wire, one, 2)
    follow(wire, replace(one, status=486))
    tell(wire, one, 486, "refer;id=2")
    again = ask(wire, one, 3)
    talk(wire, (one.b, one.c), "third", one.bob, one.target)
    tell(wire, one, 200, "refer;id=3")
    engine = wire.run()
    assert related(engine) == {("first", "second"), ("first", "third")}
    (third,) = calls(engine)["third"]["related"]
    assert (third["evidence"][0]["frame"], third["status"]) == (again, 200)


def test_one_referral_that_two_calls_may_have_followed() -> None:
    wire, one = Wire(), Transfer(told=None)
    begin(wire, one)
    ask(wire, one)
    follow(wire, one)
    talk(wire, (one.b, one.c), "third", one.bob, one.target)
    engine = wire.run()
    assert not related(engine)
    assert anomalies(engine)["correlation.ambiguous"] == 1


def test_nothing_but_target_and_element_is_not_enough() -> None:
    assert WEIGHTS["target"] + WEIGHTS["element"] + WEIGHTS["outcome"] < ACCEPTED


# -- time and memory -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 7])
def test_batches_do_not_show(rows: int) -> None:
    wire = transferred(*(Transfer(bob=f"sip:b{n}@ims.example", name=str(n)) for n in range(5)))
    whole, pieces = (to_json(assemble(engine, [])) for engine in (wire.run(), wire.run(rows=rows)))
    assert whole == pieces


def test_referrals_are_bounded() -> None:
    asked = [Transfer(bob=f"sip:b{n}@ims.example", name=str(n)) for n in range(6)]
    engine = transferred(*asked).run(limits=Limits(referrals=4))
    assert related(engine) == {one.ids for one in asked[:4]}
    assert (len(engine.signalling.referrals), engine.signalling.referrals.evicted) == (4, 2)


def test_what_led_to_nothing_is_forgotten() -> None:
    wire = Wire()
    for number in range(3):
        one = Transfer(name=str(number))
        begin(wire, one)
        ask(wire, one)
        wire.now_ns += 100 * SECOND_NS
    referrals = wire.run().signalling.referrals
    assert (len(referrals), len(referrals._by_dialog), len(referrals._names)) == (1, 1, 1)  # what the test is about


def test_many_referrals_to_one_target_take_linear_time() -> None:
    """An adversary: every REFER names one target and one referee, every INVITE comes from it."""

    @cache
    def prepare(size: int) -> Callable[[], None]:
        wire = Wire()
        for number in range(size):
            ask(wire, Transfer(name=str(number)))
            talk(wire, ("10.1.0.2", "10.1.0.3"), f"x{number}", "sip:bob@ims.example", CAROL)
        engine = wire.run(finish=False)
        found = [
            (call, m) for call in engine.signalling.calls.all() for leg in call.legs.values() for m in leg.messages
        ]
        found.sort(key=lambda item: item[1].ordinal)

        def work() -> None:
            referrals = Referrals(Limits())
            for call, message in found:
                referrals.observe(call, message)
            referrals.decide(lambda ip: ip)

        return work

    assert_linear(prepare, 200)
