"""Who is who, guessed from signalling (hops.md section 2). Every guess keeps its grounds; all of it is marked inferred.

A UE registers and its Contact is its own address; what it registers with is a P-CSCF; messages that carry what only
the core writes (P-Charging-Vector, or a P-Asserted-Identity in a request) pass between core elements; a Contact with
isfocus is a conference server.
"""

from dataclasses import dataclass, field

from analyzer.core.addresses import ip_text
from analyzer.session.topology import Net, NodeEntry, Topology, Zone

MAX_HOSTS = 20_000
_ORDER = ("conference-server", "ue", "p-cscf", "s-cscf")
_WORDS = {"ue": "ue", "p-cscf": "pcscf", "conference-server": "focus", "s-cscf": "scscf"}


@dataclass(slots=True)
class Facts:
    """What one message says of its two ends."""

    request: bool
    method: str
    vias: int
    contact_is_sender: bool
    core_headers: bool
    asserted: bool
    focus: bool
    route_from_core: bool = False


@dataclass(slots=True)
class _Host:
    grounds: dict[str, str] = field(default_factory=dict)  # role -> why
    peers: set[int] = field(default_factory=set)


class Observations:
    """Collects what messages say of addresses. Bounded: further hosts are not placed."""

    def __init__(self) -> None:
        self._hosts: dict[int, _Host] = {}
        self._version = 0
        self._built: tuple[int, Topology] | None = None

    def _host(self, ip: int) -> _Host | None:
        host = self._hosts.get(ip)
        if host is None and len(self._hosts) < MAX_HOSTS:
            host = self._hosts[ip] = _Host()
        return host

    def _ground(self, ip: int, role: str, why: str) -> None:
        host = self._host(ip)
        if host is not None and role not in host.grounds:
            host.grounds[role] = why
            self._version += 1

    def observe(self, src: int, dst: int, facts: Facts) -> None:
        """Takes the facts of one message from `src` to `dst`."""
        sender, receiver = self._host(src), self._host(dst)
        if sender is not None and receiver is not None and len(sender.peers) < 64:
            sender.peers.add(dst)
            receiver.peers.add(src) if len(receiver.peers) < 64 else None
        first_hop = facts.request and facts.vias == 1 and facts.contact_is_sender
        if facts.method == "REGISTER" and first_hop:
            self._ground(src, "ue", "sends REGISTER with its own address as Contact")
            self._ground(dst, "p-cscf", f"receives the REGISTER of {ip_text(src)}")
        elif facts.method == "REGISTER" and facts.request and facts.vias > 1:
            self._ground(dst, "s-cscf", "receives REGISTER from a proxy")
            if facts.vias == 2:
                self._ground(src, "p-cscf", "forwards REGISTER as its first proxy: the core side of a P-CSCF")
        if facts.focus and facts.contact_is_sender:
            self._ground(src, "conference-server", "its Contact carries isfocus")
        if facts.request and (facts.core_headers or facts.asserted) and facts.vias > 1:
            self._ground(src, "core", "forwards requests with identity or charging headers")

    def _role(self, host: _Host) -> str | None:
        return next((role for role in _ORDER if role in host.grounds), None)

    def topology(self) -> Topology:
        """What the observations so far amount to."""
        if self._built is not None and self._built[0] == self._version:
            return self._built[1]
        roles = {ip: self._role(host) for ip, host in self._hosts.items()}
        counts: dict[str, int] = {}
        nodes: list[NodeEntry] = []
        access: list[int] = []
        core: list[int] = []
        for ip, host in self._hosts.items():
            role = roles[ip]
            if role == "ue":
                zone = "access"
            elif role == "p-cscf":
                zone = "access" if any(roles.get(peer) == "ue" for peer in host.peers) else "core"
            elif role in ("conference-server", "s-cscf") or "core" in host.grounds:
                zone = "core"
            else:
                continue
            (access if zone == "access" else core).append(ip)
            if role is None:
                continue
            word = _WORDS[role]
            counts[word] = counts.get(word, 0) + 1
            nodes.append(NodeEntry(f"{word}-{counts[word]}", role, ((ip, zone),), (), host.grounds[role]))
        zones = []
        if access:
            zones.append(Zone("access", "outside", tuple(Net(ip, 128) for ip in access)))
        if core:
            zones.append(Zone("core", "inside", tuple(Net(ip, 128) for ip in core)))
        trusted = frozenset({"core"} if core else ())
        built = Topology(tuple(zones), tuple(nodes), trusted, inferred=True).indexed()
        self._built = (self._version, built)
        return built


def draft(topology: Topology) -> str:
    """A commented topology file from an inferred one: names are there to be changed."""
    lines = [
        "# Drafted from a capture. Check each guess; rename what you know better.",
        "# Zones: trust is inside (yours), outside (access, the Internet) or peer (another operator).",
        "format: 1",
        "zones:",
    ]
    for zone in topology.zones:
        nets = ", ".join(_cidr(net) for net in zone.nets)
        lines.append(f"  {zone.name}: {{trust: {zone.trust}, nets: [{nets}]}}")
    if not topology.zones:
        lines.append("  core: {trust: inside, nets: []}   # nothing in the capture says where anything stands")
    if topology.nodes:
        lines.append("nodes:")
    for node in topology.nodes:
        lines.append(f"  # {node.grounds}")
        addresses = ", ".join(f'{{ip: "{ip_text(ip)}", zone: {zone}}}' for ip, zone in node.addresses)
        lines.append(f"  {node.name}: {{role: {node.role}, addresses: [{addresses}]}}")
    trusted = ", ".join(sorted(topology.trust_domain))
    lines += [
        f"trust_domain: {{zones: [{trusted}]}}   # where P-Asserted-Identity is believed (RFC 3325)",
        "# correlation_headers: [X-Leg-ID]       # headers that carry one value through your B2BUAs",
        "# taps: {edge.pcapng: {point: post_decrypt}}   # captures taken behind a decrypting element",
        "# policy: {anonymous_dial_in: reject, core_media: clear_permitted}",
        "",
    ]
    return "\n".join(lines)


def _cidr(net: Net) -> str:
    text = ip_text(net.base)
    bits = net.bits - 96 if ":" not in text else net.bits
    return f'"{text}/{bits}"'
