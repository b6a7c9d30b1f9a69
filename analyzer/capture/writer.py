"""Frames to a pcapng file that only its owner can read; never over a file that is there."""

import contextlib
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from analyzer.capture.batch import FrameBatch, Source
from analyzer.capture.sources import CaptureProblem, SourceTable

_SHB, _IDB, _EPB, _ISB, _DSB = 0x0A0D0D0A, 1, 6, 5, 10
_TLS_KEY_LOG = 0x544C534B
_IF_NAME, _IF_TSRESOL, _ISB_IFDROP = 2, 9, 5
_UNDESCRIBED = 147  # LINKTYPE_USER0: a frame whose interface the capture did not describe
_EPB_HEADER: Final = struct.Struct("<IIIIIII")
_PADDING = b"\x00\x00\x00"


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + _PADDING[: -len(value) % 4]


class CaptureWriter:
    """A pcapng file being written, times in nanoseconds. CaptureProblem if it is there already or cannot be made.

    `write` and `close` raise OSError where the disk does. With `in_order`, interfaces have the numbers that they have
    in `sources`, seen or not. A key log in `tls_secrets` is written before any frame.
    """

    def __init__(self, path: Path, sources: SourceTable, *, in_order: bool = False, tls_secrets: bytes = b"") -> None:
        self.path = path
        self._in_order = in_order
        self._sources = sources
        self._interfaces: dict[int, int] = {}  # source to interface of this file
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise CaptureProblem(str(path), "is there already, and is not overwritten") from None
        except OSError as error:
            raise CaptureProblem(str(path), f"cannot be written ({error.strerror})") from None
        self._out: BinaryIO = os.fdopen(handle, "wb", 1 << 20)
        self._at = 0
        self._put(_block(_SHB, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        if tls_secrets:
            padded = tls_secrets + _PADDING[: -len(tls_secrets) % 4]
            self._put(_block(_DSB, struct.pack("<II", _TLS_KEY_LOG, len(tls_secrets)) + padded))

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self._at += len(data)

    def _interface(self, source: int) -> int:
        known = self._interfaces.get(source)
        if known is None and self._in_order:
            for number in range(len(self._interfaces), source + 1):
                self._interfaces[number] = number
                self._describe(self._sources[number])
            return source
        if known is None:
            known = self._interfaces[source] = len(self._interfaces)
            self._describe(self._sources[source])
        return known

    def _describe(self, source: Source) -> None:
        link = source.link_type if 0 <= source.link_type <= 0xFFFF else _UNDESCRIBED
        name = source.interface_name.encode()
        options = (_option(_IF_NAME, name) if name else b"") + _option(_IF_TSRESOL, b"\x09") + bytes(4)
        self._put(_block(_IDB, struct.pack("<HHI", link, 0, source.snap_length) + options))

    def write(self, batch: FrameBatch) -> list[int]:
        """Adds frames; gives the offset of each one's bytes in the file, as a cite has it."""
        data = batch.buffer.data
        offsets: list[int] = []
        columns = (batch.start, batch.captured, batch.wire, batch.ts_ns, batch.source)
        for start, captured, wire, ts_ns, source in zip(*(column.tolist() for column in columns), strict=True):
            interface = self._interface(source)
            padding = -captured % 4
            length = 32 + captured + padding
            ticks = max(ts_ns, 0)
            head = _EPB_HEADER.pack(_EPB, length, interface, ticks >> 32, ticks & 0xFFFFFFFF, captured, wire)
            offsets.append(self._at + len(head))
            self._put(b"".join((head, data[start : start + captured], _PADDING[:padding], head[4:8])))
        return offsets

    def abandon(self) -> None:
        """Closes a file that is not to be kept."""
        with contextlib.suppress(OSError):
            self._out.close()

    def close(self, dropped: Mapping[int, int] | None = None) -> None:
        """Ends the file; `dropped` are the packets each source lost, for whoever reads it."""
        try:
            for source, count in (dropped or {}).items():
                options = _option(_ISB_IFDROP, struct.pack("<Q", count)) + bytes(4)
                self._put(_block(_ISB, struct.pack("<III", self._interface(source), 0, 0) + options))
        finally:
            self._out.close()
