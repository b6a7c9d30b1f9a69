"""What a message says of which call it belongs to, beyond its Call-ID: the keys that two legs can have in common.

A key that names one session (Session-ID, icid, a header the operator named, the address or the origin of an offer)
joins the calls that carry it. Who calls whom joins nothing by itself: together with time and the shape of the offer
it makes a likeness. Only digests are kept.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from analyzer.formats.headers import parameters, split
from analyzer.formats.referral import parse_refer_to, parse_referred_by
from analyzer.formats.uri import MARKS, address_uri, parse_uri
from analyzer.protocols.sdp.session import Media, Session
from analyzer.protocols.sip.message import Message

Kind = Literal[
    "call_id", "session_id", "session_uuid", "icid", "header", "media_address", "origin", "dialog", "in_reply_to",
    "refer_to", "referral", "likeness",
]  # fmt: skip
SCORES: dict[Kind, int] = {
    "call_id": 100, "session_id": 100, "icid": 100, "header": 100, "dialog": 100, "media_address": 90, "origin": 90,
    "session_uuid": 80, "in_reply_to": 80, "refer_to": 80, "referral": 80,
}  # fmt: skip
"""What a common key is worth, per cent. `likeness` is weighed: see `correlation`."""
BRIEF = frozenset[Kind](("media_address", "origin", "session_uuid", "referral"))
"""Keys that name a session only among calls that start together: ports, counters and referrals come again."""
Ground = Literal["icid-generated-at", "ioi", "history-info"]
"""What supports a likeness: which element and operator began the call, for whom it was first. Alone it says nothing."""

SLOT_NS = 500_000_000  # legs of one call start within this time of each other (hops.md section 3)
_NIL = "0" * 32
_HEX = frozenset("0123456789abcdef")
_TELLING = 6  # digits of a session identifier in o= that is more than a counter
_NUMBER = 5  # digits that make a user part a telephone number
_ADDRESSED = frozenset(
    ("crypto", "fingerprint", "setup", "tls-id", "rtcp", "candidate", "ice-ufrag", "ice-pwd", "ice-options",
     "end-of-candidates", "ssrc", "ssrc-group", "msid", "3ge2ae", "path", "key-mgmt", "rtcp-mux", "rtcp-rsize",
     "sendrecv", "sendonly", "recvonly", "inactive", "connection", "msrp-cema", "floorctrl", "confid", "userid",
     "floorid", "ice-lite", "ice-mismatch", "remote-candidates", "group")
)  # fmt: skip


class Key(NamedTuple):
    """One key, as a digest: 64 bits under a key of this process."""

    kind: Kind
    digest: bytes


class Named(NamedTuple):
    """A dialog that a message names: Replaces (RFC 3891), Target-Dialog (RFC 4538), the Replaces in a Refer-To (RFC
    3891 4); without tags: In-Reply-To."""

    call_id: str
    tags: tuple[str, ...]
    kind: Kind = "dialog"


def _key(kind: Kind, *values: object) -> Key:
    text = "\0".join(map(str, (kind, *values)))
    return Key(kind, hash(text).to_bytes(8, "big", signed=True))


def call_id_keys(message: Message) -> Iterator[Key]:
    """The Call-ID, which a B2BUA may keep while it has a From tag of its own."""
    if message.call_id:
        yield _key("call_id", message.call_id)


TELLING = frozenset(("session-id", "p-charging-vector", "p-charging-function-addresses", "history-info"))
"""The headers that `header_keys` and `grounds` read, besides those that the operator named."""


def header_keys(message: Message, custom: Sequence[str]) -> Iterator[Key]:
    """The keys in the headers of a message of an INVITE transaction."""
    session = message.first("session-id")
    if session is not None:
        yield from _session_id(session)
    vector = message.first("p-charging-vector")
    if vector is not None:
        given = parameters(";" + vector)[1]
        for name in ("icid-value", "related-icid"):  # RFC 7315 4.6; TS 24.229 7.2A.5: that of the call it belongs to
            if icid := given.get(name, ""):
                yield _key("icid", icid)
    for name in custom:
        for value in message.all(name.lower()):
            if value.strip():
                yield _key("header", name.lower(), value.strip())


def _session_id(value: str) -> Iterator[Key]:
    """RFC 7989 5: both halves name the session; one alone names a party of it until the other is known."""
    local, found = parameters(value)
    ours, theirs = local.strip().lower(), found.get("remote", _NIL).lower()
    halves = [half for half in (ours, theirs) if uuid(half)]
    if len(halves) == 2:
        yield _key("session_id", *sorted(halves))
    elif halves and halves[0] == ours:
        yield _key("session_uuid", ours)


def uuid(half: str) -> bool:
    """Whether a half of a Session-ID names a party: 32 digits, not all zero (RFC 7989 5)."""
    return len(half) == 32 and set(half) <= _HEX and half != _NIL


def offer_keys(sdp: Session) -> Iterator[Key]:
    """The keys in the offer of an initial INVITE: where its media is received, and its origin (RFC 8866 5.2)."""
    for media in sdp.media:
        if media.is_rtp and media.port and media.ip:
            yield _key("media_address", media.ip, media.port)
            break
    origin = sdp.origin
    if origin is not None and len(origin.sess_id) >= _TELLING and len(set(origin.sess_id)) > 1:
        yield _key("origin", origin.username, origin.sess_id, origin.address)


def named_dialogs(message: Message) -> Iterator[Named]:
    """The dialogs that a request names as its own matter."""
    for header in ("replaces", "target-dialog"):
        value = message.first(header)
        if value is not None:
            call_id, found = parameters(value)
            tags = tuple(tag for name in ("to-tag", "from-tag", "local-tag", "remote-tag") if (tag := found.get(name)))
            if call_id.strip() and len(tags) == 2:
                yield Named(call_id.strip(), tags)
    if message.method == "INVITE":
        for value in message.all("in-reply-to")[:1]:
            yield from (Named(call_id.strip(), (), "in_reply_to") for call_id in split(value)[:1] if call_id.strip())
    if message.method == "REFER" and (target := message.first("refer-to")) is not None:
        replaced = parse_refer_to(target).replaces
        if replaced is not None and replaced.call_id and replaced.from_tag and replaced.to_tag:
            yield Named(replaced.call_id, (replaced.to_tag, replaced.from_tag), "refer_to")


def referral_keys(message: Message) -> Iterator[Key]:
    """Who refers whom (RFC 3515, RFC 3892): the same on each leg that a REFER, or the call it asks for, passes."""
    by = message.first("referred-by")
    referrer = person(parse_referred_by(by)) if by is not None else ""
    if not referrer:
        return
    if message.method == "REFER":
        target = message.first("refer-to")
        persons = [person(parse_refer_to(target).uri)] if target is not None else []
    else:
        persons = sorted({person(message.request_uri), person(message.to_uri)})
    for one in filter(None, persons):
        yield _key("referral", message.method, one, referrer)


def grounds(message: Message) -> Iterator[tuple[Ground, bytes]]:
    """What a message of an INVITE transaction says that legs of one call have in common, and many other calls too
    (RFC 7315 4.5, 4.6, RFC 7044)."""
    vector = message.first("p-charging-vector")
    given = parameters(";" + vector)[1] if vector is not None else {}
    if element := given.get("icid-generated-at", ""):
        yield "icid-generated-at", _key("likeness", element.lower()).digest
    for name in ("orig-ioi", "term-ioi"):
        if operator := given.get(name, ""):
            yield "ioi", _key("likeness", name, operator.lower()).digest
    for value in message.all("p-charging-function-addresses")[:1]:  # which charging functions: an operator's, too
        yield "ioi", _key("likeness", value.replace(" ", "").lower()).digest
    history = message.first("history-info")
    entries = split(history) if history is not None else ()
    if entries and (first := person(address_uri(entries[0]))):
        yield "history-info", _key("likeness", first).digest


def likenesses(message: Message) -> Iterator[bytes]:
    """Who calls whom: one digest for each way to name the two. Nobody in particular has none."""
    callers = sorted(set(map(person, (message.from_uri, *_asserted(message)))) - {""})[:4]
    callees = sorted({person(message.request_uri), person(message.to_uri)} - {""})
    for caller in callers:
        for callee in callees:
            yield _key("likeness", caller, callee).digest


def slotted(likeness: bytes, slot: int) -> bytes:
    """The key of a likeness in one slot of time."""
    return likeness + slot.to_bytes(8, "big", signed=True)


def _asserted(message: Message) -> tuple[str, ...]:
    return message.identities("p-asserted-identity") + message.identities("p-preferred-identity")


def person(uri: str) -> str:
    """A user as all elements on the way write it, "" for nobody in particular."""
    parsed = parse_uri(uri)
    user = parsed.user.partition(";")[0].lower()
    digits = user.translate(MARKS).removeprefix("+")
    if len(digits) >= _NUMBER and digits.isdecimal():
        return digits
    if not user or user == "anonymous" or parsed.host.endswith(".invalid"):
        return ""
    return f"{user}@{parsed.host}"


def features(sdp: Session) -> frozenset[int]:
    """What an element that rewrites addresses and keys leaves of a description."""
    found: set[object] = {("s", sdp.name), *(("b", *bandwidth) for bandwidth in sdp.bandwidths)}
    for media in sdp.media:
        found |= _media_features(media)
    return frozenset(map(hash, found))


def _media_features(media: Media) -> set[object]:
    at = media.index
    found: set[object] = {(at, "m", media.medium, media.formats)}
    found |= {(at, "b", *bandwidth) for bandwidth in media.bandwidths}
    found |= {(at, "rtpmap", kind, codec) for kind, codec in media.rtpmap.items()}
    found |= {(at, "fmtp", kind, text) for kind, text in media.fmtp.items()}
    found |= {(at, name, value) for name, value in media.attributes if name.lower() not in _ADDRESSED}
    return found


def similarity(one: frozenset[int], other: frozenset[int]) -> float:
    """The share of features that two descriptions have in common (Jaccard), 0 to 1."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0
