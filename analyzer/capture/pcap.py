"""pcap: micro- and nanosecond, both byte orders, the modified format with longer record headers."""

import struct
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt

from analyzer.capture.batch import FrameBatch, Source
from analyzer.capture.sources import CaptureInfo, SourceTable
from analyzer.core.anomalies import Anomaly
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


@dataclass(frozen=True, slots=True)
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
        self._source = sources.add(Source(info.index, 0, "", link_type, snap, vantage))
        info.link_types.append(link_type)
        info.interfaces.append("")

    def take_anomalies(self) -> list[Anomaly]:
        """None: a pcap has nothing but records."""
        return []

    def walk(self, data: bytes, at: int, rows: int) -> tuple[FrameBatch, int]:
        """See `reader.Format`."""
        header = self._layout.header
        read_length = struct.Struct(self._layout.order + "I").unpack_from
        bound = self._limits.frame_bytes
        starts: list[int] = []
        append = starts.append
        begin, size = at, len(data)
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
        return self._columns(data, np.array(starts, np.int64), begin, at), at

    def _columns(self, data: bytes, starts: npt.NDArray[np.int64], begin: int, end: int) -> FrameBatch:
        order = self._layout.order
        buffer = np.frombuffer(data, np.uint8)
        count = len(starts)
        heads = buffer[starts[:, None] + np.arange(16)].view(order + "u4") if count else np.empty((0, 4), np.uint32)
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
