"""The m-lines of a call's messages as rules see them, each held against the call's other legs."""

from collections.abc import Iterator

from analyzer.core.cites import Cite
from analyzer.core.secrets import Secret
from analyzer.core.unknown import Tristate, Unknown
from analyzer.protocols.sdp.session import Crypto, InlineKey, Media
from analyzer.protocols.sdp.suites import suite_info
from analyzer.session.legs import CallState, LegState
from analyzer.session.model.media import CryptoLine, MediaDescription
from analyzer.session.placement import Placement
from analyzer.session.records import MessageRecord
from analyzer.session.registrations import Registrations


def _length_ok(suite: str, keys: tuple[InlineKey, ...]) -> Tristate:
    info = suite_info(suite)
    if info is None:
        return Unknown.of("message", f"the key length of the suite {suite}")
    return all(key.key is not None and len(key.key) == info.inline_bytes for key in keys)


def crypto_line(line: Crypto) -> CryptoLine:
    """A crypto line without its key."""
    return CryptoLine(
        tag=line.tag,
        suite=line.suite,
        known=suite_info(line.suite) is not None,
        base64=all(key.base64_ok for key in line.keys),
        padded=all(key.padded_ok or not key.base64_ok for key in line.keys),
        length_ok=_length_ok(line.suite, line.keys),
        unencrypted_srtp=line.unencrypted_srtp,
        unencrypted_srtcp=line.unencrypted_srtcp,
        unauthenticated_srtp=line.unauthenticated_srtp,
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


class _Core:
    """The descriptions of a call's legs beyond the access edge, by m-line position."""

    def __init__(self, call: CallState, placement: Placement) -> None:
        self.keys: dict[int, dict[Secret, tuple[Cite, ...]]] = {}
        self.marked: dict[int, tuple[Cite, ...]] = {}
        self.cites: dict[int, tuple[Cite, ...]] = {}
        self.unplaced: Unknown | None = None
        for leg in call.legs.values():
            access = placement.access(leg.initiator, leg.responder)
            if isinstance(access, Unknown):
                self.unplaced = access
            elif not access:
                self._add(leg)

    def _add(self, leg: LegState) -> None:
        for message in leg.messages:
            for media in message.sdp.media if message.sdp else ():
                self.cites.setdefault(media.index, message.cites)
                for key in inline_keys(media):
                    self.keys.setdefault(media.index, {}).setdefault(key, message.cites)
                if media.e2ae != "none":
                    self.marked.setdefault(media.index, message.cites)

    def _missing(self) -> Unknown:
        return self.unplaced or Unknown.of("vantage", "the core side of this call, where its other leg passes")

    def key_leaked(self, media: Media) -> tuple[Tristate, tuple[Cite, ...]]:
        """Whether one of its keys also appears beyond the edge, and where."""
        known = self.keys.get(media.index, {})
        for key in inline_keys(media):
            if key in known:
                return True, known[key]
        if media.index in self.cites:
            return False, self.cites[media.index]
        return self._missing(), ()

    def marker_leaked(self, media: Media) -> tuple[Tristate, tuple[Cite, ...]]:
        """Whether a=3ge2ae also appears beyond the edge, and where."""
        if media.index in self.marked:
            return True, self.marked[media.index]
        if media.index in self.cites:
            return False, self.cites[media.index]
        return self._missing(), ()


def _role(leg: LegState, message: MessageRecord) -> str | Unknown:
    for negotiation in leg.offer_answer.values():
        exchanges = [*negotiation.exchanges, negotiation.exchange]
        for exchange in exchanges:
            if exchange is None:
                continue
            if exchange.offer.cites == message.cites:
                return "offer"
            if exchange.answer is not None and exchange.answer.cites == message.cites:
                return "answer"
    if not message.request and message.status is not None and message.status < 200:
        return "answer"
    return Unknown.of("message", "the offer that this description answers")


def descriptions(call: CallState, placement: Placement, registrations: Registrations) -> Iterator[MediaDescription]:
    """Every m-line of every message of the call that is no repetition."""
    core = _Core(call, placement)
    for leg in call.legs.values():
        access = placement.access(leg.initiator, leg.responder)
        for message in leg.messages:
            if message.sdp is None or message.retransmission:
                continue
            role = _role(leg, message)
            for media in message.sdp.media:
                yield _description(media, message, role, access, core, placement, registrations)


def _description(
    media: Media,
    message: MessageRecord,
    role: str | Unknown,
    access: Tristate,
    core: _Core,
    placement: Placement,
    registrations: Registrations,
) -> MediaDescription:
    src, dst = message.carrier.endpoints.src.ip, message.carrier.endpoints.dst.ip
    ends = placement.ends(src, dst)
    ue = next((ip for ip in (src, dst) if placement.is_ue(ip) is True), None)
    medium = medium_name(media)
    key_leaked, key_cites = core.key_leaked(media)
    marker_leaked, marker_cites = core.marker_leaked(media)
    return MediaDescription(
        medium=medium,
        proto=media.proto,
        port=media.port,
        index=media.index,
        role=role,
        secure_profile=media.secure_profile,
        rtp=media.is_rtp,
        crypto=tuple(crypto_line(line) for line in media.crypto),
        fingerprints=len(media.fingerprints),
        key_mgmt=bool(media.key_mgmt),
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
        marker_on_core_leg=marker_leaked,
        mediasec=registrations.mediasec(ue, medium, keyed_by_dtls(media)),
        core_leg=tuple(dict.fromkeys(key_cites + marker_cites)),
        first=message.cites,
    )
