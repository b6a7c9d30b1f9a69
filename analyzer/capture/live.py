"""Live interfaces as batches of frames (Linux): each interface a capture of its own, frames counted from 1."""

import errno
import select
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from analyzer.capture.batch import I64, FrameBatch, Source
from analyzer.capture.bpf import attach, compile_filter
from analyzer.capture.merge import interleave
from analyzer.capture.received import Received
from analyzer.capture.ring import Ring
from analyzer.capture.sources import CaptureInfo, CaptureProblem, SourceTable
from analyzer.core.limits import Limits
from analyzer.core.text import safe

ETHERNET, RAW = 1, 101  # LINKTYPE_ values
_ARPHRD_ETHER, _ARPHRD_LOOPBACK = 1, 772
# NONE (tun), RAWIP, PPP, TUNNEL, TUNNEL6, SIT, IPGRE: a cooked socket gives what they carry from the IP header on
_ARPHRD_IP: Final = frozenset({0xFFFE, 519, 512, 768, 769, 776, 778})
_ETH_P_ALL = 3
_SOL_PACKET, _ADD_MEMBERSHIP, _MR_PROMISC = 263, 1, 1


@dataclass(slots=True)
class _Interface:
    """One open interface. `held` are frames whose turn has not come, over memory of their own."""

    sock: socket.socket
    ring: Ring | Received
    info: CaptureInfo
    source: int
    held: list[FrameBatch] = field(default_factory=list)
    held_bytes: int = 0
    gone: bool = False

    def take(self) -> FrameBatch | None:
        """The next frames, counted."""
        info = self.info
        batch = self.ring.take(self.source, info.frames + 1)
        if batch is not None:
            low, high = int(batch.ts_ns.min()), int(batch.ts_ns.max())
            info.first_ns = low if info.first_ns is None else min(info.first_ns, low)
            info.last_ns = high if info.last_ns is None else max(info.last_ns, high)
            info.frames += len(batch)
            info.size += int(batch.captured.sum())
        return batch


class LiveSource:
    """Frames of live interfaces as they arrive. CaptureProblem if one of them cannot be captured from.

    `vantages` names the vantage point of an interface; one that is not in it is its own.
    """

    def __init__(
        self,
        interfaces: Sequence[str],
        bpf: str | None,
        sources: SourceTable,
        limits: Limits,
        vantages: Mapping[str, str] | None = None,
    ) -> None:
        self._limits = limits
        self._open: list[_Interface] = []
        self._poll = select.poll()
        try:
            for name in dict.fromkeys(interfaces):
                self._open.append(_open(name, len(self._open), bpf, sources, limits, (vantages or {}).get(name, "")))
        except CaptureProblem:
            self.close()
            raise
        for interface in self._open:
            self._poll.register(interface.sock, select.POLLIN)

    @property
    def infos(self) -> list[CaptureInfo]:
        """The captures as the report shows them; they grow while the source is read."""
        return [interface.info for interface in self._open]

    @property
    def gone(self) -> list[str]:
        """Interfaces that were removed while they were read."""
        return [interface.info.path for interface in self._open if interface.gone]

    def read_batch(self, timeout_s: float, until_ns: int | None = None) -> FrameBatch | None:
        """The next frames, None if none came in time. They lie over memory that the next call reuses.

        Several interfaces hand over at different moments. To have their frames in the order of time, ask only for
        those up to `until_ns`, a moment so far back that every interface has handed over what it had then.
        """
        if len(self._open) == 1:
            return self._open[0].take() or (self._open[0].take() if self._wait(timeout_s) else None)
        found = self._gather()
        batch = self._merged(until_ns)
        if batch is None and not found and self._wait(timeout_s) and self._gather():
            batch = self._merged(until_ns)
        return batch

    def _wait(self, timeout_s: float) -> bool:
        ready = False
        for descriptor, events in self._poll.poll(max(timeout_s, 0) * 1_000):
            ready |= bool(events & select.POLLIN)
            if events & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
                self._check(next(i for i in self._open if i.sock.fileno() == descriptor))
        return ready

    def _check(self, interface: _Interface) -> None:
        """An error has been signalled: reading it clears it. A removed interface is not waited for again."""
        interface.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        try:
            socket.if_nametoindex(interface.info.path)
        except OSError:
            interface.gone = True
            self._poll.unregister(interface.sock)

    def _gather(self) -> bool:
        """Moves what the rings have to `held`; whether there was anything."""
        found = False
        for interface in self._open:
            while interface.held_bytes < self._limits.ring_bytes and (batch := interface.take()) is not None:
                own = _copy(batch)
                interface.held.append(own)
                interface.held_bytes += len(own.buffer)
                found = True
            interface.ring.release()
        return found

    def _merged(self, until_ns: int | None) -> FrameBatch | None:
        full = any(interface.held_bytes >= self._limits.ring_bytes for interface in self._open)
        parts: list[tuple[FrameBatch, I64]] = []
        for interface in self._open:
            later: list[FrameBatch] = []
            for batch in interface.held:
                keys = np.maximum.accumulate(batch.ts_ns)
                everything = until_ns is None or full
                count = len(batch) if everything else int(np.searchsorted(keys, until_ns or 0, side="right"))
                count = 0 if later else count
                if count:
                    parts.append((batch.rows(0, count), keys[:count]))
                if count < len(batch):
                    later.append(batch.rows(count, len(batch)))
            interface.held = later
            interface.held_bytes = sum(len(batch.buffer) for batch in later)
        return interleave(parts) if parts else None

    def dropped(self) -> int:
        """Packets the kernel dropped so far, all interfaces together; each one's in its `CaptureInfo`."""
        for interface in self._open:
            interface.info.dropped = (interface.info.dropped or 0) + interface.ring.dropped()
        return sum(interface.info.dropped or 0 for interface in self._open)

    def close(self) -> None:
        """Ends the capture. `infos` stay."""
        for interface in self._open:
            interface.ring.close()
            interface.sock.close()


def _copy(batch: FrameBatch) -> FrameBatch:
    low = int(batch.start.min())
    high = int((batch.start.astype(np.int64) + batch.captured).max())
    return FrameBatch(
        batch.buffer[low:high].copy(), batch.start - np.int32(low), batch.captured, batch.wire,
        batch.ts_ns, batch.source, batch.frame, batch.offset,
    )  # fmt: skip


def _open(name: str, index: int, bpf: str | None, sources: SourceTable, limits: Limits, vantage: str) -> _Interface:
    if not hasattr(socket, "AF_PACKET"):
        raise CaptureProblem(name, "live capture needs Linux; elsewhere, pipe a capture in with -i -")
    link_type, loopback = _link(name)
    program = compile_filter(name, bpf) if bpf else b""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW if link_type == ETHERNET else socket.SOCK_DGRAM, 0)
    try:
        if program:
            attach(sock, program)
        ring = _ring(sock, limits, loopback)
        sock.bind((name, _ETH_P_ALL))
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ENETDOWN:
            raise CaptureProblem(name, "the interface is down")
        if link_type == ETHERNET and not loopback:
            member = struct.pack("iHH8x", socket.if_nametoindex(name), _MR_PROMISC, 0)
            sock.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, member)
    except OSError as error:
        sock.close()
        raise CaptureProblem(name, f"cannot be captured from ({error.strerror})") from None
    except CaptureProblem:
        sock.close()
        raise
    shown = safe(name, 60)
    info = CaptureInfo(index, shown, "live", link_types=[link_type], interfaces=[shown], vantage=vantage, dropped=0)
    return _Interface(sock, ring, info, sources.add(Source(index, 0, shown, link_type, 0, vantage or shown)))


def _ring(sock: socket.socket, limits: Limits, loopback: bool) -> Ring | Received:
    try:
        return Ring(sock, limits, loopback)
    except OSError:
        return Received(sock, limits, loopback)


def _link(name: str) -> tuple[int, bool]:
    """The interface's LINKTYPE_, and whether it is the loopback. CaptureProblem if it cannot be captured from."""
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as probe:
            probe.bind((name, 0))
            hardware = probe.getsockname()[3]
    except PermissionError:
        raise CaptureProblem(name, "no permission to capture (needs CAP_NET_RAW)") from None
    except UnicodeEncodeError:
        raise CaptureProblem(name, "its name is not UTF-8") from None
    except OSError as error:
        reason = "no such interface" if error.errno == errno.ENODEV or len(name) > 15 else error.strerror
        raise CaptureProblem(name, reason or "cannot be opened") from None
    if hardware in (_ARPHRD_ETHER, _ARPHRD_LOOPBACK):
        return ETHERNET, hardware == _ARPHRD_LOOPBACK
    if hardware in _ARPHRD_IP:
        return RAW, False
    raise CaptureProblem(name, f"its kind of link (ARPHRD {hardware}) cannot be captured from")
