"""Frames of a packet socket one by one, for kernels (or their stand-ins) that have no packet ring."""

import socket
import struct
from typing import Final

import numpy as np

from analyzer.capture.batch import FrameBatch
from analyzer.core.limits import Limits

_SOL_PACKET, _STATISTICS, _AUXDATA = 263, 6, 8
_SO_TIMESTAMPNS, _SO_RCVBUF = 35, 8
_VLAN_VALID, _VLAN_TPID_VALID, _ETH_P_8021Q = 1 << 4, 1 << 6, 0x8100
_AUX: Final = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata: status, len, snaplen, mac, net, vlan_tci, vlan_tpid
_TIME: Final = struct.Struct("@qq")
_MOST, _ROOM, _OUTGOING, _MACS = 512, 256, 4, 12


class Received:
    """Serves as a `Ring` does, with a system call and a copy a frame."""

    def __init__(self, sock: socket.socket, limits: Limits, skip_outgoing: bool) -> None:
        self._sock = sock
        self._skip_outgoing = skip_outgoing
        self._frame_bytes = limits.frame_bytes
        sock.setblocking(False)
        sock.setsockopt(_SOL_PACKET, _AUXDATA, 1)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUF, limits.ring_bytes)

    def take(self, source: int, first_frame: int) -> FrameBatch | None:
        """What has come, at most `_MOST` frames; None if nothing has."""
        frames: list[bytes] = []
        wire: list[int] = []
        times: list[int] = []
        for _ in range(_MOST):
            try:
                data, ancillary, _, address = self._sock.recvmsg(self._frame_bytes, _ROOM)
            except OSError:  # nothing there; or the interface is down, which polling tells
                break
            if self._skip_outgoing and address[2] == _OUTGOING:
                continue
            data, time_ns, length = _with_ancillary(data, ancillary)
            frames.append(data)
            wire.append(max(length, len(data)))
            times.append(time_ns)
        if not frames:
            return None
        captured = np.array([len(data) for data in frames], np.int32)
        start = np.cumsum(captured, dtype=np.int64) - captured
        count = len(frames)
        return FrameBatch(
            np.frombuffer(b"".join(frames), np.uint8),
            start.astype(np.int32),
            captured,
            np.array(wire, np.int32),
            np.array(times, np.int64),
            np.full(count, source, np.int32),
            np.arange(first_frame, first_frame + count, dtype=np.int64),
            np.zeros(count, np.int64),
        )

    def release(self) -> None:
        """See `Ring`. Batches here have their own bytes."""

    def dropped(self) -> int:
        """See `Ring`."""
        return int(struct.unpack("2I", self._sock.getsockopt(_SOL_PACKET, _STATISTICS, 8))[1])

    def close(self) -> None:
        """See `Ring`."""


def _with_ancillary(data: bytes, ancillary: list[tuple[int, int, bytes]]) -> tuple[bytes, int, int]:
    """The frame with its VLAN tag, its time, its length on the wire."""
    time_ns, length = 0, len(data)
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(value) >= _TIME.size:
            seconds, nanoseconds = _TIME.unpack_from(value)
            time_ns = seconds * 1_000_000_000 + nanoseconds
        elif (level, kind) == (_SOL_PACKET, _AUXDATA) and len(value) >= _AUX.size:
            status, length, _, _, _, tci, tpid = _AUX.unpack_from(value)
            if status & _VLAN_VALID and len(data) >= _MACS:
                tag = struct.pack(">HH", tpid if status & _VLAN_TPID_VALID else _ETH_P_8021Q, tci)
                data = data[:_MACS] + tag + data[_MACS:]
                length += len(tag)
    return data, time_ns, length
