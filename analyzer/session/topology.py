"""The topology file: which addresses are what, and what the operator decided. All problems are collected.

Without a file the topology is inferred (`inference`) and marked so.
"""

import ipaddress
from dataclasses import field
from typing import Literal, cast, get_args

from analyzer.core.addresses import ip_text, parse_ip
from analyzer.core.frozen import frozen
from analyzer.formats.yaml_file import FileProblem, Node, read
from analyzer.formats.yaml_reader import YamlReader

Trust = Literal["inside", "outside", "peer"]
Role = Literal[
    "ue", "p-cscf", "ims-agw", "i-cscf", "s-cscf", "as", "conference-server", "mrfc", "mrfp", "ibcf", "trgw", "sbc",
    "gateway", "msrp-relay", "turn-server", "proxy", "registrar", "other",
]  # fmt: skip
TapPoint = Literal["wire", "post_decrypt"]
ROLES: tuple[str, ...] = get_args(Role)
POLICIES: dict[str, tuple[str, ...]] = {
    "anonymous_dial_in": ("accept", "reject"),
    "unrevealed_dial_out": ("accept", "reject"),
    "core_media": ("clear_permitted", "protect"),
    "server_messaging": ("clear_permitted", "protect"),
    "server_e2e": ("accept", "refuse"),
    "inter_domain_identity": ("required", "optional"),
}
_HOST = 128
_MAPPED = 96  # prefix bits of ::ffff:0:0/96
_IPV4 = 0xFFFF


@frozen
class Net:
    """A range of addresses: 128 bits, IPv4 mapped."""

    base: int
    bits: int

    def holds(self, ip: int) -> bool:
        """Whether the address lies in it. IPv4 addresses lie in no IPv6 network, not even in ::/0."""
        if self.bits < _MAPPED and ip >> 32 == _IPV4:
            return False
        return ip >> (128 - self.bits) == self.base >> (128 - self.bits)


@frozen
class Zone:
    """A part of the network with one level of trust."""

    name: str
    trust: Trust
    nets: tuple[Net, ...]


@frozen
class NodeEntry:
    """An element of the network: its role, its addresses with their zones, its host names."""

    name: str
    role: str
    addresses: tuple[tuple[int, str], ...]
    names: tuple[str, ...] = ()
    grounds: str = ""  # of an inferred node: why


@frozen
class Topology:
    """What stands where. `inferred`: guessed from the capture."""

    zones: tuple[Zone, ...] = ()
    nodes: tuple[NodeEntry, ...] = ()
    trust_domain: frozenset[str] = frozenset()
    correlation_headers: tuple[str, ...] = ()
    taps: dict[str, TapPoint] = field(default_factory=dict)
    policy: dict[str, str] = field(default_factory=dict)
    inferred: bool = False
    _by_ip: dict[int, tuple[NodeEntry, str]] = field(default_factory=dict, compare=False, repr=False)
    _by_name: dict[str, NodeEntry] = field(default_factory=dict, compare=False, repr=False)
    _hosts: dict[int, str] = field(default_factory=dict, compare=False, repr=False)  # zones of single addresses

    def indexed(self) -> "Topology":
        """The same with its index of addresses built."""
        for node in self.nodes:
            for ip, zone in node.addresses:
                self._by_ip.setdefault(ip, (node, zone))
            for name in node.names:
                self._by_name.setdefault(name.lower(), node)
        for known in self.zones:
            for net in known.nets:
                if net.bits == _HOST:
                    self._hosts.setdefault(net.base, known.name)
        return self

    def node_of(self, ip: int) -> NodeEntry | None:
        """The element at an address."""
        known = self._by_ip.get(ip)
        return known[0] if known else None

    def node_named(self, host: str) -> NodeEntry | None:
        """The element that has a host name."""
        return self._by_name.get(host.lower())

    def role_of(self, ip: int) -> str | None:
        """The role of the element at an address."""
        known = self._by_ip.get(ip)
        return known[0].role if known else None

    def zone_of(self, ip: int) -> str | None:
        """The zone of an address: its node's, else that of the narrowest net that holds it."""
        known = self._by_ip.get(ip)
        if known and known[1]:
            return known[1]
        if ip in self._hosts:
            return self._hosts[ip]
        held = [(n.bits, zone.name) for zone in self.zones for n in zone.nets if n.bits != _HOST and n.holds(ip)]
        return max(held)[1] if held else None

    def trust_of(self, zone: str) -> Trust | None:
        """How far a zone is trusted."""
        return next((known.trust for known in self.zones if known.name == zone), None)


class _Loader(YamlReader):
    def net(self, node: Node) -> Net | None:
        try:
            parsed = ipaddress.ip_network(str(node.value), strict=False)
        except ValueError:
            self.wrong(node, f"'{node.value}' is not a network in CIDR notation")
            return None
        if parsed.version == 4:
            return Net(0xFFFF << 32 | int(parsed.network_address), _MAPPED + parsed.prefixlen)
        return Net(int(parsed.network_address), parsed.prefixlen)

    def zone(self, name: str, node: Node) -> Zone:
        keys = self.mapping(node, ("trust", "nets"))
        trust = self.word(keys.get("trust"), get_args(Trust)) or "inside"
        if "trust" not in keys:
            self.wrong(node, f"zone '{name}' does not say its trust: inside, outside or peer")
        nets = tuple(net for item in self.items(keys.get("nets")) if (net := self.net(item)) is not None)
        return Zone(name, cast("Trust", trust), nets)

    def _apart(self, zones: tuple[Zone, ...], keys: dict[str, Node]) -> None:
        """Two zones may lie in each other, the narrower one counts; the same network is in one."""
        first: dict[Net, str] = {}
        for zone in zones:
            for net in zone.nets:
                if first.setdefault(net, zone.name) != zone.name:
                    self.wrong(keys[zone.name], f"zone '{zone.name}' has a network of zone '{first[net]}'")

    def node(self, name: str, node: Node, zones: tuple[Zone, ...], seen: dict[int, str]) -> NodeEntry:
        keys = self.mapping(node, ("role", "addresses", "names", "zone"))
        role = self.word(keys.get("role"), ROLES)
        if "role" not in keys:
            self.wrong(node, f"node '{name}' has no role")
        names = [zone.name for zone in zones]
        own = self.word(keys.get("zone"), names) if "zone" in keys else ""
        addresses: list[tuple[int, str]] = []
        for item in self.items(keys.get("addresses")):
            address = self.mapping(item, ("ip", "zone"))
            ip = parse_ip(str(address["ip"].value)) if "ip" in address else None
            if ip is None:
                self.wrong(item, "expected {ip: ADDRESS, zone: ZONE}")
                continue
            zone = self.word(address["zone"], names) if "zone" in address else own
            if not zone and not any(net.holds(ip) for known in zones for net in known.nets):
                self.wrong(item, f"{ip_text(ip)} lies in no zone")
            if ip in seen and "ue" in (role, seen[ip]):
                self.wrong(item, f"{ip_text(ip)} stands here before: a UE shares its address with nobody")
            seen.setdefault(ip, role)
            addresses.append((ip, zone))
        return NodeEntry(name, role, tuple(addresses), tuple(self.word(item) for item in self.items(keys.get("names"))))

    def topology(self, root: Node) -> Topology:
        known = ("format", "zones", "nodes", "trust_domain", "correlation_headers", "taps", "policy")
        keys = self.mapping(root, known)
        self.format(keys, root)
        zones = tuple(self.zone(name, node) for name, node in self.mapping(keys.get("zones")).items())
        self._apart(zones, self.mapping(keys.get("zones")))
        seen: dict[int, str] = {}
        nodes = tuple(self.node(name, node, zones, seen) for name, node in self.mapping(keys.get("nodes")).items())
        domain = self.mapping(keys.get("trust_domain"), ("zones",))
        names = [zone.name for zone in zones]
        trusted = frozenset(self.word(item, names) for item in self.items(domain.get("zones")))
        taps: dict[str, TapPoint] = {}
        for capture, node in self.mapping(keys.get("taps")).items():
            point = self.word(self.mapping(node, ("point",)).get("point"), get_args(TapPoint))
            taps[capture] = "post_decrypt" if point == "post_decrypt" else "wire"
        policy = {
            key: self.word(node, POLICIES.get(key, ()))
            for key, node in self.mapping(keys.get("policy"), POLICIES).items()
        }
        headers = tuple(self.word(item) for item in self.items(keys.get("correlation_headers")))
        return Topology(zones, nodes, trusted, headers, taps, policy).indexed()


def load(text: bytes, name: str) -> tuple[Topology, list[FileProblem]]:
    """The topology of a file, and everything wrong with it."""
    root, problems = read(text, name)
    if root is None:
        return Topology(), problems
    return _Loader(name, problems).topology(root), problems
