"""People as rules see them: what a signed identity is worth."""

from dataclasses import dataclass
from typing import Literal

from analyzer.core.unknown import Tristate, Unknown
from analyzer.session.model.base import Cites, rule_field

PassportForm = Literal["full", "compact"]


@dataclass(frozen=True, slots=True)
class Passport:
    """One PASSporT of an Identity header, on one hop (RFC 8224, RFC 8225)."""

    form: PassportForm = rule_field("full, or compact: header and claims left to be rebuilt from the message")
    ppt: str = rule_field("extension: shaken, div, rph, ...; empty: none")
    attest: str = rule_field("attestation of shaken: A, B or C; empty: none")
    well_formed: bool = rule_field("token and parameters are as the standards write them")
    problems: tuple[str, ...] = rule_field("what is wrong with its form")
    signature: Tristate = rule_field("its signature verifies with a certificate at hand")
    certificate_trusted: Tristate = rule_field(
        "that certificate is trusted, itself or by a chain, and was valid at capture time"
    )
    numbers_listed: Tristate = rule_field("the certificate names the telephone numbers it may speak for (TNAuthList)")
    authorised: Tristate = rule_field("the certificate's TNAuthList holds the caller's number")
    age_s: int | Unknown = rule_field("seconds from iat to the capture of the message; negative: ahead of it")
    fresh: Tristate = rule_field("iat is within 60 seconds of the capture of the message")
    reused: Tristate = rule_field("the same token passed this hop in another dialog before")
    orig_matches: Tristate = rule_field("orig is the caller: P-Asserted-Identity or From")
    dest_matches: Tristate = rule_field("dest names the called: To or Request-URI")
    media_due: bool = rule_field("the message's SDP has fingerprints, so that mky has to hold them")
    media_bound: Tristate = rule_field("mky holds every fingerprint of the SDP as it is at this hop")
    from_addr: str = rule_field("the sender on this hop: its node name, else its address", name="from")
    to_addr: str = rule_field("the receiver on this hop", name="to")
    from_node: str = rule_field("stable name of the sender")
    to_node: str = rule_field("stable name of the receiver")
    first: Cites = rule_field("the frames that carry the message")


@dataclass(frozen=True, slots=True)
class Passage:
    """One message as it came into an element and as it left it: what was done to the identities in it.

    Only messages that carry an identity, or ask for privacy, on one side at least.
    """

    at: str = rule_field("the element: its node name, else its address")
    request: bool = rule_field("a request; else a response")
    method: str = rule_field("the method; of a response, its CSeq method")
    initial: bool = rule_field("a request that starts a dialog or stands alone")
    from_node: str = rule_field("stable name of the element it came from")
    at_node: str = rule_field("stable name of the element")
    to_node: str = rule_field("stable name of the element it went to")
    from_ue: Tristate = rule_field("it came from a UE")
    trusted_onward: Tristate = rule_field("it went on inside the trust domain")
    asserted_in: tuple[str, ...] = rule_field("P-Asserted-Identity as it came (pseudonymised when shown)")
    asserted_out: tuple[str, ...] | Unknown = rule_field("P-Asserted-Identity as it left (pseudonymised when shown)")
    privacy_in: tuple[str, ...] = rule_field("Privacy as it came, lower case")
    changed: bool = rule_field("P-Asserted-Identity is another, or gone, or new")
    claim_believed: Tristate = rule_field("an identity that the UE asserts of itself, and has not registered, goes on")
    registered: Tristate = rule_field("the identity asserted for the UE is one of those it registered")
    signed_in: int = rule_field("PASSporTs as it came")
    signed_kept: Tristate = rule_field("each of them went on unchanged")
    verdict_forged: Tristate = rule_field("a verstat that the UE wrote goes on")
    first: Cites = rule_field("the frames of both copies")
