"""Signalling as rules see it: messages, hops, legs, registrations, calls."""

from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.session.model.base import Cites, rule_field
from analyzer.session.model.states import Evidence, SipState, YesNo


@frozen
class Mediasec:
    """What was announced at registration for one medium (TS 24.229 7.2A, `mediasec`)."""

    ue_announced: Tristate = rule_field("the UE's Security-Client lists this medium's mechanism")
    network_announced: Tristate = rule_field("the network's Security-Server lists this medium's mechanism")
    both_announced: Tristate = rule_field("both lists carry it: e2ae security may be used")


@frozen
class SipMessage:
    """One SIP message on one hop, counted once however many vantage points saw it."""

    request: bool = rule_field("a request; else a response")
    method: str = rule_field("the method; of a response, its CSeq method")
    status: int | None = rule_field("the status code of a response")
    call_id: str = rule_field("Call-ID")
    initial: bool = rule_field("a request that starts a dialog or stands alone (no To tag; not ACK or CANCEL)")
    from_addr: str = rule_field("the sender on this hop: its node name, else its address", name="from")
    to_addr: str = rule_field("the receiver on this hop: its node name, else its address", name="to")
    from_zone: str | Unknown = rule_field("the sender's zone")
    to_zone: str | Unknown = rule_field("the receiver's zone")
    zones: tuple[str, ...] | Unknown = rule_field("the zones of the hop's two ends, each once")
    inferred: bool = rule_field("zones and roles were inferred, not read from a topology file")
    transport: str = rule_field("udp, tcp, tls, ws, wss or sctp")
    state: SipState | Unknown = rule_field("protection of the hop that carried it")
    confidentiality: YesNo | Unknown = rule_field("the message was encrypted on the wire")
    integrity: YesNo | Unknown = rule_field("the message was integrity-protected on the wire")
    post_decrypt: bool = rule_field("the tap stands behind a decrypting element (topology: taps)")
    complete: bool = rule_field("the whole message was captured and decoded")
    trusted: Tristate = rule_field("sender and receiver both belong to the trust domain")
    beyond_edge: Tristate = rule_field("the sender is not a UE: the message has passed the first trusted proxy")
    inter_domain: Tristate = rule_field("sender and receiver belong to different operators")
    sdes_keys: int = rule_field("inline keys readable in its SDP")
    asserted: tuple[str, ...] = rule_field("P-Asserted-Identity values (pseudonymised when shown)")
    preferred: tuple[str, ...] = rule_field("P-Preferred-Identity values (pseudonymised when shown)")
    privacy: tuple[str, ...] = rule_field("Privacy values, lower case")
    emergency: bool = rule_field("addressed to an emergency service (urn:service:sos)")
    first: Cites = rule_field("the frames that carry the message")
    from_node: str = rule_field("stable name of the sender: its node name, else its address without port")
    to_node: str = rule_field("stable name of the receiver")
    access: Tristate = rule_field("one end of the hop is a UE: a Gm hop")
    on_agreed_port: bool = rule_field("to or from a port that Security-Client or Security-Server names for IPsec")
    agreed_security: Tristate = rule_field(
        "the registration of the UE on this hop agreed on a security mechanism for signalling (Security-Server)"
    )
    refused: Tristate = rule_field("of a request: an error answers it; unknown: no final answer was captured")
    sips: bool = rule_field("of a request: its Request-URI has the scheme sips")
    contact_sips: bool = rule_field("of a request to a sips URI: every Contact with a SIP URI has the scheme sips")
    sealed_body: bool = rule_field("its body is S/MIME (application/pkcs7-mime): an SDP in it is hidden")
    event: str = rule_field("the event package of SUBSCRIBE, NOTIFY or PUBLISH, lower case; empty: none")
    dtmf: bool = rule_field("INFO that carries keypad digits (application/dtmf, dtmf-relay)")
    hop_local: tuple[str, ...] | Unknown = rule_field(
        "what belongs to the UE and its first proxy alone: Security-Client, -Server, -Verify, the option tags mediasec "
        "and sec-agree"
    )
    leaving: Tristate = rule_field("the sender belongs to the trust domain, the receiver does not")
    asserted_valid: bool = rule_field("P-Asserted-Identity, if there is one, has one sip(s) or tel URI, or one of each")
    display_misleads: bool = rule_field(
        "the display name of an asserted identity reads as another identity: a URI, or a telephone number"
    )
    from_differs: bool = rule_field("From names somebody who is none of the asserted identities")
    anonymity_asked: bool = rule_field("Privacy user, or an anonymous From")
    residue: tuple[str, ...] | Unknown = rule_field(
        "where an identity of the caller still stands: from, contact, reply-to, referred-by, history-info, sdp"
    )
    inside_headers: tuple[str, ...] | Unknown = rule_field("headers of charging and location, meant for the inside")
    signed_identities: int = rule_field("Identity headers: PASSporTs")
    identity_policy: str = rule_field(
        "the operator's policy for signed identities between operators: required or optional; empty: none is given"
    )
    carries_roster: bool = rule_field("its body is the roster of a conference (conference-info)")
    challenge: bool = rule_field("it asks for HTTP authentication")
    credentials: tuple[str, ...] = rule_field(
        "schemes that it answers a challenge with: basic, digest-md5, digest-sha-256, akav1-md5, ..."
    )
    auth_schemes: tuple[str, ...] = rule_field(
        "schemes that it asks for, announces or answers with: basic, digest-md5, digest-sha-256, akav1-md5, ...; "
        "digest alone: none named yet, as in a first REGISTER"
    )
    auth_parameters: tuple[str, ...] = rule_field(
        "names of its authentication parameters, of AKA with what they hold; values are never shown"
    )
    aka_keys: bool = rule_field("its challenge carries the AKA session keys ik or ck")
    length: int | Unknown = rule_field("bytes of the message")
    fragments: int = rule_field("IP packets that carried it on UDP; 0: another transport")


@frozen
class SignallingHop:
    """SIP between two elements: one transport leg."""

    from_addr: str = rule_field("the end that sent the first request", name="from")
    to_addr: str = rule_field("the other end", name="to")
    from_node: str = rule_field("stable name of that end: its node name, else its address without port")
    to_node: str = rule_field("stable name of the other end")
    from_zone: str | Unknown = rule_field("zone of the first end")
    to_zone: str | Unknown = rule_field("zone of the other end")
    zones: tuple[str, ...] | Unknown = rule_field("the zones of both ends, each once")
    inferred: bool = rule_field("zones and roles were inferred")
    transport: str = rule_field("udp, tcp, tls, ws, wss or sctp")
    state: SipState | Unknown = rule_field("protection: the weakest any message had")
    confidentiality: YesNo | Unknown = rule_field("encrypted on the wire")
    integrity: YesNo | Unknown = rule_field("integrity-protected on the wire")
    evidence: Evidence = rule_field("on what grounds")
    inter_domain: Tristate = rule_field("between two operators")
    access: Tristate = rule_field("one end is a UE: a Gm hop")
    post_decrypt: bool = rule_field("the tap stands behind a decrypting element")
    packets: int = rule_field("messages seen")
    first: Cites = rule_field("the first message")


@frozen
class Registration:
    """One registration binding as far as it was captured."""

    aor: str = rule_field("address of record (pseudonymised when shown)")
    ue: str = rule_field("the UE: its node name, else its address")
    ue_node: str = rule_field("stable name of the UE")
    client_mechanisms: tuple[str, ...] | Unknown = rule_field("Security-Client mechanisms")
    server_mechanisms: tuple[str, ...] | Unknown = rule_field("Security-Server mechanisms")
    client_media: tuple[str, ...] | Unknown = rule_field("Security-Client mechanisms marked mediasec")
    server_media: tuple[str, ...] | Unknown = rule_field("Security-Server mechanisms marked mediasec")
    first_unprotected: Tristate = rule_field("the first REGISTER had no integrity protection on the wire")
    echo_due: Tristate = rule_field("the UE agrees on security, so that it has to repeat the server's list")
    echo_equal: Tristate = rule_field("Security-Verify repeats the Security-Server before it, element for element")
    client_repeated: Tristate = rule_field("the second REGISTER repeats Security-Client, element for element")
    client_tags: Tristate = rule_field(
        "the first REGISTER with Security-Client has the option tag sec-agree in Require and in Proxy-Require"
    )
    server_complete: Tristate = rule_field(
        "each ipsec-3gpp entry of Security-Server has its algorithm, SPIs and ports (TS 33.203 7.2)"
    )
    client_encrypts: Tristate = rule_field(
        "Security-Client, if it has ipsec-3gpp entries, offers a cipher other than null in one of them"
    )
    parameters_sane: Tristate = rule_field(
        "SPIs differ within and between the lists, no protected port is 5060 or 5061, all is ESP in transport mode"
    )
    preferences_distinct: Tristate = rule_field("no two mechanisms of one list share a q value")
    reagreed: bool = rule_field("an agreement on ipsec-3gpp followed one that was in use")
    server_ports_kept: Tristate = rule_field("each such agreement has the protected server ports of the one before")
    spis_fresh: Tristate = rule_field("each such agreement has other SPIs and other client ports than the one before")
    lists_altered: bool = rule_field("two copies of one message, seen at two places, carry different lists")
    outcome: str | Unknown = rule_field("final status code of the last REGISTER, as text")
    accepted: Tristate = rule_field("it was seen to succeed")
    first: Cites = rule_field("the REGISTER")


@frozen
class Leg:
    """One dialog (or attempt) on one hop between two elements."""

    call_id: str = rule_field("Call-ID")
    from_node: str = rule_field("stable name of the end that sent the INVITE")
    to_node: str = rule_field("stable name of the other end")
    from_zone: str | Unknown = rule_field("zone of the first end")
    to_zone: str | Unknown = rule_field("zone of the other end")
    access: Tristate = rule_field("one end is a UE: the access leg")
    offer_seen: bool = rule_field("an SDP offer was captured on this leg")
    answer_seen: bool = rule_field("an SDP answer was captured on this leg")
    outcome: str = rule_field("answered, cancelled, rejected, failed, unanswered or unknown")
    first: Cites = rule_field("the first message")


@frozen
class Call:
    """Legs that belong together."""

    call_ids: tuple[str, ...] = rule_field("every Call-ID among its legs")
    legs: int = rule_field("legs found")
    outcome: str = rule_field("answered, cancelled, rejected, failed, unanswered or unknown")
    start_seen: bool = rule_field("its first INVITE was captured")
    media: int = rule_field("media hops with packets")
    mixed_media: tuple[str, ...] | Unknown = rule_field("media in clear on a leg where another medium is protected")
    sdes_keys: int = rule_field("legs whose SDP has SDES keys")
    keys_read_on: tuple[str, ...] | Unknown = rule_field("the hops of its signalling on which SDES keys were readable")
    keys_read: Cites = rule_field("the messages that showed them")
    first: Cites = rule_field("the first message")
