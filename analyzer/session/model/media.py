"""Media as rules see it: SDP descriptions, hops, streams."""

from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.session.model.base import Cites, rule_field
from analyzer.session.model.signalling import Mediasec
from analyzer.session.model.states import (
    AnswerKind,
    CoreSide,
    CryptoBeyond,
    E2ae,
    Evidence,
    HopState,
    KeyExchange,
    RtcpState,
    Scope,
    ScopeDetail,
    Termination,
    YesNo,
)


@frozen
class CryptoLine:
    """One a=crypto line, without its key."""

    tag: str = rule_field("the tag")
    suite: str = rule_field("the crypto-suite as written")
    known: bool = rule_field("a suite with a known key length")
    base64: bool = rule_field("every inline key is base64, padding aside")
    padded: bool = rule_field("every inline key has correct base64 padding")
    length_ok: Tristate = rule_field("every key||salt has the suite's exact length")
    unencrypted_srtp: bool = rule_field("session parameter UNENCRYPTED_SRTP")
    unencrypted_srtcp: bool = rule_field("session parameter UNENCRYPTED_SRTCP")
    unauthenticated_srtp: bool = rule_field("session parameter UNAUTHENTICATED_SRTP")
    mki_ok: bool = rule_field("several keys have distinct MKIs of one length; an MKI has 1 to 128 bytes")
    lifetime_ok: bool = rule_field("each lifetime, if there is one, is 1 to 2^48 packets")
    kdr_ok: bool = rule_field("the key derivation rate, if there is one, is 0 to 24")


@frozen
class MikeyMessage:
    """One MIKEY message by its names (RFC 3830 6); keys stay closed."""

    decoded: bool = rule_field("base64 with a MIKEY header of version 1, to its end as far as payloads are known")
    kind: str = rule_field("pre-shared key, public key, TRANSFER_INIT, ...; empty: not known")
    encryption: str = rule_field("of the key data: AES-CM-128, AES-KW-128, NULL; empty: no key data")
    mac: str = rule_field("of the key data: HMAC-SHA-1-160, NULL; empty: no key data")


@frozen
class MediaDescription:
    """One m-line of one SDP, in one message on one hop."""

    medium: str = rule_field("audio, video, message, application, image, text, ...")
    proto: str = rule_field("the transport protocol as written")
    port: int = rule_field("0: refused or disabled")
    index: int = rule_field("position among the m-lines, from 0")
    role: str | Unknown = rule_field("offer or answer")
    secure_profile: bool = rule_field("RTP/SAVP(F) or UDP/TLS/RTP/SAVP(F)")
    rtp: bool = rule_field("any RTP profile")
    crypto: tuple[CryptoLine, ...] = rule_field("its a=crypto lines")
    fingerprints: int = rule_field("a=fingerprint lines that apply, media or session level")
    fingerprint_hashes: tuple[str, ...] = rule_field("the hash functions of its a=fingerprint lines, lower case")
    fingerprints_canonical: bool = rule_field(
        "each of them has the length of its hash, and upper-case digits (RFC 8122 5)"
    )
    tls_id_valid: bool = rule_field("a=tls-id, if there is one, has 20 to 255 characters of its alphabet (RFC 8842 4)")
    tls_id_stale: bool = rule_field("the same end had this a=tls-id before in the dialog, with other fingerprints")
    key_mgmt: bool = rule_field("a=key-mgmt applies, media or session level")
    key_line: bool = rule_field("k= applies, media or session level: obsolete, and a key may stand in it in clear")
    mikey: tuple[MikeyMessage, ...] = rule_field("its MIKEY messages (a=key-mgmt:mikey), not opened")
    path_scheme: str = rule_field("scheme of a=path: msrp, msrps, mixed, or none")
    path_elsewhere: Tristate = rule_field("a=path names one end alone, and another address than c= and m=")
    cema: bool = rule_field("a=msrp-cema")
    e2ae: E2ae = rule_field("a=3ge2ae")
    from_addr: str = rule_field("the sender on this hop", name="from")
    to_addr: str = rule_field("the receiver on this hop", name="to")
    from_node: str = rule_field("stable name of the sender")
    to_node: str = rule_field("stable name of the receiver")
    from_zone: str | Unknown = rule_field("the sender's zone")
    to_zone: str | Unknown = rule_field("the receiver's zone")
    zones: tuple[str, ...] | Unknown = rule_field("the zones of both ends, each once")
    access: Tristate = rule_field("one end of the hop is a UE")
    from_ue: Tristate = rule_field("the sender is a UE")
    key_on_core_leg: Tristate = rule_field(
        "for an e2ae m-line: one of its inline keys also appears beyond the access edge"
    )
    print_on_core_leg: Tristate = rule_field(
        "for an e2ae m-line: one of its fingerprints also appears beyond the access edge"
    )
    marker_on_core_leg: Tristate = rule_field("for an e2ae m-line: a=3ge2ae also appears beyond the access edge")
    crypto_beyond: CryptoBeyond | Unknown = rule_field(
        "of the inline keys: beyond the access edge the m-line has the same, others or none"
    )
    answer: AnswerKind | Unknown = rule_field("of an offer: how its answer on this leg takes the m-line")
    answer_key_mgmt: Tristate = rule_field("of an offer: its answer has a=key-mgmt for this m-line")
    with_server: Tristate = rule_field("one end of the hop is a conference server")
    e2e_policy: str = rule_field(
        "the operator's policy for e2e SDES at the conference server: accept or refuse; empty: none is given"
    )
    mediasec: Mediasec = rule_field("what the registration announced for this medium")
    confidentiality: YesNo | Unknown = rule_field("its message was encrypted on the wire")
    integrity: YesNo | Unknown = rule_field("its message was integrity-protected on the wire")
    tags_unique: bool = rule_field("no tag of a=crypto stands twice")
    selects_offer: Tristate = rule_field("an answer has one a=crypto line, with tag and suite of one that was offered")
    key_returned: Tristate = rule_field("the other end's key for this m-line is the same")
    key_moved: Tristate = rule_field("the same end keeps its key although it moves to another address or port")
    weak_key: bool = rule_field("a key is constant, repeated, counting or printable")
    core_leg: Cites = rule_field("the correlated descriptions beyond the access edge")
    protected: bool = rule_field("it describes protected transport: a secure RTP profile, TLS or DTLS")
    protected_before: Tristate = rule_field("an earlier exchange of the dialog agreed on protection for this m-line")
    key_reused: Tristate = rule_field("one of its inline keys also serves another m-line, direction or call")
    key_elsewhere: Cites = rule_field("the other description with that key")
    first: Cites = rule_field("the frames that carry the message")


@frozen
class MediaHop:
    """One medium between the two elements that terminate its transport: negotiated against observed."""

    medium: str = rule_field("audio, video, message, bfcp, ...")
    from_addr: str = rule_field("the offerer's end: node name, else address", name="from")
    to_addr: str = rule_field("the answerer's end: node name, else address", name="to")
    from_node: str = rule_field("stable name of the offerer's end")
    to_node: str = rule_field("stable name of the answerer's end")
    from_zone: str | Unknown = rule_field("zone of the offerer's end")
    to_zone: str | Unknown = rule_field("zone of the answerer's end")
    zones: tuple[str, ...] | Unknown = rule_field("the zones of both ends, each once")
    inferred: bool = rule_field("zones and roles were inferred")
    access: Tristate = rule_field("one end is a UE")
    server: Tristate = rule_field("one end is a conference server")
    gateway: bool = rule_field("one end is a gateway to the telephone network, by its role in the topology")
    core_side: CoreSide | Unknown = rule_field(
        "of an access hop: beyond the edge the medium is described in clear, is protected, or is described as "
        "protected and sent in clear (unsecured)"
    )
    proto: str | Unknown = rule_field("negotiated transport protocol")
    secure_negotiated: Tristate = rule_field("offer and answer agreed on a protected transport with keying")
    clear_negotiated: Tristate = rule_field("offer and answer agreed on an unprotected transport without keying")
    e2ae: E2ae = rule_field("a=3ge2ae in the offer or answer")
    state: HopState | Unknown = rule_field("protection: the weakest any packet had")
    confidentiality: YesNo | Unknown = rule_field("content was encrypted on the wire")
    integrity: YesNo | Unknown = rule_field("content was integrity-protected on the wire")
    peer_auth: YesNo | Unknown = rule_field("the peer was authenticated by what was seen")
    key_exchange: KeyExchange = rule_field("how keys were agreed")
    evidence: Evidence = rule_field("on what grounds")
    scope: Scope = rule_field("how far the protection reaches")
    scope_detail: ScopeDetail = rule_field("the row of the decision table")
    termination: Termination = rule_field("how the end of the protection is known")
    end_to_end: Tristate = rule_field("the protection is one from the UE to the other UE or to the conference server")
    passed_on: Tristate = rule_field("the protection goes on unchanged beyond the end of this hop")
    packets: int = rule_field("distinct packets seen")
    rtcp: RtcpState | Unknown = rule_field("protection of its RTCP: the weakest any packet had")
    cema: bool = rule_field("a=msrp-cema in the offer or in the answer, and no relay in either")
    setup: str = rule_field("a=setup of the answer, lower case; empty: none")
    setup_agrees: bool = rule_field(
        "a=setup of offer and answer leaves one end active and one passive (RFC 4145 4.1, RFC 8842 5.3)"
    )
    tls_by_active: Tristate = rule_field("the end that a=setup makes active sent the ClientHello of each handshake")
    fingerprinted: bool = rule_field("offer and answer both have a=fingerprint")
    client_certified: Tristate = rule_field("the client of each TLS or DTLS handshake showed a certificate")
    handshake_seen: Tristate = rule_field("of RTP that DTLS keys: a handshake passed between its addresses")
    tls_by_offerer: Tristate = rule_field("the offerer began TLS on each connection; the answerer is its server")
    rtcp_first: Cites = rule_field("its first RTCP packet; if some is in clear, the first of that")
    first_clear: Cites = rule_field("the first packet in clear; of a stream whose others verify, the one that does not")
    rtcp_unencrypted_agreed: bool = rule_field("offer or answer has UNENCRYPTED_SRTCP")
    forked: bool = rule_field("another end answered the same offer of this medium")
    fork_reuses_key: Tristate = rule_field("its branches got different packets under the offerer's key")
    levels_in_clear: bool = rule_field(
        "offer and answer agree on audio levels in RTP header extensions (RFC 6464, RFC 6465), not encrypted (RFC 6904)"
    )
    dtmf_packets: int = rule_field("packets of a payload type that is telephone-event (RFC 4733)")
    opportunistic: Tristate = rule_field("keying was offered on an unprotected profile (OSRTP, RFC 8643)")
    unexpected_srtp: Tristate = rule_field("packets have the shape of SRTP although plain RTP was agreed")
    zrtp: bool = rule_field("ZRTP was seen")
    mediasec: Mediasec = rule_field("what the registration announced for this medium")
    policy: str | Unknown = rule_field("the operator's policy for clear media here: clear_permitted or protect")
    offer: Cites = rule_field("the message with the offer")
    answer: Cites = rule_field("the message with the answer")
    first: Cites = rule_field("the first packet")


@frozen
class SrtpStream:
    """One SSRC from one address to another that is, or should be, SRTP."""

    ssrc: str = rule_field("SSRC, eight hexadecimal digits")
    from_addr: str = rule_field("source", name="from")
    to_addr: str = rule_field("destination", name="to")
    suite: str | Unknown = rule_field("crypto-suite")
    packets: int = rule_field("distinct packets")
    first_number: int | Unknown = rule_field("its first sequence number; unknown: the capture may have begun later")
    reused: Tristate = rule_field("a packet index was used twice under its master key, with other bytes")
    reused_with: Cites = rule_field("the other stream that used it; none: the stream itself")
    authenticated: int | Unknown = rule_field("distinct packets whose tag verified")
    failed: int | Unknown = rule_field("distinct packets whose tag failed")
    repeated_late: int = rule_field("packets that came again 32 numbers or more behind the highest (RFC 3711 3.3.2)")
    first: Cites = rule_field("the first packet")
    first_repeated: Cites = rule_field("the first packet that came again so late")
    from_node: str = rule_field("stable name of the source")
    to_node: str = rule_field("stable name of the destination")
