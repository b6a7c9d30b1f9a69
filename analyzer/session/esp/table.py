"""The ESP associations of a run: by receiver and SPI which sender, what opened them, how many packets were what.

An association's packets are opened by a key that their check value proves, else read as NULL where the registration
agreed on that or the packets show it (RFC 5879), else only counted.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from analyzer.core.anomalies import Anomaly, AnomalyKind, define
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.crypto.esp import APART, HEADER, HIDING, Opened, Reason
from analyzer.session.carrier import Ipsec
from analyzer.session.esp import structure
from analyzer.session.esp.candidates import Candidate, Candidates, unencrypted
from analyzer.session.esp.replay import Window

_WINDOW = "RFC 4303 3.4.3"
_NUMBERS = "RFC 4303 3.3.3"
REPLAYED = define("esp.replayed", Severity.HIGH, "An ESP packet was sent again, the same bytes", _WINDOW)
REUSED = define(
    "esp.sequence_reused", Severity.MEDIUM, "An ESP sequence number was used for two different packets", _WINDOW
)
OLD = define(
    "esp.sequence_old", Severity.LOW, "An ESP packet is older than the window: replayed, or out of order", _WINDOW
)
RESTARTED = define(
    "esp.sequence_restarted", Severity.MEDIUM, "ESP sequence numbers began anew without a new SPI", _NUMBERS
)
ZERO = define("esp.sequence_zero", Severity.LOW, "An ESP packet has the sequence number 0; the first is 1", _NUMBERS)
TAMPERED = define(
    "esp.tag_failed", Severity.MEDIUM, "An ESP packet fails the check value of the key that opens its association",
    "RFC 4303 3.4.4.1",
)  # fmt: skip
CUT = define("esp.short", Severity.LOW, "An ESP packet is too short for its header", "RFC 4303 2")
FORGOTTEN = define(
    "esp.associations_limit", Severity.MEDIUM,
    "More ESP associations than are followed; the one longest quiet is forgotten",
)  # fmt: skip
_HELD = 4  # packets of an association kept until it is known to be without encryption
_TRIES = 256  # openings tried for an association that no key opens
_MISFITS = 8  # packets in a row that end a reading without encryption (RFC 5879 6)
_EXTENDED = bytes(4)  # upper half of an extended sequence number below 2**32


class EspPacket(NamedTuple):
    """One packet from its SPI, as captured. `missing` bytes behind it were cut off by the snap length."""

    vantage: int
    src: int
    dst: int
    ports: tuple[int, int]  # of UDP around it (RFC 3948), else zeros
    data: bytes
    missing: int
    ip_id: int
    cites: tuple[Cite, ...]
    depth: int = 0


class Carried(NamedTuple):
    """What an opened packet carried, and on what ground."""

    packet: EspPacket
    next_header: int
    payload: bytes
    ipsec: Ipsec


@dataclass(slots=True)
class Association:
    """One direction of ESP between two addresses. Counts are of distinct packets."""

    ordinal: int
    src: int
    dst: int
    spi: int
    ports: tuple[int, int]
    first: Cite
    window: Window = field(default_factory=Window)
    packets: int = 0
    authenticated: int = 0
    opened: int = 0
    auth_failed: int = 0
    replayed: int = 0
    reused: int = 0
    truncated: int = 0
    closed: int = 0
    chosen: Candidate | None = None
    layout: tuple[int, int] | None = None
    agreed_null: bool = False
    readings: structure.Readings = field(default_factory=structure.Readings)
    next_headers: set[int] = field(default_factory=set)
    tried: int = 0
    version: tuple[int, int] | None = None
    candidates: tuple[Candidate, ...] = ()
    high: bytes = b""
    held: list[EspPacket] = field(default_factory=list)
    misfits: int = 0
    senseless: bool = False  # a check value was right, and what came out made no sense
    last_ns: int = 0

    @property
    def tunnel(self) -> bool | None:
        """Tunnel mode; None: nothing opened."""
        return bool(self.next_headers & {4, 41}) if self.next_headers else None


class AssociationTable:
    """Takes ESP packets in capture order. At most `Limits.esp_associations`; those that nothing opens go first."""

    def __init__(self, limits: Limits, candidates: Candidates) -> None:
        self._limits = limits
        self._candidates = candidates
        self._open: OrderedDict[tuple[int, int, int], Association] = OrderedDict()
        self._closed: OrderedDict[tuple[int, int, int], Association] = OrderedDict()
        self._ordinal = 0
        self._between: dict[tuple[int, int], dict[int, Association]] = {}  # by the two hosts, then by ordinal
        self._held = 0
        self._anomalies: list[Anomaly] = []
        self.evicted = 0

    def take_anomalies(self) -> list[Anomaly]:
        """The anomalies since the last call."""
        taken, self._anomalies = self._anomalies, []
        return taken

    def all(self) -> list[Association]:
        """Every association that is remembered, in order of first sight."""
        return sorted((*self._open.values(), *self._closed.values()), key=lambda one: one.ordinal)

    def sealed(self, one: int, other: int, span: tuple[int, int]) -> bool:
        """Whether ESP passed between two hosts in a span of time of which nothing was opened."""
        found = self._between.get((min(one, other), max(one, other)), {}).values()
        begin, end = span
        return any(not each.opened and each.first.ts_ns <= end and each.last_ns >= begin for each in found)

    def packet(self, packet: EspPacket) -> Sequence[Carried]:
        """Takes a packet; gives what it carried, behind what of its association had to wait."""
        if len(packet.data) < HEADER:
            if not packet.missing:
                self._note(CUT, packet)
            return ()
        spi = int.from_bytes(packet.data[:4], "big")
        sequence = int.from_bytes(packet.data[4:8], "big")
        association = self._association(packet, spi)
        association.last_ns = packet.cites[-1].ts_ns
        occurrence = association.window.place(sequence, packet.data, packet.vantage, packet.cites[-1].ts_ns)
        if occurrence in ("same_place", "repeated"):
            if occurrence == "repeated":
                association.replayed += 1
                self._note(REPLAYED, packet, f"SPI 0x{spi:08x}, sequence number {sequence}")
            return ()
        if occurrence == "reused":
            association.reused += 1
            self._note(REUSED, packet, f"SPI 0x{spi:08x}, sequence number {sequence}")
        elif occurrence == "old":
            self._note(OLD, packet, f"SPI 0x{spi:08x}, sequence number {sequence}")
        found = self._open_packet(association, packet)
        failed = found is Reason.TAG_FAILED and association.chosen is not None
        first = occurrence == "reused"
        if occurrence in ("new", "old") and not failed:
            restarts = association.window.restarts
            first = association.window.take(sequence, packet.vantage, packet.cites[-1].ts_ns)
            if association.window.restarts > restarts:
                self._note(RESTARTED, packet, f"SPI 0x{spi:08x}, at {sequence}")
            if not sequence and first:
                self._note(ZERO, packet, f"SPI 0x{spi:08x}")
        if failed:
            self._note(TAMPERED, packet, f"SPI 0x{spi:08x}, sequence number {sequence}")
        return self._account(association, packet, found, first or failed)

    def _account(
        self, association: Association, packet: EspPacket, found: Opened | Reason | None, first: bool
    ) -> Sequence[Carried]:
        association.packets += first
        if isinstance(found, Reason) or found is None:
            if first:
                association.auth_failed += found is Reason.TAG_FAILED
                association.truncated += packet.missing > 0
                association.closed += 1
            return ()
        if first:
            association.opened += 1
            association.authenticated += found.verified
            if association.chosen is not None:
                self._candidates.use(association.chosen)
        if len(association.next_headers) < 8:
            association.next_headers.add(found.next_header)
        if not association.held:
            return (self._carried(association, packet, found),)
        waited, association.held = association.held, []
        self._held -= len(waited)
        carried = [one for one in (self._late(association, held) for held in waited) if one is not None]
        return (*carried, self._carried(association, packet, found))

    def _late(self, association: Association, packet: EspPacket) -> Carried | None:
        """A packet that had to wait until the association was understood: counted, not yet as opened."""
        found = self._read(association, packet)
        if isinstance(found, Reason) or found is None:
            return None
        association.closed -= 1
        association.opened += 1
        association.authenticated += found.verified
        if association.chosen is not None:
            self._candidates.use(association.chosen)
        return self._carried(association, packet, found)

    def _carried(self, association: Association, packet: EspPacket, found: Opened) -> Carried:
        return Carried(packet, found.next_header, found.payload, protection(association, found.verified))

    # -- associations ---------------------------------------------------------------------------------------------

    def _association(self, packet: EspPacket, spi: int) -> Association:
        key = packet.src, packet.dst, spi
        known = self._open.get(key)
        if known is not None:
            self._open.move_to_end(key)
            return known
        known = self._closed.get(key)
        if known is None:
            self._ordinal += 1
            known = Association(self._ordinal, packet.src, packet.dst, spi, packet.ports, packet.cites[0])
            self._closed[key] = known
            self._between.setdefault(_hosts(known), {})[known.ordinal] = known
            if len(self._open) + len(self._closed) > self._limits.esp_associations:
                _, gone = (self._closed if len(self._closed) > 1 else self._open).popitem(last=False)
                self._forget(gone)
                self.evicted += 1
                self._note(FORGOTTEN, packet, f"{self._limits.esp_associations} associations")
        else:
            self._closed.move_to_end(key)
        return known

    def _forget(self, gone: Association) -> None:
        self._held -= len(gone.held)
        between = self._between[_hosts(gone)]
        del between[gone.ordinal]
        if not between:
            del self._between[_hosts(gone)]

    def _understood(self, association: Association) -> None:
        key = association.src, association.dst, association.spi
        if self._closed.pop(key, None) is not None:
            self._open[key] = association

    # -- opening --------------------------------------------------------------------------------------------------

    def _open_packet(self, association: Association, packet: EspPacket) -> Opened | Reason | None:
        """The packet opened; why the key that it has does not open it; None: nothing does."""
        if association.chosen is None and association.version != self._candidates.version and not packet.missing:
            better = self._try(association, packet)
            if better is not None:
                return better
        found = self._read(association, packet)
        if packet.missing and not association.truncated and association.chosen is None:
            self._candidates.cut(association.src, association.dst, association.spi)
        if isinstance(found, Opened) or packet.missing:
            return found if isinstance(found, Opened) else None
        other = self._try(association, packet)
        if other is not None:
            return other
        if association.chosen is not None:
            return found
        seen = self._structure(association, packet)
        checked = not association.senseless and any(one.opener.checked for one in association.candidates)
        return Reason.TAG_FAILED if seen is None and checked else seen

    def _read(self, association: Association, packet: EspPacket) -> Opened | Reason | None:
        """By what is known of the association already."""
        if association.chosen is not None:
            return None if packet.missing else association.chosen.opener.open(packet.data, association.high)
        if association.layout is None:
            return None
        if packet.missing:
            return self._cut(association, packet)
        found = structure.read(packet.data, association.layout)
        if isinstance(found, Opened):
            association.misfits = 0
            return found
        association.misfits += 1
        if association.misfits >= _MISFITS and not association.agreed_null:
            association.layout, association.readings, association.misfits = None, structure.Readings(), 0
        return found

    def _cut(self, association: Association, packet: EspPacket) -> Opened | None:
        """What the snap length left of a packet without encryption; its trailer, hence its next header, is lost."""
        assert association.layout is not None
        if len(association.next_headers) != 1:
            return None
        return Opened(next(iter(association.next_headers)), packet.data[HEADER + association.layout[1] :], False)

    def _try(self, association: Association, packet: EspPacket) -> Opened | None:
        """By each key that may be the association's, once the one it had does not do."""
        version = self._candidates.version
        if association.version != version:
            association.version = version
            found = self._candidates.of(association.src, association.dst, association.spi)
            if [one.entry for one in found] != [one.entry for one in association.candidates]:
                association.tried = 0
            association.candidates = found
        for candidate in association.candidates:
            if association.tried >= _TRIES:
                return None
            senseless = False
            for high in (b"", _EXTENDED) if candidate.opener.checked else (b"",):
                association.tried += 1
                opened = candidate.opener.open(packet.data, high)
                if isinstance(opened, Opened) and not _plausible(opened, packet, candidate, high):
                    senseless = senseless or opened.verified
                elif isinstance(opened, Opened):
                    association.chosen, association.high = candidate, high
                    self._understood(association)
                    return opened
            association.senseless = association.senseless or senseless
            self._candidates.refused(candidate, senseless)
        return None

    def _structure(self, association: Association, packet: EspPacket) -> Opened | None:
        """As NULL, where it was agreed or the packets show it."""
        if association.layout is None and not association.readings.over:
            agreed = unencrypted(self._candidates.agreed(association.dst, association.spi))
            if agreed is not None and structure.fits(packet.data, agreed, packet.src, packet.dst):
                association.layout, association.agreed_null = agreed, True
            else:
                association.layout = association.readings.take(packet.data, packet.src, packet.dst)
            if association.layout is not None:
                self._understood(association)
                opened = structure.read(packet.data, association.layout)
                return opened if isinstance(opened, Opened) else None
            self._hold(association, packet)
        return None

    def _hold(self, association: Association, packet: EspPacket) -> None:
        """Keeps a packet that may turn out to be readable, within the bound of all held."""
        if association.readings.over:
            self._held -= len(association.held)
            association.held = []
        elif (
            len(association.held) < _HELD
            and self._held < self._limits.esp_held_packets
            and any(association.readings.bits.values())
        ):
            association.held.append(packet)
            self._held += 1

    def _note(self, kind: AnomalyKind, packet: EspPacket, detail: str = "") -> None:
        self._anomalies.append(Anomaly(kind, packet.cites[-1:], detail))


def _hosts(association: Association) -> tuple[int, int]:
    return min(association.src, association.dst), max(association.src, association.dst)


def _plausible(opened: Opened, packet: EspPacket, candidate: Candidate, high: bytes) -> bool:
    """Where the check value proves no cipher key, because there is none or because it has a key of its own
    (RFC 4303 3.4.4.1), a packet must make sense."""
    if not opened.verified:
        return structure.sensible(opened, packet.src, packet.dst)
    if candidate.opener.cipher not in APART:
        return True
    padding = candidate.opener.padding(packet.data, high)
    return structure.credible(opened, padding, packet.src, packet.dst)


def protection(association: Association, verified: bool) -> Ipsec:
    """What ESP did around a packet of the association, as far as it is known."""
    chosen = association.chosen
    if chosen is None:
        return _ipsec(False, "agreed" if association.agreed_null else "present")
    hides = chosen.opener.cipher in HIDING
    if verified:
        return _ipsec(hides, "verified")
    return _ipsec(hides, "none" if not chosen.opener.tag_bytes else "present")


_ipsec = lru_cache(maxsize=16)(Ipsec)  # there are eight of them
