"""A pass over several captures before they are analysed: how far their clocks are apart."""

from collections.abc import Mapping

import numpy as np

from analyzer.capture.inputs import is_pipe
from analyzer.capture.reader import open_capture
from analyzer.capture.sources import CaptureProblem, SourceTable
from analyzer.core.limits import Limits
from analyzer.net.decode import Decoder
from analyzer.net.packets import UDP, PacketBatch
from analyzer.protocols.sip.message import Message
from analyzer.protocols.sip.parser import parse_datagram
from analyzer.session.clock import Offset, Passed, offsets
from analyzer.session.media.columns import recognise
from analyzer.session.media.trail import LOW, lots

_MESSAGES = 20_000  # read of one capture
_UPPER = (ord("A"), ord("Z"))


def clocks_of(names: Mapping[str, str], limits: Limits) -> dict[str, Offset]:
    """The offset of each capture's clock, by path; `names` gives the vantage point of each, which has one clock.

    Empty where there is one clock only. A capture that cannot be read twice keeps its times.
    """
    if len(set(names.values())) < 2:
        return {}
    points: dict[str, Passed] = {}
    for path, name in names.items():
        if not is_pipe(path):
            _scan(path, points.setdefault(name, Passed()), limits)
    known = offsets(points)
    return {path: known[name] for path, name in names.items() if name in known}


def _scan(path: str, passed: Passed, limits: Limits) -> None:
    sources = SourceTable()
    try:
        reader = open_capture(path, 0, sources, limits)
    except CaptureProblem:
        return
    decoder, messages = Decoder(sources, limits), 0
    while (batch := reader.read_batch()) is not None:
        packets = decoder.decode(batch)
        if len(packets):
            messages += _sip(packets, passed, limits, _MESSAGES - messages)
            _rtp(packets, passed)
    reader.close()


def _sip(packets: PacketBatch, passed: Passed, limits: Limits, room: int) -> int:
    """SIP in datagrams: Call-ID, CSeq, which way."""
    size = packets.payload_length
    first = packets.buffer[np.where(size > 0, packets.payload_start, 0)]
    rows = np.flatnonzero((packets.protocol == UDP) & (size > 60) & (first >= _UPPER[0]) & (first <= _UPPER[1]))
    rows = rows[: max(room, 0)]
    for row in rows.tolist():
        start, ts_ns = int(packets.payload_start[row]), int(packets.ts_ns[row])
        for event in parse_datagram(packets.buffer[start : start + int(size[row])].tobytes(), (), limits):
            if isinstance(event, Message) and event.call_id and (event.is_request or (event.status or 0) >= 200):
                passed.sip(event.is_request, (event.call_id, event.first("cseq") or ""), ts_ns)
    return len(rows)


def _rtp(packets: PacketBatch, passed: Passed) -> None:
    """A few packets of each stream, the same at every vantage point."""
    rows = np.flatnonzero((packets.protocol == UDP) & (packets.payload_length >= 12)).astype(np.int64)
    rows = recognise(packets, rows).rtp
    if not len(rows):
        return
    header = packets.buffer[packets.payload_start[rows].astype(np.int64)[:, None] + np.arange(12)]
    stamps = header[:, 4:8].copy().view(">u4").ravel().astype(np.int64)
    at = np.flatnonzero(lots(stamps) < LOW * 8)
    numbers = header[at, 2:4].copy().view(">u2").ravel().tolist()
    sources = header[at, 8:12].copy().view(">u4").ravel().tolist()
    times = packets.ts_ns[rows[at]].tolist()
    for ssrc, number, stamp, ts_ns in zip(sources, numbers, stamps[at].tolist(), times, strict=True):
        passed.rtp((ssrc, number, stamp), ts_ns)
