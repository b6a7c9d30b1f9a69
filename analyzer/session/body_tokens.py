"""Words in the bodies of an INVITE that may be the identifier of a conference (TS 23.218 8.1.3 fixes no place for it).

A word is named where what it stands in is called after a conference: an XML element or attribute, an SDP attribute
(also confid, RFC 8856 11), a line `name: value` or a member of JSON, or where it has the form of RFC 4240 or RFC 5707
(`conf=x`, `conf:x`). A word that nothing names has to look like an identifier, and says nothing by itself: codecs,
namespaces, version numbers, addresses and plain words do not look like one.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.core.text import decode
from analyzer.formats import xml
from analyzer.formats.mime import BodyPart
from analyzer.formats.uri import parse_uri
from analyzer.formats.xml import local
from analyzer.protocols.sdp.session import Session

MAX_TOKENS = 16
"""Words of one body that are kept."""
_ELEMENTS = 1_024
_TEXT = 8_192  # bytes of a body that is no XML
_PAIRS = 64
_NAME = 40  # characters of a name that are kept
_NAMES = frozenset(
    ("conf", "confid", "conference", "conferenceid", "conferenceidentifier", "conferencename", "confname")
)
_HOLDERS = _NAMES | {"createconference", "configureconference"}  # elements whose id or name is a conference's
_PROPER = frozenset(("id", "identifier", "name"))
_KNOWN = frozenset(
    ("3ge2ae", "accept-types", "accept-wrapped-types", "acap", "acfg", "bfcpver", "bundle-only", "candidate", "cat",
     "cdsc", "charset", "cname", "conf", "connection", "content", "cpar", "creq", "crypto", "csup", "curr", "dcmap",
     "dcsa", "des", "end-of-candidates", "extmap", "file-range", "file-selector", "file-transfer-id", "fingerprint",
     "floorctrl", "floorid", "fmtp", "framerate", "group", "ice-options", "ice-pwd", "ice-ufrag", "identity",
     "imageattr", "key-mgmt", "keywds", "label", "lang", "maxptime", "mid", "msid", "msid-semantic", "orient", "path",
     "pcfg", "ptime", "quality", "range", "rid", "rtcp", "rtcp-fb", "rtcp-xr", "rtpmap", "sctp-port", "sctpmap",
     "sdplang", "setup", "simulcast", "sqn", "ssrc", "ssrc-group", "tcap", "tls-id", "tool", "type", "userid")
)  # fmt: skip
_WORD = re.compile(r"[\w.+=@:-]{1,128}", re.ASCII)
_FORM = re.compile(r"[A-Za-z0-9_-]{8,64}")
_DIGITS = 4
_LEAST = 4
_PAIR = re.compile(
    r"(?<![\w.-])([A-Za-z][\w.-]{1,40}+)[\"']?[ \t]{0,8}[:=][ \t]{0,8}[\"']?([\w.+=@:-]{1,128})", re.ASCII
)
_MARKED = re.compile(r"conf(?:erence)?[-_.]?(?:id)?[:=]([\w.+-]{1,64})", re.ASCII | re.IGNORECASE)
_CODEC = re.compile(
    r"(?:pcm[ua]|g[.-]?7\d\d|amr|evs|opus|speex|ilbc|gsm|silk|telephone|h[.-]?26\d|vp[89]|av1|l16|t38|aac|mp4)",
    re.ASCII | re.IGNORECASE,
)
_BREAKS = re.compile(r"[\s,;/#()]+")
_CALLED = frozenset(("conf", "conference", "room", "bridge"))


class Token(NamedTuple):
    """A word, and the place where it stands: the kind of body, then what in it. An empty word: there is such a body."""

    place: str
    text: str
    named: bool = False


def kind_of(place: str) -> str:
    """The kind of body that a place is in."""
    return place.partition(" ")[0]


def identifies(word: str) -> bool:
    """Whether a word that stands where an identifier does may be one, rather than a name of the server's own."""
    return len(word) >= _LEAST and any(character.isdigit() for character in word)


def part_tokens(part: BodyPart, limits: Limits) -> list[Token]:
    """The words of a body that is no SDP."""
    kind = part.content_type
    if kind.endswith(("+xml", "/xml")):
        root = xml.parse(part.body, (), limits)
        found = iter(()) if isinstance(root, Anomaly) else _elements(kind, root)
    elif b"\0" in part.body[:_TEXT]:
        return []
    else:
        pairs = islice(_PAIR.finditer(decode(part.body[:_TEXT])), _PAIRS)
        found = (each for pair in pairs for each in _token(f"{kind} {pair[1]}", _plain(pair[1]) in _NAMES, pair[2]))
    return [Token(kind, ""), *_kept(found)]


def sdp_tokens(sdp: Session) -> list[Token]:
    """The words of a session description: its name, its information, attributes that no standard gives a meaning."""
    return [Token("SDP", ""), *_kept(_sdp(sdp))]


def _kept(found: Iterator[Token]) -> list[Token]:
    """The first of each place."""
    first: dict[str, Token] = {}
    for token in found:
        first.setdefault(token.place, token)
        if len(first) >= MAX_TOKENS:
            break
    return list(first.values())


def _plain(name: str) -> str:
    """A name without its marks, case and the x- before it."""
    plain = "".join(character for character in name.lower() if character.isalnum())
    return plain[1:] if plain[1:] in _NAMES and plain.startswith("x") else plain


def _token(place: str, named: bool, value: str) -> Iterator[Token]:
    """The word that a value is, if it may be an identifier."""
    value = value.strip()
    if not _WORD.fullmatch(value):
        return
    marked = _MARKED.fullmatch(value)
    word = marked[1] if marked else parse_uri(value).user if named and value.startswith(("sip:", "sips:")) else value
    if (named or marked) and identifies(word):
        yield Token(place, word, named=True)
    elif not named and looks_like_one(word):
        yield Token(place, word)


def looks_like_one(word: str) -> bool:
    """Whether a word that nothing names may be an identifier."""
    return bool(_FORM.fullmatch(word)) and sum(map(str.isdigit, word)) >= _DIGITS and not _CODEC.match(word)


def _elements(kind: str, root: xml.Node) -> Iterator[Token]:
    pending = [("", root.element)]
    for _ in range(_ELEMENTS):
        if not pending:
            return
        above, element = pending.pop()
        name, own = local(element.tag), _plain(local(element.tag))
        for key, value in element.items():
            attribute = _plain(local(key))
            named = attribute in _NAMES or (attribute in _PROPER and own in _HOLDERS)
            yield from _token(f"{kind} {name[:_NAME]}/@{local(key)[:_NAME]}", named, value)
        named = own in _NAMES or (own in _PROPER and above in _HOLDERS)
        yield from _token(f"{kind} {name[:_NAME]}", named, element.text or "")
        pending += [(own, child) for child in reversed(element)]


def _sdp(sdp: Session) -> Iterator[Token]:
    for media in sdp.media:
        if media.confid is not None and identifies(str(media.confid)):
            yield Token("SDP a=confid", str(media.confid), named=True)
    for name, value in (*sdp.attributes, *(each for media in sdp.media for each in media.attributes)):
        if name.lower() not in _KNOWN:
            yield from _token(f"SDP a={name[:_NAME]}", _plain(name) in _NAMES, value)
    for line, text in (("s", sdp.name), ("i", sdp.information)):
        yield from (Token(f"SDP {line}=", word) for word in _words(text))


def _words(text: str) -> Iterator[str]:
    """The words of free text that may be an identifier, or are called one."""
    before = ""
    for word in _BREAKS.split(text[:_TEXT]):
        called = before in _CALLED or word.lower().startswith("conf")
        if looks_like_one(word) or (called and identifies(word) and _WORD.fullmatch(word)):
            yield word
        before = word.lower().rstrip(":=.")
