"""Packets as columns: one row a packet, innermost headers, over the buffer the frames came in."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from analyzer.core.cites import Cite

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

TCP, UDP, ESP, SCTP = 6, 17, 50, 132
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
V4_MAPPED = np.uint64(0xFFFF << 32)  # the low half of an IPv4 address, as RFC 4291 2.5.5.2 maps it


@dataclass(slots=True)
class PacketBatch:
    """UDP, TCP, SCTP and ESP packets in the order of their frames.

    A fragmented packet stands at the frame that completed it. Addresses are 128 bits in two uint64 columns, IPv4
    mapped into ::ffff:0:0/96. `payload_start`/`payload_length` locate the transport payload (for ESP: from the SPI)
    in `buffer`, which is the FrameBatch's own, or a longer copy where a packet had to be put together.

    vantage     int32, index in the decoder's table of vantage points (an SLL2 "any" capture has one an interface)
    layers      uint32, bits of net.layers: what the packet came through (VLAN, GRE, GTPU, ...)
    ip_id       int32, IPv4 identification, -1 where there is none
    missing     int32, payload bytes on the wire that the snap length cut off
    seq, flags  TCP only, else 0
    row         int32, the row of the FrameBatch that carried (the last part of) it
    extra_cites for the index of a reassembled packet, its other frames, in the order they came
    """

    buffer: U8
    row: I32
    ts_ns: I64
    source: I32
    vantage: I32
    frame: I64
    offset: I64
    captured: I32
    protocol: U8
    layers: U32
    src_hi: U64
    src_lo: U64
    dst_hi: U64
    dst_lo: U64
    sport: I32
    dport: I32
    ip_id: I32
    payload_start: I32
    payload_length: I32
    missing: I32
    seq: I64
    ack: I64
    flags: U8
    extra_cites: dict[int, tuple[Cite, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.row)
