"""The traffic half of a report: calls, conferences, hops, streams, connections, keys."""

from collections.abc import Mapping, Sequence
from typing import Literal

from analyzer.core.frozen import frozen
from analyzer.report.evidence import Cite, Sighting
from analyzer.report.keys import Handling, entry
from analyzer.report.messaging import BfcpSession, Floor, MsrpSession
from analyzer.report.words import (
    Exposed,
    LinkKind,
    Outcome,
    RelationKind,
    RelationRole,
    YesNoUnknown,
)
from analyzer.session.model.states import (
    Continuity,
    Evidence,
    GroupedBy,
    HeardBy,
    HopState,
    KeyExchange,
    MovedBy,
    Plane,
    RelationGround,
    RtcpState,
    Scope,
    ScopeDetail,
    Termination,
)


@frozen
class SipCounts:
    """SIP messages, each once however many vantage points saw it on that hop."""

    messages: int = entry("messages", default=0)
    requests: Mapping[str, int] = entry("requests by method", default_factory=dict)
    responses: Mapping[str, int] = entry("responses by status code", default_factory=dict)
    retransmissions: int = entry("repeated messages, among the above", default=0)
    malformed: int = entry("messages with something wrong, kept and named", default=0)
    call_ids: int = entry("different Call-IDs", default=0)


@frozen
class MsrpCounts:
    """MSRP (RFC 4975)."""

    sessions: int = entry("sessions", default=0)
    requests: Mapping[str, int] = entry("requests by method", default_factory=dict)
    responses: Mapping[str, int] = entry("responses by status code", default_factory=dict)
    messages_reassembled: int = entry("messages put together from chunks", default=0)


@frozen
class BfcpCounts:
    """BFCP (RFC 8855)."""

    sessions: int = entry("sessions", default=0)
    primitives: Mapping[str, int] = entry("primitives by name", default_factory=dict)


@frozen
class Registration:
    """One registration binding, as far as captured (TS 24.229 5.1.1)."""

    id: str = entry("registration-1, ...")
    aor: str = entry("address of record", handling=Handling.IDENTITY)
    ue: str = entry("the UE's node name, else its address")
    client_mechanisms: Sequence[str] | None = entry("Security-Client mechanisms; null: not seen", default=None)
    server_mechanisms: Sequence[str] | None = entry("Security-Server mechanisms; null: not seen", default=None)
    outcome: str | None = entry("status code of the last final response; null: not seen", default=None)
    evidence: Sequence[Cite] = entry("the REGISTER and its answers", default=())
    client_mediasec: Sequence[str] | None = entry(
        "mechanisms of the media plane that the UE announced; null: not seen", default=None
    )
    server_mediasec: Sequence[str] | None = entry(
        "mechanisms of the media plane that the network announced; null: not seen", default=None
    )
    verified: bool | None = entry(
        "Security-Verify repeats the server's list; null: not seen, or nothing to repeat", default=None
    )


@frozen
class EspSa:
    """One direction of ESP between two addresses, as seen on the wire (RFC 4303, TS 33.203). Packets are distinct."""

    id: str = entry("esp-1, ...")
    spi: str = entry("SPI, 0x and eight hexadecimal digits")
    src: str = entry("source address")
    dst: str = entry("destination address")
    cipher: str | None = entry("encryption algorithm; null: unknown", default=None)
    auth: str | None = entry("integrity algorithm; null: unknown", default=None)
    key: str | None = entry("id of the key that opens it", default=None)
    packets: int = entry("distinct packets", default=0)
    authenticated: int | None = entry("packets whose check value verified; null: no key", default=None)
    decrypted: int = entry("packets opened", default=0)
    evidence: Sequence[Cite] = entry("the first packet", default=())
    mode: Literal["transport", "tunnel"] | None = entry("what it carries; null: not opened", default=None)
    udp: bool = entry("inside UDP (RFC 3948)", default=False)
    recognised_by: Literal["key", "agreement", "structure"] | None = entry(
        "how its algorithms are known: a key that opens it, Security-Server, or the look of its packets (RFC 5879); "
        "null: unknown",
        default=None,
    )
    auth_failed: int = entry("packets that fail the check value of every key that may be theirs", default=0)
    replayed: int = entry("packets sent again, with the same bytes", default=0)
    failure: str | None = entry("why packets stay closed, and what would open them", default=None)


@frozen
class Leg:
    """One dialog, or attempt, on one hop of a call."""

    id: str = entry("unique in its call")
    call_id: str = entry("Call-ID", handling=Handling.CALL_ID)
    from_addr: str = entry("end that sent the INVITE: node name, else address", "from")
    to_addr: str = entry("the other end", "to")
    from_zone: str | None = entry("zone of the first end; null: unknown", default=None)
    to_zone: str | None = entry("zone of the other end; null: unknown", default=None)
    outcome: Outcome = entry("how the attempt ended", default="unknown")
    first: Cite | None = entry("the first message", default=None)


@frozen
class Link:
    """Why two dialogs are legs of one call."""

    by: LinkKind = entry("the key they have in common")
    score: int = entry("how sure, per cent: 100 is exact")
    call_ids: Sequence[str] = entry("their Call-IDs", handling=Handling.CALL_ID)
    evidence: Sequence[Cite] = entry("the first message of each", default=())


@frozen
class Relation:
    """That one call was asked for in another: a REFER and the request it led to (RFC 3515). They stay two calls."""

    by: RelationKind = entry("how they are related")
    role: RelationRole = entry("whether this call asks for the other one or was asked for")
    score: int = entry("how sure, per cent")
    call: str | None = entry("id of the other call; null: a dialog that is no call, as that of a REFER by itself")
    call_ids: Sequence[str] = entry("Call-IDs: of the REFER, and of what it asked for", handling=Handling.CALL_ID)
    method: str = entry("of the request that was asked for", handling=Handling.TEXT)
    grounds: Sequence[RelationGround] = entry("what agrees")
    status: int | None = entry("final answer to it that a NOTIFY told (message/sipfrag); null: not seen", default=None)
    evidence: Sequence[Cite] = entry("the REFER, the request it led to, the NOTIFY", default=())


@frozen
class Exposure:
    """What could be read on the wire of one hop."""

    what: Exposed = entry("content, key or identity")
    hop: str = entry("id of the hop")
    keys: Sequence[str] = entry("of a key: its names, as section keys has them", default=())


@frozen
class CallMedia:
    """One medium of a call along its whole path."""

    medium: str = entry("audio, video, message, bfcp, ...")
    path: Sequence[str] = entry("ids of its hops, in path order")
    protection: HopState = entry(
        "the weakest state of the hops on the path, as far as they are known", default="unknown"
    )
    assurance: str = entry(
        "what the conference server may conclude, and what it may not", handling=Handling.TEXT, default=""
    )
    exposed: Sequence[Exposure] = entry("what was readable on which hop", default=())
    caveats: Sequence[str] = entry("what the evidence cannot show", default=())


@frozen
class Call:
    """Legs that belong together, and their media."""

    id: str = entry("call-1, ...")
    call_ids: Sequence[str] = entry("every Call-ID", handling=Handling.CALL_ID)
    legs: Sequence[Leg] = entry("in path order", default=())
    conference: str | None = entry("id of the conference it joins", default=None)
    participants: Sequence[str] = entry(
        "identities that the network asserts (P-Asserted-Identity), first the caller's",
        handling=Handling.IDENTITY, default=(),
    )  # fmt: skip
    claimed_from: str | None = entry(
        "From of its first message: what the sender says, verified by nobody", handling=Handling.IDENTITY, default=None
    )
    claimed_to: str | None = entry(
        "To of its first message: who is meant, not who answered", handling=Handling.IDENTITY, default=None
    )
    start_ns: int | None = entry("time of the first message; null: not captured", default=None)
    end_ns: int | None = entry("time of the last message", default=None)
    outcome: Outcome = entry("how the call ended", default="unknown")
    media: Sequence[CallMedia] = entry("one per medium", default=())
    links: Sequence[Link] = entry("what joins legs of different Call-IDs; empty: they have one", default=())
    msrp: Sequence[MsrpSession] = entry("MSRP sessions, by hop", default=())
    bfcp: Sequence[BfcpSession] = entry("BFCP sessions, by hop", default=())
    floors: Sequence[Floor] = entry("floors that its BFCP shows", default=())
    related: Sequence[Relation] = entry("calls that it asked for, or that asked for it", default=())


@frozen
class Participant:
    """One participant of a conference."""

    identity: str = entry("address shown to the focus", handling=Handling.IDENTITY)
    asserted: bool | None = entry("a P-Asserted-Identity from the trust domain; null: not seen", default=None)
    anonymous: bool | None = entry(
        "no identity is given to the focus (Privacy alone is not that); null: not seen", default=None
    )
    outcome: Outcome = entry("how joining ended", default="unknown")


@frozen
class Grouping:
    """Why calls are of one conference."""

    by: GroupedBy = entry(
        "its URI; an identifier that the INVITEs to an MRFC call one; a word that they have in common and that others "
        "have not; none: nothing tells, and the call stands by itself",
        default="uri",
    )
    place: str = entry(
        "of an identifier or word, where it stands: Request-URI, Contact, or the kind of body and what in it",
        handling=Handling.TEXT, default="",
    )  # fmt: skip
    score: int = entry("how sure, per cent: 100 is exact", default=100)
    evidence: Sequence[Cite] = entry("messages of its calls", default=())


@frozen
class Contributor:
    """Somebody whose media a mixed stream contains (RFC 3550 7.1)."""

    ssrc: str = entry("CSRC, 0x and eight hexadecimal digits")
    packets: int = entry("packets of the mixed stream that name it", default=0)
    call: str | None = entry("the participant's call; null: no participant's, or not one's alone", default=None)
    streams: Sequence[str] = entry("ids of the participant's streams", default=())
    by: HeardBy = entry("what tells: a stream's SSRC, one described in SDP (RFC 5576), the CNAME", default="nothing")


@frozen
class Mix:
    """A stream that a mixer made of others. Payloads of a mix are like none of its parts: nothing else shows them."""

    stream: str = entry("id of the mixed stream")
    call: str = entry("id of the call that it belongs to")
    contributors: Sequence[Contributor] = entry("whose media it contains, in order of sight", default=())


@frozen
class Conference:
    """One focus and the legs to it (RFC 4579)."""

    id: str = entry("conference-1, ...")
    focus: str = entry("node name or address of the focus")
    uri: str | None = entry("conference URI", handling=Handling.TEXT, default=None)
    legs: Sequence[str] = entry("ids of its calls", default=())
    participants: Sequence[Participant] = entry("who joined or tried to", default=())
    floors: Sequence[str] = entry("BFCP floor ids named in SDP or seen, as conference/floor", default=())
    floor_control: Sequence[Floor] = entry("floors that the BFCP of its calls shows, each once", default=())
    mixes: Sequence[Mix] = entry("streams of its calls that name their parts", default=())
    weakest: HopState = entry("the weakest state of its media hops, as far as they are known", default="unknown")
    caveats: Sequence[str] = entry("what the evidence cannot show", default=())
    grouping: Grouping = entry("why its calls are of one conference", default=Grouping())


@frozen
class Continuation:
    """Another hop that carries the same media."""

    hop: str = entry("id of the hop")
    by: Continuity = entry("what shows it, from strong to weak")
    score: int = entry("how well, per cent: 100 but for offsets (packets that agree) and shape (correlation)")


@frozen
class Moved:
    """Two addresses between which streams of a hop ran, other than described."""

    from_addr: str = entry("address and port at the end that `from` of the hop is", "from")
    to_addr: str = entry("address and port at the other end", "to")
    by: MovedBy = entry("ICE checks that verify with the passwords described, or an address that STUN showed")
    evidence: Sequence[Cite] = entry("the first check, or the response with the address", default=())


@frozen
class Hop:
    """Between two elements that terminate its transport: what was agreed against what was seen."""

    id: str = entry("hop-1, ...")
    call: str | None = entry("id of its call; null: none", default=None)
    leg: str | None = entry("id of its leg", default=None)
    plane: Plane = entry("signalling or media", default="media")
    medium: str = entry("sip, audio, video, message, bfcp, ...", default="audio")
    from_addr: str = entry("offerer's (or caller's) end: node name, else address", "from", default="")
    to_addr: str = entry("the other end", "to", default="")
    from_zone: str | None = entry("zone of the first end; null: unknown", default=None)
    to_zone: str | None = entry("zone of the other end; null: unknown", default=None)
    inferred: bool = entry("zones and roles were inferred, not read from a topology file", default=True)
    transport: str = entry("udp, tcp, tls, ws, wss, sctp, ...", default="")
    negotiated: str | None = entry("transport protocol and keying agreed in SDP; null: not seen", default=None)
    observed: str | None = entry("what the packets are; null: none seen", default=None)
    state: HopState = entry("the weakest any packet had", default="unknown")
    confidentiality: YesNoUnknown = entry("content was encrypted on the wire", default="unknown")
    integrity: YesNoUnknown = entry("content was integrity-protected on the wire", default="unknown")
    peer_auth: YesNoUnknown = entry("the peer was authenticated by what was seen", default="unknown")
    key_exchange: KeyExchange = entry("how keys were agreed", default="unknown")
    evidence: Evidence = entry("on what grounds", default="none")
    scope: Scope = entry("how far the protection reaches", default="unknown")
    scope_detail: ScopeDetail = entry("which case of the decision table", default="none")
    termination: Termination = entry("how the end of the protection is known", default="unknown")
    sightings: Sequence[Sighting] = entry("where it was seen", default=())
    packets: int = entry("distinct packets (media) or messages (signalling)", default=0)
    rtcp: RtcpState | None = entry("protection of its RTCP, the weakest any packet had; null: none seen", default=None)
    rtcp_packets: int = entry("RTCP packets seen, every sighting counted", default=0)
    rtcp_authenticated: int | None = entry("distinct RTCP packets whose tag verified; null: no key", default=None)
    rtcp_failed: int | None = entry("distinct RTCP packets whose tag failed; null: no key", default=None)
    moved: Sequence[Moved] = entry("where its streams ran, as ICE and STUN show, other than described", default=())
    continued: Sequence[Continuation] = entry("the hops that were found to carry its media on", default=())


@frozen
class Stream:
    """One SSRC from one address to another."""

    id: str = entry("stream-1, ...")
    ssrc: str = entry("SSRC, 0x and eight hexadecimal digits")
    src: str = entry("source address and port")
    dst: str = entry("destination address and port")
    sightings: Sequence[Sighting] = entry("where it was seen", default=())
    payload_types: Sequence[int] = entry("RTP payload types seen", default=())
    packets: int = entry("distinct packets", default=0)
    lost: int | None = entry("sequence numbers never seen; null: not computable", default=None)
    duplicates: int = entry("repeats at one vantage point", default=0)
    jitter_ms: float | None = entry(
        "interarrival jitter (RFC 3550 6.4.1) at the end; null: clock rate unknown", default=None
    )
    protection: HopState = entry("what its packets had", default="unknown")
    suite: str | None = entry("crypto-suite; null: unknown or none", default=None)
    key: str | None = entry("id of the key that opens it", default=None)
    authenticated: int | None = entry("distinct packets whose tag verified; null: no key", default=None)
    auth_failed: int | None = entry("distinct packets whose tag failed; null: no key", default=None)
    decrypted: int = entry("distinct packets opened", default=0)
    failure: str | None = entry("why it could not be opened, one word: no_key, tag_failed, key_late, ...", default=None)
    failure_detail: str | None = entry("the same as a sentence, with what would help", default=None)
    call: str | None = entry("call it belongs to; null: none that is in the capture and readable", default=None)
    reordered: int = entry("packets that came behind one with a higher sequence number (RFC 4737 3.3)", default=0)
    replayed: int = entry("duplicates that came 32 numbers or more behind the highest (RFC 3711 3.3.2)", default=0)
    csrc: Sequence[str] = entry("contributing sources that its packets name, 0x and hexadecimal", default=())


@frozen
class DataChannel:
    """A WebRTC data channel, as it was opened (RFC 8832)."""

    stream: int = entry("SCTP stream")
    label: str = entry("label", handling=Handling.TEXT, default="")
    protocol: str = entry("subprotocol: msrp, bfcp, ...", handling=Handling.TEXT, default="")


@frozen
class TlsConnection:
    """One TLS or DTLS connection."""

    id: str = entry("tls-1, ...")
    src: str = entry("client address and port")
    dst: str = entry("server address and port")
    version: str | None = entry("TLS 1.2, DTLS 1.2, ...; null: handshake not seen", default=None)
    cipher: str | None = entry("cipher suite; null: not seen", default=None)
    alpn: str | None = entry(
        "application protocol agreed; null: none or not seen", handling=Handling.TEXT, default=None
    )
    decrypted: bool = entry("application data was opened", default=False)
    certificates: Sequence[str] = entry("SHA-256 of each certificate seen, hexadecimal", default=())
    carries: str | None = entry("protocol inside: sip, msrp, bfcp, ...; null: unknown", default=None)
    failure: str | None = entry("why records stay closed, and what would open them", default=None)
    channels: Sequence[DataChannel] = entry("WebRTC data channels inside, where opened", default=())


@frozen
class Key:
    """One key, by an ordinal: equal keys have one id, and nothing of the key itself is shown."""

    id: str = entry("key-1, ...")
    kind: str = entry("tls-keylog, esp-sa, ims-aka, srtp-master, sdes, dtls-srtp, ...")
    source: str = entry("file, environment name or message it came from", handling=Handling.TEXT)
    opened: int = entry("packets or records it opened", default=0)
    unused: bool = entry("it opened nothing", default=True)
    problem: str | None = entry("why it could not be used", handling=Handling.TEXT, default=None)
