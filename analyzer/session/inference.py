"""Who is who, guessed from signalling (hops.md section 2). Every guess keeps its grounds; all of it is marked inferred.

A UE registers and its Contact is its own address; what it registers with is a P-CSCF; messages that carry what only
the core writes (P-Charging-Vector, or a P-Asserted-Identity in a request) pass between core elements; a Contact with
isfocus is a conference server.
"""

from dataclasses import dataclass

from analyzer.core.addresses import ip_text
from analyzer.session.topology import Net, NodeEntry, Topology, Zone

MAX_HOSTS = 20_000
_PEERS = 64
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
    request_id: str = ""  # what a forwarded request keeps: Call-ID and CSeq


class Observations:
    """Collects what messages say of addresses. Bounded: further hosts are not placed."""

    def __init__(self) -> None:
        self._peers: dict[int, tuple[int, ...]] = {}  # every host, and the first that it spoke with
        self._grounds: dict[int, tuple[tuple[str, str], ...]] = {}  # of some hosts: role, why
        self._received: dict[str, int] = {}  # REGISTER requests by their id: the proxy that took them from a UE
        self._sides: dict[int, int] = {}  # core side of a proxy -> its access side
        self._version = 0
        self._built: tuple[int, Topology] | None = None

    def _taken(self, ip: int) -> bool:
        """Whether a host is among those that are placed."""
        if len(self._peers) < MAX_HOSTS:
            self._peers.setdefault(ip, ())
        return ip in self._peers

    def meet(self, src: int, dst: int) -> None:
        """Notes that two hosts speak with each other."""
        if dst in self._peers.get(src, ()) and src in self._peers.get(dst, ()):
            return
        sender, receiver = self._taken(src), self._taken(dst)
        if sender and receiver:
            self._meet(src, dst)
            self._meet(dst, src)

    def _meet(self, ip: int, peer: int) -> None:
        """Notes whom a host speaks with."""
        peers = self._peers[ip]
        if peer not in peers and len(peers) < _PEERS:
            self._peers[ip] = (*peers, peer)

    def _why(self, ip: int, role: str) -> str | None:
        """What speaks for a role, None where nothing does."""
        return next((why for known, why in self._grounds.get(ip, ()) if known == role), None)

    def _ground(self, ip: int, role: str, why: str) -> None:
        if self._taken(ip) and self._why(ip, role) is None:
            self._grounds[ip] = (*self._grounds.get(ip, ()), (role, why))
            self._version += 1

    def observe(self, src: int, dst: int, facts: Facts) -> None:
        """Takes the facts of one message from `src` to `dst`."""
        self.meet(src, dst)
        first_hop = facts.request and facts.vias == 1 and facts.contact_is_sender
        if facts.method == "REGISTER" and first_hop:
            self._ground(src, "ue", "sends REGISTER with its own address as Contact")
            self._ground(dst, "p-cscf", f"receives the REGISTER of {ip_text(src)}")
            if facts.request_id and len(self._received) < MAX_HOSTS:
                self._received[facts.request_id] = dst
        elif facts.method == "REGISTER" and facts.request and facts.vias > 1:
            self._ground(dst, "s-cscf", "receives REGISTER from a proxy")
            if facts.vias == 2:
                self._ground(src, "p-cscf", "forwards REGISTER as its first proxy: the core side of a P-CSCF")
                self._join(self._received.get(facts.request_id), src)
        if facts.focus and facts.contact_is_sender:
            self._ground(src, "conference-server", "its Contact carries isfocus")
        if facts.request and (facts.core_headers or facts.asserted) and facts.vias > 1:
            self._ground(src, "core", "forwards requests with identity or charging headers")

    def _join(self, access: int | None, core: int) -> None:
        if access is not None and access != core and core not in self._sides and core in self._peers:
            self._sides[core] = access
            self._version += 1

    def _role(self, ip: int) -> str | None:
        return next((role for role in _ORDER if self._why(ip, role) is not None), None)

    def _zone(self, ip: int, roles: dict[int, str | None]) -> str | None:
        role = roles[ip]
        if role == "ue":
            return "access"
        if role == "p-cscf":
            return "access" if any(roles.get(peer) == "ue" for peer in self._peers[ip]) else "core"
        return "core" if role is not None or self._why(ip, "core") is not None else None

    def hosts(self) -> list[int]:
        """Every host that was seen to speak SIP."""
        return list(self._peers)

    def topology(self) -> Topology:
        """What the observations so far amount to."""
        if self._built is not None and self._built[0] == self._version:
            return self._built[1]
        roles = {ip: self._role(ip) for ip in self._peers}
        zone_of = {ip: self._zone(ip, roles) for ip in self._peers}
        core_side = {
            access: core for core, access in self._sides.items() if roles[core] == roles[access] == "p-cscf"
        }  # one core side for each access side
        behind = set(core_side.values())
        counts: dict[str, int] = {}
        nodes: list[NodeEntry] = []
        for ip in self._peers:
            role, zone = roles[ip], zone_of[ip]
            if role is None or zone is None or ip in behind:
                continue
            word = _WORDS[role]
            counts[word] = counts.get(word, 0) + 1
            addresses, grounds = [(ip, zone)], self._why(ip, role) or ""
            core = core_side.get(ip)
            if core is not None:
                addresses.append((core, zone_of[core] or "core"))
                grounds += f" and forwards it from {ip_text(core)}"
            nodes.append(NodeEntry(f"{word}-{counts[word]}", role, tuple(addresses), (), grounds))
        access = [ip for ip, zone in zone_of.items() if zone == "access"]
        core_hosts = [ip for ip, zone in zone_of.items() if zone == "core"]
        zones = []
        if access:
            zones.append(Zone("access", "outside", tuple(Net(ip, 128) for ip in access)))
        if core_hosts:
            zones.append(Zone("core", "inside", tuple(Net(ip, 128) for ip in core_hosts)))
        trusted = frozenset({"core"} if core_hosts else ())
        built = Topology(tuple(zones), tuple(nodes), trusted, inferred=True).indexed()
        self._built = (self._version, built)
        return built
