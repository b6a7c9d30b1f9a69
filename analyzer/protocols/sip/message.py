"""A SIP message: start line and headers split at once, everything typed on demand (RFC 3261 7)."""

from collections.abc import Collection, Mapping
from dataclasses import field
from typing import NamedTuple

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.remembered import remembered
from analyzer.formats.headers import parameters, split
from analyzer.formats.mime import BodyPart, media_type, parts_of
from analyzer.formats.uri import address_uri, host_port, parse_name_addr

ADDRESSES = frozenset(
    ("contact", "diversion", "from", "history-info", "p-asserted-identity", "p-preferred-identity", "path",
     "record-route", "refer-to", "referred-by", "reply-to", "route", "service-route", "to")
)  # fmt: skip
"""The headers whose values are addresses: a display name, a URI, parameters."""
UNIQUE = frozenset(("authorization", "proxy-authorization", "identity"))
"""The headers that no table remembers: they do not come again, or are not to be kept."""


class Header(NamedTuple):
    """One header in its place: long lower-case name, the name as sent, the unfolded value."""

    name: str
    raw_name: str
    value: str


@frozen
class Via:
    """One hop (RFC 3261 20.42). `rport` is None if absent, "" if asked for and not answered (RFC 3581)."""

    transport: str
    host: str
    port: int | None
    branch: str
    received: str
    rport: str | None


@frozen
class Message:
    """A request or response with the frames that carried it. `complete` is False if bytes are known to be missing.

    `cut`: they are missing because they were not captured, so what is not here is no fault of who sent it.
    `cseq` is the number of CSeq, `index` the first value of each header name, `repeated` the names that stand more
    than once.
    """

    method: str
    status: int | None
    reason: str
    request_uri: str
    version: str
    headers: tuple[Header, ...]
    body: bytes
    raw: bytes
    cites: tuple[Cite, ...]
    cseq: int | None
    index: Mapping[str, str] = field(repr=False, compare=False)
    repeated: Collection[str] = field(default=(), repr=False, compare=False)
    complete: bool = True
    anomalies: tuple[Anomaly, ...] = ()
    cut: bool = False

    @property
    def ts_ns(self) -> int:
        """Time of the last frame, nanoseconds since the epoch."""
        cites = self.cites
        return cites[0].ts_ns if len(cites) == 1 else max((cite.ts_ns for cite in cites), default=0)

    @property
    def is_request(self) -> bool:
        """Whether this is a request."""
        return self.status is None

    def all(self, name: str) -> tuple[str, ...]:
        """Values of every header of a long lower-case name, in order."""
        value = self.index.get(name)
        if value is None:
            return ()
        if name not in self.repeated:
            return (value,)
        return tuple([header.value for header in self.headers if header.name == name])

    def first(self, name: str) -> str | None:
        """The value of the first header of that name."""
        return self.index.get(name)

    @property
    def call_id(self) -> str:
        """Call-ID, "" if missing."""
        return self.index.get("call-id", "")

    @property
    def from_tag(self) -> str:
        """The tag of From."""
        return _tag(self.index.get("from", ""))

    @property
    def to_tag(self) -> str:
        """The tag of To."""
        return _tag(self.index.get("to", ""))

    @property
    def from_uri(self) -> str:
        """The URI of From."""
        return address_uri(self.index.get("from", ""))

    @property
    def to_uri(self) -> str:
        """The URI of To."""
        return address_uri(self.index.get("to", ""))

    @property
    def vias(self) -> tuple[Via, ...]:
        """Every hop, top first."""
        return tuple(parse_via(part) for value in self.all("via") for part in split(value))

    @property
    def branch(self) -> str:
        """The branch of the top Via."""
        return _branch(self.index.get("via", ""))

    @property
    def passed_branch(self) -> str:
        """The branch of the Via below the top one, which was the top one a hop before; "" where there is none."""
        if "via" not in self.repeated and "," not in self.index.get("via", ""):
            return ""
        parts = [part for value in self.all("via")[:2] for part in split(value)]
        return parse_via(parts[1]).branch if len(parts) > 1 else ""

    @property
    def contacts(self) -> tuple[str, ...]:
        """The URIs of Contact."""
        return self.identities("contact")

    @property
    def content_type(self) -> str:
        """Lower-case media type of the body, without parameters."""
        return media_type(self.first("content-type") or "")[0]

    def parts(self, limits: Limits = Limits()) -> tuple[BodyPart, ...]:  # noqa: B008  (Limits is frozen)
        """The leaves of the body; the body itself if it is not multipart, nothing if it is empty."""
        if not self.body:
            return ()
        kind = self.first("content-type") or ""
        return parts_of(kind, self.first("content-disposition") or "", self.body, limits)[0]

    def identities(self, name: str) -> tuple[str, ...]:
        """The URIs of a header such as p-asserted-identity, in order."""
        if name not in self.index:
            return ()
        return tuple(address_uri(part) for value in self.all(name) for part in split(value))


@remembered
def _tag(value: str) -> str:
    before, bracket, behind = value.partition(">")
    if not bracket or ">" in behind or '"' in behind or "<" not in before:
        return parse_name_addr(value).params.get("tag", "")
    return _parameter(behind, "tag")


@remembered
def _branch(value: str) -> str:
    if '"' not in value and "<" not in value:
        return _parameter(value.partition(",")[0], "branch")
    parts = split(value)
    return parse_via(parts[0]).branch if parts else ""


def _parameter(value: str, wanted: str) -> str:
    """The first parameter of that name in a value without quotes and brackets."""
    for part in value.split(";")[1:]:
        name, _, text = part.partition("=")
        if name == wanted or name.strip().lower() == wanted:
            return text.strip()
    return ""


def parse_via(value: str) -> Via:
    """Reads one via-parm; blanks around the slashes are legal."""
    sent, params = parameters(value)
    words = sent.split("/", 2)
    transport, _, place = words[-1].strip().partition(" ") if len(words) == 3 else ("", "", sent)
    host, port = host_port(place)
    rport, received = params.get("rport"), params.get("received", "")
    return Via(transport.upper(), host, port, params.get("branch", ""), received, rport)
