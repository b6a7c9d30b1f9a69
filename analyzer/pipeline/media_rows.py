"""The media rows of a batch, with what relays carry among them, on their way to the stream table in row order."""

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.net import layers
from analyzer.net.packets import UDP, PacketBatch
from analyzer.pipeline.datagram import Datagram
from analyzer.session.carrier import esp_rank
from analyzer.session.media.table import StreamTable

I64 = npt.NDArray[np.int64]
_LOW = (1 << 64) - 1


class MediaRows:
    """Holds a batch's media rows back until somebody looks at streams, or the batch ends.

    So columns stay whole, and yet whoever looks at streams while row `row` is handled sees the packets before it and
    none behind it: the batch edge does not show. A payload out of TURN has no row of its own; it is a row behind the
    one that carried it.
    """

    def __init__(self, streams: StreamTable) -> None:
        self._streams = streams
        self._packets: PacketBatch | None = None
        self._rows: I64 = np.empty(0, np.int64)
        self._relayed: list[tuple[int, Datagram]] = []
        self._blank: PacketBatch | None = None  # a row of nothing, in the columns' types
        self.row = 0

    def begin(self, packets: PacketBatch, rows: I64) -> None:
        """Takes the UDP rows of a batch whose first byte may be that of RTP or RTCP, ascending."""
        self._packets, self._rows = packets, rows
        if self._blank is None:
            self._blank = _blank(packets)

    def relay(self, datagram: Datagram) -> None:
        """Takes a payload that the current row carried inside; between batches it stands before the next one's rows."""
        self._relayed.append((self.row if self._packets is not None else 0, datagram))

    def catch_up(self) -> None:
        """Feeds every row before the current one."""
        if self._packets is not None:
            self._feed(int(np.searchsorted(self._rows, self.row)))

    def end(self) -> None:
        """Feeds what is left of the batch, and lets go of it."""
        self._feed(len(self._rows))
        self._packets = None

    def finish(self) -> None:
        """Feeds what came out behind the last batch."""
        self._packets = self._blank
        self.end()

    def _feed(self, count: int) -> None:
        packets = self._packets
        if packets is None:
            return
        rows, self._rows = self._rows[:count], self._rows[count:]
        relayed, self._relayed = self._relayed, []
        if relayed:
            packets, rows = _interleaved(packets, rows, relayed)
        if len(rows):
            self._streams.feed(packets, rows)


def _blank(packets: PacketBatch) -> PacketBatch:
    """One row of zeros, without a buffer: what a batch of relayed payloads alone takes its types from."""
    columns: dict[str, Any] = {
        field.name: np.zeros(int(field.name != "buffer"), getattr(packets, field.name).dtype)
        for field in fields(packets)
        if field.name != "extra_cites"
    }
    return PacketBatch(**columns)


def _interleaved(packets: PacketBatch, rows: I64, relayed: list[tuple[int, Datagram]]) -> tuple[PacketBatch, I64]:
    """A batch of these rows and the relayed payloads, in the order in which they were captured."""
    origins = np.array([row for row, _ in relayed], np.int64)
    order = np.argsort(np.concatenate((rows, origins)), kind="stable")
    own = _columns(packets, relayed)
    columns: dict[str, Any] = {
        name: np.concatenate((getattr(packets, name)[rows], values.astype(getattr(packets, name).dtype)))[order]
        for name, values in own.items()
    }
    inherited: dict[str, Any] = {
        field.name: getattr(packets, field.name)[np.concatenate((rows, origins))[order]]
        for field in fields(packets)
        if field.name in ("row", "layers")
    }
    payloads = np.frombuffer(b"".join(datagram.payload for _, datagram in relayed), np.uint8)
    ranks = np.array([esp_rank(datagram.ipsec) for _, datagram in relayed], np.uint32)
    inherited["layers"] |= (np.concatenate((np.zeros(len(rows), np.uint32), ranks)) << layers.ESP_SHIFT)[order]
    merged = PacketBatch(buffer=np.concatenate((packets.buffer, payloads)), **columns, **inherited)
    return merged, np.arange(len(order), dtype=np.int64)


def _columns(packets: PacketBatch, relayed: list[tuple[int, Datagram]]) -> dict[str, npt.NDArray[np.generic]]:
    datagrams = [datagram for _, datagram in relayed]
    sizes = np.array([len(datagram.payload) for datagram in datagrams], np.int64)
    zeros = np.zeros(len(datagrams), np.int64)
    cites = [datagram.cites[-1] for datagram in datagrams]
    ends = [(datagram.endpoints.src, datagram.endpoints.dst) for datagram in datagrams]
    return {
        "ts_ns": np.array([cite.ts_ns for cite in cites], np.int64),
        "source": np.array([cite.source for cite in cites], np.int64),
        "vantage": np.array([datagram.vantage for datagram in datagrams], np.int64),
        "frame": np.array([cite.frame for cite in cites], np.int64),
        "offset": np.array([cite.offset for cite in cites], np.int64),
        "captured": np.array([cite.length for cite in cites], np.int64),
        "protocol": zeros + UDP,
        "src_hi": np.array([src.ip >> 64 for src, _ in ends], np.uint64),
        "src_lo": np.array([src.ip & _LOW for src, _ in ends], np.uint64),
        "dst_hi": np.array([dst.ip >> 64 for _, dst in ends], np.uint64),
        "dst_lo": np.array([dst.ip & _LOW for _, dst in ends], np.uint64),
        "sport": np.array([src.port for src, _ in ends], np.int64),
        "dport": np.array([dst.port for _, dst in ends], np.int64),
        "ip_id": np.array([datagram.ip_id for datagram in datagrams], np.int64),
        "payload_start": len(packets.buffer) + np.cumsum(sizes) - sizes,
        "payload_length": sizes,
        "missing": np.array([datagram.missing for datagram in datagrams], np.int64),
        "seq": zeros,
        "ack": zeros,
        "flags": zeros,
    }
