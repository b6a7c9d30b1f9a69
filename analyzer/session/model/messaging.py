"""MSRP and BFCP sessions as rules see them."""

from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.session.model.base import Cites, rule_field
from analyzer.session.model.states import YesNo


@frozen
class MsrpSession:
    """One MSRP session on one hop, read in clear or opened."""

    from_node: str = rule_field("stable name of the offerer's end of the hop")
    to_node: str = rule_field("stable name of the answerer's end of the hop")
    zones: tuple[str, ...] | Unknown = rule_field("the zones of both ends, each once")
    server: Tristate = rule_field("one end is a conference server")
    confidentiality: YesNo | Unknown = rule_field("content was encrypted on the wire")
    bound: str = rule_field("how it is known to be its m-line's: path, session_id or address")
    ids_match: bool = rule_field("both session ids are those of the SDP")
    accepted: bool = rule_field("a SEND of it was answered by 200")
    transport: str = rule_field("tcp, tls, ws, wss or sctp")
    relayed: bool = rule_field("a path names more than one URI, or a relay gave one (RFC 4976)")
    active_opened: Tristate = rule_field("the end that is active by a=setup, else the offerer, opened the connection")
    active_first: Tristate = rule_field("who opened the connection sent the first message, a SEND")
    id_bits: int | Unknown = rule_field("bits that the shorter session id can hold at most, by its alphabet")
    id_known: bool = rule_field("a session id is a Call-ID of its call, or the user part of From or To")
    id_reused: Tristate = rule_field("a session id is that of another call too")
    connections: int | Unknown = rule_field("connections that carry this session at the same time and accept it")
    path_in_clear: Tristate = rule_field("a=path with its session ids was readable in the signalling of its leg")
    faults: int = rule_field("messages with something wrong in their framing or headers")
    first: Cites = rule_field("its first message")
    offer: Cites = rule_field("the message with the offer")
    answer: Cites = rule_field("the message with the answer")


@frozen
class MsrpRelay:
    """A client that authenticates itself to an MSRP relay (AUTH, RFC 4976), read in clear or opened."""

    from_node: str = rule_field("stable name of the client")
    to_node: str = rule_field("stable name of the relay")
    zones: tuple[str, ...] | Unknown = rule_field("the zones of both ends, each once")
    confidentiality: YesNo | Unknown = rule_field("its AUTH was encrypted on the wire")
    accepted: bool = rule_field("an AUTH was answered by 200")
    first: Cites = rule_field("the first AUTH")


@frozen
class BfcpSession:
    """BFCP between one client and one floor control server on one hop, read in clear or opened."""

    from_node: str = rule_field("stable name of the offerer's end of the hop")
    to_node: str = rule_field("stable name of the answerer's end of the hop")
    zones: tuple[str, ...] | Unknown = rule_field("the zones of both ends, each once")
    reliable: bool = rule_field("carried by TCP or TLS; else by UDP or DTLS")
    confidentiality: YesNo | Unknown = rule_field("content was encrypted on the wire")
    described: Tristate = rule_field("the SDP names a conference id")
    mismatches: tuple[str, ...] = rule_field("ids on the wire that the SDP does not have, in words")
    users: int = rule_field("different user ids by which the client speaks")
    labels_known: Tristate = rule_field("every label of a=floorid is the a=label of an m-line of the description")
    conference_id: int = rule_field("the smallest conference id it names")
    chairs: int = rule_field("different users whose ChairAction was accepted for one floor, the most of any floor")
    version_faults: int = rule_field("messages with the wrong version, flags or reserved bits for the transport")
    role_faults: int = rule_field(
        "messages that their sender's role or the transport does not have; 1 more: a server that is none by SDP"
    )
    told_to_protect: bool = rule_field("an Error told the client to use TLS or DTLS (codes 9, 11)")
    served_after: bool = rule_field("the client was served in clear after that")
    hello_first: Tristate = rule_field("the client's first message is a Hello")
    goodbye: Tristate = rule_field("a Goodbye was sent")
    first: Cites = rule_field("its first message")
    offer: Cites = rule_field("the message with the offer")
    answer: Cites = rule_field("the message with the answer")
