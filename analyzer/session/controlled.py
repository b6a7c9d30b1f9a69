"""The conference that an application server names to its MRFC in the INVITE of each participant (TS 23.218 8.1.3).

The place of the identifier is not fixed. Where a parameter of the Request-URI or of Contact is called after a
conference, or the user is `conf=x`, it is known from one INVITE. What a body calls so may be a template's, and what
nothing calls so has to be in common: both take the INVITEs of all participants, see `conference_identifiers`.
"""

from collections.abc import Iterator
from dataclasses import field

from analyzer.core.frozen import frozen
from analyzer.formats.uri import Uri, parse_name_addr, parse_uri
from analyzer.session.body_tokens import Token, identifies, kind_of, sdp_tokens
from analyzer.session.correlation_keys import uuid
from analyzer.session.legs import CallState, LegState
from analyzer.session.records import MessageRecord

REQUEST_URI, CONTACT, SESSION = "Request-URI", "Contact", "Session-ID"
_PARAMETERS = ("conf-id", "confid", "conf", "conference-id", "conference")  # as implementations call them
_MARKS = {ord(mark): None for mark in "+-.() "}
_NO_VALUE = frozenset(("", "true", "false", "yes", "no", "on", "off"))


@frozen
class Identified:
    """The URI that names a conference, and where its identifier stands."""

    uri: str
    place: str


@frozen
class ControlDialog:
    """A dialog of an application server with its MRFC whose INVITE has no parameter called after a conference.

    `named` is the word that a body calls so; `words` of each place that may be the identifier; `kinds` of bodies it
    has; `uri` is where it goes.
    """

    server: str
    mrfc: str
    uri: str
    host: str
    first_ns: int
    last_ns: int
    words: dict[str, str] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    named: Token | None = None

    def uri_of(self, word: str) -> str:
        """The URI of the conference that a word names."""
        return f"sip:{word}@{self.host}"


def _contact(invite: MessageRecord) -> tuple[Uri, dict[str, str]]:
    named = parse_name_addr(next(iter(invite.all("contact")), ""))
    return parse_uri(named.uri), named.params


def identified(invite: MessageRecord) -> Identified | None:
    """What a header of the INVITE calls the conference; None: nothing in them does."""
    target = parse_uri(invite.request_uri)
    if target.user.lower().startswith("conf="):  # RFC 4240 5
        return Identified(f"{target.scheme}:{target.user}@{target.host}", REQUEST_URI)
    own, params = _contact(invite)
    for place, given in ((REQUEST_URI, target.params), (CONTACT, own.params), (CONTACT, params)):
        for name in _PARAMETERS:
            if given.get(name, "").lower() not in _NO_VALUE:
                return Identified(f"{target.scheme}:{given[name]}@{target.host}", f"{place} {name}")
    return None


def _tokens(invite: MessageRecord) -> Iterator[Token]:
    yield from invite.bodies.tokens
    if invite.sdp is not None:
        yield from sdp_tokens(invite.sdp)


def control_dialog(leg: LegState, invite: MessageRecord, call: CallState, server: str, mrfc: str) -> ControlDialog:
    """What may identify the conference of such a dialog. Words that name its parties do not, nor do those that came in
    another leg's description: the participant wrote them."""
    target, own = parse_uri(invite.request_uri), _contact(invite)[0]
    tokens = list(_tokens(invite))
    foreign = set(_theirs(call, leg))
    parties = {_bare(parse_uri(uri).user) for uri in _parties(call, leg)} - {_bare(target.user)}
    found = [*tokens, *(Token(place, uri.user) for place, uri in ((REQUEST_URI, target), (CONTACT, own)))]
    own_words = [
        token
        for token in found
        if identifies(token.text) and token.text not in foreign and _bare(token.text) not in parties
    ]
    words = {token.place: token.text for token in own_words if not token.named}
    words |= dict(_uuids(leg))
    kinds = frozenset((REQUEST_URI, CONTACT, *map(kind_of, words), *(kind_of(token.place) for token in tokens)))
    uri = f"{target.scheme}:{target.user}@{target.host}" if target.user else invite.request_uri.strip()
    named = next((token for token in own_words if token.named), None)
    return ControlDialog(server, mrfc, uri, target.host, call.first_ns, call.last_ns, words, kinds, named)


def _uuids(leg: LegState) -> Iterator[tuple[str, str]]:
    """The UUIDs of both ends: one of a focus is the same for all participants of a conference (RFC 7989 9)."""
    seen: set[str] = set()
    for message in leg.messages:
        place = f"{SESSION} of the {'server' if message.request else 'MRFC'}"
        local = next(iter(message.all("session-id")), "").partition(";")[0].strip().lower()
        if message.method == "INVITE" and place not in seen and uuid(local):
            seen.add(place)
            yield place, local


def _parties(call: CallState, control: LegState) -> Iterator[str]:
    """The URIs of who takes part: whoever From, To and asserted identities name towards the MRFC; of other legs who
    calls the server, and whom the server calls."""
    for leg in call.legs.values():
        for message in leg.messages:
            if not (message.initial and message.method == "INVITE"):
                continue
            ours = leg.initiator == control.initiator
            if leg is control or not ours:
                yield from (*message.asserted, *message.preferred, *map(_uri, message.all("from")))
            if leg is control or ours:
                yield from map(_uri, message.all("to"))


def _bare(user: str) -> str:
    """A user as all write it: of a telephone number its digits."""
    digits = user.translate(_MARKS)
    return digits if digits.isdecimal() else user.lower()


def _uri(value: str) -> str:
    return parse_name_addr(value).uri


def _theirs(call: CallState, leg: LegState) -> Iterator[str]:
    for other in call.legs.values():
        for message in other.messages if other is not leg else ():
            if message.sdp is not None and message.initial and message.method == "INVITE":
                yield from (token.text for token in sdp_tokens(message.sdp))
