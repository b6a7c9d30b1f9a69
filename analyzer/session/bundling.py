"""Several m-lines on one flow (RFC 8843): where each runs, what protects it, and whose a stream is that runs there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from analyzer.core.numbers import decimal
from analyzer.protocols.sdp.session import Media, Session
from analyzer.session.media.record import StreamRecord
from analyzer.session.offer_answer import Negotiation

_BUNDLE = "bundle"


def bundled(found: Sequence[Negotiation]) -> list[Negotiation]:
    """The m-lines of one exchange, those of a group that the answer takes with the transport of its tagged m-line.

    That is the first of the answer's group (RFC 8843 7.3.1); addresses, ICE, keys and RTCP stand there, and may be
    left out of the others (RFC 8843 7.1.3, RFC 8859 5).
    """
    exchange = found[0].exchange if found else None
    if exchange is None or exchange.answer is None or not exchange.answer.session.groups:
        return list(found)
    tags = _tags(exchange.answer.session)
    by_index = {each.index: each for each in found}
    return [_carried(each, by_index.get(tags.get(each.index, each.index), each)) for each in found]


def _tags(answer: Session) -> dict[int, int]:
    """For each m-line of a group the place of the tagged one."""
    places = {media.mid: media.index for media in answer.media if media.mid}
    groups = [value.split() for value in answer.groups]
    members = [
        [places[mid] for mid in words[1:] if mid in places] for words in groups if words and words[0].lower() == _BUNDLE
    ]
    return {index: group[0] for group in members for index in group}


def _carried(own: Negotiation, tagged: Negotiation) -> Negotiation:
    if own is tagged or own.answer is None or tagged.answer is None:
        return own
    return replace(own, offer=_with(own.offer, tagged.offer), answer=_with(own.answer, tagged.answer))


def _with(media: Media, tagged: Media) -> Media:
    """An m-line with the transport of another one."""
    lines = tuple(each for each in tagged.attributes if each[0].lower() == "candidate") if not media.candidates else ()
    return replace(
        media,
        port=tagged.port,
        ip=tagged.ip,
        address=tagged.address,
        rtcp_port=tagged.rtcp_port,
        rtcp_ip=tagged.rtcp_ip,
        rtcp_mux=tagged.rtcp_mux,
        crypto=media.crypto or tagged.crypto,
        fingerprints=media.fingerprints or tagged.fingerprints,
        setup=media.setup or tagged.setup,
        tls_id=media.tls_id or tagged.tls_id,
        ice_ufrag=tagged.ice_ufrag,
        ice_pwd=tagged.ice_pwd,
        candidates=media.candidates or tagged.candidates,
        attributes=media.attributes + lines,
    )


@dataclass(slots=True)
class Marks:
    """What tells streams of one m-line from those of another: payload types, and SSRCs described (RFC 8843 9.2)."""

    types: set[int] = field(default_factory=set)
    ssrcs: set[int] = field(default_factory=set)

    def add(self, descriptions: Iterable[Media | None]) -> None:
        """Takes descriptions of the m-line."""
        for media in descriptions:
            if media is not None:
                self.ssrcs.update(media.ssrcs)
                self.types.update(number for text in media.formats if (number := decimal(text, 3)) is not None)


def belongs(record: StreamRecord, own: Marks, together: Marks) -> bool:
    """Whether a stream may be of an m-line that shares its flow: of all that do, it is not another one's alone."""
    if record.ssrc in together.ssrcs:
        return record.ssrc in own.ssrcs
    kind = record.statistics.payload_type
    return kind in own.types or kind not in together.types
