"""The topology file: the contract's own example, and every mistake named where it stands."""

import jsonschema_rs
import pytest

from analyzer.core.addresses import parse_ip
from analyzer.session.topology import Topology, load
from analyzer.session.topology_schema import topology_schema

# the example of the contract, "Files a user writes"
EXAMPLE = b"""format: 1
zones:
  access: {trust: outside, nets: [10.1.0.0/16, 10.2.0.0/16]}
  core:   {trust: inside,  nets: [10.0.0.0/24]}
nodes:
  pcscf-1: {role: p-cscf, addresses: [{ip: 10.1.0.1, zone: access}, {ip: 10.0.0.11, zone: core}]}
  mrf-1:   {role: conference-server, zone: core, addresses: [{ip: 10.0.0.13}], names: [conf.ims.example]}
trust_domain: {zones: [core]}
correlation_headers: [X-Leg-ID]
taps: {edge.pcapng: {point: post_decrypt}}
policy: {anonymous_dial_in: reject, core_media: clear_permitted}
"""
ZONES = (
    "format: 1\nzones:\n  access: {trust: outside, nets: [10.1.0.0/16]}\n  core: {trust: inside, nets: [10.0.0.0/24]}\n"
)


def ip(text: str) -> int:
    value = parse_ip(text)
    assert value is not None
    return value


def good(text: bytes) -> Topology:
    topology, problems = load(text, "t.yaml")
    assert [str(problem) for problem in problems] == []
    return topology


def wrong(rest: str, zones: str = ZONES) -> list[str]:
    return [str(problem) for problem in load((zones + rest).encode(), "t.yaml")[1]]


def test_the_example_of_the_contract() -> None:
    topology = good(EXAMPLE)
    assert [topology.zone_of(ip(text)) for text in ("10.1.9.9", "10.0.0.11", "10.0.0.13", "8.8.8.8")] == [
        "access",
        "core",
        "core",
        None,
    ]
    assert [topology.role_of(ip(text)) for text in ("10.1.0.1", "10.0.0.11", "10.0.0.13", "10.1.0.2")] == [
        "p-cscf",
        "p-cscf",
        "conference-server",
        None,
    ]
    node = topology.node_of(ip("10.0.0.13"))
    assert node is not None
    assert (node.name, node.names) == ("mrf-1", ("conf.ims.example",))
    assert (topology.trust_of("access"), topology.trust_of("core"), topology.trust_of("x")) == (
        "outside",
        "inside",
        None,
    )
    assert topology.trust_domain == {"core"}
    assert topology.correlation_headers == ("X-Leg-ID",)
    assert topology.taps == {"edge.pcapng": "post_decrypt"}
    assert topology.policy == {"anonymous_dial_in": "reject", "core_media": "clear_permitted"}
    assert not topology.inferred


def test_the_narrowest_net_wins_and_ipv6_is_an_address_too() -> None:
    topology = good(
        b"format: 1\nzones:\n  wide: {trust: inside, nets: [10.0.0.0/8, '::/0']}\n"
        b"  narrow: {trust: peer, nets: [10.9.0.0/16, '2001:db8::/32']}\n"
    )
    assert topology.zone_of(ip("10.9.1.1")) == "narrow"
    assert topology.zone_of(ip("10.8.1.1")) == "wide"
    assert topology.zone_of(ip("2001:db8::1")) == "narrow"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("nods: {}\n", "t.yaml:5:1: unknown key 'nods'; did you mean 'nodes'?"),
        ("nodes:\n  a: {role: p-cscff}\n", "t.yaml:6:13: 'p-cscff' is not one of"),
        ("nodes:\n  a: {role: ue, addresses: [{ip: 10.9.9.9}]}\n", "t.yaml:6:29: 10.9.9.9 lies in no zone"),
        ("nodes:\n  a: {role: ue, addresses: [{ip: 10.1.0.1, zone: acess}]}\n", "t.yaml:6:50: 'acess' is not one of"),
        ("nodes:\n  a: {role: ue}\n  a: {role: ue}\n", "t.yaml:7:3: duplicate key 'a'"),
        ("nodes:\n  a: {addresses: []}\n", "t.yaml:6:6: node 'a' has no role"),
        ("trust_domain: {zones: [cor]}\n", "t.yaml:5:24: 'cor' is not one of"),
        ("policy: {core_media: maybe}\n", "t.yaml:5:22: 'maybe' is not one of"),
        ("taps: {a.pcap: {point: nowhere}}\n", "t.yaml:5:24: 'nowhere' is not one of"),
        ("nodes: [1]\n", "t.yaml:5:8: expected a mapping"),
    ],
)
def test_mistakes_are_named_where_they_stand(rest: str, expected: str) -> None:
    (problem,) = wrong(rest)
    assert problem.startswith(expected)


def test_all_mistakes_are_collected() -> None:
    problems = wrong(
        "nods: {}\nnodes:\n  a: {role: x}\n", "format: 2\nzones:\n  z: {trust: in, nets: [10.0.0.300/8]}\n"
    )
    assert [problem.split(":")[1] for problem in sorted(problems)] == ["1", "3", "3", "4", "6"]


def test_near_misses_are_suggested() -> None:
    assert "did you mean 'p-cscf'?" in wrong("nodes:\n  a: {role: pcscf}\n")[0]


def test_a_missing_format_and_a_broken_file_are_problems() -> None:
    assert "format: 1" in wrong("", "zones: {}\n")[0]
    assert "format: 1" in wrong("", "format: true\n")[0]
    assert wrong("", "zones: [")


def test_the_schema_agrees_with_the_loader() -> None:
    from analyzer.formats.yaml_file import read

    schema = jsonschema_rs.validator_for(topology_schema())
    root, _ = read(EXAMPLE, "t.yaml")
    assert root is not None
    assert schema.is_valid(root.plain())
    for bad in (
        {},
        {"format": 1, "x": 1},
        {"format": 1, "nodes": {"a": {"role": "x"}}},
        {"format": 1, "policy": {"y": 1}},
    ):
        assert not schema.is_valid(bad)


def test_a_network_belongs_to_one_zone() -> None:
    """A narrower network in another zone counts where it lies; the same one in two says two things of one address."""
    nets = "format: 1\nzones:\n  one: {trust: outside, nets: [10.0.0.0/8, 10.0.0.5]}\n"
    assert wrong("  two: {trust: inside, nets: [10.0.0.0/8]}\n", nets) == [
        "t.yaml:4:8: zone 'two' has a network of zone 'one'"
    ]
    assert wrong("  two: {trust: inside, nets: [10.0.0.5/32]}\n", nets) == [
        "t.yaml:4:8: zone 'two' has a network of zone 'one'"
    ]
    topology = good(f"{nets}  two: {{trust: inside, nets: [10.1.0.0/16]}}\n".encode())
    assert [topology.zone_of(ip(text)) for text in ("10.0.0.1", "10.1.0.1")] == ["one", "two"]


def test_ipv4_lies_in_no_ipv6_network() -> None:
    both = good(
        b"format: 1\nzones: {six: {trust: outside, nets: ['::/0']}, four: {trust: inside, nets: [0.0.0.0/0]}}\n"
    )
    assert [both.zone_of(ip(text)) for text in ("2001:db8::1", "10.1.0.1")] == ["six", "four"]
    six = good(b"format: 1\nzones: {six: {trust: outside, nets: ['::/0']}}\n")
    assert six.zone_of(ip("10.1.0.1")) is None


def test_a_ue_has_its_address_for_itself() -> None:
    """Of an IMS-AGW and a P-CSCF on one host both stand at an address; nothing does at a UE's."""
    shared = (
        "nodes:\n  a: {role: ROLE, addresses: [{ip: 10.1.0.1, zone: access}]}\n"
        "  b: {role: p-cscf, addresses: [{ip: 10.1.0.1, zone: access}]}\n"
    )
    assert wrong(shared.replace("ROLE", "ims-agw")) == []
    (problem,) = wrong(shared.replace("ROLE", "ue"))
    assert "10.1.0.1 stands here before" in problem
