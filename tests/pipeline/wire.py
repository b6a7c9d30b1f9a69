"""Captures built packet by packet, and the engine run over them: what the tests of the pipeline share."""

import io
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from analyzer.capture.reader import CaptureReader
from analyzer.capture.sources import SourceTable
from analyzer.core.addresses import Address, Endpoints, parse_ip
from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine, Setup
from analyzer.session.legs import CallState

START_NS = 1_700_000_000_000_000_000
STEP_NS = 20_000_000
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def at(host: str, port: int) -> Address:
    """An address."""
    return Address(parse_ip(host) or 0, port)


def flow(src: Address, dst: Address, protocol: int = 17) -> Endpoints:
    """One direction."""
    return Endpoints(src, dst, protocol)


def _ip(src: Address, dst: Address, protocol: int, payload: bytes, ident: int) -> bytes:
    """An IPv4 packet, or an IPv6 one between addresses that are not IPv4's."""
    if src.ip >> 32 != 0xFFFF:
        hosts = src.ip.to_bytes(16, "big") + dst.ip.to_bytes(16, "big")
        return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + hosts + payload
    hosts = (src.ip & 0xFFFFFFFF).to_bytes(4, "big") + (dst.ip & 0xFFFFFFFF).to_bytes(4, "big")
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), ident, 0, 64, protocol, 0) + hosts + payload


@dataclass
class Wire:
    """A pcap (LINKTYPE_RAW) in the making: a packet each `STEP_NS`, IPv6 or IPv4 with counting identifications."""

    frames: list[tuple[int, bytes]] = field(default_factory=list)
    snap: int = 262_144
    now_ns: int = START_NS
    _next: dict[tuple[Address, Address], int] = field(default_factory=dict)

    def _frame(self, src: Address, dst: Address, protocol: int, payload: bytes) -> int:
        self.now_ns += STEP_NS
        self.frames.append((self.now_ns, _ip(src, dst, protocol, payload, len(self.frames) + 1 & 0xFFFF)))
        return len(self.frames)

    def udp(self, src: Address, dst: Address, payload: bytes) -> int:
        """A datagram; gives its frame number."""
        header = struct.pack(">HHHH", src.port, dst.port, 8 + len(payload), 0)
        return self._frame(src, dst, 17, header + payload)

    def sctp(self, src: Address, dst: Address, *chunks: bytes) -> int:
        """An SCTP packet (RFC 9260 3.1; a checksum of zero is not looked at); gives its frame number."""
        return self._frame(
            src, dst, 132, struct.pack(">HHII", src.port, dst.port, dst.ip & 0xFFFFFFFF, 0) + b"".join(chunks)
        )

    def esp(self, src: Address, dst: Address, packet: bytes) -> int:
        """An ESP packet from its SPI (the ports of the addresses do not matter); gives its frame number."""
        return self._frame(src, dst, 50, packet)

    def fragmented(self, src: Address, dst: Address, payload: bytes, size: int = 64) -> list[int]:
        """A datagram in IPv4 fragments (RFC 791 3.2); gives their frame numbers."""
        whole = struct.pack(">HHHH", src.port, dst.port, 8 + len(payload), 0) + payload
        numbers = []
        for at_byte in range(0, len(whole), size):
            piece = whole[at_byte : at_byte + size]
            numbers.append(self._frame(src, dst, 17, piece))
            ts_ns, frame = self.frames[-1]
            more = 0x2000 if at_byte + size < len(whole) else 0
            mark = struct.pack(">HH", 9_999, more | at_byte // 8)
            self.frames[-1] = ts_ns, frame[:4] + mark + frame[8:]
        return numbers

    def segment(self, src: Address, dst: Address, payload: bytes = b"", flags: int = ACK) -> int:
        """The next segment of a direction; gives its frame number."""
        seq = self._next.get((src, dst), 1000)
        ack = self._next.get((dst, src), 1000)
        header = struct.pack(">HHIIBBHHH", src.port, dst.port, seq, ack, 0x50, flags, 65_535, 0, 0)
        self._next[src, dst] = seq + len(payload) + bool(flags & (SYN | FIN))
        return self._frame(src, dst, 6, header + payload)

    def connect(self, client: Address, server: Address) -> None:
        """The three-way handshake."""
        self.segment(client, server, flags=SYN)
        self.segment(server, client, flags=SYN | ACK)
        self.segment(client, server)

    def tcp(self, src: Address, dst: Address, payload: bytes) -> int:
        """Stream bytes; gives their frame number."""
        return self.segment(src, dst, payload, PSH | ACK)

    def pcap(self) -> bytes:
        """The capture, nanosecond resolution."""
        out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 101)]
        for ts_ns, frame in self.frames:
            captured = frame[: self.snap]
            out.append(struct.pack("<IIII", ts_ns // 10**9, ts_ns % 10**9, len(captured), len(frame)) + captured)
        return b"".join(out)

    def run(self, *, rows: int = 32_768, limits: Limits | None = None, finish: bool = True, **setup: object) -> Engine:
        """The engine behind this capture, fed `rows` frames at a time."""
        return _run(io.BytesIO(self.pcap()), rows, limits or Limits(), finish, setup)


def run_capture(path: Path, rows: int = 32_768, limits: Limits | None = None) -> Engine:
    """The engine behind a capture, fed `rows` frames at a time."""
    with path.open("rb") as file:
        return _run(file, rows, limits or Limits(), True, {})


def _run(file: BinaryIO, rows: int, limits: Limits, finish: bool, setup: dict[str, object]) -> Engine:
    """Each buffer is overwritten when it was fed."""
    sources = SourceTable()
    reader = CaptureReader(file, "test.pcap", 0, sources, limits, "")
    engine = Engine(sources, Setup(limits=limits, contain=False, reveal_identities=True, **setup))  # type: ignore[arg-type]  # keywords of Setup
    while (batch := reader.read_batch(rows)) is not None:
        batch.buffer = np.array(batch.buffer)
        engine.feed(batch)
        batch.buffer[:] = 0xAA
    if finish:
        engine.finish()
    return engine


def call_of(engine: Engine, call_id: str) -> CallState | None:
    """The first open call with this Call-ID."""
    return next((call for call in engine.signalling.calls.all() if call.call_id == call_id), None)


def anomalies(engine: Engine) -> dict[str, int]:
    """How often each kind occurred."""
    return {entry.kind.code: entry.count for entry in engine.ledger.entries()}


def rtp(number: int, payload: bytes = b"\xd5" * 160, ssrc: int = 0x5566AABB, kind: int = 0) -> bytes:
    """An RTP packet of 20 ms of G.711 silence (RFC 3550 5.1)."""
    return struct.pack(">BBHII", 0x80, kind, number & 0xFFFF, number * 160, ssrc) + payload


def message(method: str, call_id: str, body: bytes = b"", *, cseq: int = 1, status: int = 0, via: str = "UDP") -> bytes:
    """A small SIP request, or with `status` its response, with every header of RFC 3261 8.1.1."""
    start = f"SIP/2.0 {status} Said" if status else f"{method} sip:bob@192.0.2.2 SIP/2.0"
    to_tag = ";tag=b" if status else ""
    content = "Content-Type: application/sdp\r\n" if body else ""
    head = (
        f"{start}\r\nVia: SIP/2.0/{via} 192.0.2.1;branch=z9hG4bK{call_id}{cseq}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:alice@example.org>;tag=a\r\nTo: <sip:bob@example.org>{to_tag}\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {cseq} {method}\r\nContact: <sip:alice@192.0.2.1>\r\n{content}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def rows(encoded: Sequence[bytes]) -> list[dict[str, object]]:
    """Encoded rows of a report, read back."""
    return [json.loads(row) for row in encoded]
