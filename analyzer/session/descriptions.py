"""The m-lines of a call's messages as rules see them, each held against the call's other legs."""

from collections.abc import Iterator
from typing import NamedTuple

from analyzer.core.cites import Cite
from analyzer.core.secrets import Secret
from analyzer.core.unknown import Tristate, Unknown
from analyzer.crypto.srtp.suites import Suite, suite_named
from analyzer.protocols.sdp.session import Crypto, Media
from analyzer.session.carrier import confidentiality, integrity
from analyzer.session.described import mikey_messages, path_elsewhere, path_scheme
from analyzer.session.key_hygiene import CallKeys, Hygiene, kdr_ok, lifetime_ok, mki_ok, tags_unique, tls_id_valid
from analyzer.session.key_uses import KeyUses
from analyzer.session.legs import CallState, LegState
from analyzer.session.model.media import CryptoLine, MediaDescription
from analyzer.session.model.states import AnswerKind, CryptoBeyond
from analyzer.session.offer_answer import Exchange, negotiations
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord
from analyzer.session.registrations import Registrations


def _length_ok(line: Crypto, suite: Suite | None) -> Tristate:
    if suite is None:
        return Unknown.of("message", f"the key length of the suite {line.suite}")
    return all(key.key is not None and len(key.key) == suite.inline for key in line.keys)


def crypto_line(line: Crypto) -> CryptoLine:
    """A crypto line without its key."""
    suite = suite_named(line.suite)
    return CryptoLine(
        tag=line.tag,
        suite=line.suite,
        known=suite is not None,
        base64=all(key.base64_ok for key in line.keys),
        padded=all(key.padded_ok or not key.base64_ok for key in line.keys),
        length_ok=_length_ok(line, suite),
        unencrypted_srtp=line.unencrypted_srtp,
        unencrypted_srtcp=line.unencrypted_srtcp,
        unauthenticated_srtp=line.unauthenticated_srtp,
        mki_ok=mki_ok(line),
        lifetime_ok=lifetime_ok(line.keys),
        kdr_ok=kdr_ok(line),
    )


def medium_name(media: Media) -> str:
    """What a report calls the medium: bfcp and message by what they carry, else the m-line's own word."""
    if media.is_bfcp:
        return "bfcp"
    return "message" if media.is_msrp else media.medium


def keyed_by_dtls(media: Media) -> bool:
    """RTP whose keys DTLS agrees (RFC 5764)."""
    return media.proto.upper().startswith("UDP/TLS/RTP")


def inline_keys(media: Media) -> set[Secret]:
    """The keys of an m-line."""
    return {key.key for line in media.crypto for key in line.keys if key.key is not None}


_NOT_ACCEPTABLE = (488, 606)  # the answer to an offer that refuses its media as a whole (RFC 3261 21.4.26, 21.6.4)


_CORE_SIDE = Unknown.of("vantage", "the core side of this call, where its other leg passes")


class _Core:
    """The descriptions of a call's legs beyond the access edge, by m-line position."""

    def __init__(self, call: CallState, placement: Placement) -> None:
        self.keys: dict[int, dict[Secret, tuple[Cite, ...]]] = {}
        self.prints: dict[int, dict[bytes, tuple[Cite, ...]]] = {}
        self.marked: dict[int, tuple[Cite, ...]] = {}
        self.cites: dict[int, tuple[Cite, ...]] = {}
        self.missing = _CORE_SIDE
        for leg in call.legs.values():
            access = placement.access(leg.initiator, leg.responder)
            if isinstance(access, Unknown):
                self.missing = access
            elif not access:
                self._add(leg)

    def _add(self, leg: LegState) -> None:
        for message in leg.messages:
            for media in message.sdp.media if message.sdp else ():
                self.cites.setdefault(media.index, message.cites)
                for key in inline_keys(media):
                    self.keys.setdefault(media.index, {}).setdefault(key, message.cites)
                for each in media.fingerprints:
                    self.prints.setdefault(media.index, {}).setdefault(each.digest, message.cites)
                if media.e2ae != "none":
                    self.marked.setdefault(media.index, message.cites)

    def key_leaked(self, media: Media) -> tuple[Tristate, tuple[Cite, ...]]:
        """Whether one of its keys also appears beyond the edge, and where."""
        known = self.keys.get(media.index, {})
        for key in inline_keys(media) if known else ():
            if key in known:
                return True, known[key]
        if media.index in self.cites:
            return False, self.cites[media.index]
        return self.missing, ()

    def print_leaked(self, media: Media) -> tuple[Tristate, tuple[Cite, ...]]:
        """Whether one of its fingerprints also appears beyond the edge, and where."""
        known = self.prints.get(media.index, {})
        for each in media.fingerprints:
            if each.digest in known:
                return True, known[each.digest]
        if media.index in self.cites:
            return False, self.cites[media.index]
        return self.missing, ()

    def crypto_beyond(self, media: Media) -> CryptoBeyond | Unknown:
        """What has become of its keys beyond the edge."""
        if media.index not in self.cites:
            return self.missing
        known = self.keys.get(media.index, {})
        if not known:
            return "none"
        return "same" if inline_keys(media) & known.keys() else "other"

    def marker_leaked(self, media: Media) -> tuple[Tristate, tuple[Cite, ...]]:
        """Whether a=3ge2ae also appears beyond the edge, and where."""
        if media.index in self.marked:
            return True, self.marked[media.index]
        if media.index in self.cites:
            return False, self.cites[media.index]
        return self.missing, ()


_UNANSWERED = Unknown.of("message", "the offer that this description answers")
_UNSEEN = Unknown.of("message", "the answer to this offer")


def _role(leg: LegState, message: MessageRecord) -> tuple[str | Unknown, Exchange | None]:
    """Offer or answer, and the exchange it is one of."""
    for negotiation in leg.offer_answer.values():
        for exchange in negotiation.known:
            if exchange.offer.cites == message.cites:
                unasked = not message.request and not any(_answers(message, other) for other in leg.messages)
                return (_UNANSWERED if unasked else "offer"), exchange
            if exchange.answer is not None and exchange.answer.cites == message.cites:
                return "answer", exchange
    if not message.request and message.status is not None and message.status < 200:
        return "answer", None
    return _UNANSWERED, None


def _protected(media: Media) -> bool:
    return media.secure_profile or media.tls


class _More(NamedTuple):
    """What the dialog and the other calls say of an m-line."""

    before: Tristate
    reused: Tristate
    elsewhere: tuple[Cite, ...]
    answer: AnswerKind | Unknown
    answered: Tristate
    hygiene: Hygiene


def _before(leg: LegState, message: MessageRecord, media: Media) -> Tristate:
    """Whether the last exchange of the dialog before this message agreed on protection for the m-line."""
    tag = message.to_tag if message.from_tag == leg.first.from_tag else message.from_tag
    dialog = leg.offer_answer.get(tag)
    earlier = [
        exchange
        for exchange in (dialog.exchanges if dialog is not None else ())
        if exchange.answer is not None and exchange.answer.ts_ns < message.ts_ns
    ]
    if earlier:
        return any(
            each.index == media.index and each.agreed and _protected(each.offer) for each in negotiations(earlier[-1])
        )
    if leg.first.initial:
        return False
    return Unknown.of("message", "the beginning of this dialog")


def _answer(leg: LegState, message: MessageRecord, media: Media) -> tuple[AnswerKind | Unknown, Tristate]:
    """How the answer to this offer takes the m-line, and whether it has key management for it."""
    for dialog in leg.offer_answer.values():
        for exchange in dialog.known:
            if exchange.answer is None or exchange.offer.cites != message.cites:
                continue
            answers = exchange.answer.session.media[media.index : media.index + 1]
            if not answers or answers[0].rejected:
                return "refused", False
            return "secure" if _protected(answers[0]) else "clear", bool(answers[0].key_mgmt)
    refused = any(m.status in _NOT_ACCEPTABLE and _answers(m, message) for m in leg.messages)
    return "refused" if refused else _UNSEEN, _UNSEEN


def _answers(response: MessageRecord, request: MessageRecord) -> bool:
    return request.request and (response.method, response.cseq) == (request.method, request.cseq)


def descriptions(
    call: CallState, placement: Placement, registrations: Registrations, uses: KeyUses
) -> Iterator[MediaDescription]:
    """Every m-line of every message of the call that is no repetition. `uses` learns their keys."""
    core = _Core(call, placement)
    keys = CallKeys(call)
    for leg in call.legs.values():
        access = placement.access(leg.initiator, leg.responder)
        for message in leg.messages:
            if message.sdp is None or message.retransmission:
                continue
            role, exchange = _role(leg, message)
            for media in message.sdp.media:
                reused = uses.place(call, leg, message, media)
                before = _before(leg, message, media)
                answer = _answer(leg, message, media)
                more = _More(before, *reused, *answer, keys.hygiene(leg, message, media, role, exchange))
                yield _description(media, message, role, access, core, placement, registrations, more)


def _description(
    media: Media,
    message: MessageRecord,
    role: str | Unknown,
    access: Tristate,
    core: _Core,
    placement: Placement,
    registrations: Registrations,
    more: _More,
) -> MediaDescription:
    src, dst = message.carrier.endpoints.src.ip, message.carrier.endpoints.dst.ip
    ends = placement.ends(src, dst)
    ue = src if ends.from_ue is True else dst if placement.is_ue(dst) is True else None
    state = message.carrier.state
    medium = medium_name(media)
    key_leaked, key_cites = core.key_leaked(media)
    marker_leaked, marker_cites = core.marker_leaked(media)
    print_leaked, print_cites = core.print_leaked(media)
    return MediaDescription(
        medium=medium,
        proto=media.proto,
        mikey=mikey_messages(media),
        path_scheme=path_scheme(media),
        path_elsewhere=path_elsewhere(media),
        cema=media.msrp_cema,
        port=media.port,
        index=media.index,
        role=role,
        secure_profile=media.secure_profile,
        rtp=media.is_rtp,
        crypto=tuple([crypto_line(line) for line in media.crypto]),
        fingerprints=len(media.fingerprints),
        fingerprint_hashes=tuple(dict.fromkeys([each.algorithm for each in media.fingerprints])),
        fingerprints_canonical=all(each.canonical for each in media.fingerprints),
        tls_id_valid=tls_id_valid(media),
        tls_id_stale=more.hygiene.tls_id_stale,
        key_mgmt=bool(media.key_mgmt),
        key_line=media.key_line,
        e2ae=media.e2ae,
        from_addr=ends.from_node,
        to_addr=ends.to_node,
        from_node=ends.from_node,
        to_node=ends.to_node,
        from_zone=ends.from_zone,
        to_zone=ends.to_zone,
        zones=ends.zones,
        access=access,
        from_ue=ends.from_ue,
        key_on_core_leg=key_leaked,
        print_on_core_leg=print_leaked,
        marker_on_core_leg=marker_leaked,
        crypto_beyond=core.crypto_beyond(media),
        answer=more.answer,
        answer_key_mgmt=more.answered,
        with_server=placement.either(placement.is_server(src), placement.is_server(dst)),
        e2e_policy=placement.topology.policy.get("server_e2e", ""),
        mediasec=registrations.mediasec(ue, medium, keyed_by_dtls(media)),
        confidentiality=confidentiality(state),
        integrity=integrity(state),
        tags_unique=tags_unique(media),
        selects_offer=more.hygiene.selects_offer,
        key_returned=more.hygiene.returned,
        key_moved=more.hygiene.moved,
        weak_key=more.hygiene.weak,
        core_leg=tuple(dict.fromkeys(key_cites + marker_cites + print_cites)),
        protected=_protected(media),
        protected_before=more.before,
        key_reused=more.reused,
        key_elsewhere=more.elsewhere,
        first=message.cites,
    )
