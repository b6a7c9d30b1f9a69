"""RTP rows of a batch, recognised and grouped by stream with array operations (RFC 3550 5.1, RFC 5761 4)."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.cites import PACKED_BYTES, Cite
from analyzer.core.frozen import frozen
from analyzer.net import layers
from analyzer.net.packets import UDP, PacketBatch
from analyzer.session.media.pace import LARGEST, MARKER, TICK_NS
from analyzer.session.media.statistics import SAMPLE
from analyzer.session.media.trail import LOW, MILE, lots

I64 = npt.NDArray[np.int64]
_FACTORS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F], np.uint64
)  # fmt: skip
_CRYPTEX = (0xC0DE, 0xC2DE)  # RFC 9335 4: profiles of what is encrypted
CLOCKS = (8_000, 16_000, 48_000, 90_000)
_WEIGHTS = (15 / 16) ** np.arange(12_000) / 16  # of a packet's jitter, by how many follow it; below any float at last


@frozen
class Recognised:
    """Which rows are RTP, which RTCP."""

    rtp: I64
    rtcp: I64


def recognise(packets: PacketBatch, rows: I64) -> Recognised:
    """Splits rows by the structure of their first bytes. A row that is neither is in none."""
    start, length = packets.payload_start[rows].astype(np.int64), packets.payload_length[rows]
    usable = length >= 8
    if not usable.all():
        start, length, rows = start[usable], length[usable], rows[usable]
    first, second = packets.buffer[start], packets.buffer[start + 1]
    version = (first >> 6) == 2
    is_rtcp = version & ((second - np.uint8(192)) < 32)  # modulo 256: from 192 to 223
    is_rtp = version & ~is_rtcp & (length >= 12 + 4 * (first & 15))
    extended = np.flatnonzero(is_rtp & ((first & 16) != 0))
    if len(extended):
        is_rtp[extended] = _extension_fits(packets, start[extended], length[extended], first[extended])
    return Recognised(rows if is_rtp.all() else rows[is_rtp], rows[is_rtcp])


def _extension_fits(
    packets: PacketBatch, start: I64, length: npt.NDArray[np.int32], first: npt.NDArray[np.uint8]
) -> npt.NDArray[np.bool_]:
    head = 12 + 4 * (first & 15).astype(np.int64)
    fits = length >= head + 4
    at = np.where(fits, start + head, 0)
    words = packets.buffer[at + 2].astype(np.int64) << 8 | packets.buffer[at + 3]
    fitting: npt.NDArray[np.bool_] = fits & (length >= head + 4 + 4 * words)
    return fitting


_address = lru_cache(maxsize=1_024)(Address)  # the two directions of a flow share theirs


@lru_cache(maxsize=1_024)
def _endpoints(src: int, dst: int, sport: int, dport: int) -> Endpoints:
    return Endpoints(_address(src, sport), _address(dst, dport), UDP)


class Groups:
    """The groups of a batch: lists with one entry a group, and slices of the sorted rows."""

    def __init__(self, packets: PacketBatch, rows: I64, edges: I64) -> None:
        """`rows` are sorted by stream and vantage point; a group begins at each edge."""
        self._order_rows = rows
        self._starts = packets.payload_start[rows].astype(np.int64)
        self._lengths = packets.payload_length[rows].astype(np.int64)
        self._missing = packets.missing[rows]
        self._whole = not self._missing.any()
        self._memory = packets.buffer.data
        self._header = header = _runs(packets, 12)[self._starts].view(np.uint8).reshape(-1, 12)
        self._mixed = np.flatnonzero(header[:, 0] & 15)
        count = np.diff(np.append(edges, len(rows)))
        ends = edges + count - 1
        seq = header.view(">u2")[:, 1].astype(np.int64)
        ts = header.view(">u4")[:, 1].astype(np.int64)
        self._edges = edges.tolist()
        sizes = self._payload_sizes(packets)
        self._sizes = sizes
        types = header[:, 1] & 127
        self._types = types
        self._arrival = arrival = packets.ts_ns[rows]
        self._paces: npt.NDArray[np.void] | None = None
        self.count: list[int] = count.tolist()
        self.first_row: list[int] = rows[edges].tolist()
        self.first = _packed_cites(packets, rows[edges])
        self.last = _packed_cites(packets, rows[ends])
        self.last_ip_id: list[int] = packets.ip_id[rows[ends]].tolist()
        self.vantage: list[int] = packets.vantage[rows[edges]].tolist()
        self.first_seq: list[int] = seq[edges].tolist()
        self.last_seq: list[int] = seq[ends].tolist()
        self.first_ts: list[int] = ts[edges].tolist()
        self.last_ts: list[int] = ts[ends].tolist()
        self.first_ns: list[int] = arrival[edges].tolist()
        self.last_ns: list[int] = arrival[ends].tolist()
        self.first_type: list[int] = types[edges].tolist()
        self.first_size: list[int] = sizes[edges].tolist()
        self.one_type: list[bool] = _constant(types, edges).tolist()
        self.one_size: list[bool] = _constant(sizes, edges).tolist()
        self.markers: list[int] = np.add.reduceat(header[:, 1] >> 7, edges, dtype=np.int64).tolist()
        step = np.ones(len(rows), np.int16)
        step[1:] = (seq[1:] - seq[:-1]).astype(np.int16)
        step[edges] = 1
        self._step = step
        self.contiguous: list[bool] = np.logical_and.reduceat(step == 1, edges).tolist()
        self._lots = lots(ts)
        self.esp: list[int] = (np.minimum.reduceat(packets.layers[rows], edges) >> layers.ESP_SHIFT).tolist()
        self._seq = seq
        self.jitter = self._jitter(ts, arrival, edges, count)
        self.keys = self._keys(packets, edges)
        self.in_row_order: list[int] = np.argsort(rows[edges], kind="stable").tolist()

    def _payload_sizes(self, packets: PacketBatch) -> I64:
        """RTP payload lengths on the wire: without header, CSRCs and extension; padding counts."""
        first = self._header[:, 0]
        sizes = self._lengths + self._missing - 12
        if len(self._mixed):
            sizes[self._mixed] -= 4 * (first[self._mixed] & 15).astype(np.int64)
        extended = np.flatnonzero(first & 16)
        if len(extended):
            at = self._starts[extended] + 12 + 4 * (first[extended] & 15).astype(np.int64)
            words = packets.buffer[at + 2].astype(np.int64) << 8 | packets.buffer[at + 3]
            sizes[extended] -= 4 + 4 * words
        return sizes

    def _keys(self, packets: PacketBatch, edges: I64) -> list[tuple[Endpoints, int]]:
        rows = self._order_rows[edges]
        ssrc = self._header.view(">u4")[edges, 2]
        columns = (packets.src_hi, packets.src_lo, packets.dst_hi, packets.dst_lo, packets.sport, packets.dport)
        return [
            (_endpoints(a << 64 | b, c << 64 | d, sport, dport), key)
            for a, b, c, d, sport, dport, key in zip(
                *(column[rows].tolist() for column in columns), ssrc.tolist(), strict=True
            )
        ]

    @staticmethod
    def _jitter(ts: I64, arrival: I64, edges: I64, count: I64) -> list[tuple[float, ...]]:
        """What each group adds to RFC 3550's jitter after its first packet, by clock."""
        media = np.zeros(len(ts), np.float64)
        media[1:] = (ts[1:] - ts[:-1]).astype(np.int32)  # modulo 2**32
        spacing = np.zeros(len(ts), np.float64)
        spacing[1:] = arrival[1:] - arrival[:-1]
        behind = np.repeat(edges + count, count) - np.arange(1, len(ts) + 1)
        weight = _WEIGHTS[np.minimum(behind, len(_WEIGHTS) - 1)]
        weight[edges] = 0.0
        sums, change = [], np.empty(len(ts), np.float64)
        for clock in CLOCKS:
            np.multiply(media, 1e9 / clock, out=change)
            np.subtract(spacing, change, out=change)
            np.multiply(np.abs(change, out=change), weight, out=change)
            sums.append(np.add.reduceat(change, edges).tolist())
        return list(zip(*sums, strict=True))

    def _slice(self, index: int) -> slice:
        start = self._edges[index]
        return slice(start, start + self.count[index])

    def rows(self, index: int) -> I64:
        """The packet rows of a group, in order."""
        return self._order_rows[self._slice(index)]

    def of_rows(self, rows: I64) -> I64:
        """The group of each of these rows, which are all those of the groups in ascending order."""
        found = np.empty(len(rows), np.int64)
        found[np.searchsorted(rows, self._order_rows)] = np.repeat(np.arange(len(self.count)), self.count)
        return found

    def low_lots(self) -> Iterator[tuple[int, int, memoryview]]:
        """Whole packets that a trail may keep: group, lot, bytes. Those of a group in the order of its rows."""
        return self._marked(np.flatnonzero(self._lots < LOW), self._lots)

    def miles(self) -> Iterator[tuple[int, int, memoryview]]:
        """Whole packets whose sequence numbers are milestones: group, number, bytes."""
        return self._marked(np.flatnonzero((self._seq & (MILE - 1)) == 0), self._seq)

    def _marked(self, at: I64, marks: I64) -> Iterator[tuple[int, int, memoryview]]:
        if not self._whole:
            at = at[self._missing[at] == 0]
        groups = np.searchsorted(self._edges, at, "right") - 1
        return zip(groups.tolist(), marks[at].tolist(), self._bytes(at), strict=True)

    def _bytes(self, at: I64 | slice) -> Iterator[memoryview]:
        """Some of the packets."""
        starts = self._starts[at]
        return map(self._memory.__getitem__, map(slice, starts.tolist(), (starts + self._lengths[at]).tolist()))

    def contributors(self, packets: PacketBatch) -> Iterator[tuple[int, int, int]]:
        """CSRCs of packets (RFC 3550 5.1): group, CSRC, in how many packets; those of a group in the order of sight."""
        if not len(self._mixed):
            return iter(())
        at = self._in_clear(packets, self._mixed)
        counts = (self._header[at, 0] & 15).astype(np.int64)
        place = np.repeat(at, counts)
        slot = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
        sources = _runs(packets, 4)[self._starts[place] + 12 + 4 * slot].view(">u4").astype(np.int64)
        groups = np.searchsorted(self._edges, place, "right") - 1
        pairs, first, times = np.unique(groups << 32 | sources, return_index=True, return_counts=True)
        order = np.argsort(first)
        pairs, times = pairs[order], times[order]
        return zip((pairs >> 32).tolist(), (pairs & 0xFFFFFFFF).tolist(), times.tolist(), strict=True)

    def _in_clear(self, packets: PacketBatch, at: I64) -> I64:
        """Those of the packets whose CSRCs are not encrypted with their header extensions (RFC 9335 5.1)."""
        extended = at[(self._header[at, 0] & 16) != 0]
        if not len(extended):
            return at
        head = self._starts[extended] + 12 + 4 * (self._header[extended, 0] & 15).astype(np.int64)
        profile = packets.buffer[head].astype(np.int64) << 8 | packets.buffer[head + 1]
        return np.setdiff1d(at, extended[np.isin(profile, _CRYPTEX)])

    def relative(self, index: int) -> I64:
        """Extended sequence numbers of a group relative to its first."""
        step = self._step[self._slice(index)].astype(np.int64)
        step[0] = 0
        return np.cumsum(step)

    def types(self, index: int) -> npt.NDArray[np.integer[Any]]:
        """Payload types of a group."""
        return self._types[self._slice(index)]

    def sizes(self, index: int) -> I64:
        """Payload lengths of a group."""
        return self._sizes[self._slice(index)]

    def sample(self, index: int, into: list[bytes]) -> int:
        """Copies packets of a group until the sample is full. Those that the capture cut, as a set of bits."""
        start = self._edges[index]
        part = slice(start, start + min(self.count[index], SAMPLE - len(into)))
        cut = 0
        if not self._whole:
            cut = sum(1 << len(into) + at for at in np.flatnonzero(self._missing[part]).tolist())
        into.extend(map(bytes, self._bytes(part)))
        return cut

    def pace(self, index: int, most: int) -> bytes:
        """The first packets of a group as a `Pace` takes them. Made for the whole batch at the first call, out of the
        headers, which nothing else needs any more: numbers and timestamps stay where they are."""
        if self._paces is None:
            rows = self._header
            sizes = np.minimum(self._sizes.astype(np.uint16), LARGEST)
            sizes |= (rows[:, 1] & 128).astype(np.uint16) * (MARKER // 128)
            rows.view(">u2")[:, 0] = sizes
            rows.view(">u4")[:, 2] = self._arrival // TICK_NS  # modulo 2**32
            self._paces = rows.view("V12").ravel()
        start = self._edges[index]
        return self._paces[start : start + min(self.count[index], most)].tobytes()


def cites(packets: PacketBatch, rows: I64) -> list[Cite]:
    """The frames of rows."""
    columns = (packets.source, packets.frame, packets.offset, packets.captured, packets.ts_ns)
    return [Cite(*of) for of in zip(*(column[rows].tolist() for column in columns), strict=True)]


def _packed_cites(packets: PacketBatch, rows: I64) -> list[bytes]:
    """The frames of rows, each as `core.cites.packed` has it."""
    columns = (packets.source, packets.frame, packets.offset, packets.captured, packets.ts_ns)
    data = np.stack([column[rows] for column in columns], axis=1, dtype="<i8").tobytes()
    return [data[at : at + PACKED_BYTES] for at in range(0, len(data), PACKED_BYTES)]


def _constant(values: npt.NDArray[np.generic], edges: I64) -> npt.NDArray[np.bool_]:
    """For each group, whether all its values are equal."""
    same = np.ones(len(values), np.bool_)
    same[1:] = values[1:] == values[:-1]
    same[edges] = True
    return np.logical_and.reduceat(same, edges)


def _runs(packets: PacketBatch, size: int) -> npt.NDArray[np.void]:
    """Every run of `size` bytes of the buffer, gathered by one copy each."""
    buffer = packets.buffer
    return np.ndarray((len(buffer) - size + 1,), f"V{size}", buffer=buffer, strides=(1,))


def group_rtp(packets: PacketBatch, rows: I64, apart: I64 | None = None) -> Groups:
    """Sorts RTP rows by stream and vantage point, keeping their order within each; `apart` tells further groups."""
    return Groups(packets, *_sorted(packets, rows, apart))


def _sorted(packets: PacketBatch, rows: I64, apart: I64 | None) -> tuple[I64, I64]:
    """The rows stream behind stream, and where each begins."""
    ssrc = _runs(packets, 4)[packets.payload_start[rows] + 8].view(">u4").astype(np.uint64)
    ports = packets.sport[rows].astype(np.uint64) << np.uint64(16) | packets.dport[rows].astype(np.uint64)
    hashed = [ssrc | packets.vantage[rows].astype(np.uint64) << np.uint64(32), ports]
    hashed += _varying(packets.src_lo[rows], packets.dst_lo[rows])
    if apart is not None:
        hashed.append(apart.astype(np.uint64))
    columns = hashed + _varying(packets.src_hi[rows], packets.dst_hi[rows])  # prefixes, which are few: not hashed
    mixed = np.zeros(len(rows), np.uint64)
    for column, factor in zip(hashed, _FACTORS, strict=False):
        mixed += column * factor
    mixed ^= mixed >> np.uint64(32)
    order = together(mixed)
    edge = _edges(columns, order)
    begun = mixed[order[edge]]
    if (begun[1:] == begun[:-1]).any():  # two streams with one hash: sort by the columns themselves
        order = np.lexsort((np.arange(len(rows)), *columns))
        edge = _edges(columns, order)
    return rows[order], edge


def together(hashes: npt.NDArray[np.uint64]) -> I64:
    """An order in which equal hashes follow each other, equal ones as they were. Sixteen bits are sorted several times
    as fast as all: they do where no two hashes share them, and sixteen more where some do."""
    order: I64 | None = None
    for shift in (np.uint64(48), np.uint64(32)):
        bits = (hashes >> shift).astype(np.uint16)
        order = np.argsort(bits, kind="stable") if order is None else order[np.argsort(bits[order], kind="stable")]
        placed = hashes[order]
        known = placed >> shift
        if not ((known[1:] == known[:-1]) & (placed[1:] != placed[:-1])).any():
            return order
    return np.argsort(hashes, kind="stable")


def _varying(*columns: npt.NDArray[np.uint64]) -> list[npt.NDArray[np.uint64]]:
    """Those that tell rows apart."""
    return [values for values in columns if (values != values[0]).any()]


def _edges(columns: list[npt.NDArray[np.uint64]], order: I64) -> I64:
    """Where a new stream starts in sorted rows."""
    change = np.zeros(len(order), np.bool_)
    change[0] = True
    for column in columns:
        values = column[order]
        change[1:] |= values[1:] != values[:-1]
    return np.flatnonzero(change)
