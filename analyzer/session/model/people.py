"""People as rules see them: what a signed identity is worth."""

from typing import Literal

from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.session.model.base import Cites, rule_field

PassportForm = Literal["full", "compact"]
IdentityHeaderName = Literal[
    "From", "P-Asserted-Identity", "P-Preferred-Identity", "Privacy", "Identity", "History-Info", "Referred-By",
]  # fmt: skip
HeaderChange = Literal["kept", "inserted", "removed", "changed", "extended"]
Crossing = Literal["enters", "leaves", "inside", "outside"]


@frozen
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
    authorised: Tristate = rule_field(
        "the certificate's TNAuthList holds the caller's number; of a diversion, the number it leads on from"
    )
    age_s: int | Unknown = rule_field("seconds from iat to the capture of the message; negative: ahead of it")
    fresh: Tristate = rule_field("iat is within 60 seconds of the capture of the message")
    reused: Tristate = rule_field("another call used the same token, and this one cannot have it from there")
    orig_matches: Tristate = rule_field("orig is the caller: P-Asserted-Identity or From")
    dest_matches: Tristate = rule_field(
        "dest names the called, To or Request-URI, or whom a signed diversion leads on from"
    )
    media_due: bool = rule_field("the message's SDP has fingerprints, so that mky has to hold them")
    media_bound: Tristate = rule_field("mky holds every fingerprint of the SDP as it is at this hop")
    from_addr: str = rule_field("the sender on this hop: its node name, else its address", name="from")
    to_addr: str = rule_field("the receiver on this hop", name="to")
    from_node: str = rule_field("stable name of the sender")
    to_node: str = rule_field("stable name of the receiver")
    first: Cites = rule_field("the frames that carry the message")


@frozen
class Passage:
    """One message as it came into an element and as it left it: what was done to the identities in it.

    Only messages that carry an asserted, preferred or signed identity, or ask for privacy, on one side at least.
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
    privacy_lost: Tristate = rule_field("Privacy id came, an identity is asserted onward, and Privacy id is gone")
    claim_believed: Tristate = rule_field("an identity that the UE asserts of itself, and has not registered, goes on")
    registered: Tristate = rule_field("the identity asserted for the UE is one of those it registered")
    signed_in: int = rule_field("PASSporTs as it came")
    signed_kept: Tristate = rule_field("each of them went on unchanged")
    integrity_flag: str = rule_field(
        "integrity-protected in the Authorization as it left (TS 24.229 7.2A.2); empty: none"
    )
    flag_from_ue: bool = rule_field(
        "it came from a UE with integrity-protected in its Authorization, and left with the same"
    )
    arrived_protected: Tristate = rule_field("it came in under integrity protection on the wire")
    verdict_forged: Tristate = rule_field("a verstat that the UE wrote goes on")
    first: Cites = rule_field("the frames of both copies")


@frozen
class IdentityHeader:
    """One header that names somebody, or asks for privacy, as it came into an element and as it left it.

    Of requests that start something each such header that stands on either side; of other messages those that are
    changed.
    """

    name: IdentityHeaderName = rule_field("the header")
    what: HeaderChange | Unknown = rule_field(
        "what the element did to it; extended: values were added, and those that came went on"
    )
    at: str = rule_field("the element: its node name, else its address")
    request: bool = rule_field("in a request; else in a response")
    method: str = rule_field("the method; of a response, its CSeq method")
    initial: bool = rule_field("in a request that starts a dialog or stands alone")
    from_node: str = rule_field("stable name of the element the message came from")
    at_node: str = rule_field("stable name of the element")
    to_node: str = rule_field("stable name of the element the message went to")
    from_zone: str | Unknown = rule_field("zone of the element the message came from")
    to_zone: str | Unknown = rule_field("zone of the element the message went to")
    crossing: Crossing | Unknown = rule_field(
        "on its way over the element the message enters or leaves the trust domain, or stays inside or outside"
    )
    boundary: str = rule_field("both zones and the crossing, in words")
    from_ue: Tristate = rule_field("the message came from a UE")
    same_dialog: bool = rule_field(
        "it went on in the dialog it came in, as through a proxy; else the element began one"
    )
    another_user: bool = rule_field("of From: another user part than it came with, whatever the host")
    anonymised: bool = rule_field("of From: it left as anonymous")
    before: tuple[str, ...] = rule_field("its URIs (or privacy words) as it came (pseudonymised when shown)")
    after: tuple[str, ...] = rule_field("its URIs (or privacy words) as it left (pseudonymised when shown)")
    first: Cites = rule_field("the frames of both copies")


@frozen
class ConnectedIdentity:
    """One request inside a dialog, on one hop, that says or may say who its sender is by now (RFC 4916).

    Each INVITE and UPDATE, and every other request whose From is another than it was on that hop before.
    """

    at: str = rule_field("the element that sent it or passed it on: its node name, else its address")
    sends: Literal["sends", "passes on"] = rule_field(
        "whether the request began at that element (one Via) or before it"
    )
    method: str = rule_field("the method")
    from_node: str = rule_field("stable name of the element that sent it")
    to_node: str = rule_field("stable name of the element it went to")
    from_zone: str | Unknown = rule_field("zone of the element that sent it")
    to_zone: str | Unknown = rule_field("zone of the element it went to")
    boundary: str = rule_field("both zones, and whether it enters or leaves the trust domain, in words")
    changed: bool = rule_field("From names somebody else than this end of the dialog was before")
    agreed: Tristate = rule_field("the other end announced from-change on that hop (Supported): it reads the change")
    before: tuple[str, ...] = rule_field("whom this end was known as (pseudonymised when shown)")
    after: tuple[str, ...] = rule_field("whom it names itself (pseudonymised when shown)")
    first: Cites = rule_field("the frames of the message it was known by, and of the request")


@frozen
class Participant:
    """One participant's call with a conference server, dialled in or out (RFC 4579 5.1, 5.2)."""

    direction: Literal["dial_in", "dial_out"] = rule_field("who called: the participant, or the focus")
    focus: str = rule_field("the focus: its node name, else its address")
    focus_node: str = rule_field("stable name of the focus")
    peer_node: str = rule_field("stable name of the element next to the focus on this call")
    at_focus: bool = rule_field("the hop that ends at the focus was captured")
    focus_marked: Tristate = rule_field("the Contact of the focus carries isfocus")
    admitted: bool = rule_field("the call was answered")
    outcome: str = rule_field("answered, cancelled, rejected, failed, unanswered or unknown")
    identified: Tristate = rule_field("an asserted identity that names somebody reached the focus")
    anonymous: Tristate = rule_field("nobody is named to the focus")
    private: bool = rule_field("identified to the focus, with Privacy asked for towards others")
    invited: str = rule_field("of a dial-out, whom the focus called (pseudonymised when shown)")
    answered_by: tuple[str, ...] = rule_field(
        "of a dial-out, identities asserted of who answered, in the answer or later in the dialog (pseudonymised)"
    )
    revealed: Tristate = rule_field("of a dial-out, who answered is named to the focus")
    retargeted: Tristate = rule_field("of a dial-out, somebody else answered than was called")
    explained: Tristate = rule_field("History-Info, Diversion or a div PASSporT shows the new target")
    removed: Tristate = rule_field(
        "the focus refused it, or ended it for the participant's sake: as its Reason says, or within 4 seconds of the "
        "answer; unknown: within 32 seconds and without a Reason"
    )
    anonymous_policy: str | Unknown = rule_field("the operator's policy for anonymous dial-in: accept or reject")
    unrevealed_policy: str | Unknown = rule_field("the operator's policy for a dial-out nobody is named in")
    exposed: Tristate = rule_field("a roster named it while it took part, although it asked for privacy")
    writes: bool = rule_field("it sent message/cpim")
    writes_as_self: Tristate = rule_field("From of each message/cpim that it sent is its own identity, or anonymous")
    floor_named: bool = rule_field("floor control names the user id that the focus gave it, by USER-URI")
    floor_named_right: Tristate = rule_field("that USER-URI is its own identity, or anonymous")
    floor_named_hidden: bool = rule_field("that USER-URI names it although it is anonymous, or asked for privacy")
    talk: Cites = rule_field("the first messages of its MSRP and BFCP")
    first: Cites = rule_field("the INVITE, its answer, and what ended it")


@frozen
class Conference:
    """One conference: everything that goes to one focus under one conference URI."""

    focus_node: str = rule_field("stable name of the focus")
    calls: int = rule_field("calls that joined or tried to")
    participants: int = rule_field("participants")
    roster_seen: bool = rule_field("a roster (conference-info) that names somebody was captured")
    roster_right: Tristate = rule_field("every user that a roster showed is the asserted identity of a participant")
    list_seen: bool = rule_field("a list of recipients to invite was captured")
    list_reached: Tristate = rule_field("every recipient of the list was called")
    list_leaked: Tristate = rule_field("a recipient that should stay unnamed stands in a list sent to others")
    all_protected: Tristate = rule_field(
        "no leg of a participant is in clear, but for core media that the operator's policy does not ask to protect"
    )
    focus_inside: Tristate = rule_field("the topology file puts the focus into the trust domain")
    first: Cites = rule_field("its first call, rosters and lists")


@frozen
class Referral:
    """One REFER to a focus that asks it to call somebody (RFC 4579 5.5)."""

    focus_node: str = rule_field("stable name of the focus")
    from_node: str = rule_field("stable name of the element that sent it on this hop")
    accepted: Tristate = rule_field("the focus answered with 2xx")
    invites: bool = rule_field("it asks for an INVITE, not to end a call or for something else")
    identified: bool = rule_field("an asserted identity in it, or in the dialog it stands in, names somebody")
    member: Tristate = rule_field("its sender took part in the conference then")
    named_on: Tristate = rule_field("the INVITE it led to carries Referred-By")
    first: Cites = rule_field("the REFER, and the INVITE it led to")
