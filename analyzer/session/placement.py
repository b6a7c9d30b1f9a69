"""Where an address stands: its node, zone and role, from the topology file or inferred."""

from typing import NamedTuple, TypeVar

from analyzer.core.addresses import ip_text
from analyzer.core.unknown import Tristate, Unknown
from analyzer.session.topology import Topology

K = TypeVar("K")
V = TypeVar("V")
UE = "ue"
_REMEMBERED = 1_024  # answers kept: those of the calls of the last minutes
SERVERS = frozenset({"conference-server", "mrf", "mrfc", "mrfp", "focus", "as"})


def _remember(answers: dict[K, V], key: K, answer: V) -> None:
    if len(answers) >= _REMEMBERED:
        answers.clear()
    answers[key] = answer


def _unplaced(ip: int) -> Unknown:
    return Unknown.of("topology", f"the zone of {ip_text(ip)}")


class Ends(NamedTuple):
    """A hop's two ends as a topology sees them."""

    from_node: str
    to_node: str
    from_zone: str | Unknown
    to_zone: str | Unknown
    zones: tuple[str, ...] | Unknown
    access: Tristate
    from_ue: Tristate
    trusted: Tristate
    inter_domain: Tristate


class Placement:
    """Answers for one topology. `inferred` says that it is a guess, not a file."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.inferred = topology.inferred
        self._zones: dict[int, str | Unknown] = {}
        self._ues: dict[int, Tristate] = {}
        self._ends: dict[tuple[int, int], Ends] = {}

    def ends(self, src: int, dst: int) -> Ends:
        """Everything that two addresses are to each other, worked out once."""
        known = self._ends.get((src, dst))
        if known is None:
            known = Ends(
                self.node(src),
                self.node(dst),
                self.zone(src),
                self.zone(dst),
                self.zones(src, dst),
                self.access(src, dst),
                self.is_ue(src),
                self.trusted(src, dst),
                self.inter_domain(src, dst),
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
            known = zone if zone is not None else _unplaced(ip)
            _remember(self._zones, ip, known)
        return known

    def zones(self, a: int, b: int) -> tuple[str, ...] | Unknown:
        """The zones of a hop's two ends, each once."""
        first, second = self.zone(a), self.zone(b)
        if isinstance(first, Unknown):
            return first
        if isinstance(second, Unknown):
            return second
        return tuple(dict.fromkeys((first, second)))

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
            return Unknown.of("topology", f"the role of {ip_text(ip)}")
        return self.topology.trust_of(zone) == "outside"

    def is_server(self, ip: int) -> Tristate:
        """Whether a conference server stands there."""
        role = self.role(ip)
        if role is None and self.is_ue(ip) is True:
            return False
        if role is None:
            return Unknown.of("topology", f"the role of {ip_text(ip)}")
        return role in SERVERS

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
        zones = self.zones(a, b)
        if isinstance(zones, Unknown):
            return zones
        domain = self.topology.trust_domain
        return all(zone in domain for zone in zones)

    def inter_domain(self, a: int, b: int) -> Tristate:
        """Whether a hop joins two operators: one end in a zone of a peer, the other not outside."""
        zones = (self.zone(a), self.zone(b))
        for zone in zones:
            if isinstance(zone, Unknown):
                return zone
        trusts = {self.topology.trust_of(zone) for zone in zones if isinstance(zone, str)}
        return "peer" in trusts and trusts != {"peer"}
