"""Legs into calls: by every key of the correlation table, transitively, and never two calls into one."""

import re
from dataclasses import replace
from itertools import count, pairwise

import pytest

from analyzer.core.limits import SECOND_NS, Limits
from analyzer.protocols.sdp.parser import parse as parse_sdp
from analyzer.session.correlation_keys import features, similarity
from analyzer.session.legs import CallTable
from analyzer.session.media_path import consecutive
from analyzer.session.placement import Placement
from analyzer.session.topology import Topology
from tests.pipeline.wire import Wire, anomalies, at, rows
from tests.session.dialogs import Leg, hang_up, say, sdp, send, setup

_IDS = count(1)


def _id() -> str:
    return f"id{next(_IDS)}"


def b2bua(number: int = 1, *, caller: str = "", **shared: object) -> list[Leg]:
    """A call over a border element that makes everything anew: Call-ID, tags, addresses, the whole SDP origin."""
    ue, edge, inner = f"10.1.{number // 200}.{number % 200 + 2}", "10.1.255.1", "10.0.0.11"
    who = caller or f"sip:user{number}@ims.example"
    port = 20_000 + 2 * number
    near = Leg(ue, edge, _id(), who, offer=sdp(ue, port), answer=sdp(edge, 30_000 + 2 * number))
    far = Leg(inner, "10.0.0.1", _id(), who, offer=sdp(inner, 40_000 + 2 * number), answer=sdp("10.0.0.13", port))
    return [replace(near, **shared), replace(far, **shared)]  # type: ignore[arg-type]  # fields of Leg


def groups(wire: Wire, **options: object) -> list[set[str]]:
    """The Call-IDs of each call of the report."""
    engine = wire.run(**options)  # type: ignore[arg-type]  # what Wire.run takes
    return [set(row["call_ids"]) for row in rows(engine.closer.calls)]  # type: ignore[arg-type]  # text


def one(legs: list[Leg]) -> list[set[str]]:
    return [{leg.call_id for leg in legs}]


def apart(legs: list[Leg]) -> list[set[str]]:
    return [{leg.call_id} for leg in legs]


def made(legs: list[Leg]) -> Wire:
    wire = Wire()
    setup(wire, legs)
    hang_up(wire, legs)
    return wire


def out_of_step(legs: list[Leg]) -> Wire:
    """The same, but that each answer takes a quarter of a second from leg to leg."""
    wire = Wire()
    for leg in legs:
        send(wire, leg, "INVITE")
    for leg in reversed(legs):
        send(wire, leg, "INVITE", 200, step_ns=250_000_000)
    for leg in legs:
        send(wire, leg, "ACK")
    hang_up(wire, legs)
    return wire


def strangers(**shared: object) -> list[Leg]:
    """Two legs that only a key can join: other persons, other offers."""
    near, far = b2bua()
    far = replace(far, caller="sip:anonymous@anonymous.invalid", callee="sip:mrf@core.example", offer=b"")
    return [replace(leg, **shared) for leg in (near, far)]  # type: ignore[arg-type]  # fields of Leg


# -- each key ----------------------------------------------------------------------------------------------------


def test_nothing_in_common_joins_nothing() -> None:
    legs = strangers()
    assert groups(made(legs)) == apart(legs)


def test_icid_joins() -> None:
    legs = strangers(
        request_headers=(
            'P-Charging-Vector: icid-value="AyretyU0dm+6O2IrT5tAFrbHLso=023551024";icid-generated-at=192.0.6.8',
        )
    )
    assert groups(made(legs)) == one(legs)


def test_related_icid_joins_the_call_that_has_it() -> None:
    """TS 24.229 7.2A.5: an application server that begins a leg of its own names the call that it belongs to."""
    near, far = strangers()
    near = replace(near, request_headers=("P-Charging-Vector: icid-value=1234bc9876e;icid-generated-at=192.0.6.8",))
    far = replace(far, request_headers=("P-Charging-Vector: icid-value=77aa;related-icid=1234bc9876e",))
    assert groups(made([near, far])) == one([near, far])
    other = replace(far, request_headers=("P-Charging-Vector: icid-value=77aa;related-icid=9999bc9876e",))
    assert groups(made([near, other])) == apart([near, other])


def test_participants_that_name_the_conference_stay_apart() -> None:
    """A focus gives each of its calls the icid of the conference: it calls two at once, which one call cannot."""
    vector = ("P-Charging-Vector: icid-value=aa{};related-icid=c0nf3r3nc3",)
    legs = [
        Leg(
            "10.0.0.13", "10.0.0.1", _id(), "sip:conf@ims.example", f"sip:user{number}@ims.example",
            (vector[0].format(number),), offer=sdp("10.0.0.13", 41_000 + 2 * number),
        )
        for number in range(2)
    ]  # fmt: skip
    wire = Wire()
    setup(wire, legs)
    assert _sorted(groups(wire)) == _sorted(apart(legs))


@pytest.mark.parametrize("case", ["meanwhile", "returned", "focus"])
def test_in_reply_to_joins_what_goes_on_meanwhile(case: str) -> None:
    """RFC 3261 20.21: it names a call that this one refers to, or returns: to call back is another call."""
    near, far = strangers()
    marked = ("Contact: <sip:conf@10.0.0.13>;isfocus",) if case == "focus" else ()
    far = replace(far, request_headers=(f"In-Reply-To: {near.call_id}",), response_headers=marked)
    wire = Wire()
    setup(wire, [near])
    if case == "returned":
        hang_up(wire, [near])
    setup(wire, [far])
    assert groups(wire) == (one([near, far]) if case == "meanwhile" else apart([near, far]))


_A, _B = "ab30317f1a784dc48ff824d0d3715d86", "47755a9de7794ba387653f2099600ef2"  # the UUIDs of RFC 7989 10.1


def test_session_id_joins_with_halves_swapped_by_direction() -> None:
    legs = strangers(
        request_headers=(f"Session-ID: {_A};remote={'0' * 32}",), response_headers=(f"Session-ID: {_B};remote={_A}",)
    )
    assert groups(made(legs)) == one(legs)


def test_session_id_of_a_focus_is_not_the_name_of_one_call() -> None:
    """RFC 7989 9: a focus has one UUID for all its participants; their own halves differ."""
    legs = [
        leg
        for number in range(20)
        for leg in [
            Leg(
                "10.0.0.13", "10.0.0.1", _id(), "sip:conf@ims.example", f"sip:user{number}@ims.example",
                (f"Session-ID: {_A};remote={'0' * 32}",), (f"Session-ID: {number + 1:032x};remote={_A}",),
                offer=sdp("10.0.0.13", 41_000 + 2 * number), answer=sdp("10.0.0.11", 30_000 + 2 * number),
            )
        ]
    ]  # fmt: skip
    wire = Wire()
    for leg in legs:
        setup(wire, [leg])
    assert sorted(map(sorted, groups(wire))) == sorted(map(sorted, apart(legs)))


@pytest.mark.parametrize("legs_each", [1, 2])
def test_participants_of_a_focus_are_told_apart_by_the_other_half(legs_each: int) -> None:
    """RFC 7989 9: one UUID of the focus for all, that of each participant of its own: the pair is the session. The legs
    of one participant are one call, those of another are not, and nothing about that is doubtful."""
    wire, expected = Wire(), []
    for number in range(20):
        path = ["10.0.0.13", "10.0.0.1", f"10.1.0.{number + 2}"][: legs_each + 1]
        both = (f"Session-ID: {_A};remote={'0' * 32}",), (f"Session-ID: {number + 1:032x};remote={_A}",)
        legs = [Leg(a, b, _id(), f"sip:{a}@a.example", f"sip:{b}@b.example", *both) for a, b in pairwise(path)]
        setup(wire, legs)
        expected.append({leg.call_id for leg in legs})
    engine = wire.run()
    found = [set(row["call_ids"]) for row in rows(engine.closer.calls)]  # type: ignore[arg-type]  # text
    assert _sorted(found) == _sorted(expected)
    assert "correlation.ambiguous" not in anomalies(engine)


def test_header_that_the_operator_named_joins() -> None:
    legs = strangers(request_headers=("X-Leg-ID: 7f3a",))
    assert groups(made(legs)) == apart(legs)
    assert groups(made(legs), topology=Topology(correlation_headers=("X-Leg-ID",))) == one(legs)


def test_offer_that_keeps_its_address_joins() -> None:
    """3PCC: the application server hands the UE's own description to the MRFC (TS 23.218 8.1.3)."""
    near, far = strangers()
    far = replace(far, offer=sdp(near.src, 20_002, origin="server 8 8 IN IP4 10.0.0.20"))
    near = replace(near, offer=sdp(near.src, 20_002))
    assert groups(made([near, far])) == one([near, far])


def test_origin_that_survives_joins() -> None:
    near, far = strangers()
    near = replace(near, offer=sdp(near.src, 20_002, origin="- 3890844516 1 IN IP4 10.1.0.3"))
    far = replace(far, offer=sdp("10.0.0.11", 40_002, origin="- 3890844516 1 IN IP4 10.1.0.3"))
    assert groups(made([near, far])) == one([near, far])


def test_origin_that_everybody_has_joins_nothing() -> None:
    near, far = strangers()
    near = replace(near, offer=sdp(near.src, 20_002, origin="- 0 0 IN IP4 192.168.1.2"))
    far = replace(far, offer=sdp("10.0.0.11", 40_002, origin="- 0 0 IN IP4 192.168.1.2"))
    assert groups(made([near, far])) == apart([near, far])


def test_a_target_dialog_joins_the_dialog_it_names() -> None:
    """RFC 4538 7: Call-ID, local-tag and remote-tag, as the sender of the request has them."""
    first = Leg("10.1.0.2", "10.0.0.1", _id(), offer=sdp("10.1.0.2", 20_000), answer=sdp("10.2.0.2", 20_000))
    named = f"Target-Dialog: {first.call_id};local-tag=f{first.call_id};remote-tag=t{first.call_id}"
    second = Leg("10.3.0.2", "10.0.0.2", _id(), "sip:carol@ims.example", request_headers=(named,))
    wrong = replace(second, call_id=_id(), request_headers=(named.replace("local-tag=f", "local-tag=x"),))
    for other, expected in ((second, one([first, second])), (wrong, apart([first, wrong]))):
        wire = Wire()
        setup(wire, [first])
        setup(wire, [other])
        assert groups(wire) == expected


def test_replaces_joins_the_dialog_it_names() -> None:
    """RFC 3891 3: Call-ID and both tags name the dialog."""
    first = Leg("10.1.0.2", "10.0.0.1", _id(), offer=sdp("10.1.0.2", 20_000), answer=sdp("10.2.0.2", 20_000))
    named = f"Replaces: {first.call_id};to-tag=t{first.call_id};from-tag=f{first.call_id}"
    second = Leg("10.3.0.2", "10.0.0.2", _id(), "sip:carol@ims.example", request_headers=(named,))
    wrong = replace(second, call_id=_id(), request_headers=(named.replace("from-tag=f", "from-tag=x"),))
    for other, expected in ((second, one([first, second])), (wrong, apart([first, wrong]))):
        wire = Wire()
        setup(wire, [first])
        setup(wire, [other])
        assert groups(wire) == expected


def test_likeness_joins_and_says_how_sure() -> None:
    legs = b2bua()
    engine = out_of_step(legs).run()
    (row,) = rows(engine.closer.calls)
    assert row["call_ids"] == [leg.call_id for leg in legs]
    assert [(link["by"], link["score"]) for link in row["links"]] == [("likeness", 90)]  # type: ignore[attr-defined,index]  # a list of objects
    assert all(link["evidence"] for link in row["links"])  # type: ignore[attr-defined,index]  # as above


@pytest.mark.parametrize(
    "change",
    [
        {"caller": "sip:bob@ims.example"},
        {"callee": "sip:other@ims.example"},
        {"offer": sdp("10.0.0.11", 40_002, lines=("a=label:9", "a=mid:x", "b=AS:64"))},
    ],
    ids=["caller", "callee", "offer"],
)  # fmt: skip
def test_likeness_takes_all_of_persons_offer_and_time(change: dict[str, object]) -> None:
    near, far = b2bua()
    far = replace(far, **change)  # type: ignore[arg-type]  # a field of Leg
    assert groups(made([near, far])) == apart([near, far])


def test_likeness_takes_the_same_moment() -> None:
    near, far = b2bua()
    wire = Wire()
    setup(wire, [near, far], step_ns=600_000_000)
    assert groups(wire) == apart([near, far])


def test_a_caller_who_is_asserted_is_the_same_whatever_from_says() -> None:
    """RFC 3325 9.1: P-Asserted-Identity names whom the network knows; From may be anonymous, or another alias."""
    near, far = b2bua()
    hidden = replace(far, caller="sip:anonymous@anonymous.invalid")
    assert groups(made([near, hidden])) == apart([near, hidden])
    asserted = replace(hidden, request_headers=(f"P-Asserted-Identity: <{near.caller}>",))
    assert groups(made([near, asserted])) == one([near, asserted])


def test_the_called_is_the_same_where_the_request_uri_was_translated() -> None:
    """RFC 3261 8.1.1.2: To stays, the Request-URI is where the request goes now."""
    near, far = b2bua()
    far = replace(far, target="sip:conf@10.0.0.13:5060")
    assert groups(made([near, far])) == one([near, far])


_RICH = (
    "b=AS:64", "a=label:1", "a=mid:a1", "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "a=maxptime:60",
    "a=rtpmap:8 PCMA/8000", "a=fmtp:101 0-15", "a=sendrecv",
)  # fmt: skip
_ALG = (  # what an IMS-ALG writes anew: addresses, keys, transport
    "a=rtcp:4001", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
    "a=3ge2ae:applied", "a=candidate:1 1 UDP 2130706431 10.0.0.1 4000 typ host", "a=ice-ufrag:x", "a=setup:actpass",
    "a=ssrc:1 cname:x", "a=sendonly",
)  # fmt: skip


def _features(host: str, port: int, lines: tuple[str, ...], proto: str = "RTP/AVP") -> frozenset[int]:
    return features(parse_sdp(sdp(host, port, proto=proto, lines=lines), (), Limits()))


def test_what_an_alg_leaves_of_an_offer_is_alike_and_what_it_writes_anew_does_not_count() -> None:
    """hops.md section 3: c= and m= lines, keys and candidates are edited; order of payload types, ptime, extmap,
    bandwidth, label, mid and fmtp survive."""
    near, far = _features("10.1.0.2", 20_002, _RICH), _features("10.0.0.11", 40_002, _RICH + _ALG, "RTP/SAVP")
    assert similarity(near, far) == 1.0


@pytest.mark.parametrize("at_line", range(len(_RICH) - 1), ids=[line[:12] for line in _RICH[:-1]])
def test_each_trait_of_an_offer_counts(at_line: int) -> None:
    near = _features("10.1.0.2", 20_002, _RICH)
    without = _features("10.1.0.2", 20_002, _RICH[:at_line] + _RICH[at_line + 1 :])
    assert without < near
    assert similarity(near, without) == len(without) / len(near)


def test_likeness_takes_four_fifths_of_the_traits() -> None:
    """Jaccard: the traits of both by those of either; 4 of 5 is enough, 3 of 5 is not."""
    near, far = b2bua()
    lines = tuple(f"a=x-trait:{n}" for n in range(8))
    base = len(_features("10.1.0.2", 20_002, lines))
    for changed, expected in ((base // 5, one), (base // 3, apart)):
        other = lines[changed:]
        legs = [
            replace(near, offer=sdp(near.src, 20_002, lines=lines)),
            replace(far, offer=sdp(far.src, 40_002, lines=other)),
        ]
        share = (base - changed) / base
        assert (share >= 0.8) is (expected is one)
        assert groups(made(legs)) == expected(legs)


def test_telephone_numbers_are_the_same_however_written() -> None:
    near, far = b2bua(caller="sip:+4930123456@ims.example;user=phone")
    far = replace(far, caller="tel:+49-30-123456")
    assert groups(made([near, far])) == one([near, far])


# -- transitive ------------------------------------------------------------------------------------------------------


def test_joins_over_any_number_of_legs_each_by_another_key() -> None:
    icid, session = "P-Charging-Vector: icid-value=1234bc9876e", f"Session-ID: {_A};remote={_B}"
    origin = "- 3890844516 1 IN IP4 10.1.0.3"
    legs = [
        Leg("10.1.0.2", "10.1.255.1", _id(), offer=sdp("10.1.0.2", 20_000, origin=origin)),
        Leg("10.0.0.11", "10.0.0.1", _id(), "sip:a@b.example", request_headers=(icid,),
            offer=sdp("10.0.0.11", 30_000, origin=origin)),
        Leg("10.0.0.2", "10.0.0.20", _id(), "sip:c@d.example", request_headers=(icid, session)),
        Leg("10.0.0.21", "10.0.0.13", _id(), "sip:e@f.example", request_headers=(session, "X-Leg-ID: 9")),
        Leg("10.0.0.14", "10.0.0.15", _id(), "sip:g@h.example", request_headers=("X-Leg-ID: 9",)),
    ]  # fmt: skip
    assert groups(made(legs), topology=Topology(correlation_headers=("x-leg-id",))) == one(legs)


def test_a_call_through_one_proxy_again_and_again_is_one() -> None:
    """S-CSCF, application server, S-CSCF, application server, S-CSCF: elements come again, in a row."""
    icid = ("P-Charging-Vector: icid-value=9f8e7d6c",)
    path = ["10.0.0.11", "10.0.0.1", "10.0.0.20", "10.0.0.1", "10.0.0.21", "10.0.0.1", "10.0.0.13"]
    legs = [Leg(a, b, _id(), request_headers=icid) for a, b in pairwise(path)]
    assert groups(made(legs)) == one(legs)


def test_attempts_one_after_another_belong_to_the_call_that_waits() -> None:
    """An element behind which the first target is busy tries the next one (serial forking by a B2BUA)."""
    icid = ("P-Charging-Vector: icid-value=51ab51ab",)
    near = Leg("10.1.0.2", "10.0.0.11", _id(), request_headers=icid)
    busy = Leg("10.0.0.12", "10.0.0.30", _id(), request_headers=icid)
    free = Leg("10.0.0.12", "10.0.0.30", _id(), request_headers=icid, callee="sip:second@ims.example")
    wire = Wire()
    send(wire, near, "INVITE")
    send(wire, busy, "INVITE")
    send(wire, busy, "INVITE", 486)
    send(wire, busy, "ACK")
    setup(wire, [free])
    send(wire, near, "INVITE", 200)
    send(wire, near, "ACK")
    assert groups(wire) == one([near, busy, free])


# -- a wrong join is worse than none ---------------------------------------------------------------------------------


def _crowd(number: int, **shared: object) -> tuple[Wire, list[list[Leg]]]:
    """Calls over one border element to one conference, all at once, message by message interleaved."""
    calls = [b2bua(each, **shared) for each in range(number)]  # type: ignore[arg-type]  # as above
    wire = Wire()
    for at_leg in (0, 1):
        for call in calls:
            setup(wire, [call[at_leg]], step_ns=20_000)
    return wire, calls


def _sorted(found: list[set[str]]) -> list[list[str]]:
    return sorted(sorted(group) for group in found)


def test_hundreds_of_calls_at_once_are_told_apart_by_their_callers() -> None:
    wire, calls = _crowd(300)
    assert wire.now_ns - 1_700_000_000_000_000_000 < 500_000_000 + 20_000_000  # all of it within half a second
    assert _sorted(groups(wire)) == _sorted([{leg.call_id for leg in call} for call in calls])


@pytest.mark.parametrize("number", [2, 8, 300])
def test_calls_of_one_caller_that_are_alike_stay_apart_and_that_is_said(number: int) -> None:
    wire, calls = _crowd(number, caller="sip:+4930123456@gateway.example")
    engine = wire.run()
    found = [set(row["call_ids"]) for row in rows(engine.closer.calls)]  # type: ignore[arg-type]  # text
    assert _sorted(found) == _sorted([{leg.call_id} for call in calls for leg in call])
    assert anomalies(engine)["correlation.ambiguous"] == 2 * number


@pytest.mark.parametrize(
    "header",
    ["P-Charging-Vector: icid-value=0", f"Session-ID: {_A};remote={_B}", "X-Leg-ID: yes"],
    ids=["icid", "session", "header"],
)
@pytest.mark.parametrize("number", [2, 40, 300])
def test_a_key_that_all_calls_carry_joins_none(number: int, header: str) -> None:
    calls = [strangers(request_headers=(header,)) for _ in range(number)]
    calls = [[replace(near, src=f"10.2.{n // 200}.{n % 200 + 1}"), far] for n, (near, far) in enumerate(calls)]
    wire = Wire()
    for call in calls:
        setup(wire, call, step_ns=20_000)
    engine = wire.run(topology=Topology(correlation_headers=("X-Leg-ID",)))
    found = [set(row["call_ids"]) for row in rows(engine.closer.calls)]  # type: ignore[arg-type]  # text
    assert _sorted(found) == _sorted([{leg.call_id} for call in calls for leg in call])
    assert anomalies(engine)["correlation.ambiguous"] > 0


def test_anonymous_callers_are_nobody_in_particular() -> None:
    legs = b2bua(caller="sip:anonymous@anonymous.invalid")
    assert groups(made(legs)) == apart(legs)


def test_ports_that_are_used_again_join_nothing() -> None:
    wire, calls = Wire(), []
    for _ in range(2):
        call = [replace(leg, offer=sdp("10.0.0.9", 30_000)) for leg in strangers()]
        setup(wire, call)
        hang_up(wire, call)
        wire.now_ns += 12 * SECOND_NS
        calls.append(call)
    assert groups(wire) == [{leg.call_id for leg in call} for call in calls]


# -- time and memory -------------------------------------------------------------------------------------------------


def test_a_call_is_judged_when_its_last_leg_has_lingered() -> None:
    near, far = b2bua()
    wire = Wire()
    setup(wire, [near, far])
    hang_up(wire, [near])
    wire.now_ns += 45 * SECOND_NS  # longer than the linger of the first leg
    hang_up(wire, [far])
    assert groups(wire) == one([near, far])


def test_a_leg_that_comes_when_its_call_was_judged_is_announced() -> None:
    legs = strangers(request_headers=("P-Charging-Vector: icid-value=1f2e3d4c",))
    wire = Wire()
    for leg in legs:
        setup(wire, [leg])
        hang_up(wire, [leg])
        wire.now_ns += 60 * SECOND_NS
    engine = wire.run()
    assert [len(row["call_ids"]) for row in rows(engine.closer.calls)] == [1, 1]  # type: ignore[arg-type]  # a list
    assert anomalies(engine)["correlation.late_leg"] == 1


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("calls", [3, 50_000])
def test_batches_do_not_show(size: int, calls: int) -> None:
    wire, _ = _crowd(20)
    limits = Limits(calls=calls)
    assert groups(wire, rows=size, limits=limits) == groups(wire, limits=limits)


def test_nothing_is_kept_of_calls_that_were_judged() -> None:
    wire, _ = _crowd(20)
    engine = wire.run()
    correlator = engine.signalling._correlator  # its tables are what the test is about
    assert not (correlator._traits or len(correlator._index) or correlator._by_call_id or correlator._named_by)


def test_legs_stand_in_path_order_by_their_vias() -> None:
    """Seen in the wrong order (a vantage point with a slow clock): the Via lists give the right one."""
    call_id = _id()
    path = [("10.1.0.2", "10.0.0.11"), ("10.0.0.11", "10.0.0.1"), ("10.0.0.1", "10.0.0.13")]
    legs = [Leg(a, b, call_id, vias=n) for n, (a, b) in enumerate(path, 1)]
    wire = Wire()
    setup(wire, [legs[2], legs[0], legs[1]])
    (row,) = rows(wire.run().closer.calls)
    assert [(leg["from"], leg["to"]) for leg in row["legs"]] == path  # type: ignore[attr-defined,index]  # a list of objects


def _forked(order: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[bytes]]:
    """One INVITE over a proxy to two others, one of which passes it on; the legs in an order of sight."""
    ways = {"a": ("10.1.0.2", "10.0.0.1"), "b": ("10.0.0.1", "10.0.0.2"), "c": ("10.0.0.1", "10.0.0.3"),
            "d": ("10.0.0.2", "10.0.0.13")}  # fmt: skip
    vias = {"a": "a", "b": "ba", "c": "ca", "d": "dba"}  # the top one first, by the leg that it was put on for
    texts = []
    for leg in order:
        text = say(Leg(*ways[leg], "forked", vias=0), "INVITE").decode()
        passed = "".join(f"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{each}\r\n" for each in vias[leg])
        texts.append(text.replace("From:", f"{passed}From:", 1).encode())
    return [ways[leg] for leg in order], [ways[leg] for leg in "abdc"], texts


@pytest.mark.parametrize("order", ["abcd", "dcba", "cabd"])
def test_a_leg_stands_behind_the_one_whose_top_via_is_its_second(order: str) -> None:
    """RFC 3261 16.6: each proxy puts a Via of its own on top. Of a forked request the number of Vias is not enough:
    that of the third hop is one more than on both second ones, and it goes on from one of them."""
    seen, path, texts = _forked(order)
    wire = Wire()
    for (src, dst), text in zip(seen, texts, strict=True):
        wire.udp(at(src, 5060), at(dst, 5060), text)
    (row,) = rows(wire.run().closer.calls)
    found = [(leg["from"], leg["to"]) for leg in row["legs"]]  # type: ignore[attr-defined,index]  # a list of objects
    first, second, third, other = path
    assert found in ([first, second, third, other], [first, other, second, third])


def test_a_hop_follows_the_one_that_it_goes_on_from_and_no_other() -> None:
    _, path, texts = _forked("abcd")
    wire = Wire()
    for (src, dst), text in zip([path[0], path[1], path[3], path[2]], texts, strict=True):
        wire.udp(at(src, 5060), at(dst, 5060), text)
    (call,) = wire.run(finish=False).signalling.calls.all()
    ordinals = {(leg.initiator, leg.responder): leg.ordinal for leg in call.legs.values()}
    a, b, d, c = (ordinals[at(src, 0).ip, at(dst, 0).ip] for src, dst in path)
    follows = consecutive(call, Placement(Topology()))
    assert [(one, other) for one in (a, b, c, d) for other in (a, b, c, d) if follows(one, other)] == [
        (a, b), (a, c), (b, d),
    ]  # fmt: skip


def test_where_vias_are_hidden_their_number_counts() -> None:
    """An element that hides the topology replaces the Vias of its network: the one below the top is of no hop then."""
    seen, path, texts = _forked("dba")
    wire = Wire()
    for (src, dst), text in zip(seen, texts, strict=True):
        hidden = text.replace(b"branch=z9hG4bKb\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa", b"branch=x\r\nVia: y/z")
        wire.udp(at(src, 5060), at(dst, 5060), hidden if src == "10.0.0.2" else text)
    (row,) = rows(wire.run().closer.calls)
    assert [(leg["from"], leg["to"]) for leg in row["legs"]] == path[:3]  # type: ignore[attr-defined,index]  # as above


# -- Call-ID and tags (hops.md section 3: the exact key is Call-ID and From tag; RFC 3261 12, 19.3) ----------------


def _wire(*messages: tuple[str, str, bytes]) -> Wire:
    wire = Wire()
    for src, dst, text in messages:
        wire.udp(at(src, 5060), at(dst, 5060), text)
    return wire


def _call(wire: Wire) -> list[tuple[list[str], int, str]]:
    engine = wire.run()
    return [(row["call_ids"], len(row["legs"]), row["outcome"]) for row in rows(engine.closer.calls)]  # type: ignore[arg-type, misc]  # read back from JSON


def _talk(number: int, call_id: str = "", *, tags: bool = True, pair: tuple[str, str] = ("", "")) -> Wire:
    """INVITE, 200, ACK, BYE of the called one, 200."""
    src, dst = pair if pair[0] else (f"10.5.{number}.2", f"10.6.{number}.2")
    leg = Leg(src, dst, str(number), f"sip:caller{number}@a.example", offer=sdp(f"10.9.{number}.9", 4_000))
    wire = Wire()
    setup(wire, [leg])
    wire.udp(at(leg.dst, 5060), at(leg.src, 5060), say(leg, "BYE", cseq=2, from_responder=True))
    swapped = say(replace(leg, caller=leg.callee, callee=leg.caller), "BYE", 200, 2)
    swapped = swapped.replace(b"tag=f", b"tag=x").replace(b"tag=t", b"tag=f").replace(b"tag=x", b"tag=t")
    wire.udp(at(leg.src, 5060), at(leg.dst, 5060), swapped)
    header = f"Call-ID: {call_id}\r\n".encode() if call_id else b""
    frames = []
    for ts_ns, frame in wire.frames:
        head, payload = frame[:28], frame[28:].replace(f"Call-ID: {number}\r\n".encode(), header)
        payload = payload if tags else re.sub(rb";tag=\w+", b"", payload)
        head = head[:2] + (28 + len(payload)).to_bytes(2, "big") + head[4:24] + (8 + len(payload)).to_bytes(2, "big")
        frames.append((ts_ns, head + bytes(2) + payload))
    wire.frames = frames
    return wire


def _merged(*wires: Wire) -> Wire:
    """The frames of several at the same time."""
    wire = Wire()
    wire.frames = sorted(frame for each in wires for frame in each.frames)
    return wire


@pytest.mark.parametrize("tags", [True, False])
def test_messages_without_a_call_id_join_only_what_they_answer(tags: bool) -> None:
    """The empty Call-ID names nothing: three unrelated calls stay three; each holds what has its tags or branches."""
    found = _call(_merged(*(_talk(number, tags=tags) for number in range(3))))
    answered = [call for call in found if call[2] == "answered"]
    assert len(answered) == 3
    assert {call[1] for call in found} == {1}
    assert all(call[0] == [] for call in found)
    if tags:
        assert len(found) == 3


def test_calls_of_one_call_id_with_other_tags_and_hosts_stay_apart_and_that_is_said() -> None:
    wire = _merged(*(_talk(number, "1") for number in range(3)))
    assert _call(wire) == [(["1"], 1, "answered")] * 3
    assert anomalies(wire.run())["correlation.ambiguous"] == 2


def test_calls_of_one_call_id_have_names_of_their_own() -> None:
    """By which their media keys and session ids are filed: those of one are not forgotten with another."""
    wire = _merged(*(_talk(number, "1") for number in range(3)))
    engine = wire.run(finish=False)
    assert len({call.name for call in engine.signalling.calls.all()}) == 3


def test_a_proxy_keeps_tags_and_call_id() -> None:
    """RFC 3261 16.6: another host, one more Via, the same dialog; the BYE of the called one swaps the tags."""
    near, far = _talk(1, "1", pair=("10.5.0.1", "10.5.0.9")), _talk(1, "1", pair=("10.5.0.9", "10.6.0.1"))
    assert _call(_merged(near, far)) == [(["1"], 2, "answered")]
    assert "correlation.ambiguous" not in anomalies(_merged(near, far).run())


def test_a_b2bua_that_keeps_the_call_id_alone_is_known_by_passing_the_call_on() -> None:
    wire = _merged(_talk(1, "1", pair=("10.5.0.1", "10.5.0.9")), _talk(2, "1", pair=("10.5.0.9", "10.6.0.1")))
    assert _call(wire) == [(["1"], 2, "answered")]
    (row,) = rows(wire.run().closer.calls)
    assert [(link["by"], link["score"]) for link in row["links"]] == [("call_id", 100)]  # type: ignore[attr-defined]  # read back from JSON
    assert "correlation.ambiguous" not in anomalies(wire.run())


def test_two_clients_of_one_proxy_with_one_call_id_are_two_calls() -> None:
    wire = _merged(_talk(1, "1", pair=("10.5.0.1", "10.5.0.9")), _talk(2, "1", pair=("10.5.0.2", "10.5.0.9")))
    assert _call(wire) == [(["1"], 1, "answered")] * 2
    assert anomalies(wire.run())["correlation.ambiguous"] >= 1


def test_forks_have_the_callers_tag() -> None:
    """RFC 3261 16.7: one INVITE, two targets, a To tag of each."""
    leg = Leg("10.5.0.9", "10.6.0.1", "1", offer=sdp("10.9.9.9", 4_000))
    other = replace(leg, dst="10.6.0.2")
    wire = Wire()
    for each, status in ((leg, 0), (other, 0), (leg, 180), (other, 180), (other, 200)):
        text = say(each, "INVITE", status).replace(b"tag=t1", b"tag=t" + each.dst[-1:].encode())
        src, dst = (each.dst, each.src) if status else (each.src, each.dst)
        wire.udp(at(src, 5060), at(dst, 5060), text)
    assert [(ids, legs) for ids, legs, _ in _call(wire)] == [(["1"], 2)]


def test_what_a_call_is_known_by_goes_with_it() -> None:
    """Thousands of calls of one Call-ID: nothing of those judged is left behind."""
    table = CallTable(Limits())
    wire = _merged(*(_talk(number, "1" if number % 2 else "") for number in range(40)))
    engine = wire.run(finish=False)
    for call in engine.signalling.calls.all():
        for message in (m for leg in call.legs.values() for m in leg.messages):
            table.add(message)
    for call in table.all():
        table.remove(call)
    assert (len(table), table._known, table._keys, table._by_call_id) == (0, {}, {}, {})


# -- referrals, and what supports a likeness (RFC 3515, RFC 3892, RFC 7315, RFC 7044) ------------------------------


def refer(wire: Wire, legs: list[Leg], *headers: str) -> None:
    """A REFER down the legs, in their dialogs."""
    for leg in legs:
        lines = say(leg, "REFER", cseq=3).replace(
            b"Content-Length", "".join(f"{h}\r\n" for h in headers).encode() + b"Content-Length"
        )
        wire.udp(at(leg.src, 5060), at(leg.dst, 5060), lines)


TO_BOB = ("Refer-To: <sip:bob@ims.example;method=INVITE>", "Referred-By: <sip:user1@ims.example>")


def referred(*asked: tuple[str, ...]) -> list[set[str]]:
    """Two legs that have nothing in common but, each, a REFER."""
    wire, legs = Wire(), strangers()
    setup(wire, legs)
    for leg, headers in zip(legs, asked, strict=True):
        refer(wire, [leg], *headers)
    hang_up(wire, legs)
    found = groups(wire)
    return [{str(at_leg) for at_leg, leg in enumerate(legs) if leg.call_id in group} for group in found]


def test_one_referral_on_two_legs_joins_them() -> None:
    assert referred(TO_BOB, TO_BOB) == [{"0", "1"}]


@pytest.mark.parametrize(
    "other",
    [
        (TO_BOB[0].replace("bob", "carol"), TO_BOB[1]),
        (TO_BOB[0], TO_BOB[1].replace("user1", "user2")),
        TO_BOB[:1],
    ],
    ids=["another target", "another referrer", "nobody refers"],
)
def test_another_referral_joins_nothing(other: tuple[str, ...]) -> None:
    assert referred(TO_BOB, other) == [{"0"}, {"1"}]


def test_the_call_that_was_asked_for_is_known_by_its_referral() -> None:
    """RFC 3892 3: Referred-By stays on the request; an anonymous caller changes nothing in that."""
    near, far = strangers(request_headers=TO_BOB[1:])
    far = replace(far, callee=near.callee)
    assert groups(made([near, far])) == one([near, far])
    assert groups(made([near, replace(far, request_headers=())])) == apart([near, far])


def test_a_focus_that_calls_two_by_one_referrer_stays_two_calls() -> None:
    """Referred by one, to two; and to one of them twice at a time, which one call cannot be."""
    legs = [
        Leg("10.0.0.13", "10.0.0.1", _id(), "sip:conf@ims.example", f"sip:{whom}@ims.example", TO_BOB[1:])
        for whom in ("bob", "carol", "carol")
    ]
    wire = Wire()
    setup(wire, legs)
    assert _sorted(groups(wire)) == _sorted(apart(legs))


def test_a_dialog_that_a_refer_names_is_joined_where_one_call_can_have_both() -> None:
    """RFC 3891 4: Replaces in the URI of Refer-To. A caller's two calls stay two."""
    first = Leg("10.1.0.2", "10.0.0.1", _id())
    named = f"Replaces={first.call_id}%3Bto-tag%3Dt{first.call_id}%3Bfrom-tag%3Df{first.call_id}"
    target = f"Refer-To: <sip:conf@ims.example?{named}>"
    onward = Leg("10.0.0.1", "10.0.0.13", _id(), "sip:anonymous@anonymous.invalid", "sip:mrf@core.example")
    beside = replace(onward, src="10.1.0.2", call_id=_id())
    for other, expected in ((onward, one([first, onward])), (beside, apart([first, beside]))):
        wire = Wire()
        setup(wire, [first])
        setup(wire, [other])
        refer(wire, [other], target)
        assert groups(wire) == expected


GROUNDS = (
    "P-Charging-Vector: icid-value={};icid-generated-at=192.0.6.8;orig-ioi=ims.example",
    "History-Info: <sip:conf@ims.example>;index=1",
)


def delayed(*headers: str, **change: object) -> list[Leg]:
    """The legs of a call whose INVITE has no offer, with icids of their own."""
    near, far = (replace(leg, offer=b"") for leg in b2bua())
    far = replace(far, **change)  # type: ignore[arg-type]  # fields of Leg
    return [replace(leg, request_headers=tuple(h.format(_id()) for h in headers)) for leg in (near, far)]


def test_persons_time_and_what_supports_them_join_where_there_is_no_offer() -> None:
    for headers in (GROUNDS, GROUNDS[:1]):  # generated-at and ioi are two grounds
        legs = delayed(*headers)
        assert groups(made(legs)) == one(legs)


@pytest.mark.parametrize(
    "headers",
    [(), GROUNDS[1:], (GROUNDS[0].partition(";orig")[0],)],
    ids=["nothing", "History-Info alone", "generated-at alone"],
)
def test_one_ground_is_not_enough(headers: tuple[str, ...]) -> None:
    legs = delayed(*headers)
    assert groups(out_of_step(legs)) == apart(legs)


@pytest.mark.parametrize(
    "headers", [GROUNDS[1:], (GROUNDS[0].partition(";orig")[0],)], ids=["History-Info", "generated-at"]
)
def test_messages_that_keep_step_are_a_ground_and_not_enough_either(headers: tuple[str, ...]) -> None:
    """hops.md section 3: a consistent delta of 100/180/200/ACK is weak alone and strong with others."""
    legs = delayed(*headers)
    assert groups(made(legs)) == one(legs)
    legs = delayed()
    assert groups(made(legs)) == apart(legs)


def test_messages_keep_step_by_the_final_answer_and_two_more() -> None:
    legs = delayed(*GROUNDS[1:])
    wire = Wire()
    for leg in legs:
        send(wire, leg, "INVITE")
    for leg in reversed(legs):
        send(wire, leg, "INVITE", 200)
    assert groups(wire) == apart(legs), "two moments"
    for leg in legs:
        send(wire, leg, "ACK")
    assert groups(wire) == one(legs)


def test_charging_functions_are_those_of_an_operator() -> None:
    """RFC 7315 4.5: supportive, as orig-ioi is, and one ground with it."""
    functions = ("P-Charging-Function-Addresses: ccf=192.1.1.1; ecf=192.1.1.3",)
    legs = delayed(*functions, GROUNDS[1])
    assert groups(out_of_step(legs)) == one(legs)
    legs = delayed(*functions, "P-Charging-Vector: icid-value={};orig-ioi=ims.example")
    assert groups(out_of_step(legs)) == apart(legs)


@pytest.mark.parametrize("change", [{"caller": "sip:bob@ims.example"}, {"callee": "sip:other@ims.example"}])
def test_what_supports_joins_nothing_by_itself(change: dict[str, object]) -> None:
    """All calls of an operator have the same orig-ioi, those of a P-CSCF the same icid-generated-at."""
    legs = delayed(*GROUNDS, **change)
    assert groups(made(legs)) == apart(legs)


def test_what_supports_does_not_outweigh_another_offer() -> None:
    near, far = b2bua()
    other = sdp("10.0.0.11", 40_002, lines=("a=label:9", "a=mid:x", "b=AS:64"))
    legs = [
        replace(leg, request_headers=tuple(h.format(_id()) for h in GROUNDS))
        for leg in (near, replace(far, offer=other))
    ]
    assert groups(made(legs)) == apart(legs)


def test_what_supports_makes_a_likeness_surer() -> None:
    legs = [replace(leg, request_headers=tuple(h.format(_id()) for h in GROUNDS)) for leg in b2bua()]
    (row,) = rows(made(legs).run().closer.calls)
    assert [(link["by"], link["score"]) for link in row["links"]] == [("likeness", 99)]  # type: ignore[attr-defined,index]  # a list of objects
