"""The ladder of a call: its messages and media as arrows between nodes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from analyzer.capture.batch import Source
from analyzer.core.cites import Cite
from analyzer.core.text import safe
from analyzer.export.ladder import LadderEvent, LadderKind
from analyzer.export.path_view import host_of
from analyzer.pipeline.closing import ClosedCall
from analyzer.pipeline.engine import Engine
from analyzer.pipeline.places import capture_id
from analyzer.session.bfcp_sessions import BfcpSession
from analyzer.session.hops import named
from analyzer.session.identity_path import connected_identities, identity_headers
from analyzer.session.legs import CallState
from analyzer.session.model.base import Cites
from analyzer.session.model.media import MediaHop
from analyzer.session.msrp_sessions import MsrpSession
from analyzer.session.passages import followed
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord


@dataclass(slots=True)
class Ladder:
    """One call, drawn."""

    call_id: str
    sip_call_id: str
    events: list[LadderEvent] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)  # what became of the headers that name people; not redacted


def _label(message: MessageRecord) -> str:
    label = message.label
    if message.sdp is not None:
        label += " (" + ", ".join(media.medium for media in message.sdp.media[:4]) + ")"
    return safe(label, 60)


def _event(cite: Cite, src: str, dst: str, label: str, kind: LadderKind) -> LadderEvent:
    return LadderEvent(cite.ts_ns, src, dst, label, cite.frame, kind, cite.source)


def in_captures(events: Sequence[LadderEvent], sources: Sequence[Source]) -> list[LadderEvent]:
    """The events, each with the capture that its frame is in."""
    return [replace(event, capture=capture_id(sources[event.source].capture)) for event in events]


def _session_events(session: MsrpSession | BfcpSession, placement: Placement) -> list[LadderEvent]:
    """The MSRP chunks or BFCP messages of a session; what was beyond the bound is told where the last one stands."""
    events: list[LadderEvent] = []
    trace = session.trace
    for each in trace.messages:
        src, dst = named(placement, each.src), named(placement, each.dst)
        events.append(_event(each.cite, src, dst, each.label, "other"))
    if trace.dropped:
        last = trace.messages[-1]
        name = named(placement, last.src)
        events.append(_event(last.cite, name, name, f"{trace.dropped} more", "other"))
    return events


def sessions(engine: Engine) -> dict[str, list[LadderEvent]]:
    """The arrows of each MSRP and BFCP session by its id in the report, also of those that no call negotiated."""
    placement = Placement(engine.setup.topology or engine.signalling.observations.topology())
    found: list[tuple[str, MsrpSession | BfcpSession]] = [
        *((f"msrp-{each.ordinal}", each) for each in engine.messaging.msrp_sessions.all()),
        *((f"bfcp-{each.ordinal}", each) for each in engine.messaging.bfcp_sessions.all()),
    ]
    found.sort(key=lambda item: (item[0][:4], item[1].ordinal))
    return {name: _session_events(session, placement) for name, session in found}


def _identities(call: CallState, placement: Placement) -> list[str]:
    """Each change of an identity, once, with the first frames that show it."""
    told: dict[str, Cites] = {}
    for came, left in followed(call, placement):
        for header in identity_headers(came, left, placement):
            if isinstance(header.what, str) and header.what != "kept":
                way = f"{header.from_node} > {header.at} > {header.to_node} ({header.boundary})"
                change = f"{', '.join(header.before) or 'none'} to {', '.join(header.after) or 'none'}"
                told.setdefault(f"{way}: {header.name} {header.what}: {change}", header.first)
    for each in (found for leg in call.legs.values() for found in connected_identities(leg, placement)):
        if each.changed and each.sends == "sends":
            way = f"{each.at} > {each.to_node} ({each.boundary})"
            change = f"{', '.join(each.before)} to {', '.join(each.after)}"
            told.setdefault(f"{way}: connected identity in {each.method}: {change}", each.first)
    return [f"{line}, frames {', '.join(str(cite.frame) for cite in cites)}" for line, cites in told.items()]


def draw(closed: ClosedCall) -> Ladder:
    """The arrows of a closed call in the order of time."""
    placement, call = closed.placement, closed.call
    ladder = Ladder(closed.call_id or "", call.call_id)
    events: list[LadderEvent] = []
    for leg in call.legs.values():
        for message in leg.messages:
            src, dst = message.carrier.endpoints.src.ip, message.carrier.endpoints.dst.ip
            kind: LadderKind = "request" if message.request else "response"
            label = _label(message) + (" again" if message.retransmission else "")
            events.append(_event(message.cites[-1], named(placement, src), named(placement, dst), label, kind))
        for end in (leg.initiator, leg.responder):
            name = named(placement, end)
            if name not in ladder.nodes:
                ladder.nodes.append(name)
    for _, fact in closed.hops:
        for bound in fact.sessions:
            events += _session_events(bound.session, placement)
        entity = fact.entity
        if isinstance(entity, MediaHop) and entity.first:
            first = entity.first[0]
            state = entity.state if isinstance(entity.state, str) else "unknown"
            events.append(
                _event(first, host_of(entity.from_addr), host_of(entity.to_addr), f"{entity.medium} {state}", "media")
            )
    ladder.identities = _identities(call, placement)
    ladder.events = sorted(events, key=lambda event: (event.ts_ns, event.frame, event.kind != "media"))
    return ladder
