"""pcap: micro- and nanosecond, both byte orders, the modified format with longer record headers."""

import struct
from itertools import repeat

import numpy as np

from analyzer.capture.batch import I64, FrameBatch, Octets, Source
from analyzer.capture.lanes import Chain
from analyzer.capture.sources import CaptureInfo, SourceTable
from analyzer.core.anomalies import Anomaly
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits

_MAGICS: dict[bytes, tuple[str, int, int]] = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1_000, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x34\xcd\xb2\xa1": ("<", 1_000, 24),  # Kuznetzov's modified pcap: 8 more bytes a record
    b"\xa1\xb2\xcd\x34": (">", 1_000, 24),
}
_GLOBAL_HEADER = 24
_SECOND_NS = 1_000_000_000
_TRIES = 8  # places that are looked at for the beginning of a record


@frozen
class PcapLayout:
    """Byte order, nanoseconds per sub-second unit, bytes of a record header."""

    order: str
    unit_ns: int
    header: int


def pcap_format(head: bytes) -> PcapLayout | None:
    """The layout that a file's first 24 bytes announce, None if it is no pcap."""
    known = _MAGICS.get(head[:4])
    return PcapLayout(*known) if known and len(head) >= _GLOBAL_HEADER else None


class PcapFormat:
    """Walks pcap records."""

    name = "pcap"

    def __init__(
        self, layout: PcapLayout, head: bytes, info: CaptureInfo, sources: SourceTable, limits: Limits
    ) -> None:
        self._layout = layout
        self._limits = limits
        self._frames = 0
        self._offset = _GLOBAL_HEADER
        self.broken = ""
        self.secrets: list[tuple[int, bytes]] = []
        snap, network = struct.unpack(layout.order + "II", head[16:24])
        link_type = network & 0xFFFF
        vantage = info.vantage or info.path
        self._record = struct.Struct(layout.order + "IIII").unpack_from
        self._high = 2 if layout.order == "<" else 0  # where the upper half of a record's seconds lies
        self._near: Octets = b""  # that half, in the record read last
        self._chain = Chain(layout.order, 8, layout.header, 0, limits.frame_bytes)
        self._source = sources.add(Source(info.index, 0, "", link_type, snap, vantage, info.path))
        info.link_types.append(link_type)
        info.interfaces.append("")

    def take_anomalies(self) -> list[Anomaly]:
        """None: a pcap has nothing but records."""
        return []

    def walk(self, data: Octets, at: int, rows: int) -> tuple[FrameBatch, int]:
        """See `reader.Format`."""
        self._near = data[at + self._high : at + self._high + 2]
        starts, end = self._chain.walk(data, at, rows, self._guess)
        if not len(starts):
            starts, end = self._one_by_one(data, at, rows)
        return self._columns(data, starts, at, end), end

    def _one_by_one(self, data: Octets, at: int, rows: int) -> tuple[I64, int]:
        header = self._layout.header
        read_length = struct.Struct(self._layout.order + "I").unpack_from
        bound = self._limits.frame_bytes
        starts: list[int] = []
        append = starts.append
        size = len(data)
        last = size - header
        for _ in repeat(None, rows):
            if at > last:
                break
            (length,) = read_length(data, at + 8)
            if length > bound:
                self.broken = f"a record of {length} bytes behind frame {self._frames + len(starts)}"
                break
            end = at + header + length
            if end > size:
                break
            append(at)
            at = end
        return np.array(starts, np.int64), at

    def _guess(self, data: Octets, at: int, stop: int) -> int:
        """Where two records with times near the latest one's and lengths that can be true seem to follow each other."""
        for _ in repeat(None, _TRIES):
            at = data.find(self._near, at + self._high, stop) - self._high
            if at < 0:
                break
            following = self._plausible(data, at)
            if following >= 0 and self._plausible(data, following) >= 0:
                return at
            at += 1
        return -1

    def _plausible(self, data: Octets, at: int) -> int:
        """Where the record that may begin here ends, -1 if none does."""
        if at + 16 > len(data) or data[at + self._high : at + self._high + 2] != self._near:
            return -1
        _, fraction, captured, wire = self._record(data, at)
        true = fraction * self._layout.unit_ns < _SECOND_NS and captured <= min(wire, self._limits.frame_bytes)
        return at + self._layout.header + captured if true else -1

    def _columns(self, data: Octets, starts: I64, begin: int, end: int) -> FrameBatch:
        order = self._layout.order
        buffer = np.frombuffer(data, np.uint8)
        count = len(starts)
        heads = np.empty((0, 4), np.uint32)
        if count:
            records = np.ndarray((len(data) - 15,), "V16", buffer=data, strides=(1,))
            heads = records[starts].view(order + "u4").reshape(-1, 4)
        captured = heads[:, 2].astype(np.int32)
        wire = np.maximum(np.minimum(heads[:, 3], 0x7FFFFFFF).astype(np.int32), captured)
        ts_ns = heads[:, 0].astype(np.int64) * 1_000_000_000 + heads[:, 1].astype(np.int64) * self._layout.unit_ns
        first = starts + self._layout.header
        offset = first - begin + self._offset
        frames = np.arange(self._frames + 1, self._frames + 1 + count, dtype=np.int64)
        source = np.full(count, self._source, np.int32)
        batch = FrameBatch(buffer, first.astype(np.int32), captured, wire, ts_ns, source, frames, offset)
        self._frames += count
        self._offset += end - begin
        return batch
