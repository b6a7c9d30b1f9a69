"""What a participant's chat and floor control say of who it is (RFC 3862; RFC 8855 5.2.13)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.msrp_uri import session_id
from analyzer.formats.uri import all_among
from analyzer.session.bound import BoundBfcp, BoundMsrp
from analyzer.session.focus import FocusLeg
from analyzer.session.model.people import Participant
from analyzer.session.participants import Joined
from analyzer.session.shown_identities import anonymous

FloorUser = tuple[int, int]
"""Conference and user id of BFCP."""

_CITES = 8


@frozen
class Talk:
    """`writers`: From of the message/cpim that it sent; `floor_user`: what the focus gave it, None if it gave none."""

    writers: tuple[str, ...]
    floor_user: FloorUser | None
    cites: tuple[Cite, ...]


def talk_of(focal: FocusLeg, sessions: Sequence[BoundMsrp | BoundBfcp]) -> Talk:
    """What a call's sessions hold of its participant: MSRP from the ends that are not the focus's by SDP."""
    ours: set[str] = set()
    given: FloorUser | None = None
    for message in focal.leg.messages:
        from_focus = message.carrier.endpoints.src.ip == focal.focus
        for media in message.sdp.media if message.sdp is not None else ():
            if media.path and not from_focus:
                ours.add(session_id(media.path[-1]))
            if from_focus and media.confid is not None and media.userid is not None:
                given = media.confid, media.userid
    writers = (
        writer
        for bound in sessions
        if isinstance(bound, BoundMsrp)
        for sender, writer in bound.session.speakers
        if sender in ours
    )
    return Talk(tuple(dict.fromkeys(writers)), given, tuple(bound.session.first for bound in sessions[:_CITES]))


def floor_uris(sessions: Sequence[BoundMsrp | BoundBfcp]) -> Iterator[tuple[FloorUser, str]]:
    """The USER-URI of each user, of sessions that carry one conference."""
    for bound in sessions:
        if isinstance(bound, BoundBfcp) and len(bound.session.conferences) == 1:
            conference = next(iter(bound.session.conferences))
            for user, uri in bound.session.uris.items():
                yield (conference, user), uri


def with_talk(entity: Participant, one: Joined, talk: Talk, uris: Mapping[FloorUser, str]) -> Participant:
    """The entity, once every call of the conference was seen."""
    uri = uris.get(talk.floor_user, "") if talk.floor_user is not None else ""
    hides = one.entity.private or one.anonymous is True
    return replace(
        entity,
        writes=bool(talk.writers),
        writes_as_self=_own(talk.writers, one),
        floor_named=bool(uri),
        floor_named_right=_own((uri,) if uri else (), one),
        floor_named_hidden=bool(uri) and hides and not anonymous(uri),
        talk=talk.cites,
    )


def _own(uris: Sequence[str], one: Joined) -> Tristate:
    """Whether URIs that name somebody name the participant as asserted. Where nobody is, what it called itself, or
    whom the focus called, contradicts another name and proves none."""
    named = [uri for uri in uris if not anonymous(uri)]
    asserted = [uri for uri in one.asserted if not anonymous(uri)]
    if all_among(named, asserted):
        return True
    if asserted or (one.identity and not anonymous(one.identity) and not all_among(named, [one.identity])):
        return False
    return Unknown.of("vantage", "the hop at the focus, where the participant is asserted")
