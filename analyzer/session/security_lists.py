"""The lists of a security agreement: Security-Client, Security-Server, Security-Verify (RFC 3329 2.2).

An element marked `mediasec` is about the media plane alone (TS 24.229 7.2A.7).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.formats.headers import split

CLIENT, SERVER, VERIFY = "security-client", "security-server", "security-verify"
HOP_LOCAL = (CLIENT, SERVER, VERIFY)
OPTION_TAGS = frozenset({"sec-agree", "mediasec"})
MEDIA = "mediasec"
MEDIA_MECHANISMS = frozenset({"sdes-srtp", "msrp-tls", "bfcp-tls", "udptl-dtls"})
"""The names that TS 24.229, table 7.2A.7.2-2, defines; `dtls-srtp` is seen in the field beside them."""

MAX_ELEMENTS = 64


@dataclass(frozen=True, slots=True)
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
