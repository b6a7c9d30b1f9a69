"""Guessing who is who: the lab's addresses (its README) from what tshark reads in its captures; the draft loads."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.addresses import parse_ip
from analyzer.session import inference
from analyzer.session.drafting import draft
from analyzer.session.inference import Facts, Observations
from analyzer.session.topology import Topology, load

FIELDS = (
    "ip.src", "ip.dst", "sip.Method", "sip.CSeq.method", "sip.Via", "sip.contact.host", "sip.Contact",
    "sip.P-Asserted-Identity", "sip.P-Charging-Vector", "sip.Call-ID", "sip.CSeq",
)  # fmt: skip


def ip(text: str) -> int:
    value = parse_ip(text)
    assert value is not None
    return value


def seen_by_tshark(capture: Path) -> Topology:
    keys = capture.with_suffix(".tls-keylog.txt")
    command = ["tshark", "-r", str(capture), "-Y", "sip", "-T", "fields", "-E", "aggregator=|", "-E", "occurrence=a"]
    command += ["-o", f"tls.keylog_file:{keys}"] if keys.exists() else []
    for field in FIELDS:
        command += ["-e", field]
    found = Observations()
    for row in subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines():
        src, dst, method, cseq, via, host, contact, asserted, charging, call_id, number = (
            cell.split("|") for cell in row.split("\t")
        )
        found.observe(
            ip(src[-1]),
            ip(dst[-1]),
            Facts(
                request=bool(method[0]),
                method=cseq[0],
                vias=len(via),
                contact_is_sender=host[0] == src[-1],
                core_headers=bool(charging[0]),
                asserted=bool(asserted[0]),
                focus="isfocus" in contact[0].lower(),
                request_id=f"{call_id[0]} {number[0]}",
            ),
        )
    return found.topology()


@pytest.mark.tshark
@pytest.mark.parametrize("name", ["e2ae-all", "conf-e2ae-sdes", "plain-rtp"])
def test_the_lab(shared: Path, name: str) -> None:
    topology = seen_by_tshark(shared / "lab" / f"{name}.pcapng")
    roles = {text: topology.role_of(ip(text)) for text in ("10.1.0.2", "10.2.0.2", "10.1.0.1", "10.2.0.1", "10.0.0.1")}
    assert roles == {
        "10.1.0.2": "ue",
        "10.2.0.2": "ue",
        "10.1.0.1": "p-cscf",
        "10.2.0.1": "p-cscf",
        "10.0.0.1": "s-cscf",
    }
    assert {topology.role_of(ip(text)) for text in ("10.0.0.11", "10.0.0.12")} == {"p-cscf"}
    assert {topology.zone_of(ip(text)) for text in ("10.0.0.11", "10.0.0.12", "10.0.0.1")} == {"core"}
    assert {topology.zone_of(ip(text)) for text in ("10.1.0.2", "10.1.0.1", "10.2.0.2", "10.2.0.1")} == {"access"}
    if name == "e2ae-all":
        assert topology.role_of(ip("10.0.0.13")) == "conference-server"
    sides = {tuple(ip for ip, _ in node.addresses) for node in topology.nodes if node.role == "p-cscf"}
    assert sides == {(ip("10.1.0.1"), ip("10.0.0.11")), (ip("10.2.0.1"), ip("10.0.0.12"))}
    assert topology.inferred
    assert all(node.grounds for node in topology.nodes)
    again, problems = load(draft(topology).encode(), "draft.yaml")
    assert problems == []
    assert [(node.name, node.role, node.addresses) for node in again.nodes] == [
        (node.name, node.role, node.addresses) for node in topology.nodes
    ]
    assert (again.zones, again.trust_domain) == (topology.zones, topology.trust_domain)


def test_nothing_seen_still_gives_a_draft_that_loads() -> None:
    assert load(draft(Observations().topology()).encode(), "t")[1] == []


def test_a_registration_with_another_contact_is_no_ground() -> None:
    found = Observations()
    found.observe(1, 2, Facts(True, "REGISTER", 1, False, False, False, False))
    assert found.topology().nodes == ()


def test_a_proxy_that_sends_from_where_it_receives_has_one_address() -> None:
    found = Observations()
    found.observe(1, 2, Facts(True, "REGISTER", 1, True, False, False, False, "c 1 REGISTER"))
    found.observe(2, 3, Facts(True, "REGISTER", 2, False, False, False, False, "c 1 REGISTER"))
    assert [(node.role, len(node.addresses)) for node in found.topology().nodes] == [
        ("ue", 1), ("p-cscf", 1), ("s-cscf", 1),
    ]  # fmt: skip


def test_hosts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "MAX_HOSTS", 3)
    found = Observations()
    for number in range(20):
        found.observe(ip("10.0.0.1") + number, ip("10.1.0.1"), Facts(True, "REGISTER", 1, True, False, False, False))
    assert len(found.topology().nodes) == 3


FACTS = st.builds(
    Facts,
    st.booleans(),
    st.sampled_from(["REGISTER", "INVITE"]),
    st.integers(0, 4),
    *[st.booleans()] * 4,
    st.sampled_from(["", "a 1 REGISTER", "b 1 REGISTER"]),
)
HOSTS = st.sampled_from([ip("10.0.0.1"), ip("10.0.0.2"), ip("2001:db8::1"), ip("::1"), ip("10.1.0.1")])


@given(st.lists(st.tuples(HOSTS, HOSTS, FACTS), max_size=20))
def test_whatever_was_seen_the_draft_loads(observed: list[tuple[int, int, Facts]]) -> None:
    found = Observations()
    for src, dst, facts in observed:
        found.observe(src, dst, facts)
    topology = found.topology()
    again, problems = load(draft(topology).encode(), "t")
    assert problems == []
    assert [again.zone_of(node.addresses[0][0]) for node in again.nodes] == [n.addresses[0][1] for n in topology.nodes]
