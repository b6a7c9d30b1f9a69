"""The entity kinds a rule may name in `each`."""

from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.session.model.base import Cites, rule_field
from analyzer.session.model.esp import EspSa
from analyzer.session.model.media import MediaDescription, MediaHop, SrtpStream
from analyzer.session.model.messaging import BfcpSession, MsrpRelay, MsrpSession
from analyzer.session.model.people import (
    Conference,
    ConnectedIdentity,
    IdentityHeader,
    Participant,
    Passage,
    Passport,
    Referral,
)
from analyzer.session.model.signalling import Call, Leg, Registration, SignallingHop, SipMessage


@frozen
class TlsConnection:
    """One TLS or DTLS connection."""

    version: str | Unknown = rule_field("TLS 1.2, DTLS 1.2, ...")
    cipher: str | Unknown = rule_field("cipher suite")
    srtp_suite: str | Unknown = rule_field(
        "the suite of the SRTP profile agreed (use_srtp), as RFC 4568 names suites; none"
    )
    from_addr: str = rule_field("client", name="from")
    to_addr: str = rule_field("server", name="to")
    from_node: str = rule_field("stable name of the client")
    to_node: str = rule_field("stable name of the server")
    carries: str | Unknown = rule_field("the protocol inside: sip, msrp, bfcp, ...")
    compressed: Tristate = rule_field("TLS compression was agreed on")
    renegotiation_secure: Tristate = rule_field(
        "renegotiation is bound to the connection (RFC 5746): the ServerHello says so, or the version has none"
    )
    certificates_valid: Tristate = rule_field("both ends' certificates, as far as shown, are valid at the handshake")
    certificate_keys_strong: Tristate = rule_field("their keys have 2048 bits of RSA or 224 of a curve, or more")
    certificate_signatures_strong: Tristate = rule_field(
        "no certificate in their chains, but those that sign themselves, is signed with MD5 or SHA-1"
    )
    first: Cites = rule_field("the first record")


@frozen
class Capture:
    """One capture file or interface."""

    frames: int = rule_field("frames read")
    decoded: int = rule_field("frames decoded")
    truncated: bool = rule_field("the file ends in the middle of a record")
    dropped: int | Unknown = rule_field("packets the capture says it dropped")


ENTITIES: dict[str, type] = {
    "sip_message": SipMessage,
    "registration": Registration,
    "leg": Leg,
    "call": Call,
    "signalling_hop": SignallingHop,
    "media_hop": MediaHop,
    "media_description": MediaDescription,
    "msrp_session": MsrpSession,
    "msrp_relay": MsrpRelay,
    "bfcp_session": BfcpSession,
    "srtp_stream": SrtpStream,
    "tls_connection": TlsConnection,
    "esp_sa": EspSa,
    "passport": Passport,
    "passage": Passage,
    "identity_header": IdentityHeader,
    "connected_identity": ConnectedIdentity,
    "participant": Participant,
    "conference": Conference,
    "referral": Referral,
    "capture": Capture,
}
"""Kind to class. Kinds whose evidence is not gathered yet are not in it, so that a rule cannot name them in vain."""

VARIABLES: dict[str, str] = {
    "sip_message": "message",
    "registration": "registration",
    "leg": "leg",
    "call": "call",
    "signalling_hop": "hop",
    "media_hop": "hop",
    "media_description": "media",
    "msrp_session": "session",
    "msrp_relay": "relay",
    "bfcp_session": "session",
    "srtp_stream": "stream",
    "tls_connection": "connection",
    "esp_sa": "sa",
    "passport": "passport",
    "passage": "passage",
    "identity_header": "header",
    "connected_identity": "identity",
    "participant": "participant",
    "conference": "conference",
    "referral": "referral",
    "capture": "capture",
}
"""What conditions call the entity of each kind."""
