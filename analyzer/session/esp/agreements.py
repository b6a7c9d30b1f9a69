"""Security associations as Security-Client and Security-Server set them up (RFC 3329; TS 33.203 7.1, Annex H).

A registration sets up four: from the UE to the P-CSCF's server and client port, and from the P-CSCF to the UE's. Each
side names the SPIs by which it receives. CK and IK that a 401 carries on its way to the P-CSCF (TS 24.229 7.2A.1) are
noted too.
"""

from collections import OrderedDict
from dataclasses import dataclass

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.numbers import decimal
from analyzer.core.secrets import Secret
from analyzer.core.severity import Severity
from analyzer.formats.headers import parameters, split, unquote
from analyzer.protocols.sip.message import Message
from analyzer.session.key_entries import AkaKey

FORGOTTEN = define(
    "esp.agreements_limit", Severity.MEDIUM,
    "More security agreements than are remembered; the oldest is forgotten, and what it negotiated with it",
)  # fmt: skip
MECHANISMS = 16  # of one header that are read
_HALF_KEY = 32  # hexadecimal digits of CK and of IK


@frozen
class Mechanism:
    """One ipsec-3gpp entry of Security-Client or Security-Server."""

    alg: str
    ealg: str
    mode: str
    spi_c: int
    spi_s: int
    port_c: int
    port_s: int


@frozen
class Agreed:
    """One association that a registration set up, under one of the algorithm pairs agreed."""

    src: int
    dst: int
    spi: int
    alg: str
    ealg: str
    mode: str
    impi: str
    call_id: str
    cites: tuple[Cite, ...]


@dataclass(slots=True)
class CapturedAka:
    """CK and IK that a message of the capture shows."""

    key: AkaKey
    cites: tuple[Cite, ...]
    opened: int = 0


@frozen
class _Offer:
    mechanisms: tuple[Mechanism, ...]
    impi: str
    call_id: str
    cites: tuple[Cite, ...]


def mechanisms(values: tuple[str, ...]) -> tuple[Mechanism, ...]:
    """The ipsec-3gpp entries of a header that are complete; defaults as in TS 33.203 Annex H."""
    found: list[Mechanism] = []
    for value in values:
        for part in split(value)[:MECHANISMS]:
            name, given = parameters(part)
            numbers = [decimal(given.get(word, "")) for word in ("spi-c", "spi-s", "port-c", "port-s")]
            if name.strip().lower() != "ipsec-3gpp" or given.get("prot", "esp").lower() != "esp":
                continue
            spi_c, spi_s, port_c, port_s = (-1 if number is None else number for number in numbers)
            if 0 < spi_c <= 0xFFFFFFFF and 0 < spi_s <= 0xFFFFFFFF and given.get("alg"):
                words = (given["alg"].lower(), given.get("ealg", "null").lower(), given.get("mod", "trans").lower())
                found.append(Mechanism(*words, spi_c, spi_s, port_c, port_s))
    return tuple(found[:MECHANISMS])


class Agreements:
    """What registrations agreed on, by receiver and SPI. `version` changes when there is more to try."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._offers: OrderedDict[tuple[int, int], _Offer] = OrderedDict()
        self._agreed: OrderedDict[tuple[int, int], dict[Agreed, None]] = OrderedDict()
        self._of_dialog: dict[str, list[CapturedAka]] = {}
        self._ports: OrderedDict[Address, None] = OrderedDict()  # that Security-Client and -Server name
        self.captured: OrderedDict[tuple[Secret, Secret], CapturedAka] = OrderedDict()
        self.version = 0
        self.evicted = 0

    def of(self, dst: int, spi: int) -> tuple[Agreed, ...]:
        """The ways in which an association may have been agreed."""
        return tuple(self._agreed.get((dst, spi), ()))

    def protects(self, ends: Endpoints) -> bool:
        """Whether an association was agreed on for one of the two ports: nothing else belongs there (TS 33.203 7.1)."""
        return bool(self._ports) and (ends.dst in self._ports or ends.src in self._ports)

    def captured_in(self, call_id: str) -> tuple[CapturedAka, ...]:
        """CK and IK that a 401 of the dialog shows, the latest first."""
        return tuple(reversed(self._of_dialog.get(call_id, ())))

    def observe(self, message: Message, src: int, dst: int) -> list[Anomaly]:
        """Takes a message with the addresses of its hop."""
        if message.is_request:
            if message.method == "REGISTER":
                self._offer(message, src, dst)
            return []
        if message.status == 401:
            self._challenge(message)
        values = message.all("security-server")
        answer = mechanisms(values) if values else ()
        offer = self._offers.get((dst, src)) if answer else None
        return self._agree(offer, answer, dst, src, message.cites) if offer is not None else []

    def _offer(self, message: Message, ue: int, proxy: int) -> None:
        offered = mechanisms(message.all("security-client"))
        if not offered:
            return
        self._offers[ue, proxy] = _Offer(offered, _username(message), message.call_id, message.cites)
        self._offers.move_to_end((ue, proxy))
        if len(self._offers) > self._limits.esp_agreements:
            self._offers.popitem(last=False)
            self.evicted += 1

    def _agree(
        self, offer: _Offer, answer: tuple[Mechanism, ...], ue: int, proxy: int, cites: tuple[Cite, ...]
    ) -> list[Anomaly]:
        anomalies: list[Anomaly] = []
        offered = {(mechanism.alg, mechanism.ealg): mechanism for mechanism in reversed(offer.mechanisms)}
        common = [
            (server, offered[server.alg, server.ealg]) for server in answer if (server.alg, server.ealg) in offered
        ]
        for server, client in common or [(server, offer.mechanisms[0]) for server in answer]:
            self._protect(Address(proxy, server.port_s), Address(proxy, server.port_c))
            self._protect(Address(ue, client.port_s), Address(ue, client.port_c))
            ways = ((proxy, server.spi_s), (proxy, server.spi_c), (ue, client.spi_c), (ue, client.spi_s))
            for receiver, spi in ways:
                sender = ue if receiver == proxy else proxy
                agreed = Agreed(
                    sender, receiver, spi, server.alg, server.ealg, server.mode, offer.impi, offer.call_id, cites[:1]
                )  # fmt: skip
                anomalies.extend(self._add(agreed, cites))
        return anomalies

    def _protect(self, *ends: Address) -> None:
        for end in ends:
            if end.port > 0:
                self._ports[end] = None
        while len(self._ports) > 4 * self._limits.esp_agreements:
            self._ports.popitem(last=False)

    def _add(self, agreed: Agreed, cites: tuple[Cite, ...]) -> list[Anomaly]:
        key = agreed.dst, agreed.spi
        known = self._agreed.setdefault(key, {})
        self._agreed.move_to_end(key)
        if agreed in known:
            return []
        known[agreed] = None
        while len(known) > MECHANISMS:
            del known[next(iter(known))]
        self.version += 1
        if len(self._agreed) <= 4 * self._limits.esp_agreements:
            return []
        self._agreed.popitem(last=False)
        self.evicted += 1
        return [Anomaly(FORGOTTEN, cites[:1], f"{self._limits.esp_agreements} registrations")]

    def _challenge(self, message: Message) -> None:
        for value in message.all("www-authenticate"):
            given = dict(part.partition("=")[::2] for part in split(value))
            ck, ik = _hex(given.get("ck", "")), _hex(given.get("ik", ""))
            if ck is None or ik is None:
                continue
            known = self.captured.get((ck, ik))
            if known is None:
                number = len(self.captured) + 1
                known = CapturedAka(AkaKey(f"401/{number}", "", ck, ik), message.cites)
                self.captured[ck, ik] = known
                self.version += 1
                if len(self.captured) > self._limits.esp_agreements:
                    self.captured.popitem(last=False)
                    self.evicted += 1
                if len(self._of_dialog) > self._limits.esp_agreements:
                    del self._of_dialog[next(iter(self._of_dialog))]
            runs = self._of_dialog.setdefault(message.call_id, [])
            if known not in runs:
                runs.append(known)
                del runs[:-MECHANISMS]


def _username(message: Message) -> str:
    """The private identity (IMPI) in a REGISTER's Authorization (TS 24.229 5.1.1.1A)."""
    for value in message.all("authorization"):
        for part in split(value):
            name, _, text = (
                part.rpartition(" ")[2].partition("=") if " " in part.partition("=")[0] else part.partition("=")
            )
            if name.strip().lower() == "username":
                return unquote(text.strip())
    return ""


def _hex(text: str) -> Secret | None:
    digits = unquote(text.strip())
    if len(digits) != _HALF_KEY or digits.encode("ascii", "replace").translate(None, b"0123456789abcdefABCDEF"):
        return None
    return Secret(bytes.fromhex(digits))
