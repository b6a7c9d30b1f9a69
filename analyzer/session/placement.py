"""Where an address stands: its node, zone and role, from the topology file or inferred."""

from typing import NamedTuple, TypeVar

from analyzer.core.addresses import ip_text
from analyzer.core.unknown import Need, Tristate, Unknown
from analyzer.session.topology import Topology

K = TypeVar("K")
V = TypeVar("V")
UE = "ue"
TRUSTED_ROLES = frozenset({"p-cscf", "i-cscf", "s-cscf", "as", "conference-server", "mrfc", "mrfp", "ibcf"})
_REMEMBERED = 1_024  # answers kept: those of the calls of the last minutes
SERVERS = frozenset({"conference-server", "mrf", "mrfc", "mrfp", "focus", "as"})


def _remember(answers: dict[K, V], key: K, answer: V) -> None:
    if len(answers) >= _REMEMBERED:
        answers.clear()
    answers[key] = answer


def _unplaced(what: str, ip: int) -> Unknown:
    return Unknown((Need("topology", f"the {what} of {ip_text(ip)}"),))


def _both_zones(first: str | Unknown, second: str | Unknown) -> tuple[str, ...] | Unknown:
    if isinstance(first, Unknown):
        return first
    if isinstance(second, Unknown):
        return second
    return (first,) if first == second else (first, second)


class Ends(NamedTuple):
    """A hop's two ends as a topology sees them. `from_element`: the first is no UE. `leaving`: it belongs to the trust
    domain, and the second does not."""

    from_node: str
    to_node: str
    from_zone: str | Unknown
    to_zone: str | Unknown
    zones: tuple[str, ...] | Unknown
    access: Tristate
    from_ue: Tristate
    from_element: Tristate
    trusted: Tristate
    inter_domain: Tristate
    leaving: Tristate


class Placement:
    """Answers for one topology. `inferred` says that it is a guess, not a file."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.inferred = topology.inferred
        self._zones: dict[int, str | Unknown] = {}
        self._ues: dict[int, Tristate] = {}
        self._servers: dict[int, Tristate] = {}
        self._ends: dict[tuple[int, int], Ends] = {}

    def ends(self, src: int, dst: int) -> Ends:
        """Everything that two addresses are to each other, worked out once."""
        known = self._ends.get((src, dst))
        if known is None:
            from_zone, to_zone, from_ue = self.zone(src), self.zone(dst), self.is_ue(src)
            zones = _both_zones(from_zone, to_zone)
            known = Ends(
                self.node(src),
                self.node(dst),
                from_zone,
                to_zone,
                zones,
                self.either(from_ue, self.is_ue(dst)),
                from_ue,
                from_ue if isinstance(from_ue, Unknown) else not from_ue,
                self._trusted(zones),
                self._inter_domain(zones),
                self._leaving(src, dst),
            )
            _remember(self._ends, (src, dst), known)
        return known

    def node(self, ip: int) -> str:
        """Stable name of what stands at an address: its node name, else the address."""
        node = self.topology.node_of(ip)
        return node.name if node is not None else ip_text(ip)

    def zone(self, ip: int) -> str | Unknown:
        """The zone of an address."""
        known = self._zones.get(ip)
        if known is None:
            zone = self.topology.zone_of(ip)
            known = zone if zone is not None else _unplaced("zone", ip)
            _remember(self._zones, ip, known)
        return known

    def zones(self, a: int, b: int) -> tuple[str, ...] | Unknown:
        """The zones of a hop's two ends, each once."""
        return _both_zones(self.zone(a), self.zone(b))

    def role(self, ip: int) -> str | None:
        """The role of the node at an address, where it is known."""
        return self.topology.role_of(ip)

    def is_ue(self, ip: int) -> Tristate:
        """Whether a UE stands there. An address in a zone outside that is no known element is one."""
        known = self._ues.get(ip)
        if known is None:
            known = self._is_ue(ip)
            _remember(self._ues, ip, known)
        return known

    def _is_ue(self, ip: int) -> Tristate:
        role = self.role(ip)
        if role is not None:
            return role == UE
        zone = self.topology.zone_of(ip)
        if zone is None:
            return _unplaced("role", ip)
        return self.topology.trust_of(zone) == "outside"

    def is_server(self, ip: int) -> Tristate:
        """Whether a conference server stands there."""
        known = self._servers.get(ip)
        if known is None:
            known = self._is_server(ip)
            _remember(self._servers, ip, known)
        return known

    def _is_server(self, ip: int) -> Tristate:
        role = self.role(ip)
        if role is not None:
            return role in SERVERS
        ue = self.is_ue(ip)
        if ue is True:
            return False
        return ue if isinstance(ue, Unknown) else _unplaced("role", ip)

    def in_trust_domain(self, ip: int) -> Tristate:
        """Whether the element at an address belongs to the trust domain: by a zone of its, or by its role."""
        domain = self.topology.trust_domain
        node = self.topology.node_of(ip)
        if node is not None:
            if any(zone in domain for _, zone in node.addresses):
                return True
            return node.role in TRUSTED_ROLES and bool(domain)
        zone = self.zone(ip)
        return zone if isinstance(zone, Unknown) else zone in domain

    def _leaving(self, src: int, dst: int) -> Tristate:
        sender, receiver = self.in_trust_domain(src), self.in_trust_domain(dst)
        if sender is False or receiver is True:
            return False
        return sender if isinstance(sender, Unknown) else receiver if isinstance(receiver, Unknown) else True

    def either(self, a: Tristate, b: Tristate) -> Tristate:
        """Kleene or."""
        if a is True or b is True:
            return True
        return a if isinstance(a, Unknown) else b

    def access(self, a: int, b: int) -> Tristate:
        """Whether a hop between two addresses is an access hop (Gm): one end is a UE."""
        return self.either(self.is_ue(a), self.is_ue(b))

    def trusted(self, a: int, b: int) -> Tristate:
        """Whether both ends belong to the trust domain (RFC 3325 2.3)."""
        return self._trusted(self.zones(a, b))

    def _trusted(self, zones: tuple[str, ...] | Unknown) -> Tristate:
        return zones if isinstance(zones, Unknown) else self.topology.trust_domain.issuperset(zones)

    def _inter_domain(self, zones: tuple[str, ...] | Unknown) -> Tristate:
        """Whether a hop joins two operators: one end in a zone of a peer, the other not outside."""
        if isinstance(zones, Unknown):
            return zones
        trusts = {self.topology.trust_of(zone) for zone in zones}
        return "peer" in trusts and trusts != {"peer"}
