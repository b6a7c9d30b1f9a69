"""A topology file drafted from a capture: every host a node, those that nothing shows for certain as guesses.

Verdicts rest on what `inference` is sure of. A draft is for its reader to correct, so it goes further: by the place of
a host on the way of requests (RFC 3261 16.6: each proxy adds a Via), by who serves whom (RFC 8855 6, RFC 4976 5.1), by
who opens an MSRP connection (RFC 4975 5.4: the offerer), by whose description names it. Each guess says so.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from analyzer.core.addresses import ip_text
from analyzer.core.frozen import frozen
from analyzer.session.bfcp_sessions import BfcpSession
from analyzer.session.connections import Connection
from analyzer.session.inference import MAX_HOSTS
from analyzer.session.legs import CallState
from analyzer.session.msrp_sessions import MsrpSession
from analyzer.session.topology import Net, NodeEntry, Topology, Trust, Zone

ACCESS, CORE, UNKNOWN = "access", "core", "unknown"
_TRUST: dict[str, Trust] = {ACCESS: "outside", CORE: "inside", UNKNOWN: "outside"}
_NAMES = {"ue": "ue", "p-cscf": "pcscf", "s-cscf": "scscf", "conference-server": "focus", "msrp-relay": "relay",
          "ims-agw": "agw", "mrfp": "mrfp", "other": "host"}  # fmt: skip
_MEDIA = {"p-cscf": "ims-agw", "conference-server": "mrfp", "ue": "ue"}  # by who names the address
_HOPS = 64  # of one request

Hop = tuple[int, int, int]  # Via headers, from, to


@dataclass(slots=True)
class Sketch:
    """What the calls of a capture show of who stands where: the ways of their requests, and whose media is whose."""

    ways: dict[tuple[str, int | None, str], dict[Hop, None]] = field(default_factory=dict)
    media: dict[int, int] = field(default_factory=dict)  # an address in a description -> who sent that first

    def take(self, call: CallState) -> None:
        """Takes a call that is over. Requests past `MAX_HOSTS` are passed over."""
        for leg in call.legs.values():
            for message in leg.messages:
                ends = message.carrier.endpoints
                for medium in message.sdp.media if message.sdp is not None else ():
                    if medium.ip is not None and len(self.media) < MAX_HOSTS:
                        self.media.setdefault(medium.ip, ends.src.ip)
                key = (leg.call_id, message.cseq, message.method)
                if message.request and (key in self.ways or len(self.ways) < MAX_HOSTS):
                    way = self.ways.setdefault(key, {})
                    if len(way) < _HOPS:
                        way[message.vias, ends.src.ip, ends.dst.ip] = None


@frozen
class Traffic:
    """What is not SIP: who serves whom. `spoken` has every host and what it was first seen to speak."""

    spoken: dict[int, str]
    msrp: tuple[MsrpSession, ...] = ()
    bfcp: tuple[BfcpSession, ...] = ()
    connections: tuple[Connection, ...] = ()


def spoken(connections: Iterable[Connection], media: Iterable[int], signalling: Iterable[int]) -> dict[int, str]:
    """Every host and what it speaks: SIP, what its connections carry, RTP."""
    found = dict.fromkeys(signalling, "SIP")
    for each in connections:
        for end in (each.src.ip, each.dst.ip) if each.inner or each.protocol else ():
            found.setdefault(end, (each.inner or each.protocol).upper())
    for ip in media:
        found.setdefault(ip, "RTP")
    return found


@dataclass(slots=True)
class _Board:
    """The guesses so far, over what is known."""

    topology: Topology
    guesses: dict[int, tuple[str, str, str]] = field(default_factory=dict)  # role, zone, why
    sides: dict[int, int] = field(default_factory=dict)  # core side of a proxy -> its access side

    def role(self, ip: int) -> str | None:
        known = self.topology.role_of(ip)
        return known if known is not None or ip not in self.guesses else self.guesses[ip][0]

    def zone(self, ip: int) -> str | None:
        known = self.topology.zone_of(ip)
        return known if known is not None or ip not in self.guesses else self.guesses[ip][1]

    def guess(self, ip: int, role: str, zone: str, why: str) -> None:
        if self.role(ip) is None:
            known = self.topology.zone_of(ip)
            self.guesses[ip] = role, known or zone, why


def _protocols(board: _Board, traffic: Traffic) -> None:
    """Roles that MSRP and BFCP give by themselves."""
    for msrp in traffic.msrp:
        if msrp.begun_by == "AUTH":
            board.guess(msrp.endpoints.dst.ip, "msrp-relay", CORE, "is asked by AUTH to relay MSRP (RFC 4976 5.1)")
            board.guess(msrp.endpoints.src.ip, "ue", ACCESS, "asks an MSRP relay by AUTH to serve it")
    for bfcp in traffic.bfcp:
        board.guess(bfcp.server.ip, "conference-server", CORE, "is the floor control server of BFCP (RFC 8855 6)")
        board.guess(bfcp.client.ip, "ue", ACCESS, f"is a client of the floor control server {ip_text(bfcp.server.ip)}")


def _turns(way: Iterable[Hop]) -> Iterator[tuple[int, int, int, int]]:
    """Proxies on the way of a request that take it at one address and send it on from another: who sent it to them,
    both addresses, to whom they sent it."""
    hops = list(way)
    taken = {(vias, dst) for vias, _, dst in hops}
    for vias, src, dst in hops:
        for more, other, onward in hops:
            if more == vias + 1 and (vias, other) not in taken:
                yield src, dst, other, onward


def _signalling(board: _Board, sketch: Sketch) -> None:
    """Roles by the place on the way of requests: ends add the only Via or see the last, proxies lie between."""
    ways = list(sketch.ways.values())
    forwards = {src for way in ways for vias, src, _ in way if vias > 1}
    ends = {ip for way in ways for vias, src, dst in way for ip in ((src, dst) if vias == 1 else (dst,))} - forwards
    near: dict[int, dict[int, None]] = {}
    for way in ways:
        for _, src, dst in way:
            near.setdefault(src, {})[dst] = None
            near.setdefault(dst, {})[src] = None
    pairs = list(dict.fromkeys(turn for way in ways for turn in _turns(way)))
    for before, inner, outer, after in pairs:
        for end, side, other in ((before, inner, outer), (after, outer, inner)):
            if end in ends - {side, other} and board.role(end) in (None, "ue") and board.zone(end) != CORE:
                board.guess(end, "ue", ACCESS, "begins or ends the way of requests, beside a proxy with two addresses")
                board.guess(side, "p-cscf", ACCESS, f"is the first proxy of {ip_text(end)}, and has two addresses")
                _pair(board, side, other)
    proxies = [ip for ip in near if ip in forwards]
    for ip in proxies:
        if any(board.role(peer) == "p-cscf" for peer in near[ip]):
            board.guess(ip, "s-cscf", CORE, "is a proxy next to a P-CSCF on the way of requests")
        board.guess(ip, "proxy", CORE, "passes requests on")
    for ip in [ip for ip in near if ip in ends]:
        if all(board.zone(peer) == CORE for peer in near[ip]):
            why = "begins or ends the way of requests, and all its neighbours are in the core"
            board.guess(ip, "conference-server", CORE, why)
        elif any(board.role(peer) in ("p-cscf", "proxy") for peer in near[ip]):
            board.guess(ip, "ue", ACCESS, "begins or ends the way of requests, next to a proxy")


def _pair(board: _Board, side: int, other: int) -> None:
    """The core side of a P-CSCF that was guessed: one for each access side."""
    guessed = board.guesses.get(side, ("",))[0] == "p-cscf" and side not in board.sides
    if guessed and board.role(other) is None and side not in board.sides.values():
        board.guess(other, "p-cscf", CORE, f"is the other side of {ip_text(side)}")
        board.sides[other] = side


def _messaging(board: _Board, traffic: Traffic) -> None:
    """Ends of MSRP that nothing else tells: the offerer opens the connection (RFC 4975 5.4), a server waits for it."""
    for each in traffic.connections:
        if (each.inner or each.protocol) == "msrp":
            opener = each.opened_by or each.tls_client or each.src
            waits = each.dst if opener == each.src else each.src
            why = "opens an MSRP connection, as the end that offers it does (RFC 4975 5.4); a weak ground"
            board.guess(opener.ip, "ue", ACCESS, why)
            why = f"waits for the MSRP connection of {ip_text(opener.ip)}, as a server does; a weak ground"
            board.guess(waits.ip, "conference-server", CORE, why)


def _described(board: _Board, sketch: Sketch) -> None:
    for ip, sender in sketch.media.items():
        role = _MEDIA.get(board.role(sender) or "")
        if role is not None:
            board.guess(ip, role, board.zone(sender) or UNKNOWN, f"is named for media by {ip_text(sender)}")


def _rest(board: _Board, traffic: Traffic) -> None:
    for ip, protocol in traffic.spoken.items():
        zone = board.zone(ip) or UNKNOWN
        where = ", nor where it stands" if zone == UNKNOWN else ""
        board.guess(ip, "other", zone, f"speaks {protocol}; nothing shows its role{where}")


def complete(topology: Topology, sketch: Sketch, traffic: Traffic) -> Topology:
    """The inferred topology with a node for every further host, its grounds marked as a guess."""
    board = _Board(topology)
    steps: tuple[Callable[[], None], ...] = (
        lambda: _protocols(board, traffic),
        lambda: _signalling(board, sketch),
        lambda: _messaging(board, traffic),
        lambda: _described(board, sketch),
        lambda: _rest(board, traffic),
    )
    for step in steps:
        step()
    return _joined(board)


def _joined(board: _Board) -> Topology:
    nodes = list(board.topology.nodes)
    counts: dict[str, int] = {}
    for node in nodes:
        word = node.name.rpartition("-")[0]
        counts[word] = counts.get(word, 0) + 1
    behind = {access: core for core, access in board.sides.items()}
    placed: dict[str, list[int]] = {zone.name: [net.base for net in zone.nets] for zone in board.topology.zones}
    for ip, (role, zone, why) in board.guesses.items():
        if ip not in placed.setdefault(zone, []):
            placed[zone].append(ip)
        if ip in board.sides:
            continue
        word = _NAMES.get(role, role)
        counts[word] = counts.get(word, 0) + 1
        addresses = [(ip, zone)]
        if ip in behind:
            addresses.append((behind[ip], CORE))
        nodes.append(NodeEntry(f"{word}-{counts[word]}", role, tuple(addresses), (), f"guessed: {why}"))
    zones = tuple(
        [Zone(name, _TRUST[name], tuple([Net(ip, 128) for ip in ips])) for name, ips in placed.items() if ips]
    )
    trusted = frozenset({CORE} & placed.keys())
    return replace(board.topology, zones=zones, nodes=tuple(nodes), trust_domain=trusted)


def draft(topology: Topology) -> str:
    """A commented topology file: names are there to be changed, and guesses to be checked."""
    lines = [
        "# Drafted from a capture. Check what is guessed; rename what you know better.",
        "# Zones: trust is inside (yours), outside (access, the Internet) or peer (another operator).",
        "format: 1",
        "zones:",
    ]
    for zone in topology.zones:
        nets = ", ".join(map(_cidr, zone.nets))
        remark = "   # nothing shows where these stand; outside is the careful reading" if zone.name == UNKNOWN else ""
        lines.append(f"  {zone.name}: {{trust: {zone.trust}, nets: [{nets}]}}{remark}")
    if not topology.zones:
        lines.append("  core: {trust: inside, nets: []}   # no host was seen")
    lines.append("nodes:" if topology.nodes else "nodes: {}")
    for node in topology.nodes[:MAX_HOSTS]:
        lines.append(f"  # {node.grounds}")
        addresses = ", ".join(f'{{ip: "{ip_text(ip)}", zone: {zone}}}' for ip, zone in node.addresses)
        lines.append(f"  {node.name}: {{role: {node.role}, addresses: [{addresses}]}}")
    if len(topology.nodes) > MAX_HOSTS:
        lines.append(f"  # and {len(topology.nodes) - MAX_HOSTS} more")
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
    return f'"{text}/{net.bits - 96 if ":" not in text else net.bits}"'
