"""RTP rows of a batch, recognised and grouped by stream with array operations (RFC 3550 5.1, RFC 5761 4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.core.addresses import Address, Endpoints
from analyzer.crypto.srtp.fast import Prepared
from analyzer.crypto.srtp.stream import PacketColumns
from analyzer.net.packets import UDP, PacketBatch
from analyzer.session.media.statistics import SAMPLE
from analyzer.session.media.trail import LOW, lots

I64 = npt.NDArray[np.int64]
Sampled = tuple[int, bytes, int, bool]  # payload type, packet, where its payload begins, whether it is whole
CLOCKS = (8_000, 16_000, 48_000, 90_000)
_WEIGHT = 15 / 16


@dataclass(frozen=True, slots=True)
class Recognised:
    """Which rows are RTP, which RTCP."""

    rtp: I64
    rtcp: I64


def recognise(packets: PacketBatch, rows: I64) -> Recognised:
    """Splits rows by the structure of their first bytes. A row that is neither is in none."""
    start = packets.payload_start[rows].astype(np.int64)
    length = packets.payload_length[rows]
    usable = length >= 8
    start, length, kept = start[usable], length[usable], rows[usable]
    first = packets.buffer[start]
    second = packets.buffer[start + 1]
    version = (first >> 6) == 2
    is_rtcp = version & (second >= 192) & (second <= 223)
    is_rtp = version & ~is_rtcp & (length >= 12 + 4 * (first & 15).astype(np.int32))
    extended = is_rtp & ((first & 16) != 0)
    if extended.any():
        at = np.flatnonzero(extended)
        is_rtp[at] = _extension_fits(packets, start[at], length[at], first[at])
    return Recognised(kept[is_rtp], kept[is_rtcp])


def _extension_fits(
    packets: PacketBatch, start: I64, length: npt.NDArray[np.int32], first: npt.NDArray[np.uint8]
) -> npt.NDArray[np.bool_]:
    head = 12 + 4 * (first & 15).astype(np.int64)
    fits = length >= head + 4
    at = np.where(fits, start + head, 0)
    words = packets.buffer[at + 2].astype(np.int64) << 8 | packets.buffer[at + 3]
    fitting: npt.NDArray[np.bool_] = fits & (length >= head + 4 + 4 * words)
    return fitting


@lru_cache(maxsize=65_536)
def _endpoints(src: int, dst: int, sport: int, dport: int) -> Endpoints:
    return Endpoints(Address(src, sport), Address(dst, dport), UDP)


class Groups:
    """The groups of a batch: lists with one entry a group, and slices of the sorted rows."""

    def __init__(self, packets: PacketBatch, rows: I64, header: npt.NDArray[np.uint8], order: I64, edges: I64) -> None:
        self._order_rows = rows[order]
        header = header[order]
        count = np.diff(np.append(edges, len(rows)))
        ends = edges + count - 1
        seq = header[:, 2:4].copy().view(">u2").ravel().astype(np.int64)
        ts = header[:, 4:8].copy().view(">u4").ravel().astype(np.int64)
        self._header = header
        self._edges = edges.tolist()
        self._starts = packets.payload_start[self._order_rows].astype(np.int64)
        self._lengths = packets.payload_length[self._order_rows].astype(np.int64)
        sizes = self._payload_sizes(packets)
        self._sizes = sizes
        types = header[:, 1] & 127
        self._types = types
        arrival = packets.ts_ns[self._order_rows]
        self.count: list[int] = count.tolist()
        self.first_row: list[int] = self._order_rows[edges].tolist()
        self.last_row: list[int] = self._order_rows[ends].tolist()
        self.vantage: list[int] = packets.vantage[self._order_rows[edges]].tolist()
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
        self.markers: list[int] = np.add.reduceat((header[:, 1] >> 7).astype(np.int64), edges).tolist()
        step = np.ones(len(rows), np.int64)
        step[1:] = (seq[1:] - seq[:-1]).astype(np.int16)
        step[edges] = 1
        self._step = step
        self.contiguous: list[bool] = np.logical_and.reduceat(step == 1, edges).tolist()
        self._lots = lots(ts)
        self.jitter = self._jitter(ts, arrival, edges, count)
        self.keys = self._keys(packets, edges)
        self.prepared: Prepared | None = None
        self.in_row_order: list[int] = np.argsort(self._order_rows[edges], kind="stable").tolist()

    def _payload_sizes(self, packets: PacketBatch) -> I64:
        """RTP payload lengths on the wire: without header, CSRCs and extension; padding counts."""
        first = self._header[:, 0]
        sizes = self._lengths + packets.missing[self._order_rows] - 12 - 4 * (first & 15).astype(np.int64)
        extended = np.flatnonzero(first & 16)
        if len(extended):
            at = self._starts[extended] + 12 + 4 * (first[extended] & 15).astype(np.int64)
            words = packets.buffer[at + 2].astype(np.int64) << 8 | packets.buffer[at + 3]
            sizes[extended] -= 4 + 4 * words
        return sizes

    def _keys(self, packets: PacketBatch, edges: I64) -> list[tuple[Endpoints, int]]:
        rows = self._order_rows[edges]
        ssrc = self._header[edges, 8:12].copy().view(">u4").ravel()
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
        media[1:] = ((ts[1:] - ts[:-1] + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        spacing = np.zeros(len(ts), np.float64)
        spacing[1:] = arrival[1:] - arrival[:-1]
        position = np.arange(len(ts)) - np.repeat(edges, count)
        weight = _WEIGHT ** (np.repeat(count, count) - 1 - position) / 16
        weight[edges] = 0.0
        sums = [np.add.reduceat(weight * np.abs(spacing - media * (1e9 / clock)), edges).tolist() for clock in CLOCKS]
        return list(zip(*sums, strict=True))

    def _slice(self, index: int) -> slice:
        start = self._edges[index]
        return slice(start, start + self.count[index])

    def rows(self, index: int) -> I64:
        """The packet rows of a group, in order."""
        return self._order_rows[self._slice(index)]

    def low_lots(self) -> Iterator[tuple[int, int, int]]:
        """Packets that a trail may keep: group, lot, row. Groups in the order of their first rows."""
        at = np.flatnonzero(self._lots < LOW)
        groups = np.searchsorted(self._edges, at, "right") - 1
        return zip(groups.tolist(), self._lots[at].tolist(), self._order_rows[at].tolist(), strict=True)

    def span(self, index: int) -> tuple[int, int]:
        """Where a group begins and ends among the sorted rows."""
        start = self._edges[index]
        return start, start + self.count[index]

    def prepare(self, packets: PacketBatch) -> Prepared:
        """All packets, group behind group, ready for being opened."""
        if self.prepared is None:
            self.prepared = Prepared(PacketColumns(packets.buffer.data, self._starts, self._lengths))
        return self.prepared

    def relative(self, index: int) -> I64:
        """Extended sequence numbers of a group relative to its first."""
        step = self._step[self._slice(index)].copy()
        step[0] = 0
        return np.cumsum(step)

    def types(self, index: int) -> npt.NDArray[np.integer[Any]]:
        """Payload types of a group."""
        return self._types[self._slice(index)]

    def sizes(self, index: int) -> I64:
        """Payload lengths of a group."""
        return self._sizes[self._slice(index)]

    def sample(self, packets: PacketBatch, index: int, into: list[Sampled]) -> None:
        """Copies packets of a group until the sample is full."""
        start = self._edges[index]
        buffer, rows = packets.buffer, self._order_rows
        for at in range(start, start + min(self.count[index], SAMPLE - len(into))):
            begin, length = int(self._starts[at]), int(self._lengths[at])
            captured = min(int(self._sizes[at]), length)
            packet = buffer[begin : begin + length].tobytes()
            into.append((int(self._types[at]), packet, length - captured, not packets.missing[rows[at]]))


def _constant(values: npt.NDArray[np.generic], edges: I64) -> npt.NDArray[np.bool_]:
    """For each group, whether all its values are equal."""
    same = np.ones(len(values), np.bool_)
    same[1:] = values[1:] == values[:-1]
    same[edges] = True
    return np.logical_and.reduceat(same, edges)


def group_rtp(packets: PacketBatch, rows: I64) -> Groups:
    """Sorts RTP rows by stream and vantage point, keeping their order within each."""
    header = packets.buffer[packets.payload_start[rows].astype(np.int64)[:, None] + np.arange(12)]
    ssrc = header[:, 8:12].copy().view(">u4").ravel().astype(np.uint64)
    ports = packets.sport[rows].astype(np.uint64) << np.uint64(16) | packets.dport[rows].astype(np.uint64)
    columns = (
        packets.src_hi[rows], packets.src_lo[rows], packets.dst_hi[rows], packets.dst_lo[rows],
        ports, ssrc | packets.vantage[rows].astype(np.uint64) << np.uint64(32),
    )  # fmt: skip
    mixed = np.zeros(len(rows), np.uint64)
    for column in columns:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    order = np.argsort(mixed, kind="stable")
    edge = _edges(columns, order)
    if len(np.unique(mixed[order[edge]])) != len(edge):  # two streams with one hash: sort by the columns themselves
        order = np.lexsort((np.arange(len(rows)), *columns))
        edge = _edges(columns, order)
    return Groups(packets, rows, header, order, edge)


def _edges(columns: tuple[npt.NDArray[np.uint64], ...], order: I64) -> I64:
    """Where a new stream starts in sorted rows."""
    change = np.zeros(len(order), np.bool_)
    change[0] = True
    for column in columns:
        values = column[order]
        change[1:] |= values[1:] != values[:-1]
    return np.flatnonzero(change)
