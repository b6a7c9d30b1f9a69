"""Signalling hops of a call: what its messages show of each transport leg between two elements."""

from operator import itemgetter

from analyzer.core.addresses import Address, ip_text
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.headers import parameters, split
from analyzer.session.bound import BoundBfcp, BoundMsrp
from analyzer.session.carrier import GROUNDS, Carrier, confidentiality, integrity, weakest
from analyzer.session.credentials import authentication
from analyzer.session.legs import CallState, LegState
from analyzer.session.media.record import RtcpRecord
from analyzer.session.model.media import MediaHop
from analyzer.session.model.signalling import SignallingHop, SipMessage
from analyzer.session.model.states import Evidence, MovedBy, SipState
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord
from analyzer.session.registrations import Registrations
from analyzer.session.scope import Continued
from analyzer.session.security_lists import HOP_LOCAL, OPTION_TAGS
from analyzer.session.shown_identities import (
    anonymity_asked,
    from_differs,
    inside_headers,
    misleading,
    residue,
    well_formed,
)

_SEALED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_CUT = Unknown.of("frames", "the whole message: it was captured in part")
_BY_FRAME = itemgetter(0, 1)  # of a cite: its source, its frame there
_ASSERTED = "p-asserted-identity"
_DIGITS = frozenset({"application/dtmf", "application/dtmf-relay", "audio/telephone-event"})


@frozen
class Seen:
    """A hop at one vantage point."""

    vantage: int
    first: Cite
    last: Cite
    packets: int


@frozen
class Move:
    """Two addresses between which streams of a medium run, how that is known, and the message that shows it."""

    offerer: Address
    answerer: Address
    by: MovedBy
    cites: tuple[Cite, ...]


@frozen
class HopFact:
    """A hop with what the report says beside the entity that rules judge."""

    entity: SignallingHop | MediaHop
    legs: tuple[int, ...]
    seen: tuple[Seen, ...]
    negotiated: str = ""
    observed: str = ""
    grounds: tuple[str, ...] = ()
    sessions: tuple[BoundMsrp | BoundBfcp, ...] = ()  # that run on it
    files: tuple[tuple[str, str], ...] = ()  # a=file-selector values, and the end that sends: offerer, answerer
    index: int = -1  # of the m-line of a media hop
    rtcp: tuple[RtcpRecord, ...] = ()
    moves: tuple[Move, ...] = ()  # where its streams ran that did not run as described
    continued: tuple[Continued, ...] = ()  # the media hops of the call that carry its media on, by their places


def named(placement: Placement, ip: int, port: int | None = None) -> str:
    """How a report calls an end: its node name, else its address (with the port where that tells)."""
    node = placement.topology.node_of(ip)
    if node is not None:
        return node.name
    return ip_text(ip) if port is None else str(Address(ip, port))


def _seen(messages: list[MessageRecord]) -> tuple[Seen, ...]:
    places: dict[int, list[Cite]] = {}
    counts: dict[int, int] = {}
    for message in messages:
        for vantage, cites in message.sightings.items():
            places.setdefault(vantage, []).extend(cites)
            counts[vantage] = counts.get(vantage, 0) + 1
    return tuple(
        [
            Seen(vantage, min(cites, key=_BY_FRAME), max(cites, key=_BY_FRAME), counts[vantage])
            for vantage, cites in places.items()
            if cites
        ]
    )


def message_state(carrier: Carrier, post_decrypt: bool) -> SipState:
    """Protection of the hop that carried a message."""
    return "unknown_post_decrypt" if post_decrypt else carrier.state


def signalling_hops(call: CallState, placement: Placement, post_decrypt: frozenset[int]) -> list[HopFact]:
    """One hop a leg. `post_decrypt` are vantage points behind a decrypting element."""
    return [_hop(leg, placement, post_decrypt) for leg in call.legs.values() if leg.messages]


def _hop(leg: LegState, placement: Placement, post_decrypt: frozenset[int]) -> HopFact:
    messages = leg.messages
    behind = post_decrypt.issuperset([vantage for message in messages for vantage in message.sightings])
    ways = _ways(messages)
    state = weakest({message_state(way, way.vantage in post_decrypt) for way in ways})
    ends = placement.ends(leg.initiator, leg.responder)
    entity = SignallingHop(
        from_addr=ends.from_node,
        to_addr=ends.to_node,
        from_node=ends.from_node,
        to_node=ends.to_node,
        from_zone=ends.from_zone,
        to_zone=ends.to_zone,
        zones=ends.zones,
        inferred=placement.inferred,
        transport="+".join(dict.fromkeys([way.transport for way in ways])),
        state=state,
        confidentiality=confidentiality(state),
        integrity=integrity(state, ways),
        evidence=_evidence(ways, behind),
        inter_domain=ends.inter_domain,
        access=ends.access,
        post_decrypt=behind,
        packets=len(messages) + leg.dropped_messages,
        first=leg.first.cites,
    )
    return HopFact(entity, (leg.ordinal,), _seen(messages))


def _ways(messages: list[MessageRecord]) -> list[Carrier]:
    """The carriers of messages: of those that differ in nothing but addresses and datagram, one."""
    carriers = [message.carrier for message in messages]
    return list({(each.vantage, each.transport, each.ipsec, each.null_cipher): each for each in carriers}.values())


def _evidence(carriers: list[Carrier], behind: bool) -> Evidence:
    """The weakest ground that any message stands on."""
    return "none" if behind else min([carrier.evidence for carrier in carriers], key=GROUNDS.index)


_Answered = dict[tuple[str, int | None, str], bool]  # by method, number and From tag: whether all refuse


def answered(leg: LegState) -> _Answered:
    """The requests of a leg that were answered finally, and whether every answer is an error."""
    found: _Answered = {}
    for message in leg.messages:
        if message.status is not None and message.status >= 200:
            key = message.method, message.cseq, message.from_tag
            found[key] = found.get(key, True) and message.status >= 300
    return found


def message_entity(
    message: MessageRecord,
    placement: Placement,
    post_decrypt: frozenset[int],
    registrations: Registrations,
    answers: _Answered,
    callers: tuple[str, ...] = (),
) -> SipMessage:
    """The message as rules see it; `answers` are those on its leg, `callers` identities asserted of the caller anywhere
    in its call."""
    src, dst = message.carrier.endpoints.src.ip, message.carrier.endpoints.dst.ip
    behind = message.carrier.vantage in post_decrypt
    state = message_state(message.carrier, behind)
    ends = placement.ends(src, dst)
    shown = authentication(message)
    names = [header.name for header in message.headers]
    return SipMessage(
        request=message.request,
        method=message.method,
        status=message.status,
        call_id=message.call_id,
        initial=(initial := message.initial),
        from_addr=ends.from_node,
        to_addr=ends.to_node,
        from_node=ends.from_node,
        to_node=ends.to_node,
        from_zone=ends.from_zone,
        to_zone=ends.to_zone,
        zones=ends.zones,
        inferred=placement.inferred,
        transport=message.carrier.transport,
        state=state,
        confidentiality=confidentiality(state),
        integrity=integrity(state, (message.carrier,)),
        post_decrypt=behind,
        complete=message.complete,
        trusted=ends.trusted,
        beyond_edge=ends.from_element,
        inter_domain=ends.inter_domain,
        sdes_keys=message.sdes_keys,
        asserted=message.asserted,
        preferred=message.preferred,
        privacy=message.privacy,
        emergency=message.emergency,
        first=message.cites,
        access=ends.access,
        on_agreed_port=message.on_agreed_port,
        agreed_security=registrations.secured(src if ends.from_ue is True else dst),
        refused=_refused(message, answers),
        sips=(sips := message.request_uri[:5].lower() == "sips:"),
        contact_sips=not sips or not any("sip:" in contact.lower() for contact in message.all("contact")),
        sealed_body=message.sdp is None and _sealed(message),
        event=_event(message),
        dtmf=_dtmf(message),
        hop_local=_hop_local(message),
        leaving=ends.leaving,
        asserted_valid=well_formed(message.asserted),
        display_misleads=_ASSERTED in names and any(map(misleading, message.all(_ASSERTED))),
        from_differs=bool(message.asserted) and from_differs(message),
        anonymity_asked=message.request and anonymity_asked(message),
        residue=residue(message, callers) if initial else (),
        inside_headers=inside_headers(message),
        signed_identities=names.count("identity"),
        identity_policy=placement.topology.policy.get("inter_domain_identity", ""),
        carries_roster=message.bodies.roster is not None,
        challenge=shown.challenge,
        credentials=shown.credentials,
        auth_schemes=shown.schemes,
        auth_parameters=shown.parameters,
        aka_keys=shown.aka_keys,
        length=message.length if message.complete else _CUT,
        fragments=len(message.cites) if message.carrier.transport == "udp" else 0,
    )


def _refused(message: MessageRecord, answers: _Answered) -> Tristate:
    if not message.request:
        return False
    found = answers.get((message.method, message.cseq, message.from_tag))
    return found if found is not None else Unknown.of("message", f"the answer to {message.method}")


def _sealed(message: MessageRecord) -> bool:
    return not _SEALED.isdisjoint([parameters(value)[0].strip().lower() for value in message.all("content-type")])


def _event(message: MessageRecord) -> str:
    if message.method not in ("SUBSCRIBE", "NOTIFY", "PUBLISH"):
        return ""
    return next((parameters(value)[0].strip().lower() for value in message.all("event")), "")


def _dtmf(message: MessageRecord) -> bool:
    """Digits in INFO, as the field sends them; RFC 6086 has a package for nothing of the kind."""
    if message.method != "INFO" or not message.request:
        return False
    return any(parameters(value)[0].strip().lower() in _DIGITS for value in message.all("content-type"))


def _hop_local(message: MessageRecord) -> tuple[str, ...] | Unknown:
    """Headers and option tags of a security agreement (RFC 3329 2.2)."""
    found: dict[str, None] = {}
    for header in message.headers:
        if header.name in HOP_LOCAL:
            found["-".join(part.capitalize() for part in header.name.split("-"))] = None
        elif header.name in ("require", "proxy-require"):
            tags = {tag.lower() for tag in split(header.value)}
            found.update(dict.fromkeys(sorted(tags & OPTION_TAGS)))
    if not found and not message.complete:
        return _CUT
    return tuple(found)
