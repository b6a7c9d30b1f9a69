"""A pass over several captures, or interfaces, before they are analysed: how far their clocks are apart."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from analyzer.capture.inputs import is_pipe
from analyzer.capture.reader import CaptureReader, open_capture
from analyzer.capture.sources import CaptureInfo, CaptureProblem, SourceTable
from analyzer.core.each import Each, in_turn
from analyzer.core.limits import Limits
from analyzer.net.decode import Decoder
from analyzer.net.packets import UDP, PacketBatch
from analyzer.protocols.sip.message import Message
from analyzer.protocols.sip.parser import parse_datagram
from analyzer.session.clock import Offset, Passed, offsets
from analyzer.session.media.columns import recognise
from analyzer.session.media.trail import LOW, lots

I64 = npt.NDArray[np.int64]
_MESSAGES = 20_000  # read of one capture
_FRAMES = 200_000  # read of a capture that stands alone, to see whether its interfaces have one clock
_UPPER = (ord("A"), ord("Z"))


@dataclass(slots=True)
class Clocks:
    """`interfaces`: the vantage points of each capture, by path; `known`: how far the clock of each is off, where that
    is known. Empty where there is one clock only; a capture that cannot be read twice keeps its times."""

    interfaces: dict[str, list[str]] = field(default_factory=dict)
    known: dict[str, Offset] = field(default_factory=dict)
    most: int = 1  # clocks of one capture
    crowded: set[str] = field(default_factory=set)  # captures with more interfaces than are compared

    def of(self, path: str) -> dict[int, list[str]]:
        """The clocks of a capture: what to add to the times of which of its interfaces, in their order.

        Past the bound an interface has the first one's.
        """
        found: dict[int, list[str]] = {}
        for name in self.interfaces.get(path, ()):
            add_ns = self._add_ns(name)
            if add_ns not in found and len(found) >= self.most:
                add_ns = next(iter(found))
            found.setdefault(add_ns, []).append(name)
        return found

    def _add_ns(self, name: str) -> int:
        return self.known[name].add_ns if name in self.known else 0

    def whole(self, path: str) -> bool:
        """Whether every interface of a capture got its own clock."""
        own = {self._add_ns(name) for name in self.interfaces.get(path, ())}
        return len(own) <= self.most and path not in self.crowded


def clocks_of(captures: Iterable[CaptureInfo], limits: Limits, each: Each = in_turn) -> Clocks:
    """The clocks of captures: those of one vantage point have one, and each interface of another one has its own."""
    infos = [info for info in captures if not is_pipe(info.path)]
    alone = len(infos) == 1
    if alone and (infos[0].vantage or infos[0].interfaces):
        return Clocks()  # one vantage point; only of a pcap, which has one interface, that is known before it is read
    points: dict[str, Passed] = {}
    machines: dict[str, str] = {}
    clocks = Clocks(most=limits.clocks)
    for info, own in zip(infos, each(partial(_scan, limits=limits, alone=alone), infos), strict=True):
        for name, passed in own.items():
            points.setdefault(name, Passed()).follow(passed)
        names = clocks.interfaces[info.path] = list(own)
        if len(names) > limits.clock_interfaces:
            clocks.crowded.add(info.path)
            del names[limits.clock_interfaces :]
        machines |= {name: machines.get(names[0], info.path) for name in names}
    if len(points) > 1:
        clocks.known = offsets(points, machines)
    return clocks


def _scan(info: CaptureInfo, limits: Limits, alone: bool) -> dict[str, Passed]:
    """Reads a capture; gives the vantage points that its frames are from, one more than are compared at most."""
    sources = SourceTable()
    try:
        reader = open_capture(info.path, 0, sources, limits, vantage=info.vantage, prefix=info.prefix)
    except CaptureProblem:
        return {}
    found: dict[int, str] = {}
    own: dict[str, Passed] = {}
    decoder, messages = Decoder(sources, limits), 0
    while (batch := reader.read_batch()) is not None:
        if alone and _enough(reader, len(sources)):
            break
        packets = decoder.decode(batch)
        for number in np.flatnonzero(np.bincount(packets.source)).tolist():
            name = sources[number].vantage
            if number not in found and len(found) > limits.clock_interfaces:
                continue
            found[number] = name
            here = np.flatnonzero(packets.source == number)
            passed = own.setdefault(name, Passed())
            messages += _sip(packets, here, passed, limits, _MESSAGES - messages)
            _rtp(packets, here, passed)
    reader.close()
    return {found[number]: own[found[number]] for number in sorted(found)}


def _enough(reader: CaptureReader, interfaces: int) -> bool:
    return interfaces < 2 or reader.info.frames > _FRAMES


def _sip(packets: PacketBatch, here: I64, passed: Passed, limits: Limits, room: int) -> int:
    """SIP in datagrams: Call-ID, CSeq, which way."""
    size = packets.payload_length[here]
    first = packets.buffer[np.where(size > 0, packets.payload_start[here], 0)]
    rows = here[(packets.protocol[here] == UDP) & (size > 60) & (first >= _UPPER[0]) & (first <= _UPPER[1])]
    rows = rows[: max(room, 0)]
    for row in rows.tolist():
        start, ts_ns = int(packets.payload_start[row]), int(packets.ts_ns[row])
        datagram = packets.buffer[start : start + int(packets.payload_length[row])].tobytes()
        for event in parse_datagram(datagram, (), limits):
            if isinstance(event, Message) and event.call_id and (event.is_request or (event.status or 0) >= 200):
                passed.sip(event.is_request, (event.call_id, event.first("cseq") or ""), ts_ns)
    return len(rows)


def _rtp(packets: PacketBatch, here: I64, passed: Passed) -> None:
    """A few packets of each stream, the same at every vantage point."""
    rows = here[(packets.protocol[here] == UDP) & (packets.payload_length[here] >= 12)]
    rows = recognise(packets, rows).rtp
    if not len(rows):
        return
    header = packets.buffer[packets.payload_start[rows].astype(np.int64)[:, None] + np.arange(12)]
    stamps = header[:, 4:8].copy().view(">u4").ravel().astype(np.int64)
    at = np.flatnonzero(lots(stamps) < LOW * 8)
    numbers = header[at, 2:4].copy().view(">u2").ravel().tolist()
    sources = header[at, 8:12].copy().view(">u4").ravel().tolist()
    times = packets.ts_ns[rows[at]].tolist()
    columns = (packets.src_hi, packets.src_lo, packets.sport, packets.dst_hi, packets.dst_lo, packets.dport)
    ways = zip(*(column[rows[at]].tolist() for column in columns), strict=True)
    for ssrc, number, stamp, ts_ns, way in zip(sources, numbers, stamps[at].tolist(), times, ways, strict=True):
        passed.rtp((ssrc, number, stamp), ts_ns, way)
