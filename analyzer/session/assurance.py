"""What the conference server may conclude of one medium of a call, and what it may not (TS 33.328 Annex G.2).

The server sees its own hop. NOTE 1: how the access was secured it cannot see. NOTE 2: two secured legs are no security
between their participants. NOTE 4: where the protection of an SRTP leg ends it cannot tell. A capture from the right
places can; the line says both.
"""

from collections.abc import Sequence

from analyzer.core.unknown import Unknown
from analyzer.session.model.media import MediaHop
from analyzer.session.model.states import Termination

NO_ACCESS_ASSURANCE = "NO_ACCESS_ASSURANCE"
NO_PARTICIPANT_TO_PARTICIPANT_ASSURANCE = "NO_PARTICIPANT_TO_PARTICIPANT_ASSURANCE"
NO_ASSURANCE_BEYOND_HOP = "NO_ASSURANCE_BEYOND_HOP"
POLICY_NOT_OBSERVABLE = "POLICY_NOT_OBSERVABLE"
PAI_TRUTH_NOT_OBSERVABLE = "PAI_TRUTH_NOT_OBSERVABLE"

NamedHop = tuple[str, MediaHop]
_KNOWN: dict[Termination, str] = {
    "proven_by_payload": "proven by equal payloads on both sides",
    "proven_by_keys": "proven by the keys that open it",
    "matched": "by headers, sizes or times that only one stream has",
    "indicated": "as 3ge2ae indicates",
    "assumed": "by its descriptions alone",
    "unknown": "on unknown grounds",
}
_CONTENT = {"message": "chat", "bfcp": "floor control"}


def assurance(hops: Sequence[NamedHop], keys_read: Sequence[str] = ()) -> str:
    """One line for the path of one medium, from the caller's end; `keys_read` are hops where its keys were readable."""
    said = _said(hops)
    if keys_read and any(hop.confidentiality == "yes" and hop.key_exchange == "sdes" for _, hop in hops):
        return f"{said}; its keys were readable on {', '.join(keys_read)}: who read them there can open it."
    return f"{said}."


def _said(hops: Sequence[NamedHop]) -> str:
    medium = _CONTENT.get(hops[0][1].medium, hops[0][1].medium)
    servers = [(name, hop) for name, hop in hops if hop.server is True]
    if servers:
        name, own = servers[-1]
        return f"{_server_sees(medium, name, own)}; {_server_cannot(hops, name, own)}"
    who = "no conference server is on the hops that were captured"
    if any(isinstance(hop.server, Unknown) for _, hop in hops):
        who = "whether a conference server is on this path is not known"
    return f"{_along(medium, hops)}; {who}"


def _server_sees(medium: str, name: str, hop: MediaHop) -> str:
    if hop.confidentiality == "no":
        return f"The conference server sees {medium} in clear on {name}"
    if hop.confidentiality == "yes":
        if hop.peer_auth == "no":
            return _stranger(medium, (name,))
        whole = f", and these captures show it so up to {_other_end(hop)}" if hop.scope == "e2e" else ""
        return f"The conference server may conclude that {medium} is protected on {name}, its own hop{whole}"
    return f"How {medium} is protected on {name}, the conference server's own hop, is not known"


def _stranger(medium: str, names: Sequence[str]) -> str:
    """Encrypted, and nobody knows for whom."""
    where = ", ".join(names)
    return (
        f"{medium[:1].upper()}{medium[1:]} is encrypted on {where} to a peer whose certificate is not the one signalled"
    )


def _server_cannot(hops: Sequence[NamedHop], name: str, own: MediaHop) -> str:
    others = [(other, hop) for other, hop in hops if other != name]
    edge = next(((other, hop) for other, hop in others if hop.scope == "e2ae"), None)
    if edge is not None:
        how = _KNOWN[edge[1].termination]
        verb = "it is" if edge[1].integrity == "yes" else "it may be, for not all of it verifies,"
        return f"it may not conclude that the access is protected, which {verb} on {edge[0]}, up to the edge ({how})"
    if own.scope == "e2e":
        return "it may not conclude where that ends for itself, nor that any other participant is protected"
    clear = [other for other, hop in others if hop.confidentiality == "no" and hop.access is not False]
    if clear:
        return f"it may not conclude that the access is protected, and on {', '.join(clear)} it is not"
    return "it may not conclude how the access or any other participant is protected"


def _along(medium: str, hops: Sequence[NamedHop]) -> str:
    clear = [name for name, hop in hops if hop.confidentiality == "no"]
    open_ = [name for name, hop in hops if isinstance(hop.confidentiality, Unknown)]
    strange = [name for name, hop in hops if hop.confidentiality == "yes" and hop.peer_auth == "no"]
    said = medium[:1].upper() + medium[1:]
    if strange and not clear:
        return _stranger(medium, strange)
    if clear:
        everywhere = len(clear) == len(hops)
        return f"{said} is readable on {'every hop that is known' if everywhere else ', '.join(clear)}{_edges(hops)}"
    if open_:
        return f"How {medium} is protected on {', '.join(open_)} is not known"
    if all(hop.scope == "e2e" for _, hop in hops):
        return f"{said} is protected from end to end ({_KNOWN[hops[0][1].termination]})"
    if any(hop.scope == "unknown" for _, hop in hops):
        return f"{said} is protected on {', '.join(name for name, _ in hops)}; how far that reaches is not known"
    return f"{said} is protected on each hop by itself, and readable in the elements between"


def _edges(hops: Sequence[NamedHop]) -> str:
    """The hops that are protected up to the access edge, on the weakest of their grounds."""
    edges = [(name, hop) for name, hop in hops if hop.scope == "e2ae"]
    if not edges:
        return ""
    how = min((hop.termination for _, hop in edges), key=list(_KNOWN)[::-1].index)
    return f", and protected up to the access edge on {', '.join(name for name, _ in edges)} ({_KNOWN[how]})"


def _other_end(hop: MediaHop) -> str:
    return hop.from_node if hop.access is not False else "its other end"


def caveats(hops: Sequence[NamedHop]) -> tuple[str, ...]:
    """What the evidence cannot show, as the catalogue attaches it (requirements, section 1)."""
    found = []
    entities = [hop for _, hop in hops]
    if not any(hop.access is True and hop.packets for hop in entities):
        found.append(NO_ACCESS_ASSURANCE)  # G-07: a verdict from the core side alone
    if any(hop.server is True for hop in entities):
        found.append(NO_PARTICIPANT_TO_PARTICIPANT_ASSURANCE)  # G-12: every conference leg
    if any(str(hop.state).startswith("srtp") for hop in entities):
        found.append(NO_ASSURANCE_BEYOND_HOP)  # G-17: every SRTP verdict
    if any(hop.server is True and isinstance(hop.policy, Unknown) for hop in entities):
        found.append(POLICY_NOT_OBSERVABLE)  # G-11, G-15: what the server may accept or offer is its operator's choice
    return tuple(found)
