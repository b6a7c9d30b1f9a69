"""Messaging and floor control of a call, as a report has them."""

from collections.abc import Mapping, Sequence
from typing import Literal

from analyzer.core.frozen import frozen
from analyzer.report.evidence import Cite
from analyzer.report.keys import Handling, entry


@frozen
class File:
    """A file that an m-line offers or asks for (RFC 5547): what its description says."""

    name: str = entry("its name; empty: not told", handling=Handling.TEXT, default="")
    type: str = entry("media type", handling=Handling.TEXT, default="")
    size: int | None = entry("octets; null: not told", default=None)
    hash: str | None = entry("algorithm of its hash; null: none", handling=Handling.TEXT, default=None)
    sender: Literal["offerer", "answerer", "unknown"] = entry("which end sends it", default="unknown")


@frozen
class SavedFile:
    """A transferred file that was written, as --files asked."""

    name: str = entry("its name in the folder", handling=Handling.TEXT)
    size: int = entry("octets")
    complete: bool = entry("the whole of it was captured and written")
    as_described: bool | None = entry(
        "size and hash are those of a=file-selector; null: it has neither, or the file is not complete", default=None
    )


@frozen
class MsrpSession:
    """One MSRP session on one hop. Its session ids are shared secrets (RFC 4975 14.1) and are not shown."""

    id: str = entry("msrp-1, ...")
    hop: str = entry("id of its hop")
    from_addr: str = entry("address of the end that sent first", "from")
    to_addr: str = entry("address of the other end", "to")
    transport: str = entry("tcp, tls, ws, wss or sctp", default="")
    bound: Literal["path", "session_id", "address"] = entry(
        "how it was found to be its m-line's: by the URIs of a=path, by session ids alone, by address alone",
        default="address",
    )
    ids_match: bool = entry("both session ids are those of the SDP", default=False)
    relayed: bool = entry("a relay stands between its ends (RFC 4976)", default=False)
    requests: Mapping[str, int] = entry("requests by method", default_factory=dict)
    responses: Mapping[str, int] = entry("responses by code, each matched to its request", default_factory=dict)
    messages: int = entry("messages had in whole", default=0)
    bytes: int = entry("octets of their contents", default=0)
    aborted: int = entry("messages given up by the sender, or not had in whole", default=0)
    unanswered: int = entry("requests that had no response within 30 s", default=0)
    success_reports: int = entry("reports of success", default=0)
    failure_reports: int = entry("reports of failure", default=0)
    types: Sequence[str] = entry(
        "content types of its messages, and of what message/cpim holds", handling=Handling.TEXT, default=()
    )
    speakers: Sequence[str] = entry("who wrote, by message/cpim", handling=Handling.IDENTITY, default=())
    addressees: Sequence[str] = entry("to whom, by message/cpim", handling=Handling.IDENTITY, default=())
    files: Sequence[File] = entry("files its m-line describes", default=())
    saved: Sequence[SavedFile] = entry("files of it that were written; none without --files", default=())
    first: Cite | None = entry("its first message", default=None)
    last: Cite | None = entry("its last message", default=None)


@frozen
class BfcpError:
    """A refusal by the floor control server."""

    code: int = entry("error code (RFC 8855 5.2.6)")
    name: str = entry("the code in words")
    asked: str | None = entry("primitive it answers; null: not seen", default=None)
    cite: Cite | None = entry("the message", default=None)


@frozen
class BfcpSession:
    """BFCP between a client and a floor control server, on one hop."""

    id: str = entry("bfcp-1, ...")
    hop: str = entry("id of its hop")
    client: str = entry("address of the client")
    server: str = entry("address of the floor control server")
    transport: str = entry("tcp, tls, udp, dtls or sctp", default="")
    bound: Literal["identifiers", "address"] = entry(
        "how it was found to be its m-line's: by conference and user id, by address alone", default="address"
    )
    mismatches: Sequence[str] = entry("ids on the wire that the SDP does not have", default=())
    conferences: Sequence[int] = entry("conference ids", default=())
    users: Sequence[int] = entry("user ids by which the client speaks", default=())
    floors: Sequence[int] = entry("floor ids", default=())
    versions: Sequence[int] = entry("protocol versions", default=())
    primitives: Mapping[str, int] = entry("messages by primitive", default_factory=dict)
    errors: Sequence[BfcpError] = entry("errors, the first of them", default=())
    retransmissions: int = entry("messages sent again", default=0)
    unanswered: int = entry("requests without a response", default=0)
    first: Cite | None = entry("its first message", default=None)
    last: Cite | None = entry("its last message", default=None)


@frozen
class FloorStep:
    """One change of a floor request."""

    status: str = entry("Requested, Pending, Accepted, Granted, Denied, Cancelled, Released, Revoked")
    queue_position: int | None = entry("place in the queue; null: none", default=None)
    by: int | None = entry("user id that brought it about; null: the server alone", default=None)
    cite: Cite | None = entry("the message that shows it", default=None)


@frozen
class FloorRequest:
    """One request for a floor, from its beginning to its end."""

    id: int = entry("floor request id")
    user: int | None = entry("user id that asked; null: not seen", default=None)
    beneficiary: int | None = entry("user id it is for; null: the same", default=None)
    priority: int | None = entry("0 lowest to 4; null: not seen", default=None)
    status: str = entry("its last status", default="Requested")
    queue_position: int | None = entry("its last place in the queue", default=None)
    steps: Sequence[FloorStep] = entry("how it came to that", default=())


@frozen
class ChairAction:
    """What a floor chair decided."""

    request: int | None = entry("floor request id", default=None)
    user: int = entry("user id of the chair", default=0)
    status: str = entry("the new status it asks for", default="")
    outcome: Literal["accepted", "refused", "unanswered"] = entry("what the server made of it", default="unanswered")
    cite: Cite | None = entry("the ChairAction", default=None)


@frozen
class Floor:
    """One floor of a conference, as the BFCP of a call, or of all its calls, shows it."""

    conference: int = entry("conference id")
    floor: int = entry("floor id")
    labels: Sequence[str] = entry(
        "a=label of the media it governs (a=floorid mstrm)", handling=Handling.TEXT, default=()
    )
    hops: Sequence[str] = entry("ids of the hops on which it was seen", default=())
    holders: Sequence[int] = entry("user ids that have it at the end", default=())
    requests: Sequence[FloorRequest] = entry("requests for it", default=())
    chair: Sequence[ChairAction] = entry("decisions of its chairs", default=())
    first: Cite | None = entry("where it was first named", default=None)
