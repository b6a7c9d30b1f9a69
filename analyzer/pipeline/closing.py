"""A call that is over: its hops built, its entities judged, its rows written, its memory given back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from analyzer.capture.batch import Source
from analyzer.core.cites import Cite, packed, unpacked
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.core.unknown import Unknown
from analyzer.pipeline.call_media import keys_read, mixed_media, readable
from analyzer.pipeline.judge import Judge
from analyzer.pipeline.places import Places
from analyzer.pipeline.rows import call_row, hop_row, stream_row
from analyzer.report.redact import Redactor
from analyzer.report.rows import PackedRows, encode_row
from analyzer.session.bound import BoundMsrp, Tables
from analyzer.session.call_floors import call_floors
from analyzer.session.conference_state import HopState
from analyzer.session.conferences import Conferences
from analyzer.session.connection_entities import connection_entity
from analyzer.session.connections import Connection, ConnectionTable
from analyzer.session.descriptions import descriptions
from analyzer.session.equality import Comparer
from analyzer.session.hops import HopFact, answered, message_entity, signalling_hops
from analyzer.session.ice_checks import IceChecks
from analyzer.session.identity_path import connected_identities, identity_headers
from analyzer.session.idle_keys import idle_keys
from analyzer.session.key_streams import KeyStreams
from analyzer.session.key_uses import KeyUses
from analyzer.session.legs import CallState, LegState
from analyzer.session.media.evidence import plausible
from analyzer.session.media.keyed import keyed, weigh
from analyzer.session.media.probing import Prober
from analyzer.session.media.record import StreamRecord
from analyzer.session.media.table import StreamTable
from analyzer.session.media_hops import ClaimedStream, media_hops
from analyzer.session.media_keys import KeyOrigin
from analyzer.session.media_sources import MediaSources, Sealed
from analyzer.session.media_state import Facts, decide, in_esp
from analyzer.session.messaging import Messaging
from analyzer.session.messaging_entities import bfcp_entity, msrp_entity
from analyzer.session.model.media import MediaDescription, MediaHop
from analyzer.session.model.registry import TlsConnection
from analyzer.session.model.signalling import Call as CallEntity
from analyzer.session.model.signalling import Leg as LegEntity
from analyzer.session.model.signalling import SignallingHop
from analyzer.session.model.states import KeyExchange
from analyzer.session.msrp_sessions import MsrpSession
from analyzer.session.passages import followed, passage
from analyzer.session.passports import Passports
from analyzer.session.path_uses import PathUses
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord
from analyzer.session.referral_facts import Relation
from analyzer.session.registration_entities import registration_entity
from analyzer.session.registrations import Binding
from analyzer.session.shown_identities import caller_identities
from analyzer.session.signalling import Signalling
from analyzer.session.stream_entities import stream_entity
from analyzer.session.stream_keys import StreamKeys


@frozen
class ClosedCall:
    """A call as it was closed, for who wants to look at it before it is forgotten."""

    call_id: str | None
    call: CallState
    hops: Sequence[tuple[str, HopFact]]
    placement: Placement


@dataclass(slots=True)
class UsedKey:
    """A master key: where it comes from, the message that named it, the packets it opened, or why it opened none."""

    origin: KeyOrigin
    packed: bytes  # the frames of that message, since every key of a run is kept
    opened: int = 0
    problem: str | None = None

    @property
    def cites(self) -> tuple[Cite, ...]:
        """The frames of the message."""
        return unpacked(self.packed)


_KEYING: dict[KeyOrigin, KeyExchange] = {"sdes": "sdes", "dtls-srtp": "dtls", "srtp-master": "unknown"}


def _open(*_: object) -> bool:
    """No ESP stays closed, until somebody knows of some."""
    return False


def _known(state: object) -> object:
    return "unknown" if isinstance(state, Unknown) else state


def _lines(call: CallState) -> int:
    """The most m-lines that a description of the call has."""
    descriptions = (message.sdp for leg in call.legs.values() for message in leg.messages)
    return max((len(sdp.media) for sdp in descriptions if sdp is not None), default=0)


def _way(place: dict[str, str], entity: SignallingHop | MediaHop | MediaDescription) -> dict[str, str]:
    """Where an entity between two elements is."""
    place = place | {"from": entity.from_addr, "to": entity.to_addr}
    return place if isinstance(entity, SignallingHop) else place | {"medium": entity.medium}


def registration_place(binding: Binding, placement: Placement) -> dict[str, str]:
    """Which registration."""
    return {"registration": f"registration-{binding.ordinal}", "ue": placement.node(binding.ue)}


def connection_place(entity: TlsConnection) -> dict[str, str]:
    """Which connection."""
    return {"src": entity.from_addr, "dst": entity.to_addr}


def _of_message(place: dict[str, str], message: MessageRecord) -> dict[str, str]:
    return place | {"message": message.label}


def _leg_entity(leg: LegState, placement: Placement) -> LegEntity:
    exchanges = [each.exchange for each in leg.offer_answer.values() if each.exchange is not None]
    ends = placement.ends(leg.initiator, leg.responder)
    return LegEntity(
        call_id=leg.call_id,
        from_node=ends.from_node,
        to_node=ends.to_node,
        from_zone=ends.from_zone,
        to_zone=ends.to_zone,
        access=ends.access,
        offer_seen=bool(exchanges),
        answer_seen=any(exchange.answer is not None for exchange in exchanges),
        outcome=leg.outcome,
        first=leg.first.cites,
    )


class Closer:
    """Turns closed calls and orphaned streams into verdicts and encoded rows."""

    def __init__(
        self,
        sources: Sequence[Source],
        limits: Limits,
        judge: Judge,
        redactor: Redactor,
        signalling: Signalling,
        streams: StreamTable,
        connections: ConnectionTable,
        messaging: Messaging,
        keys: StreamKeys,
        opened: Callable[[Secret, int], None],
        passports: Passports,
        ice: IceChecks,
    ) -> None:
        self._places = Places(sources)
        self._limits = limits
        self._judge = judge
        self._redactor = redactor
        self._signalling = signalling
        self._streams = streams
        self._keys = keys
        self._opened = opened
        self._messaging = messaging
        self._find = connections.find
        self._tables = Tables(connections.listening, connections.find, messaging, signalling.claims)
        self._key_uses = KeyUses(limits)
        self._path_uses = PathUses(limits)
        self._key_streams = KeyStreams(limits)
        self._passports = passports
        self._ice = ice
        self._prober = Prober(keys, limits)
        self.conferences = Conferences(limits)
        self._written: set[int] = set()
        self.watch: Callable[[ClosedCall], None] | None = None
        self.sealed: Sealed = _open
        self._calls = 0
        self._hops = 0
        self.calls = PackedRows()
        self.hops = PackedRows()
        self.stream_rows = PackedRows()
        self.used: dict[str, UsedKey] = {}  # by the name the report has for it
        self.relations: Sequence[Relation] = ()  # between calls, known at the end

    def close(self, call: CallState, placement: Placement, post_decrypt: frozenset[int]) -> None:
        """Judges a call and writes its rows."""
        facts = signalling_hops(call, placement, post_decrypt)
        call_id: str | None = None
        between = len(facts)  # behind the signalling hops come the media hops
        streams: Sequence[ClaimedStream] = ()
        if call.is_call:
            self._calls += 1
            call_id = f"call-{self._calls}"
            sources = MediaSources(
                self._streams.take,
                self._streams.take_between,
                self._tables,
                self._signalling.registrations,
                placement,
                self._streams.zrtp.between,
                self._streams.rtcp.between,
                self._ice,
                Comparer(self._keys.contexts, self._messaging.trails.same, self._messaging.paces.like, self._limits),
                self._limits,
                self._passports.trust,
                self.sealed,
            )
            media = media_hops(call, sources)
            facts += media.hops
            streams = media.streams
            self._judge.note(media.anomalies)
        self._signalling.referrals.closed(call, call_id)
        legs = {leg.ordinal: f"{call_id or 'dialog'}/leg-{leg.ordinal}" for leg in call.legs.values()}
        named = [(self._hop_id(), fact) for fact in facts]
        self._entities(call, call_id, legs, named, placement, post_decrypt)
        hops = [fact.entity for fact in facts if isinstance(fact.entity, MediaHop)]
        states = [
            HopState(
                str(_known(hop.state)),
                access=hop.access is True and hop.packets > 0,
                core=hop.access is False and hop.packets > 0,
                readable=readable(hop),
            )
            for hop in hops
        ]
        sessions = [bound for fact in facts for bound in fact.sessions]
        floors = call_floors(named, self._messaging.floors)
        together = self._signalling.registrations.together
        records = [stream.record for stream in streams]
        rtcp = [flow for fact in facts for flow in fact.rtcp]
        conference = self.conferences.take(call, call_id, states, placement, floors, sessions, together, records, rtcp)
        others = [hop_id for hop_id, _ in named[between:]]
        for hop_id, fact in named:
            self.hops.append(encode_row(hop_row(fact, hop_id, call_id, legs, self._places, others)))
        if call_id is not None:
            chats = [each.session for each in sessions if isinstance(each, BoundMsrp)]
            self._judge.note(self._messaging.end_files(chats))
            row = call_row(
                call,
                call_id,
                legs,
                named,
                placement,
                self._places,
                self._redactor.key,
                conference,
                floors,
                self._messaging.files,
            )
            self.calls.append(encode_row(self._redactor.row(row)))
        for stream in streams:
            self._streams.claim(stream.record.ordinal)
            self._write_stream(stream.record, stream, placement, call_id)
            stream.record.trail.forget()
        for idle in idle_keys(call):
            self.used.setdefault(self._redactor.key(idle.key), UsedKey("sdes", packed(idle.cites), problem=idle.why))
        self.forget(call)
        if self.watch is not None:
            self.watch(ClosedCall(call_id, call, named, placement))

    def forget(self, call: CallState) -> None:
        """Says that the keys of a call's descriptions are those of one that is over."""
        lines = _lines(call)
        for name in call.names or (call.name,):
            self._signalling.keys.forget(name, lines)

    def _hop_id(self) -> str:
        self._hops += 1
        return f"hop-{self._hops}"

    def _entities(
        self,
        call: CallState,
        call_id: str | None,
        legs: dict[int, str],
        hops: list[tuple[str, HopFact]],
        placement: Placement,
        post_decrypt: frozenset[int],
    ) -> None:
        judge = self._judge.judge
        base = {"call": call_id} if call_id else {}
        if call.links and (doubtful := min(call.links, key=lambda link: link.score)).score < 100:
            base["joined"] = f"by {doubtful.kind}, {doubtful.score} of 100"  # how sure it is that its legs are one call
        paths = self._path_uses.place(call)
        for hop_id, fact in hops:
            entity = fact.entity
            kind = "media_hop" if isinstance(entity, MediaHop) else "signalling_hop"
            judge(kind, entity, partial(_way, base | {"hop": hop_id}, entity))
            for bound in fact.sessions if isinstance(entity, MediaHop) else ():
                where = partial(_way, base | {"hop": hop_id}, entity)
                if isinstance(bound, BoundMsrp):
                    unbound = self._unbound(bound, hops)
                    judge("msrp_session", msrp_entity(bound, fact, entity, call, paths, placement, unbound), where)  # type: ignore[arg-type]  # as above
                else:
                    judge("bfcp_session", bfcp_entity(bound, entity, self._messaging.floors, call), where)  # type: ignore[arg-type]  # as above
        registrations = self._signalling.registrations
        callers = caller_identities(message for leg in call.legs.values() for message in leg.messages)
        for leg in call.legs.values():
            place = base | {"leg": legs[leg.ordinal]}
            answers = answered(leg)
            for message in leg.messages:
                if not message.retransmission:
                    seen = message_entity(message, placement, post_decrypt, registrations, answers, callers)
                    where = partial(_of_message, place, message)
                    judge("sip_message", seen, where)
                    for passport in self._passports.entities(call, message, placement):
                        judge("passport", passport, where)
            if self._judge.asks("leg"):
                judge("leg", _leg_entity(leg, placement), partial(dict, place))
        self._identities(call, base, placement, post_decrypt)
        for media in descriptions(call, placement, self._signalling.registrations, self._key_uses):
            judge("media_description", media, partial(_way, base, media))
        if call_id is not None:
            first = next(iter(call.legs.values()))
            carried = [fact for _, fact in hops if isinstance(fact.entity, MediaHop) and fact.entity.packets]
            keys = keys_read(call, [fact for _, fact in hops], placement)
            whole = CallEntity(
                call.call_ids or (call.call_id,), len(call.legs), first.outcome, first.invites > 0,
                len(carried), mixed_media(carried), keys.legs, keys.hops, keys.cites, first.first.cites,
            )  # fmt: skip
            judge("call", whole, partial(dict, base))

    def _unbound(self, bound: BoundMsrp, hops: list[tuple[str, HopFact]]) -> list[MsrpSession]:
        """Sessions with an id of this one that no hop of its call has."""
        taken = {each.session.ordinal for _, fact in hops for each in fact.sessions if isinstance(each, BoundMsrp)}
        known = self._messaging.msrp_sessions.with_id
        found = {each.ordinal: each for identifier in bound.session.session_ids for each in known(identifier)}
        return [found[ordinal] for ordinal in sorted(found.keys() - taken)]

    def _identities(
        self, call: CallState, base: dict[str, str], placement: Placement, post_decrypt: frozenset[int]
    ) -> None:
        """Judges what each element did to the identities in the call's messages, and who named itself otherwise."""
        judge, registrations = self._judge.judge, self._signalling.registrations
        for came, left in followed(call, placement):
            what = passage(came, left, placement, registrations, post_decrypt)
            if what is not None:
                judge("passage", what, partial(dict, base, at=what.at, message=what.method))
            for header in identity_headers(came, left, placement):
                judge("identity_header", header, partial(dict, base, at=header.at, message=header.method))
        for leg in call.legs.values():
            for identity in connected_identities(leg, placement):
                judge("connected_identity", identity, partial(dict, base, at=identity.at, message=identity.method))

    def registration(self, binding: Binding, placement: Placement) -> None:
        """Judges a registration that is forgotten, or all there is of it at the end."""
        where = partial(registration_place, binding, placement)
        self._judge.judge("registration", registration_entity(binding, placement), where)

    def connection(self, connection: Connection, placement: Placement) -> None:
        """Judges a TLS or DTLS connection, at the end."""
        entity = connection_entity(connection, placement)
        self._judge.judge("tls_connection", entity, partial(connection_place, entity))

    def orphans(self, records: Sequence[StreamRecord], placement: Placement) -> None:
        """Streams that no call has claimed: reported if they are plausible RTP."""
        for seen in records:
            record = keyed(seen, "unknown")
            if plausible(record):
                found = weigh(record, {})
                origin = record.verification.origin if record.verification is not None else None
                keying = _KEYING[self._keyed_by(record, origin)] if origin is not None else "unknown"
                facts = Facts("unknown", keying, found.evidence.observed, found.verified)
                state = in_esp(decide(facts), record.ipsec).state
                self._write_stream(record, ClaimedStream(record, found.evidence, state, None), placement, None)

    def _keyed_by(self, record: StreamRecord, origin: KeyOrigin) -> KeyOrigin:
        """Where a key comes from; one that was supplied, from the handshake on the stream's flow, if there was one."""
        connection = self._find(record.endpoints) if origin == "srtp-master" else None
        return "dtls-srtp" if connection is not None and connection.inner == "srtp" else origin

    def _count_key(self, record: StreamRecord) -> None:
        for each in record.verification.openers() if record.verification is not None else ():
            used = self.used.setdefault(self._redactor.key(each.key), UsedKey(each.origin, packed(each.cites)))
            used.opened += each.opened
            self._opened(each.key, each.opened)

    def _write_stream(
        self, record: StreamRecord, claimed: ClaimedStream, placement: Placement, call_id: str | None
    ) -> None:
        if record.ordinal in self._written:
            return
        self._written.add(record.ordinal)
        entity = stream_entity(claimed, self._key_streams, placement)
        if entity is not None:
            self._judge.judge("srtp_stream", entity, lambda: {"stream": f"stream-{record.ordinal}"})
        self._count_key(claimed.record)
        name, name_key = f"stream-{record.ordinal}", self._redactor.key
        row = stream_row(claimed.record, name, claimed, self._places, name_key, self._prober.why, call_id)
        self.stream_rows.append(encode_row(row))
