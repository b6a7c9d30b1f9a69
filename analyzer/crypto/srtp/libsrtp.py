"""libsrtp as a way to open runs of packets quickly: the one module that knows pylibsrtp.

pylibsrtp's public API allocates for every packet and refuses more than 1,500 bytes. Its binding, called with a
buffer of our own, does neither, at half the cost; it is private, so it is used only after it has opened packets of
every profile exactly as the engine does. Otherwise the public API serves, else none.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import compress, count, repeat
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.engine import SrtpContext, split_material
from analyzer.crypto.srtp.stream import PacketColumns
from analyzer.crypto.srtp.suites import SUITES, Suite

_PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": "SRTP_PROFILE_AES128_CM_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32": "SRTP_PROFILE_AES128_CM_SHA1_32",
    "AEAD_AES_128_GCM": "SRTP_PROFILE_AEAD_AES_128_GCM",
    "AEAD_AES_256_GCM": "SRTP_PROFILE_AEAD_AES_256_GCM",
}
_ROOM = 65_536 + 256
_PUBLIC_ROOM = 1_500
_WIDTHS = np.array([64, 128, 192, 256, 384, 512, 768, 1_024, 1_536, 2_048, *(1 << n for n in range(12, 18))])


class Block:
    """Packets of a buffer, and copies of them in memory that libsrtp may overwrite: aligned, few widths for all.

    `to_packets` and `to_lengths` are addresses, of the copies and of 32-bit numbers that libsrtp changes too.
    """

    def __init__(self, packets: PacketColumns) -> None:
        self._memory = memoryview(packets.buffer)
        self._starts = packets.starts
        self._lengths = packets.lengths.astype(np.int32)
        lengths = self._lengths.copy()
        self.to_lengths = lengths.ctypes.data + np.arange(len(lengths), dtype=np.uint64) * np.uint64(lengths.itemsize)
        self.to_packets = np.zeros(len(lengths), np.uint64)
        self._kept = [lengths]
        fitting = np.searchsorted(_WIDTHS, lengths)
        for kind in np.flatnonzero(np.bincount(fitting)).tolist():
            at = np.flatnonzero(fitting == kind)
            rows = self._copies(at, int(_WIDTHS[kind]))
            self.to_packets[at] = rows.ctypes.data + np.arange(len(at), dtype=np.uint64) * np.uint64(rows.shape[1])
            self._kept.append(rows)

    def packet(self, at: int) -> bytes:
        """One packet as it was captured."""
        start = int(self._starts[at])
        return bytes(self._memory[start : start + int(self._lengths[at])])

    def _copies(self, at: npt.NDArray[np.int64], width: int) -> npt.NDArray[Any]:
        """A row of `width` bytes for each of some packets; behind the packet it holds whatever follows there."""
        last = len(self._memory) - width
        starts = self._starts[at]
        rows = np.zeros((len(at), width), np.uint8)
        if last >= 0:
            runs = np.ndarray((last + 1,), f"V{width}", buffer=self._memory, strides=(1,))
            rows = runs[np.minimum(starts, last)].view(np.uint8).reshape(-1, width)
        for row in np.flatnonzero(starts > last).tolist():  # a row would reach behind the buffer
            packet = self.packet(int(at[row]))
            rows[row, : len(packet)] = np.frombuffer(packet, np.uint8)
        return rows


class Opener(Protocol):
    """An inbound libsrtp session of one key."""

    def check(self, block: Block, first: int, last: int) -> int:
        """Opens packets first <= i < last of a block in their places until one is refused; how many were opened."""
        ...

    def run(self, packets: Sequence[bytes], first: int, out: list[Any]) -> int:
        """Appends the plain packets from `first` on to `out` until one is refused; returns how many were opened."""
        ...


def serves(context: SrtpContext) -> bool:
    """Whether libsrtp, as pylibsrtp exposes it, can open what this key protects."""
    suite = context.suite
    return (
        suite.name in _PROFILES
        and not context.mki
        and not context.kdr
        and not (context.unencrypted_srtp or context.unauthenticated or context.encrypted_extensions)
        and context.rtp_tag == suite.rtp_tag
    )


def opener(context: SrtpContext, window: int) -> Opener | None:
    """A session for a key that `serves`, starting at roll-over counter 0; None where pylibsrtp is missing."""
    kind = _kind()
    return None if kind is None else kind(context.suite, context.material, window)


def _policy(suite: Suite, material: Secret, window: int, outbound: bool = False) -> Any:
    from pylibsrtp import Policy

    policy = Policy(
        key=material.reveal(),
        ssrc_type=Policy.SSRC_ANY_OUTBOUND if outbound else Policy.SSRC_ANY_INBOUND,
        srtp_profile=getattr(Policy, _PROFILES[suite.name]),
    )
    policy.window_size = min(max(window, 64), 0x7FFF)
    return policy


class PublicOpener:
    """The public API."""

    def __init__(self, suite: Suite, material: Secret, window: int) -> None:
        from pylibsrtp import Error, Session

        self._refused = Error
        self._session = Session(_policy(suite, material, window))

    def check(self, block: Block, first: int, last: int) -> int:
        """See Opener."""
        return self.run([block.packet(at) for at in range(first, last)], 0, [])

    def run(self, packets: Sequence[bytes], first: int, out: list[Any]) -> int:
        """See Opener."""
        unprotect, append = self._session.unprotect, out.append
        at = first
        try:
            while at < len(packets) and len(packets[at]) <= _PUBLIC_ROOM:
                append(unprotect(packets[at]))
                at += 1
        except self._refused:
            pass
        return at - first


class BindingOpener:
    """The binding under the public API, called in place on a copy of each packet in an aligned buffer."""

    def __init__(self, suite: Suite, material: Secret, window: int) -> None:
        from pylibsrtp import Session, _binding

        self._session = Session(_policy(suite, material, window))  # owns the libsrtp session
        self._handle = self._session._srtp[0]  # noqa: SLF001 - self-tested by `_agrees`
        self._unprotect = _binding.lib.srtp_unprotect
        self._pointers = partial(_binding.ffi.from_buffer, "void *[]")
        self._numbers = partial(_binding.ffi.from_buffer, "int *[]")
        self._room = _binding.ffi.new_allocator(should_clear_after_alloc=False)
        self._bytes = _binding.ffi.buffer
        self._length = _binding.ffi.new("int *")

    def check(self, block: Block, first: int, last: int) -> int:
        """See Opener."""
        packets, sizes = self._pointers(block.to_packets[first:last]), self._numbers(block.to_lengths[first:last])
        refused = map(self._unprotect, repeat(self._handle), packets, sizes)
        return next(compress(count(), refused), last - first)

    def run(self, packets: Sequence[bytes], first: int, out: list[Any]) -> int:
        """See Opener."""
        unprotect, handle, memory = self._unprotect, self._handle, self._room("char[]", _ROOM)
        buffer, length, append = self._bytes(memory), self._length, out.append
        for at in range(first, len(packets)):
            packet = packets[at]
            size = len(packet)
            if size > _ROOM:
                return at - first
            buffer[0:size] = packet
            length[0] = size
            if unprotect(handle, memory, length):
                return at - first
            append(buffer[0 : length[0]])
        return max(0, len(packets) - first)


@lru_cache(maxsize=1)
def _kind() -> type[PublicOpener] | type[BindingOpener] | None:
    """The best way in that opens packets exactly as the engine does."""
    for kind in (BindingOpener, PublicOpener):
        try:
            if all(_agrees(kind, suite) for suite in SUITES if suite.name in _PROFILES):
                return kind
        except (ImportError, AttributeError, TypeError, ValueError, OSError):  # another pylibsrtp, or none
            continue
    return None


def _agrees(kind: type[PublicOpener] | type[BindingOpener], suite: Suite) -> bool:
    from pylibsrtp import Session

    material = Secret(bytes(range(suite.key + suite.salt)))
    split = split_material(suite, material)
    if split is None:
        return False
    sender = Session(_policy(suite, material, 64, outbound=True))
    header = bytes.fromhex("9000000100000000cafebabebede000110aa0000")
    protected = [sender.protect(header[:3] + bytes((n,)) + header[4:] + bytes(n)) for n in (1, 2, 160)]
    context = SrtpContext(suite, *split)
    expected = [context.unprotect_rtp(packet, 0) for packet in protected]
    wrong = protected[2][:-1] + bytes((protected[2][-1] ^ 1,))
    out: list[Any] = []
    subject = kind(suite, material, 64)
    return (
        subject.run([*protected[:2], wrong], 0, out) == 2
        and subject.run([protected[2], protected[2]], 0, out) == 1
        and out == expected
        and _checks(kind(suite, material, 64), [*protected[:2], wrong, protected[2], protected[2]])
    )


def _checks(subject: Opener, packets: list[bytes]) -> bool:
    """Whether two packets and then, behind a wrong one, one of two equal ones are opened."""
    lengths = np.array([len(packet) for packet in packets])
    block = Block(PacketColumns(b"".join(packets), np.cumsum(lengths) - lengths, lengths))
    last = len(packets)
    return [subject.check(block, first, last) for first in (0, 2, 3)] == [2, 0, 1]
