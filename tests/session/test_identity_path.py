"""Headers that name people, hop by hop: a UE, its P-CSCF, an S-CSCF and a conference server, every message generated.

Who may do what: RFC 3261 16.6 (a proxy removes no header), RFC 3325 5 and 6, RFC 3323 5, RFC 4916.
"""

from dataclasses import replace
from typing import Any

import pytest

from analyzer.core.severity import Verdict
from analyzer.core.unknown import Need, Unknown
from analyzer.formats.uri import all_among, among
from analyzer.pipeline.engine import Engine
from analyzer.session.identity_path import identity_headers
from analyzer.session.model.people import IdentityHeader
from analyzer.session.passages import followed
from tests.conftest import ROOT
from tests.golden.runs import rules, run, setup
from tests.linear import assert_linear
from tests.pipeline.sip_text import dialog, request, response
from tests.pipeline.wire import Wire, at
from tests.session.test_passages import CORE_EDGE, EDGE, MRF, SCSCF, UE, lab_topology

UE1, CHAIR, CONF = "<sip:ue1@ims.example>", '"Chair" <sip:chair@ims.example>', "<sip:conf@ims.example>"
LAB_TOPOLOGY = ROOT / "samples" / "lab.topology.yaml"
VIAS = ["10.0.0.1", "10.0.0.11", "10.1.0.2"]


def _invite(hops: int, *headers: str, caller: str = UE1, call_id: str = "i") -> bytes:
    head = dialog(call_id, 1, "INVITE", via=VIAS[-hops:], caller=f"{caller};tag=a", called=CONF)
    return request("INVITE", "sip:conf@ims.example", [*head, *headers])


def _engine(wire: Wire) -> Engine:
    return wire.run(rules=rules(), topology=lab_topology())


def _followed(wire: Wire, *, complete: bool = True) -> list[IdentityHeader]:
    """What is told of each header, in order; `complete`: the copies that left were captured whole."""
    found: list[IdentityHeader] = []

    def watch(closed: Any) -> None:
        for came, left in followed(closed.call, closed.placement):
            found.extend(identity_headers(came, replace(left, complete=complete), closed.placement))

    run(wire.pcap(), setup(topology=LAB_TOPOLOGY, judge=False), watch=watch)
    return found


def _notes(engine: Engine, rule: str) -> dict[str, list[int]]:
    return {n.message: [cite.frame for cite in n.evidence] for n in engine.judge.notes if n.rule.id == rule}


def _failed(engine: Engine, rule: str) -> list[str]:
    return [f.message for f in engine.judge.findings if f.rule.id == rule and f.verdict is Verdict.FAIL]


@pytest.fixture(scope="module")
def rewritten() -> Engine:
    """The P-CSCF rewrites From, drops three headers and adds History-Info, which the S-CSCF drops; then an UPDATE of
    the focus names somebody else."""
    wire = Wire()
    asked = ("P-Preferred-Identity: <sip:ue1@ims.example>", "Privacy: id", "Referred-By: <sip:boss@ims.example>")
    wire.udp(UE, EDGE, _invite(1, *asked))
    asserted = f"P-Asserted-Identity: {UE1}"
    wire.udp(CORE_EDGE, SCSCF, _invite(2, asserted, "History-Info: <sip:old@ims.example>;index=1", caller=CHAIR))
    wire.udp(SCSCF, MRF, _invite(3, asserted, caller=CHAIR))
    for hops, (src, dst) in ((3, (MRF, SCSCF)), (2, (SCSCF, CORE_EDGE)), (1, (EDGE, UE))):
        head = dialog("i", 1, "INVITE", via=VIAS[-hops:], caller=f"{CHAIR if hops > 1 else UE1};tag=a",
                      called=f"{CONF};tag=b")  # fmt: skip
        wire.udp(src, dst, response(200, head))
    for hops, (src, dst) in ((1, (MRF, SCSCF)), (2, (SCSCF, CORE_EDGE)), (3, (EDGE, UE))):
        head = dialog("i", 7, "UPDATE", via=["10.0.0.11", "10.0.0.1", "10.0.0.13"][-hops:],
                      caller="<sip:else@ims.example>;tag=b", called=f"{UE1};tag=a")  # fmt: skip
        wire.udp(src, dst, request("UPDATE", "sip:ue1@10.1.0.2", head))
    return _engine(wire)


def test_every_change_is_told_with_who_did_it_where_and_in_which_frames(rewritten: Engine) -> None:
    """Frames 1 to 3 are the INVITE on its three hops; lab.topology.yaml has ue1 in access, the others in core."""
    entered = "in INVITE from ue1 to scscf (access > core, into the trust domain)"
    inside = "in INVITE from pcscf-1 to mrf (core, inside the trust domain)"
    restored = "in INVITE from scscf to ue1 (core > access, out of the trust domain)"
    assert _notes(rewritten, "ID-02.headers") == {
        f"pcscf-1: From changed {entered}: [sip:ue1@ims.example] became [sip:chair@ims.example]": [1, 2],
        f"pcscf-1: P-Preferred-Identity removed {entered}: [sip:ue1@ims.example] became []": [1, 2],
        f"pcscf-1: Privacy removed {entered}: [id] became []": [1, 2],
        f"pcscf-1: History-Info inserted {entered}: [] became [sip:old@ims.example]": [1, 2],
        f"pcscf-1: Referred-By removed {entered}: [sip:boss@ims.example] became []": [1, 2],
        f"scscf: History-Info removed {inside}: [sip:old@ims.example] became []": [2, 3],
        f"pcscf-1: From changed {restored}: [sip:chair@ims.example] became [sip:ue1@ims.example]": [5, 6],
    }
    assert _notes(rewritten, "ID-02.changed") == {f"pcscf-1 made [] into [sip:ue1@ims.example] {entered}": [1, 2]}


def test_what_no_proxy_may_do_is_a_finding(rewritten: Engine) -> None:
    """RFC 3261 16.6; RFC 3323 5.1: id goes when it is done, and here the identity is asserted onward."""
    assert [message.partition(" (")[0] for message in _failed(rewritten, "ID-18.path")] == [
        "pcscf-1 changes From of INVITE from ue1 to scscf",
        "pcscf-1 changes From of INVITE from scscf to ue1",
    ]
    assert _failed(rewritten, "ID-06.kept") == [
        "pcscf-1 removes Privacy id and asserts sip:ue1@ims.example in INVITE from ue1 to scscf"
    ]


def test_a_connected_identity_is_told_on_each_hop(rewritten: Engine) -> None:
    """RFC 4916 4.2: UPDATE with another From. Frames 4 to 6 are the answer that the focus gave as conf, 7 to 9 the
    UPDATE; the zones are those of lab.topology.yaml."""
    named = "as sip:else@ims.example; this end of the dialog was sip:conf@ims.example before"
    assert _notes(rewritten, "ID-16.changed") == {
        f"mrf sends UPDATE to scscf (core, inside the trust domain) {named}": [4, 7],
        f"scscf passes on UPDATE to pcscf-1 (core, inside the trust domain) {named}": [5, 8],
        f"pcscf-1 passes on UPDATE to ue1 (access, out of the trust domain) {named}": [6, 9],
    }
    assert len(_failed(rewritten, "ID-16.agreed")) == 1  # nobody sent Supported: from-change


def test_from_change_of_the_other_end_is_the_agreement() -> None:
    """RFC 4916 4.1, 4.2: the option tag in Supported of the INVITE, received by who changes From."""
    wire = Wire()
    wire.udp(UE, EDGE, _invite(1, "Supported: timer, from-change"))
    answer = dialog("i", 1, "INVITE", via=["10.1.0.2"], caller=f"{UE1};tag=a", called=f"{CONF};tag=b")
    wire.udp(EDGE, UE, response(200, answer))
    head = dialog("i", 1, "UPDATE", via=["10.1.0.1"], caller="<sip:else@ims.example>;tag=b", called=f"{UE1};tag=a")
    wire.udp(EDGE, UE, request("UPDATE", "sip:ue1@10.1.0.2", head))
    engine = _engine(wire)
    assert len(_notes(engine, "ID-16.changed")) == 1
    assert engine.judge.tallies["ID-16.agreed"].counts[Verdict.PASS] == 1


def _two(first: tuple[str, ...], second: tuple[str, ...], **of_second: str) -> dict[str, Any]:
    """What the P-CSCF did to each header of an INVITE."""
    wire = Wire()
    wire.udp(UE, EDGE, _invite(1, *first))
    wire.udp(CORE_EDGE, SCSCF, _invite(2, *second, **of_second))
    return {each.name: each.what for each in _followed(wire)}


@pytest.mark.parametrize(
    ("name", "came", "left", "what"),
    [
        ("Identity", ["a.b.c"], ["a.b.c"], "kept"),
        ("Identity", ["a.b.c"], ["a.b.d"], "changed"),
        ("Identity", ["a.b.c"], ["a.b.c", "d.e.f"], "extended"),
        ("Identity", [], ["a.b.c"], "inserted"),
        ("History-Info", ["<sip:a@b>;index=1"], ["<sip:a@b>;index=1, <sip:c@d>;index=1.1"], "extended"),
        ("History-Info", ["<sip:a@b>;index=1"], ["<sip:anonymous@anonymous.invalid>;index=1"], "changed"),
        ("Referred-By", ["<sip:a@b>"], ["<sip:c@b>"], "changed"),
        ("Privacy", ["id; user"], ["user;id"], "kept"),
        ("Privacy", ["id;user"], ["id"], "changed"),
        ("P-Asserted-Identity", ["<sip:a@b>"], ['"A" <sip:a@b>'], "kept"),
        ("P-Preferred-Identity", ["<sip:a@b>"], [], "removed"),
    ],
)
def test_what_an_element_does(name: str, came: list[str], left: list[str], what: str) -> None:
    told = _two(tuple(f"{name}: {value}" for value in came), tuple(f"{name}: {value}" for value in left))
    assert told == {"From": "kept", name: what}


def test_a_display_name_alone_is_a_change_of_from_and_no_other_user() -> None:
    wire = Wire()
    wire.udp(UE, EDGE, _invite(1))
    wire.udp(CORE_EDGE, SCSCF, _invite(2, caller='"Chair" <sip:ue1@ims.example>'))
    (found,) = _followed(wire)
    assert (found.name, found.what, found.another_user) == ("From", "changed", False)
    assert _failed(_engine(wire), "ID-18.path") == []


def test_a_hidden_caller_is_no_finding() -> None:
    """RFC 3323 5.3: a privacy service writes the anonymous From."""
    wire = Wire()
    wire.udp(UE, EDGE, _invite(1))
    wire.udp(CORE_EDGE, SCSCF, _invite(2, caller='"Anonymous" <sip:anonymous@anonymous.invalid>'))
    assert _failed(_engine(wire), "ID-18.path") == []


def test_without_a_topology_the_boundary_is_unknown_and_says_so() -> None:
    wire = Wire()
    wire.udp(UE, at("10.0.0.11", 5060), _invite(1))
    wire.udp(CORE_EDGE, SCSCF, _invite(2, caller=CHAIR))
    (message,) = _notes(wire.run(rules=rules()), "ID-02.headers")
    assert "in INVITE from 10.1.0.2 to 10.0.0.1 (unknown zone): " in message


def test_a_message_captured_in_part_leaves_it_unknown() -> None:
    """A header that is not there may have been in what is missing."""
    wire = Wire()
    wire.udp(UE, EDGE, _invite(1, "Referred-By: <sip:boss@ims.example>"))
    wire.udp(CORE_EDGE, SCSCF, _invite(2))

    told = {each.name: each.what for each in _followed(wire, complete=False)}
    assert told["From"] == "kept"
    unknown = told["Referred-By"]
    assert isinstance(unknown, Unknown)
    assert unknown.needs == (Need("frames", "the whole message on both sides of the element: it was captured in part"),)


def test_names_are_compared_in_linear_time() -> None:
    """A header may hold thousands of identities that nobody shares."""

    def prepare(size: int) -> Any:
        some, others = [f"sip:a{n}@b" for n in range(size)], [f"sip:c{n}@b" for n in range(size)]
        return lambda: among(some, others)

    assert_linear(prepare, 1_000)
    assert among(["sip:a@b", "x", "tel:+123"], ["x", "sip:+1-23@c;user=phone"]) == ("x", "tel:+123")
    assert all_among([], ["x"])


def test_a_rule_can_read_the_zones() -> None:
    wire = Wire()
    wire.udp(UE, EDGE, _invite(1))
    wire.udp(CORE_EDGE, SCSCF, _invite(2))
    (found,) = _followed(wire)
    assert (found.from_zone, found.to_zone, found.crossing, found.from_ue) == ("access", "core", "enters", True)
