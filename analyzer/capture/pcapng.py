"""pcapng: sections, interfaces, their clocks and names, packets in three kinds of block, secrets, statistics.

Unknown blocks are skipped; those that Wireshark numbers as frames keep their number. A block whose two lengths differ
is named and read by its first. A length that cannot be true ends the reading.
"""

import struct
from dataclasses import dataclass, field

import numpy as np

from analyzer.capture.batch import I64, FrameBatch, Octets, Source
from analyzer.capture.lanes import Chain
from analyzer.capture.sources import CaptureInfo, SourceTable
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.core.text import decode, safe

BAD_BLOCK = define("capture.bad_block", Severity.LOW, "A pcapng block that contradicts itself", "pcapng 3.1", "capture")
NO_INTERFACE = define(
    "capture.no_interface", Severity.LOW, "A packet of an interface that is not described", "pcapng 4.3", "capture"
)
INTERFACES = define(
    "capture.interfaces_limit", Severity.MEDIUM, "More interfaces than are told apart: packets of others are not read",
    "", "capture",
)  # fmt: skip

SHB, IDB, OLD_PACKET, SPB, ISB, EPB, DSB = 0x0A0D0D0A, 1, 2, 3, 5, 6, 10
NUMBERED = frozenset((9, 0xBAD, 0x40000BAD))  # systemd journal, custom blocks: frames of Wireshark's without a packet
NO_PACKET = -1  # the link type of a frame that is counted and cannot be read
_MAX_SECRETS = 1_024
_INT64 = (1 << 63) - 1
_TICKS = (1 << 64) - 1
_PLAIN = 32  # bytes of a packet block around its packet
_TRIES = 8  # places that are looked at for the beginning of a block


@dataclass(slots=True)
class _Interface:
    source: int
    snap_length: int
    ticks_numerator: int = 1_000  # nanoseconds of a tick = numerator / denominator
    ticks_denominator: int = 1
    offset_ns: int = 0

    def time_ns(self, ticks: int) -> int:
        """Nanoseconds since the epoch, within what 64 bits hold."""
        ts_ns = ticks * self.ticks_numerator // self.ticks_denominator + self.offset_ns
        return min(max(ts_ns, 0), _INT64)


@dataclass(slots=True)
class _Rows:
    start: list[int] = field(default_factory=list)
    captured: list[int] = field(default_factory=list)
    wire: list[int] = field(default_factory=list)
    ts_ns: list[int] = field(default_factory=list)
    source: list[int] = field(default_factory=list)


class PcapngFormat:
    """Walks pcapng blocks."""

    name = "pcapng"

    def __init__(self, info: CaptureInfo, sources: SourceTable, limits: Limits) -> None:
        self._info = info
        self._sources = sources
        self._limits = limits
        self._order = "<"
        self._chain = self._plain_packets()
        self._interfaces: list[_Interface] = []
        self._frames = 0
        self._offset = 0
        self._base = 0  # where data[0] lies in the file
        self._last_ns = 0
        self._unreadable: int | None = None
        self._anomalies: list[Anomaly] = []
        self._full = False  # there were more interfaces than are told apart, which is said
        self.broken = ""
        self.secrets: list[tuple[int, bytes]] = []

    def take_anomalies(self) -> list[Anomaly]:
        """See `reader.Format`."""
        found, self._anomalies = self._anomalies, []
        return found

    def walk(self, data: Octets, at: int, rows: int) -> tuple[FrameBatch, int]:
        """See `reader.Format`."""
        self._base = self._offset - at
        batch, at = self._blocks(data, at, rows, packets=False)
        if len(batch) or self.broken:
            return batch, at
        starts, end = self._chain.walk(data, at, rows, self._guess)
        if len(starts):
            batch, count = self._packets(data, starts)
            if count < len(starts):
                end = int(starts[count])
            if 2 * count < len(starts):
                self._chain.disappoint()
            if count:
                self._offset += end - at
                return batch, end
        return self._blocks(data, at, rows)

    def _blocks(self, data: Octets, at: int, rows: int, packets: bool = True) -> tuple[FrameBatch, int]:
        """Block by block: whatever is not one plain packet behind the other, or what stands before packets."""
        out = _Rows()
        begin, size = at, len(data)
        head = struct.Struct(self._order + "II")
        packet = struct.Struct(self._order + "IIIII")
        while size - at >= 12 and len(out.start) < rows:
            kind, length = head.unpack_from(data, at)
            if kind == SHB:
                self._order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
                self._chain = self._plain_packets()
                head, packet = struct.Struct(self._order + "II"), struct.Struct(self._order + "IIIII")
                kind, length = head.unpack_from(data, at)
            if kind == EPB and self._interfaces and not packets:
                break
            if length < 12 or length % 4 or length > self._limits.block_bytes:
                self.broken = f"a block of {length} bytes behind frame {self._frames + len(out.start)}"
                break
            if at + length > size:
                break
            if data[at + 4 : at + 8] != data[at + length - 4 : at + length]:
                self._anomalies.append(Anomaly(BAD_BLOCK, (), f"lengths differ at offset {self._base + at}"))
            if kind == EPB and length >= 32:
                number, high, low, captured, wire = packet.unpack_from(data, at + 8)
                if captured > length - 32:
                    self._anomalies.append(Anomaly(BAD_BLOCK, (), f"packet longer than its block: {captured}"))
                    captured = length - 32
                self._packet(out, number, high << 32 | low, at + 28, captured, wire)
            else:
                self._block(out, kind, data, at, length)
            at += length
        self._offset += at - begin
        return self._columns(data, out), at

    def _plain_packets(self) -> Chain:
        return Chain(self._order, 4, 0, _PLAIN, self._limits.block_bytes)

    def _guess(self, data: Octets, at: int, stop: int) -> int:
        """Where two packet blocks seem to follow each other."""
        kind = struct.pack(self._order + "I", EPB)
        length_of = struct.Struct(self._order + "I").unpack_from
        for _ in range(_TRIES):
            at = data.find(kind, at, stop)
            if at < 0 or at + _PLAIN > len(data):
                break
            (length,) = length_of(data, at + 4)
            end = at + length
            whole = _PLAIN <= length <= self._limits.block_bytes and end + 4 <= len(data)
            if whole and data[end - 4 : end] == data[at + 4 : at + 8] and data[end : end + 4] == kind:
                return at
            at += 1
        return -1

    def _packets(self, data: Octets, starts: I64) -> tuple[FrameBatch, int]:
        """The packets of blocks, up to the first that is no plain packet; how many."""
        number = np.dtype(self._order + "u4")
        heads = np.ndarray((len(data) - 27,), "V28", buffer=data, strides=(1,))[starts].view(number).reshape(-1, 7)
        kind, length, interface, high, low, captured, wire = heads.astype(np.int64).T
        ends = np.ndarray((len(data) - 3,), "V4", buffer=data, strides=(1,))[starts + length - 4].view(number)
        good = (kind == EPB) & (length % 4 == 0) & (ends == length) & (captured <= length - _PLAIN)
        good &= interface < len(self._interfaces)
        count = len(starts) if good.all() else int(np.argmin(good))
        part = slice(count)
        captured, interface = captured[part], interface[part]
        sources = np.array([each.source for each in self._interfaces], np.int32)
        batch = FrameBatch(
            np.frombuffer(data, np.uint8),
            (starts[part] + 28).astype(np.int32),
            captured.astype(np.int32),
            np.minimum(np.maximum(wire[part], captured), 0x7FFFFFFF).astype(np.int32),
            self._times(interface, high[part] << 32 | low[part]),
            sources[interface],
            np.arange(self._frames + 1, self._frames + 1 + count, dtype=np.int64),
            starts[part] + 28 + self._base,
        )
        self._frames += count
        return batch, count

    def _times(self, interface: I64, ticks: I64) -> I64:
        """Nanoseconds of ticks; those that 64 bits do not hold, and odd clocks, one by one."""
        out = np.zeros(len(ticks), np.int64)
        for number in np.flatnonzero(np.bincount(interface)).tolist():
            clock, rows = self._interfaces[number], np.flatnonzero(interface == number)
            own = ticks[rows]
            top = int(own.max()) * clock.ticks_numerator + clock.offset_ns
            if clock.ticks_denominator == 1 and own.min() >= 0 and max(top, abs(clock.offset_ns)) <= _INT64:
                out[rows] = np.maximum(own * clock.ticks_numerator + clock.offset_ns, 0)
            else:
                out[rows] = [clock.time_ns(tick & _TICKS) for tick in own.tolist()]
        if len(out):
            self._last_ns = int(out[-1])
        return out

    def _packet(self, out: _Rows, number: int, ticks: int, start: int, captured: int, wire: int) -> None:
        if number >= len(self._interfaces):
            self._anomalies.append(Anomaly(NO_INTERFACE, (), f"interface {number}"))
            self._no_packet(out)
            return
        interface = self._interfaces[number]
        self._last_ns = interface.time_ns(ticks)
        out.start.append(start)
        out.captured.append(captured)
        out.wire.append(min(max(wire, captured), 0x7FFFFFFF))
        out.ts_ns.append(self._last_ns)
        out.source.append(interface.source)

    def _no_packet(self, out: _Rows) -> None:
        """What has a frame number in Wireshark but no packet is delivered as a frame of an unknown link type."""
        if self._unreadable is None:
            vantage = self._info.vantage or self._info.path
            self._unreadable = self._sources.add(
                Source(self._info.index, len(self._interfaces), "", NO_PACKET, 0, vantage)
            )
        out.start.append(0)
        out.captured.append(0)
        out.wire.append(0)
        out.ts_ns.append(self._last_ns)
        out.source.append(self._unreadable)

    def _block(self, out: _Rows, kind: int, data: Octets, at: int, length: int) -> None:
        body = bytes(data[at + 8 : at + length - 4])
        if kind == SHB:
            self._interfaces = []
        elif kind in NUMBERED:
            self._no_packet(out)
        elif kind == IDB and len(body) >= 8:
            self._interface(body)
        elif kind == SPB and len(body) >= 4 and self._interfaces:
            (wire,) = struct.unpack_from(self._order + "I", body)
            snap = self._interfaces[0].snap_length or wire
            captured = min(wire, snap, len(body) - 4)
            interface = self._interfaces[0]
            ticks = 0 if not interface.ticks_numerator else max(self._last_ns - interface.offset_ns, 0)
            ticks = ticks * interface.ticks_denominator // interface.ticks_numerator
            self._packet(out, 0, ticks, at + 12, captured, wire)
        elif kind == OLD_PACKET and len(body) >= 20:
            number, _, high, low, captured, wire = struct.unpack_from(self._order + "HHIIII", body)
            self._packet(out, number, high << 32 | low, at + 28, min(captured, len(body) - 20), wire)
        elif kind == ISB and len(body) >= 12:
            self._statistics(body)
        elif kind == DSB and len(body) >= 8:
            secret_type, secret_length = struct.unpack_from(self._order + "II", body)
            if len(self.secrets) < _MAX_SECRETS:
                self.secrets.append((secret_type, body[8 : 8 + secret_length]))

    def _options(self, body: bytes, at: int) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        while at + 4 <= len(body):
            code, length = struct.unpack_from(self._order + "HH", body, at)
            if code == 0 or at + 4 + length > len(body):
                break
            found.setdefault(code, body[at + 4 : at + 4 + length])
            at += 4 + length + -length % 4
        return found

    def _interface(self, body: bytes) -> None:
        link_type, _, snap = struct.unpack_from(self._order + "HHI", body)
        options = self._options(body, 8)
        name = safe(decode(options.get(2, b"")).rstrip("\x00"), 60)
        info = self._info
        number = len(info.interfaces)
        if number >= self._limits.interfaces:
            if not self._full:
                self._anomalies.append(Anomaly(INTERFACES, (), f"more than {number}"))
            self._full = True
            return
        own = f"{info.prefix}:{name}" if name and info.prefix else name
        vantage = info.vantage or own or f"{info.path}#{number}"
        source = self._sources.add(Source(info.index, number, name, link_type, snap, vantage, info.path))
        interface = _Interface(source, snap)
        resolution = options.get(9, b"\x06")[:1] or b"\x06"
        exponent = resolution[0] & 0x7F
        if resolution[0] & 0x80:
            interface.ticks_numerator, interface.ticks_denominator = 1_000_000_000, 1 << min(exponent, 63)
        elif exponent <= 9:
            interface.ticks_numerator = 10 ** (9 - exponent)
        else:
            interface.ticks_numerator, interface.ticks_denominator = 1, 10 ** min(exponent - 9, 30)
        offset = options.get(14, b"")
        if len(offset) == 8:
            interface.offset_ns = struct.unpack(self._order + "q", offset)[0] * 1_000_000_000
        self._interfaces.append(interface)
        info.interfaces.append(name)
        if link_type not in info.link_types:
            info.link_types.append(link_type)

    def _statistics(self, body: bytes) -> None:
        dropped = self._options(body, 12).get(5, b"")
        if len(dropped) == 8:
            (count,) = struct.unpack(self._order + "Q", dropped)
            self._info.dropped = min((self._info.dropped or 0) + count, _INT64)

    def _columns(self, data: Octets, out: _Rows) -> FrameBatch:
        count = len(out.start)
        start = np.array(out.start, np.int32)
        batch = FrameBatch(
            np.frombuffer(data, np.uint8),
            start,
            np.array(out.captured, np.int32),
            np.array(out.wire, np.int32),
            np.array(out.ts_ns, np.int64),
            np.array(out.source, np.int32),
            np.arange(self._frames + 1, self._frames + 1 + count, dtype=np.int64),
            start.astype(np.int64) + self._base,
        )
        self._frames += count
        return batch
