"""A packet ring shared with the kernel (Linux AF_PACKET, TPACKET_V3): frames as columns, no copy, no call a packet.

The kernel fills blocks and hands each over whole, at the latest after `RETIRE_MS`. A block's frames are walked by their
offsets; everything else is gathered from the headers at once. Layouts: linux/if_packet.h.
"""

import mmap
import socket
import struct
from typing import Final

import numpy as np

from analyzer.capture.batch import I64, FrameBatch
from analyzer.core.limits import Limits

RETIRE_MS: Final = 100
_SOL_PACKET, _RX_RING, _STATISTICS, _VERSION, _RESERVE = 263, 5, 6, 10, 12
_TPACKET_V3, _FRAME_BYTES = 2, 2_048
_STATUS_USER, _VLAN_VALID, _VLAN_TPID_VALID = 1, 1 << 4, 1 << 6
_STATUS_AT, _COUNT_AT, _FIRST_AT = 2, 3, 4  # 32-bit words of struct tpacket_block_desc
# 32-bit words of struct tpacket3_hdr, and of the struct sockaddr_ll behind it
_SEC, _NSEC, _SNAPLEN, _LEN, _STATUS, _MAC, _TCI, _TPID, _PKTTYPE = 1, 2, 3, 4, 5, 6, 8, 9, 14
_WORDS: Final = np.arange(15)
_ADDRESSES: Final = np.arange(12)  # bytes of the two MAC addresses, in front of a VLAN tag
_TAG_BYTES, _ETH_P_8021Q, _OUTGOING = 4, 0x8100, 4


class Ring:
    """The ring of one socket. OSError where the kernel has no such ring.

    `skip_outgoing`: frames on their way out are left out, for loopback shows each one twice.
    """

    def __init__(self, sock: socket.socket, limits: Limits, skip_outgoing: bool) -> None:
        self._sock = sock
        self._skip_outgoing = skip_outgoing
        self._block_bytes = limits.ring_block_bytes
        self._blocks = max(limits.ring_bytes // limits.ring_block_bytes, 2)
        size = self._block_bytes * self._blocks
        sock.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
        sock.setsockopt(_SOL_PACKET, _RESERVE, _TAG_BYTES)  # room to put a VLAN tag back
        shape = (self._block_bytes, self._blocks, _FRAME_BYTES, size // _FRAME_BYTES, RETIRE_MS, 0, 0)
        sock.setsockopt(_SOL_PACKET, _RX_RING, struct.pack("7I", *shape))
        self._map = mmap.mmap(sock.fileno(), size)
        self._bytes = np.frombuffer(self._map, np.uint8)
        self._words = self._bytes.view(np.uint32)
        self._cells = memoryview(self._map).cast("I")
        self._at = 0
        self._taken = False

    def take(self, source: int, first_frame: int) -> FrameBatch | None:
        """The next block's frames, None while there is none. They lie in the ring until `release`."""
        while True:
            self.release()
            base = self._at * self._block_bytes
            if not self._cells[(base >> 2) + _STATUS_AT] & _STATUS_USER:
                return None
            self._taken = True
            batch = self._block(base, source, first_frame)
            if len(batch):
                return batch

    def release(self) -> None:
        """Gives the block of the last batch back to the kernel."""
        if self._taken:
            self._cells[(self._at * self._block_bytes >> 2) + _STATUS_AT] = 0
            self._at = (self._at + 1) % self._blocks
            self._taken = False

    def _block(self, base: int, source: int, first_frame: int) -> FrameBatch:
        cells = self._cells
        at = (base + cells[(base >> 2) + _FIRST_AT]) >> 2
        heads = []
        for _ in range(cells[(base >> 2) + _COUNT_AT]):
            heads.append(at)
            at += cells[at] >> 2
        words = np.array(heads, np.int64)
        header = self._words[words[:, None] + _WORDS].astype(np.int64)
        if self._skip_outgoing:
            staying = header[:, _PKTTYPE] >> 16 & 0xFF != _OUTGOING
            words, header = words[staying], header[staying]
        start = (words << 2) + (header[:, _MAC] & 0xFFFF)
        captured, wire = header[:, _SNAPLEN], header[:, _LEN]
        tagged = np.flatnonzero((header[:, _STATUS] & _VLAN_VALID != 0) & (captured >= len(_ADDRESSES)))
        if len(tagged):
            self._restore_tags(start[tagged], header[tagged])
            start[tagged] -= _TAG_BYTES
            captured[tagged] += _TAG_BYTES
            wire[tagged] += _TAG_BYTES
        count = len(words)
        return FrameBatch(
            self._bytes,
            start.astype(np.int32),
            captured.astype(np.int32),
            np.maximum(wire, captured).astype(np.int32),
            header[:, _SEC] * 1_000_000_000 + header[:, _NSEC],
            np.full(count, source, np.int32),
            np.arange(first_frame, first_frame + count, dtype=np.int64),
            np.zeros(count, np.int64),
        )

    def _restore_tags(self, start: I64, header: I64) -> None:
        """Puts the 802.1Q tag, which the kernel keeps aside, back behind the addresses."""
        data = self._bytes
        data[start[:, None] - _TAG_BYTES + _ADDRESSES] = data[start[:, None] + _ADDRESSES]
        named = header[:, _STATUS] & _VLAN_TPID_VALID != 0
        tag = np.where(named, header[:, _TPID] & 0xFFFF, _ETH_P_8021Q) << 16 | header[:, _TCI] & 0xFFFF
        for i in range(_TAG_BYTES):
            data[start + 8 + i] = (tag >> 8 * (3 - i) & 0xFF).astype(np.uint8)

    def dropped(self) -> int:
        """Packets the kernel dropped since the last call."""
        return int(struct.unpack("3I", self._sock.getsockopt(_SOL_PACKET, _STATISTICS, 12))[1])

    def close(self) -> None:
        """Lets the ring go. A batch that somebody still holds keeps its memory."""
        self._cells.release()
        self._bytes, self._words = np.zeros(0, np.uint8), np.zeros(0, np.uint32)
        try:
            self._map.close()
        except BufferError:
            return
