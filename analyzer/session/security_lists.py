"""The lists of a security agreement: Security-Client, Security-Server, Security-Verify (RFC 3329 2.2).

An element marked `mediasec` is about the media plane alone (TS 24.229 7.2A.7).
"""

from collections.abc import Sequence

from analyzer.core.frozen import frozen
from analyzer.formats.headers import split

CLIENT, SERVER, VERIFY = "security-client", "security-server", "security-verify"
HOP_LOCAL = (CLIENT, SERVER, VERIFY)
OPTION_TAGS = frozenset({"sec-agree", "mediasec"})
MEDIA = "mediasec"
MEDIA_MECHANISMS = frozenset({"sdes-srtp", "msrp-tls", "bfcp-tls", "udptl-dtls"})
"""The names that TS 24.229, table 7.2A.7.2-2, defines; `dtls-srtp` is seen in the field beside them."""

MAX_ELEMENTS = 64


@frozen
class Mechanism:
    """One element: its lower-case name, and its parameters in order, without blanks."""

    name: str
    params: tuple[str, ...] = ()

    @property
    def media(self) -> bool:
        """It concerns the media plane."""
        return any(param.lower() == MEDIA for param in self.params)


SecurityList = tuple[Mechanism, ...]


def security_list(values: Sequence[str]) -> SecurityList:
    """The elements of a header's values, in order; at most `MAX_ELEMENTS`."""
    found: list[Mechanism] = []
    for value in values:
        for part in split(value):
            name, *params = (item.strip() for item in part.split(";"))
            found.append(Mechanism(name.lower(), tuple(_param(param) for param in params if param)))
            if len(found) >= MAX_ELEMENTS:
                return tuple(found)
    return tuple(found)


def _param(text: str) -> str:
    name, equals, value = text.partition("=")
    return f"{name.strip().lower()}{equals}{value.strip()}"


def names(elements: SecurityList) -> tuple[str, ...]:
    """Each mechanism once, in order."""
    return tuple(dict.fromkeys(element.name for element in elements))


def media_names(elements: SecurityList) -> tuple[str, ...]:
    """The mechanisms of the media plane, each once, in order."""
    return tuple(dict.fromkeys(element.name for element in elements if element.media))


# -- what lists for IPsec have to say (RFC 3329 2.2; TS 33.203 7.1, Annex H) -------------------------------------------

_IPSEC = "ipsec-3gpp"
_SA_PARAMETERS = ("spi-c", "spi-s", "port-c", "port-s")
_UNPROTECTED_PORTS = frozenset({"5060", "5061"})
_MODES = frozenset({"trans", "udp-enc-tun"})


def _given(element: Mechanism) -> dict[str, str]:
    found: dict[str, str] = {}
    for param in element.params:
        name, _, value = param.partition("=")
        found.setdefault(name, value.strip('"').lower())
    return found


def _ipsec(elements: SecurityList) -> list[dict[str, str]]:
    return [_given(element) for element in elements if element.name == _IPSEC and not element.media]


def complete(elements: SecurityList) -> bool:
    """Every ipsec-3gpp entry has its algorithm, SPIs and ports."""
    return all(given.get(name) for given in _ipsec(elements) for name in ("alg", *_SA_PARAMETERS))


def encrypts(elements: SecurityList) -> bool:
    """Of the ipsec-3gpp entries, if there are any, one names a cipher: an absent ealg is null (Annex H)."""
    entries = _ipsec(elements)
    return not entries or any(given.get("ealg", "null") != "null" for given in entries)


def sane(client: SecurityList, server: SecurityList) -> bool:
    """Within each entry two SPIs, none of them the other side's; no port of unprotected SIP; ESP in transport mode, or
    encapsulated in UDP."""
    ours, theirs = _ipsec(client), _ipsec(server)
    for given in (*ours, *theirs):
        if given.get("spi-c") and given.get("spi-c") == given.get("spi-s"):
            return False
        if {given.get("port-c"), given.get("port-s")} & _UNPROTECTED_PORTS:
            return False
        if given.get("prot", "esp") != "esp" or given.get("mod", "trans") not in _MODES:
            return False
    return _spis(ours).isdisjoint(_spis(theirs))


def _values(entries: Sequence[dict[str, str]], names: Sequence[str]) -> set[str]:
    return {given[name] for given in entries for name in names if given.get(name)}


def _spis(entries: Sequence[dict[str, str]]) -> set[str]:
    return _values(entries, ("spi-c", "spi-s"))


def preferences_distinct(elements: SecurityList) -> bool:
    """No two mechanisms of another name share a q (RFC 3329 2.2); entries of one mechanism often do in the field."""
    seen: dict[str, str] = {}
    for element in elements:
        preference = _given(element).get("q")
        if preference is not None and seen.setdefault(preference, element.name) != element.name:
            return False
    return True


@frozen
class Renewal:
    """How an agreement on ipsec-3gpp follows one in use (TS 33.203 7.4)."""

    server_ports_kept: bool
    fresh: bool  # SPIs and client ports are none of before


def renewal(before: tuple[SecurityList, SecurityList], after: tuple[SecurityList, SecurityList]) -> Renewal | None:
    """Two agreements compared, each the client's list and the server's; None where one has no ipsec-3gpp."""
    old, new = [_ipsec(each) for each in before], [_ipsec(each) for each in after]
    if not all((*old, *new)):
        return None
    kept = all(_values(o, ("port-s",)) == _values(n, ("port-s",)) for o, n in zip(old, new, strict=True))
    spis = all(_spis(o).isdisjoint(_spis(n)) for o, n in zip(old, new, strict=True))
    ports = all(_values(o, ("port-c",)).isdisjoint(_values(n, ("port-c",))) for o, n in zip(old, new, strict=True))
    return Renewal(kept, spis and ports)
