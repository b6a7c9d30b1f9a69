"""What a SIP message carries: its session description, and the documents of conferencing."""

from dataclasses import replace

from analyzer.core.anomalies import Anomaly
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.formats import conference_info, referral, resource_list
from analyzer.formats.conference_info import ConferenceInfo
from analyzer.formats.mime import BodyPart
from analyzer.formats.referral import SipFrag
from analyzer.formats.resource_list import ResourceList
from analyzer.protocols.sdp.parser import parse as parse_sdp
from analyzer.protocols.sdp.session import Session
from analyzer.protocols.sip.message import Message
from analyzer.session.body_tokens import MAX_TOKENS, Token, part_tokens

SDP_TYPE = "application/sdp"


@frozen
class Bodies:
    """The first of each kind: SDP, the roster of a NOTIFY (RFC 4575), recipients (RFC 5366), a sipfrag (RFC 3420); of
    other bodies of a first INVITE words that may name a conference."""

    sdp: Session | None = None
    roster: ConferenceInfo | None = None
    recipients: ResourceList | None = None
    sipfrag: SipFrag | None = None
    tokens: tuple[Token, ...] = ()

    @property
    def without_sdp(self) -> "Bodies":
        """The rest."""
        if self.sdp is None:
            return self
        return replace(self, sdp=None) if self.roster or self.recipients or self.sipfrag or self.tokens else _NONE


_NONE = Bodies()


def bodies_of(message: Message, limits: Limits) -> tuple[Bodies, list[Anomaly]]:
    """What the message carries, and what is wrong with it. Of a body that was captured in part nothing is said: what
    it does not hold may be what is missing."""
    found: list[Anomaly] = []
    if not message.body or message.cut:
        return _NONE, found
    kept: dict[str, object] = {}
    tokens: list[Token] = []
    first = message.is_request and message.method == "INVITE" and not message.to_tag
    for part in message.parts(limits):
        reader = _READERS.get(part.content_type)
        if reader is None and first and len(tokens) <= MAX_TOKENS:
            tokens += part_tokens(part, limits)
        if reader is None or reader[0] in kept:
            continue
        name, read = reader
        value = read(part, message, limits)
        if isinstance(value, Anomaly):
            found.append(value)
            continue
        kept[name] = value
        found.extend(getattr(value, "anomalies", ()))
    if tokens:
        kept["tokens"] = tuple(tokens)
    return Bodies(**kept) if kept else _NONE, found  # type: ignore[arg-type]  # each reader gives what its name holds


def _sdp(part: BodyPart, message: Message, limits: Limits) -> Session:
    return parse_sdp(part.body, message.cites, limits)


def _roster(part: BodyPart, message: Message, limits: Limits) -> ConferenceInfo | Anomaly:
    return conference_info.parse(part.body, message.cites, limits)


def _recipients(part: BodyPart, message: Message, limits: Limits) -> ResourceList | Anomaly:
    return resource_list.parse(part.body, message.cites, limits)


def _sipfrag(part: BodyPart, _message: Message, limits: Limits) -> SipFrag:
    return referral.parse_sipfrag(part.body, limits)


_READERS = {
    SDP_TYPE: ("sdp", _sdp),
    conference_info.MEDIA_TYPE: ("roster", _roster),
    resource_list.MEDIA_TYPE: ("recipients", _recipients),
    referral.SIPFRAG: ("sipfrag", _sipfrag),
}
