"""IP packets put together from fragments: what came first wins, and what never came is announced.

RFC 791 3.2, RFC 8200 4.5, RFC 5722 (overlaps), RFC 1858 (what they are used for).
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from analyzer.core.anomalies import AnomalyKind, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.net import layers
from analyzer.net.columns import Columns
from analyzer.net.ledger import Ledger

INCOMPLETE = define("net.fragment_incomplete", Severity.LOW, "Fragments of a packet never came", "RFC 791 3.2")
EVICTED = define("net.fragment_evicted", Severity.MEDIUM, "A fragmented packet was given up at a limit", "RFC 791 3.2")
OVERLAP = define("net.fragment_overlap", Severity.HIGH, "Fragments overlap", "RFC 5722 3")
MALFORMED = define("net.fragment_malformed", Severity.MEDIUM, "A fragment cannot be part of its packet", "RFC 8200 4.5")

_MIRROR_NS = 1_000_000  # copies of a mirror port lie this close
_FRAGMENT_COST = 256  # bytes a frame takes beside its content
_LARGEST = 65_535

Key = tuple[int, ...]


@frozen
class Fragment:
    """A share of a packet. `end` is where the share ends on the wire; the snap length may have cut `data` short."""

    key: Key
    row: int
    ts_ns: int
    begin: int
    end: int
    more: bool
    header: bytes
    protocol: int
    data: bytes
    layers: int
    depth: int
    context: int
    cites: tuple[Cite, ...]


@frozen
class Whole:
    """A packet put together: it stands at `row`, its last `lost` bytes were not captured, `cites` are its frames."""

    row: int
    packet: bytes
    lost: int
    layers: int
    depth: int
    context: int
    cites: tuple[Cite, ...]


@dataclass(slots=True)
class _Unfinished:
    first_ns: int
    header: bytes = b""
    protocol: int = 0
    total: int = -1
    covered: int = 0
    cost: int = 0
    layers: int = layers.FRAGMENTED
    fragments: int = 0
    shares: set[tuple[int, int]] = field(default_factory=set)
    pieces: list[tuple[int, int, bytes]] = field(default_factory=list)  # disjoint, in order
    cites: list[Cite] = field(default_factory=list)


class Reassembler:
    """Fragments in row order in, whole packets out. Holds at most `held_bytes`, each packet for the timeout."""

    def __init__(self, ledger: Ledger, limits: Limits, held_bytes: int) -> None:
        self._ledger = ledger
        self._limits = limits
        self._held_bytes = held_bytes
        self._open: OrderedDict[Key, _Unfinished] = OrderedDict()
        self._done: OrderedDict[Key, int] = OrderedDict()
        self._held = 0

    def feed(self, fragment: Fragment) -> Whole | None:
        """Takes one fragment; gives the packet that it completes."""
        self._expire(fragment)
        if fragment.key not in self._open and abs(fragment.ts_ns - self._done.get(fragment.key, -1 << 62)) < _MIRROR_NS:
            self._count(fragment.cites, "fragment_duplicate")
            return None
        packet = self._open.setdefault(fragment.key, _Unfinished(fragment.ts_ns))
        wrong = self._wrong(packet, fragment)
        if wrong:
            self._ledger.note_frames(fragment.row, MALFORMED, fragment.cites, wrong)
            self._count(fragment.cites, "fragment_malformed")
            if not packet.cites:
                del self._open[fragment.key]
            return None
        self._add(packet, fragment)
        if packet.covered == packet.total:
            return self._complete(packet, fragment)
        if packet.fragments >= self._limits.fragments_per_packet:
            self._give_up(fragment.key, fragment.row, EVICTED, "fragments_per_packet")
        while self._held > self._held_bytes:
            self._give_up(next(iter(self._open)), fragment.row, EVICTED, "fragment_bytes")
        return None

    def finish(self) -> None:
        """Gives up what is still open."""
        while self._open:
            self._give_up(next(iter(self._open)), -1, INCOMPLETE, "at the end of the capture")

    def _wrong(self, packet: _Unfinished, f: Fragment) -> str:
        if f.end <= f.begin:
            return "empty"
        if f.more and f.end % 8:
            return "length not a multiple of 8"
        if f.end + len(f.header) > _LARGEST:
            return "reaches beyond 65535 bytes"
        if packet.total >= 0 and (f.end > packet.total or (not f.more and f.end != packet.total)):
            return "behind the last fragment"
        if not f.more and packet.pieces and packet.pieces[-1][1] > f.end:
            return "last fragment before others"
        return ""

    def _add(self, packet: _Unfinished, f: Fragment) -> None:
        overlap = self._overlap(packet, f)
        if overlap:
            self._ledger.note_frames(
                f.row, OVERLAP, (*packet.cites, *f.cites)[-self._limits.cites_per_anomaly :], overlap
            )
        for begin, end in list(_uncovered(packet.pieces, f.begin, f.end)):
            packet.pieces.append((begin, end, f.data[begin - f.begin : end - f.begin]))
            packet.covered += end - begin
            packet.cost += len(packet.pieces[-1][2])
            self._held += len(packet.pieces[-1][2])
        packet.pieces.sort(key=lambda piece: piece[0])
        packet.shares.add((f.begin, f.end))
        if not f.more:
            packet.total = f.end
        if f.begin == 0 and not packet.header:
            packet.header, packet.protocol = f.header, f.protocol
        packet.cost += _FRAGMENT_COST * len(f.cites)
        self._held += _FRAGMENT_COST * len(f.cites)
        packet.fragments += 1
        packet.layers |= f.layers
        packet.cites.extend(f.cites)

    def _overlap(self, packet: _Unfinished, f: Fragment) -> str:
        """What the fragment says again: "" for nothing, or for an exact copy of one that came before."""
        meets, differs = False, False
        for begin, end, data in packet.pieces:
            low, high = max(begin, f.begin), min(end, f.end, begin + len(data), f.begin + len(f.data))
            meets |= begin < f.end and f.begin < end
            differs |= low < high and data[low - begin : high - begin] != f.data[low - f.begin : high - f.begin]
        if differs:
            return "with other bytes; the first were kept"
        return "with the same bytes" if meets and (f.begin, f.end) not in packet.shares else ""

    def _complete(self, packet: _Unfinished, f: Fragment) -> Whole:
        del self._open[f.key]
        self._held -= packet.cost
        self._done[f.key] = f.ts_ns
        self._done.move_to_end(f.key)
        while len(self._done) > self._held_bytes // _FRAGMENT_COST:
            self._done.popitem(last=False)
        content = bytearray()
        for begin, end, data in packet.pieces:
            content += data
            if len(data) < end - begin:
                break
        header = bytearray(packet.header)
        if header[0] >> 4 == 4:
            header[2:4] = (len(header) + packet.total).to_bytes(2, "big")
            header[6:8] = b"\0\0"
            header[9] = packet.protocol
        else:
            header[4:6] = packet.total.to_bytes(2, "big")
            header[6] = packet.protocol
        lost = packet.total - len(content)
        return Whole(f.row, bytes(header + content), lost, packet.layers, f.depth, f.context, tuple(packet.cites))

    def _expire(self, f: Fragment) -> None:
        """Timeouts, by capture time: the oldest first, and the packet of this fragment whatever its place."""
        late = f.ts_ns - self._limits.fragment_timeout_ns
        while self._open:
            key, packet = next(iter(self._open.items()))
            if packet.first_ns > late:
                break
            self._give_up(key, f.row, INCOMPLETE, "timeout")
        same = self._open.get(f.key)
        if same is not None and same.first_ns <= late:
            self._give_up(f.key, f.row, INCOMPLETE, "timeout")

    def _give_up(self, key: Key, row: int, kind: AnomalyKind, why: str) -> None:
        packet = self._open.pop(key)
        self._held -= packet.cost
        self._ledger.note_frames(row, kind, tuple(packet.cites[: self._limits.cites_per_anomaly]), why)
        self._count(packet.cites, "fragment_incomplete")

    def _count(self, cites: list[Cite] | tuple[Cite, ...], reason: str) -> None:
        for cite in cites:
            self._ledger.count(cite.source, reason)


def _uncovered(pieces: list[tuple[int, int, bytes]], begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of begin..end that no piece has."""
    for low, high, _ in pieces:
        if low >= end:
            break
        if begin < low:
            yield begin, low
        begin = max(begin, high)
    if begin < end:
        yield begin, end


def read_fragments(c: Columns, ledger: Ledger) -> Iterator[Fragment]:
    """The rows that `InternetReader` set aside, one by one."""
    names = ("row", "ip", "head", "at", "share", "more", "id", "next", "layers", "depth", "vantage", "context")
    addresses = ("src_hi", "src_lo", "dst_hi", "dst_lo")
    columns = [c[name].tolist() for name in (*names, "end", "stop", *addresses)]
    for row, ip, head, at, share, more, id_, next_, bits, depth, vantage, context, end, stop, *ends in zip(
        *columns, strict=True
    ):
        version = int(c.buffer[ip]) >> 4
        data = c.buffer[at : max(min(end, stop), at)].tobytes()
        header = c.buffer[ip : ip + head].tobytes()
        key = (vantage, depth, context, version, next_ if version == 4 else 0, id_, *ends)
        cite = ledger.cite(row)
        cites = (*ledger.extra.pop(row, ()), cite)
        yield Fragment(
            key,
            row,
            cite.ts_ns,
            share,
            share + max(stop - at, 0),
            bool(more),
            header,
            next_,
            data,
            bits,
            depth,
            context,
            cites,
        )
