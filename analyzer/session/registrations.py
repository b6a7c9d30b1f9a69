"""Registrations and what was announced in them for media-plane security (RFC 3329; TS 24.229 7.2A `mediasec`)."""

from collections import OrderedDict
from dataclasses import dataclass

from analyzer.core.addresses import ip_text
from analyzer.core.cites import Cite
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.headers import parameters, split
from analyzer.protocols.sip.message import Message
from analyzer.session.model.signalling import Mediasec

MAX_BINDINGS = 50_000
MECHANISMS = {
    "audio": "sdes-srtp",
    "video": "sdes-srtp",
    "message": "msrp-tls",
    "bfcp": "bfcp-tls",
    "image": "udptl-dtls",
}
"""The mechanism name that announces e2ae security for a medium."""


@dataclass(slots=True)
class Binding:
    """One UE's registration as far as it was captured. None: not seen."""

    ordinal: int
    ue: int
    aor: str
    client: tuple[str, ...] | None = None
    server: tuple[str, ...] | None = None
    client_media: frozenset[str] = frozenset()
    server_media: frozenset[str] = frozenset()
    outcome: int | None = None
    cites: tuple[Cite, ...] = ()


def _mechanisms(values: tuple[str, ...]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Mechanism names of a security header, and those marked `mediasec`."""
    names: list[str] = []
    media: set[str] = set()
    for value in values:
        for part in split(value):
            name, found = parameters(part)
            name = name.strip().lower()
            names.append(name)
            if "mediasec" in found:
                media.add(name)
    return tuple(names), frozenset(media)


class Registrations:
    """Bindings by UE address. Past `MAX_BINDINGS` the oldest is forgotten."""

    def __init__(self) -> None:
        self._bindings: OrderedDict[int, Binding] = OrderedDict()
        self._ordinal = 0

    def observe(self, message: Message, src: int, dst: int, first_hop: bool) -> None:
        """Takes a REGISTER that a UE sent (`first_hop`), or a response to one."""
        if message.is_request:
            if not first_hop:
                return
            binding = self._bindings.get(src)
            if binding is None:
                self._ordinal += 1
                binding = self._bindings[src] = Binding(self._ordinal, src, message.to_uri)
                if len(self._bindings) > MAX_BINDINGS:
                    self._bindings.popitem(last=False)
            binding.cites = (binding.cites + message.cites)[:8]
            names, media = _mechanisms(message.all("security-client"))
            binding.client = tuple(dict.fromkeys((binding.client or ()) + names))
            binding.client_media |= media
            return
        known = self._bindings.get(dst)
        if known is None:
            return
        known.cites = (known.cites + message.cites)[:8]
        names, media = _mechanisms(message.all("security-server"))
        known.server = tuple(dict.fromkeys((known.server or ()) + names))
        known.server_media |= media
        if (message.status or 0) >= 200:
            known.outcome = message.status

    def mediasec(self, ue: int | None, medium: str) -> Mediasec:
        """What both sides announced for a medium of a UE's calls."""
        mechanism = MECHANISMS.get(medium)
        binding = self._bindings.get(ue) if ue is not None else None
        where = ip_text(ue) if ue is not None else "the UE"
        missing = Unknown.of("message", f"the registration of {where}")
        if mechanism is None:
            return Mediasec(False, False, False)
        client: Tristate = missing if binding is None or binding.client is None else mechanism in binding.client_media
        server: Tristate = missing if binding is None or binding.server is None else mechanism in binding.server_media
        return Mediasec(client, server, _both(client, server))

    def all(self) -> list[Binding]:
        """Every binding, in order of first sight."""
        return sorted(self._bindings.values(), key=lambda binding: binding.ordinal)


def _both(client: Tristate, server: Tristate) -> Tristate:
    """Kleene and."""
    if client is False or server is False:
        return False
    return client if isinstance(client, Unknown) else server
