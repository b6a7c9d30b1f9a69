"""A SIP message as the session layer keeps it until its call closes."""

from dataclasses import dataclass, field

from analyzer.core.cites import Cite
from analyzer.formats.referral import ReferTo, parse_refer_to, parse_referred_by
from analyzer.protocols.sdp.session import Session
from analyzer.protocols.sip.message import Header, Message
from analyzer.session.bodies import Bodies
from analyzer.session.carrier import Carrier
from analyzer.session.kept_headers import kept_headers

EMERGENCY_PREFIX = "urn:service:sos"
NEVER_INITIAL = frozenset({"ACK", "CANCEL", "BYE", "PRACK"})


@dataclass(slots=True)
class MessageRecord:
    """What later questions need of one message; its bytes are not kept."""

    ordinal: int
    ts_ns: int
    carrier: Carrier
    cites: tuple[Cite, ...]
    request: bool
    method: str
    status: int | None
    reason: str
    cseq: int | None
    call_id: str
    from_tag: str
    to_tag: str
    branch: str
    vias: int
    passed_branch: str  # the branch that the top Via had a hop before; empty: this is the first hop
    complete: bool
    reliable: bool
    emergency: bool
    asserted: tuple[str, ...]
    preferred: tuple[str, ...]
    privacy: tuple[str, ...]
    sdp: Session | None
    conference_focus: bool
    sightings: dict[int, tuple[Cite, ...]] = field(default_factory=dict)
    retransmission: bool = False
    on_agreed_port: bool = False  # one that a security agreement names
    request_uri: str = ""
    headers: tuple[Header, ...] = ()  # those of `kept_headers`
    refer_to: ReferTo | None = None
    referred_by: str = ""  # URI of a Referred-By
    bodies: Bodies = Bodies()  # what it carries besides SDP
    length: int = 0  # bytes

    def all(self, name: str) -> tuple[str, ...]:
        """Values of every kept header of a long lower-case name, in order."""
        return tuple([header.value for header in self.headers if header.name == name])

    @property
    def initial(self) -> bool:
        """A request that starts a dialog or stands alone."""
        return self.request and not self.to_tag and self.method not in NEVER_INITIAL

    @property
    def sdes_keys(self) -> int:
        """Inline keys readable in its SDP."""
        if self.sdp is None:
            return 0
        return sum(1 for m in self.sdp.media for c in m.crypto for k in c.keys if k.key is not None)

    @property
    def label(self) -> str:
        """The message in two words, as a ladder shows it."""
        return self.method if self.request else f"{self.status} {self.reason}".strip()


def _privacy(message: Message) -> tuple[str, ...]:
    values = message.all("privacy")
    if not values:
        return ()
    parts = [part.strip().lower() for value in values for part in value.replace(",", ";").split(";")]
    return tuple([part for part in parts if part])


def record(message: Message, carrier: Carrier, bodies: Bodies, ordinal: int) -> MessageRecord:
    """The record of a message that was not seen before."""
    vias = message.all("via")
    refer_to = message.first("refer-to") if message.method == "REFER" else None
    referred_by = message.first("referred-by")
    return MessageRecord(
        ordinal=ordinal,
        ts_ns=message.ts_ns,
        carrier=carrier,
        cites=message.cites,
        request=message.is_request,
        method=message.method,
        status=message.status,
        reason=message.reason,
        cseq=message.cseq,
        call_id=message.call_id,
        from_tag=message.from_tag,
        to_tag=message.to_tag,
        branch=message.branch,
        vias=1 + ",".join(vias).count(",") if vias else 0,
        passed_branch=message.passed_branch,
        complete=message.complete,
        reliable=message.first("rseq") is not None,
        emergency=message.request_uri.lower().startswith(EMERGENCY_PREFIX),
        asserted=message.identities("p-asserted-identity"),
        preferred=message.identities("p-preferred-identity"),
        privacy=_privacy(message),
        sdp=bodies.sdp,
        conference_focus="isfocus" in ",".join(message.all("contact")).lower(),
        sightings={carrier.vantage: message.cites},
        request_uri=message.request_uri,
        headers=kept_headers(message),
        refer_to=parse_refer_to(refer_to) if refer_to is not None else None,
        referred_by=parse_referred_by(referred_by) if referred_by is not None else "",
        bodies=bodies.without_sdp,
        length=len(message.raw),
    )
