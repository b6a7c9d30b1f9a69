"""Registrations and what was announced in them for media-plane security (RFC 3329; TS 24.229 7.2A `mediasec`).

A binding is one address of record registered from one address. What both sides announced counts for that UE's later
calls. A list seen is proof; that a list is missing is known only once the registration was seen to succeed.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from analyzer.core.addresses import ip_text
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.headers import split
from analyzer.formats.uri import user_names
from analyzer.protocols.sip.message import Message
from analyzer.session.carrier import Carrier, integrity
from analyzer.session.model.signalling import Mediasec
from analyzer.session.model.states import YesNo
from analyzer.session.security_lists import CLIENT, SERVER, VERIFY, SecurityList, media_names, renewal, security_list

MAX_BINDINGS = 50_000
MAX_NAMES = 4 * MAX_BINDINGS  # of registered identities
_CITES = 8
_LISTED = 64  # identities of a P-Associated-URI that are remembered
_PER_UE = 64  # addresses of record told apart at one address
MECHANISMS = {
    "audio": "sdes-srtp",
    "video": "sdes-srtp",
    "text": "sdes-srtp",
    "message": "msrp-tls",
    "bfcp": "bfcp-tls",
    "image": "udptl-dtls",
}
"""The mechanism name that announces e2ae security for a medium."""
DTLS_SRTP = "dtls-srtp"  # of audio and video keyed by DTLS
CHALLENGES = frozenset({401, 407, 421, 494})  # the UE is expected to try again
_REQUIRING = ("require", "proxy-require")
_MISSED = Unknown.of("frames", "both REGISTERs of this registration, whole")
_LISTS_MISSED = Unknown.of("message", "both lists of the IPsec agreement, and of the one before")


@frozen
class _Agreement:
    """The lists of one challenge, and which one it was."""

    call_id: str
    cseq: int | None
    client: SecurityList | None
    server: SecurityList


@dataclass(slots=True)
class Binding:
    """One UE's registration as far as it was captured. None: not seen."""

    ordinal: int
    ue: int
    aor: str
    registrar: int
    contact: str = ""
    client: SecurityList | None = None  # the latest Security-Client
    server: SecurityList | None = None  # the latest Security-Server
    verify: SecurityList | None = None
    requests: int = 0
    challenged: bool = False  # an answer that asks for another REGISTER was seen
    first_integrity: YesNo | Unknown | None = None  # of the REGISTER without Security-Verify
    echo: Tristate | None = None  # Security-Verify equals the Security-Server before it
    repeat: Tristate | None = None  # Security-Client of the two REGISTERs is equal
    tags: Tristate | None = None  # sec-agree stands in Require and Proxy-Require of the first REGISTER with a list
    reagreed: bool = False  # an agreement on IPsec followed one in use
    ports_kept: Tristate | None = None  # of each such agreement, against the one before
    fresh: Tristate | None = None
    altered: bool = False  # two copies of one message carry different lists
    outcome: int | None = None
    associated: tuple[str, ...] | None = None  # P-Associated-URI of the last 200
    cites: tuple[Cite, ...] = ()
    _offered: SecurityList | None = None  # Security-Client of the REGISTER that was challenged
    _to_echo: SecurityList | None = None  # the list that Security-Verify has to repeat; empty: a challenge without one
    _seen: dict[tuple[object, ...], SecurityList] = field(default_factory=dict)
    _proposed: _Agreement | None = None  # by the latest challenge with a list
    _in_use: _Agreement | None = None

    @property
    def accepted(self) -> bool:
        """It was seen to succeed."""
        return self.outcome is not None and 200 <= self.outcome < 300

    @property
    def agrees_on_ipsec(self) -> bool:
        """Both lists name ipsec-3gpp: associations were agreed on."""
        return all(_has_ipsec(found or ()) for found in (self.client, self.server))

    def listed(self, elements: SecurityList | None) -> SecurityList | None:
        """A list; empty once the registration has succeeded without one; None while one may have been missed."""
        return () if not elements and self.accepted else elements or None

    def in_force(self, elements: SecurityList | None) -> SecurityList | None:
        """A list of a registration that may stand; None of one that was only seen to be refused: it announced nothing
        that counts for calls."""
        refused = self.outcome is not None and self.outcome >= 300 and self.outcome not in CHALLENGES
        return None if refused and self.associated is None else self.listed(elements)

    def once(self, key: tuple[object, ...], elements: SecurityList) -> None:
        """Holds a list against other copies of the same message: of one Call-ID, CSeq and status."""
        if not key[1]:
            return
        known = self._seen.setdefault(key, elements)
        self.altered |= known != elements
        if len(self._seen) > 4:
            del self._seen[next(iter(self._seen))]

    def request(self, message: Message, carrier: Carrier) -> None:
        """Takes a REGISTER of the UE."""
        self.requests += 1
        self.contact = next(iter(message.contacts), self.contact)
        offer = security_list(message.all(CLIENT))
        verify = security_list(message.all(VERIFY))
        self.once(("request", message.call_id, message.cseq), (*offer, *verify))
        if offer:
            self.client = offer
            if self.tags is None and not verify:
                self.tags = _agrees(message)
        if verify:
            self.verify = verify
        elif not self.challenged and self.first_integrity != "no":
            self.first_integrity = integrity(carrier.state)
        if verify or (self.challenged and self.client):
            self.echo = _worse(self.echo, self._echoed(verify, message.complete))
        if self.challenged and self.client:
            whole = message.complete or bool(offer)
            self.repeat = _worse(
                self.repeat, self._offered == offer if whole and self._offered is not None else _MISSED
            )
        if not self.challenged:
            self._offered = offer
        self.challenged = False

    def _echoed(self, verify: SecurityList, complete: bool) -> Tristate | None:
        """Whether Security-Verify is the list that the server sent; None: there was none to echo."""
        sent = self._to_echo
        if not sent:
            if sent is not None and not verify:
                return None
            return Unknown.of("message", f"the answer with Security-Server that {ip_text(self.ue)} echoes")
        if verify == sent:
            return True
        if verify and verify == tuple(element for element in sent if element.media):
            return Unknown.of("message", "whether this UE echoes media mechanisms only: it left the others out")
        return False if verify or complete else _MISSED

    def response(self, message: Message) -> None:
        """Takes an answer to one."""
        status = message.status or 0
        listed = security_list(message.all(SERVER))
        self.once(("response", message.call_id, message.cseq, status), listed)
        self.challenged = status in CHALLENGES
        if self.challenged and listed:
            self._propose(_Agreement(message.call_id, message.cseq, self.client, listed))
        if listed:
            self.server = self._to_echo = listed
        elif self.challenged and self._to_echo is None:
            self._to_echo = ()
        if status >= 200:
            self.outcome = status
        if 200 <= status < 300:
            self._in_use, self._proposed = self._proposed or self._in_use, None
            self.associated = message.identities("p-associated-uri")[:_LISTED]

    def _propose(self, found: _Agreement) -> None:
        """Takes what a challenge proposes, and holds it against what is in use. Copies of one challenge are one."""
        known = self._proposed or self._in_use
        if known is not None and (known.call_id, known.cseq) == (found.call_id, found.cseq):
            return
        self._proposed, before = found, self._in_use
        if before is None or not (_has_ipsec(before.server) and _has_ipsec(found.server)):
            return
        self.reagreed = True
        seen = before.client is not None and found.client is not None
        how = renewal((before.client or (), before.server), (found.client or (), found.server)) if seen else None
        self.ports_kept = _worse(self.ports_kept, _LISTS_MISSED if how is None else how.server_ports_kept)
        self.fresh = _worse(self.fresh, _LISTS_MISSED if how is None else how.fresh)


def _has_ipsec(elements: SecurityList) -> bool:
    return any(element.name == "ipsec-3gpp" for element in elements)


def _agrees(message: Message) -> Tristate:
    """RFC 3329 2.3.1: a client that lists mechanisms asks every proxy to agree on one."""
    tags = [{tag.lower() for value in message.all(name) for tag in split(value)} for name in _REQUIRING]
    found = all("sec-agree" in each for each in tags)
    return found if found or message.complete else _MISSED


def _worse(known: Tristate | None, found: Tristate | None) -> Tristate | None:
    if known is False or found is False:
        return False
    return known if isinstance(known, Unknown) or found is None else found


class Registrations:
    """Bindings by UE address and address of record. Past `MAX_BINDINGS` the oldest is given to `forgotten`."""

    def __init__(self) -> None:
        self._bindings: OrderedDict[tuple[int, str], Binding] = OrderedDict()
        self._by_ue: dict[int, dict[str, Binding]] = {}
        self._by_user: OrderedDict[str, Binding] = OrderedDict()  # by each name of each identity registered
        self._ordinal = 0
        self.evicted = 0
        self.forgotten: Callable[[Binding], None] | None = None

    def observe(self, message: Message, carrier: Carrier, first_hop: bool) -> None:
        """Takes a REGISTER that a UE sent (`first_hop`), or a response to one."""
        src, dst = carrier.endpoints.src.ip, carrier.endpoints.dst.ip
        if message.is_request:
            if not first_hop:
                return
            binding = self._bindings.get((src, message.to_uri)) or self._new(src, dst, message.to_uri)
            if binding is not None:
                binding.request(message, carrier)
        else:
            binding = self._by_ue.get(dst, {}).get(message.to_uri)
            if binding is None or binding.registrar != src:
                return
            binding.response(message)
            if binding.accepted:
                self._file(binding)
        if binding is not None and len(binding.cites) < _CITES:
            binding.cites = (*binding.cites, *message.cites)[:_CITES]

    def _new(self, ue: int, registrar: int, aor: str) -> Binding | None:
        here = self._by_ue.setdefault(ue, {})
        if len(here) >= _PER_UE:
            self.evicted += 1
            return None
        self._ordinal += 1
        binding = here[aor] = self._bindings[ue, aor] = Binding(self._ordinal, ue, aor, registrar)
        if len(self._bindings) > MAX_BINDINGS:
            _, oldest = self._bindings.popitem(last=False)
            self._by_ue[oldest.ue].pop(oldest.aor, None)
            if not self._by_ue[oldest.ue]:
                del self._by_ue[oldest.ue]
            self.evicted += 1
            if self.forgotten is not None:
                self.forgotten(oldest)
        return binding

    def _file(self, binding: Binding) -> None:
        """Makes a binding known by what was registered together, past `MAX_NAMES` instead of the oldest."""
        for uri in (binding.aor, *(binding.associated or ())):
            for name in user_names(uri):
                self._by_user[name] = binding
                self._by_user.move_to_end(name)
        while len(self._by_user) > MAX_NAMES:
            self._by_user.popitem(last=False)
            self.evicted += 1

    def together(self, uri: str) -> tuple[str, ...]:
        """The identities that were registered together with one (P-Associated-URI); none: that was not seen."""
        found = next((self._by_user[name] for name in user_names(uri) if name in self._by_user), None)
        return (found.aor, *found.associated) if found is not None and found.associated is not None else ()

    def of(self, ue: int) -> tuple[Binding, ...]:
        """What is registered from an address, in order of first sight."""
        return tuple(self._by_ue.get(ue, {}).values())

    def secured(self, ue: int) -> Tristate:
        """Whether a UE and its network agreed on a mechanism for signalling (RFC 3329): both lists name one."""
        where = ip_text(ue)
        missing = _unseen(where)
        if ue not in self._by_ue:
            return missing
        both = [(b.in_force(b.client), b.in_force(b.server)) for b in self.of(ue)]
        return _agreed([missing if None in pair else all(map(_signalling, pair)) for pair in both], where, missing)

    def mediasec(self, ue: int | None, medium: str, dtls: bool = False) -> Mediasec:
        """What both sides announced for a medium of a UE's calls; `dtls`: one whose RTP is keyed by DTLS."""
        mechanism = MECHANISMS.get(medium)
        if mechanism is None:
            return Mediasec(False, False, False)
        if dtls and mechanism == "sdes-srtp":
            mechanism = DTLS_SRTP
        where = ip_text(ue) if ue is not None else "the UE"
        missing = _unseen(where)
        if ue not in self._by_ue:
            return Mediasec(missing, missing, missing)
        bindings = self.of(ue)
        client = _agreed([_announced(b.in_force(b.client), mechanism, missing) for b in bindings], where, missing)
        server = _agreed([_announced(b.in_force(b.server), mechanism, missing) for b in bindings], where, missing)
        return Mediasec(client, server, _both(client, server))

    def all(self) -> list[Binding]:
        """Every binding, in order of first sight."""
        return sorted(self._bindings.values(), key=lambda binding: binding.ordinal)


@lru_cache(maxsize=1_024)
def _unseen(where: str) -> Unknown:
    return Unknown.of("message", f"the registration of {where}")


def _signalling(elements: SecurityList | None) -> bool:
    return any(not element.media for element in elements or ())


def _announced(elements: SecurityList | None, mechanism: str, missing: Unknown) -> Tristate:
    return missing if elements is None else mechanism in media_names(elements)


def _agreed(said: list[Tristate], where: str, missing: Unknown) -> Tristate:
    """What all identities registered from one address say; if they differ it is not known whose call this is."""
    if not said:
        return missing
    if all(each is True for each in said) or all(each is False for each in said):
        return said[0]
    unseen = next((each for each in said if isinstance(each, Unknown)), None)
    return unseen or Unknown.of("message", f"which of the {len(said)} registrations from {where} this call belongs to")


def _both(client: Tristate, server: Tristate) -> Tristate:
    """Kleene and."""
    if client is False or server is False:
        return False
    return client if isinstance(client, Unknown) else server
