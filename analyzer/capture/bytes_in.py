"""Bytes of a capture: plain, compressed or piped, hashed as they pass, bounded as they expand."""

import gzip
import hashlib
import io
import lzma
import tempfile
import zlib
from pathlib import Path
from typing import BinaryIO, Final

import lz4.frame
import zstandard

from analyzer.capture.sources import CaptureProblem
from analyzer.core.limits import Limits

MAGICS: Final = {
    b"\x1f\x8b": "gz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"\xfd7zXZ\x00": "xz",
    b"\x04\x22\x4d\x18": "lz4",
}
_PIECE = 65_536
_RATIO_FLOOR = 64 * 1024 * 1024
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, RuntimeError)


class _Hashed(io.RawIOBase):
    """The stored bytes, hashed on their way."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.digest = hashlib.sha256()
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # the buffer protocol has no 3.11 type
        count: int = self._raw.readinto(view) or 0  # type: ignore[attr-defined]  # every binary file object has it
        self.digest.update(view[:count])
        self.count += count
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Xz(io.RawIOBase):
    """The content of an xz file, its streams one after the other. A stream may ask for a dictionary of 4 GiB: what
    takes more memory than `most` bytes is refused as broken."""

    def __init__(self, raw: io.BufferedIOBase, most: int) -> None:
        self._raw = raw
        self._most = most
        self._decoder = self._another()

    def _another(self) -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, self._most)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # as above
        while True:
            given = b""
            if self._decoder.eof:
                given = self._following()
                if not given:
                    return 0
                self._decoder = self._another()
            elif self._decoder.needs_input:
                given = self._raw.read1(_PIECE)
                if not given:
                    raise EOFError
            data = self._decoder.decompress(given, len(view))
            view[: len(data)] = data
            if data:
                return len(data)

    def _following(self) -> bytes:
        """What follows a stream and its padding."""
        given = self._decoder.unused_data.lstrip(b"\0")
        while not given and (block := self._raw.read1(_PIECE)):
            given = block.lstrip(b"\0")
        return given


class ByteSource:
    """Sequential bytes of one capture after decompression.

    A broken or over-large compressed stream ends early with its reason in `problem`. With `prompt`, `readinto` gives
    what is there rather than wait for more: a stream that grows.
    """

    def __init__(self, raw: BinaryIO, limits: Limits, prompt: bool = False) -> None:
        self._hashed = _Hashed(raw)
        self._buffered = io.BufferedReader(self._hashed, 1 << 20)
        self._limits = limits
        self.problem = ""
        self.expanded = 0
        head = self._buffered.peek(6)[:6]
        self.compression = next((name for magic, name in MAGICS.items() if head.startswith(magic)), "")
        self._stream = self._open()
        self._prompt = prompt
        # one step of the expansion at a time: a longer read that breaks would lose the steps before
        self._stepwise = prompt or bool(self.compression)

    def _open(self) -> io.BufferedIOBase:
        match self.compression:
            case "gz":
                return gzip.GzipFile(fileobj=self._buffered, mode="rb")
            case "zst":
                reader = zstandard.ZstdDecompressor(max_window_size=self._limits.expansion_memory)
                return io.BufferedReader(reader.stream_reader(self._buffered, read_across_frames=True))
            case "xz":
                return io.BufferedReader(_Xz(self._buffered, self._limits.expansion_memory))
            case "lz4":
                return lz4.frame.open(self._buffered, "rb")  # type: ignore[no-any-return]
            case _:
                return self._buffered

    def readinto(self, view: memoryview) -> int:
        """Fills a view with expanded bytes from its beginning; how many there were, 0 at the end."""
        if self.problem:
            return 0
        if not self.compression:
            return self._piece(view)
        count = 0
        while count < len(view) and (more := self._piece(view[count : count + _PIECE])):
            count += more
            if self._too_large():
                self.problem = f"the {self.compression} stream expands beyond the bound"
            if self.problem or self._prompt:
                break
        return count

    def _piece(self, view: memoryview) -> int:
        """Some of the expanded bytes, none at the end or where the stream breaks."""
        try:
            if self._stepwise:
                step = self._stream.read1(len(view))
                count = len(step)
                view[:count] = step
            else:
                count = self._stream.readinto(view)
        except _BROKEN as error:
            self.problem = f"the {self.compression or 'file'} stream is broken ({type(error).__name__})"
            return 0
        self.expanded += count
        return count

    def _too_large(self) -> bool:
        if self.expanded > self._limits.expanded_bytes:
            return True
        return self.expanded > _RATIO_FLOOR and self.expanded > self._limits.expansion_ratio * max(
            self._hashed.count, 1
        )

    def finish(self) -> tuple[str, int]:
        """Reads what is left of the stored bytes; their sha256 and number."""
        while self._buffered.read(1 << 20):
            pass
        return self._hashed.digest.hexdigest(), self._hashed.count

    @property
    def stored_bytes(self) -> int:
        """Stored bytes read so far."""
        return self._hashed.count

    def close(self) -> None:
        """Closes the file."""
        self._buffered.close()


def open_file(path: str) -> BinaryIO:
    """A capture file opened for reading; CaptureProblem with the reason where it cannot be."""
    try:
        if Path(path).is_dir():
            raise CaptureProblem(path, "is a folder")
        return Path(path).open("rb", buffering=0)
    except FileNotFoundError:
        raise CaptureProblem(path, "no such file") from None
    except PermissionError:
        raise CaptureProblem(path, "no permission to read it") from None
    except OSError as error:
        raise CaptureProblem(path, f"cannot be opened ({error.strerror})") from None


def spool(stream: BinaryIO, into: BinaryIO) -> None:
    """Copies a pipe into a file, so that it can be read twice."""
    while block := stream.read(1 << 20):
        into.write(block)
    into.flush()


def spool_file() -> BinaryIO:
    """An unlinked temporary file that only this user can read; the caller closes it."""
    return tempfile.TemporaryFile()
