"""The focus in a call: which of its legs ends at a conference server, from which side, under which conference URI.

An application server that controls an MRFC has a dialog with it for each participant, all with one conference
identifier (TS 23.218 8.1.3), which is looked for in the INVITE: see `controlled`.

A Contact with isfocus passes proxies unchanged, so the focus is the end whose own address it holds, or the one the
topology knows. Where only a relayed leg was captured the focus is a name, not an element (RFC 4579 4.2; RFC 3840).
"""

from dataclasses import replace
from typing import Literal

from analyzer.core.addresses import parse_ip
from analyzer.core.frozen import frozen
from analyzer.formats.uri import parse_name_addr, parse_uri
from analyzer.session.controlled import identified
from analyzer.session.legs import CallState, LegState
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord

ROLES = frozenset({"conference-server", "mrfc", "mrfp"})
CONTROLLED = frozenset({"mrfc", "mrfp"})  # by an application server, which names the conference to them
Direction = Literal["dial_in", "dial_out"]


@frozen
class FocusLeg:
    """A call's leg next to the focus, or the nearest that was captured (`at_focus` False).

    `focus` is the end that speaks for the focus on this leg; `name` says which element the focus is. `place` is where
    an INVITE to an MRFC names the conference; `unnamed` is that INVITE where nothing in it does.
    """

    leg: LegState
    direction: Direction
    focus: int
    name: str
    peer: int
    at_focus: bool
    uri: str
    marked: bool
    place: str = ""
    unnamed: MessageRecord | None = None


def conference_uri(raw: str) -> str:
    """A URI reduced to what names a conference: scheme, user, host."""
    parsed = parse_uri(raw)
    return f"{parsed.scheme}:{parsed.user}@{parsed.host}" if parsed.host and parsed.user else raw.strip()


def _address(value: str) -> str:
    return parse_name_addr(value).uri


def _contact(message: MessageRecord) -> str:
    return next((_address(value) for value in message.all("contact")), "")


def focus_name(at: int, at_focus: bool, uri: str, placement: Placement) -> str:
    """The focus by its node name, else its address; of a relayed leg, by what its URI says of either."""
    if at_focus:
        return placement.node(at)
    host = parse_uri(uri).host
    ip = parse_ip(host)
    if ip is not None:
        return placement.node(ip)
    node = placement.topology.node_named(host)
    return node.name if node is not None else host


def _own(message: MessageRecord) -> bool:
    return parse_ip(parse_uri(_contact(message)).host) == message.carrier.endpoints.src.ip


def _invites(leg: LegState) -> list[MessageRecord]:
    return [m for m in leg.messages if m.method == "INVITE" and not m.retransmission]


def _focal(leg: LegState, message: MessageRecord, placement: Placement) -> FocusLeg | None:
    """The leg as one with a focus, if the sender of this message is one, or speaks for one."""
    source, target = message.carrier.endpoints.src.ip, message.carrier.endpoints.dst.ip
    own = message.conference_focus and _own(message)
    if not (message.conference_focus or placement.role(source) in ROLES):
        return None
    direction: Direction = "dial_out" if message.request else "dial_in"
    named = (
        _contact(message)
        if message.conference_focus
        else _address(next(iter(message.all("from" if message.request else "to")), ""))
    )
    at_focus = own or placement.role(source) in ROLES
    uri = conference_uri(named)
    name = focus_name(source, at_focus, uri, placement)
    focal = FocusLeg(leg, direction, source, name, target, at_focus, uri, message.conference_focus)
    controlled = not message.conference_focus and direction == "dial_in" and placement.role(source) in CONTROLLED
    return _controlled(focal) if controlled else focal


def _controlled(focal: FocusLeg) -> FocusLeg:
    """The leg of an application server to its MRFC under the conference that its INVITE names."""
    invite = next((m for m in _invites(focal.leg) if m.request and not m.to_tag), None)
    if invite is None:
        return focal
    named = identified(invite)
    return replace(focal, unnamed=invite) if named is None else replace(focal, uri=named.uri, place=named.place)


def focus_leg(call: CallState, placement: Placement) -> FocusLeg | None:
    """The leg of a call that ends at a focus; None if nothing says that one takes part."""
    found: list[tuple[tuple[bool, int], FocusLeg]] = []
    for leg in call.legs.values():
        for message in _invites(leg):
            starts = message.request and not message.to_tag
            answers = message.status is not None and 200 <= message.status < 300
            if not (starts or answers):
                continue
            focal = _focal(leg, message, placement)
            if focal is not None:
                depth = -message.vias if message.request else message.vias
                found.append(((focal.at_focus, depth), focal))
        refused = _refused(leg, placement)
        if refused is not None:
            found.append(((True, 0), refused))
    return max(found, key=lambda item: item[0])[1] if found else None


def _refused(leg: LegState, placement: Placement) -> FocusLeg | None:
    """An attempt to dial in that the focus did not answer with 2xx."""
    first = next((m for m in _invites(leg) if m.request), None)
    if first is None or leg.answered or placement.role(leg.responder) not in ROLES:
        return None
    called = _address(next(iter(first.all("to")), ""))
    name = placement.node(leg.responder)
    focal = FocusLeg(leg, "dial_in", leg.responder, name, leg.initiator, True, conference_uri(called), False)
    return _controlled(focal) if placement.role(leg.responder) in CONTROLLED else focal
