"""A capture as batches of frames: pcap and pcapng, told apart by their first bytes.

The header chain is walked record by record, in one tight loop a format; everything else is done on columns. Reading
never raises for what is in the file: a record that lies is an anomaly, and what came before it is delivered.
"""

from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from analyzer.capture.batch import FrameBatch, Octets
from analyzer.capture.bytes_in import ByteSource, open_file
from analyzer.capture.pcap import PcapFormat, pcap_format
from analyzer.capture.pcapng import PcapngFormat
from analyzer.capture.sources import CaptureInfo, CaptureProblem, SourceTable
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity

TRUNCATED = define("capture.truncated", Severity.LOW, "The capture ends in the middle of a record", "", "capture")
BROKEN = define("capture.broken", Severity.MEDIUM, "The capture is damaged; what follows was not read", "", "capture")

_FIRST_BLOCK, _BLOCK = 64 * 1024, 4 * 1024 * 1024  # one that was filled is followed by one of four times its size
_HEAD = 24  # bytes that tell the format
_PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"


class Format(Protocol):
    """How one file format finds its frames."""

    name: str

    def walk(self, data: Octets, at: int, rows: int) -> tuple[FrameBatch, int]:
        """At most `rows` frames in data[at:], and the position behind what was read."""

    def take_anomalies(self) -> list[Anomaly]:
        """Anomalies found since the last call."""

    @property
    def broken(self) -> str:
        """Why reading cannot go on, "" while it can."""

    secrets: list[tuple[int, bytes]]


@frozen
class Lane:
    """Some interfaces of a capture, those that one clock has: the vantage points named, or all but those."""

    names: frozenset[str]
    named: bool

    def has(self, sources: SourceTable) -> npt.NDArray[np.bool_]:
        """For each interface of a run, whether its frames are read."""
        return np.array([(source.vantage in self.names) == self.named for source in sources], np.bool_)


class CaptureReader:
    """One open capture."""

    def __init__(
        self,
        raw: BinaryIO,
        path: str,
        index: int,
        sources: SourceTable,
        limits: Limits,
        vantage: str,
        prompt: bool = False,
        prefix: str = "",
    ) -> None:
        self.info = CaptureInfo(index, path, vantage=vantage, prefix=prefix)
        self._sources = sources
        self._bytes = ByteSource(raw, limits, prompt)
        self._limits = limits
        self._anomalies: list[Anomaly] = []
        self._data, self._at, self._room = bytearray(), 0, min(_FIRST_BLOCK, _BLOCK)
        while self._fill() and len(self._data) < _HEAD:
            pass
        self._closed = False
        self.shift_ns = 0  # added to every time that is read: what the clock is behind the first vantage point's
        self.lane: Lane | None = None  # the frames that are read; None: all of them
        self._format = self._recognise(path, sources)
        compression = f".{self._bytes.compression}" if self._bytes.compression else ""
        self.info.format = self._format.name + compression

    def _recognise(self, path: str, sources: SourceTable) -> Format:
        head = bytes(self._data[:_HEAD])
        if not head:
            raise CaptureProblem(path, self._bytes.problem or "is empty")
        if head.startswith(_PCAPNG_MAGIC):
            return PcapngFormat(self.info, sources, self._limits)
        plain = pcap_format(head)
        if plain is None:
            raise CaptureProblem(path, "is not a pcap or pcapng capture")
        self._at = len(head)
        return PcapFormat(plain, head, self.info, sources, self._limits)

    @property
    def secrets(self) -> list[tuple[int, bytes]]:
        """Decryption secrets found so far: (type, content)."""
        return self._format.secrets

    @property
    def stored_bytes(self) -> int:
        """Bytes of the file read so far, for progress."""
        return self._bytes.stored_bytes

    def read_batch(self, rows: int = 65_536) -> FrameBatch | None:
        """The next frames, None at the end. The batch lies over a buffer that the next call reuses."""
        while not self._closed:
            batch, self._at = self._format.walk(self._data, self._at, rows)
            if len(batch):
                self.info.frames += len(batch)
                if self.lane is not None:
                    batch = batch.take(np.flatnonzero(self.lane.has(self._sources)[batch.source]))
                if self.shift_ns:
                    batch.ts_ns = batch.ts_ns + self.shift_ns
                self._note(batch)
                if len(batch):
                    return batch
            elif self._format.broken:
                self._end(self._format.broken)
            else:
                del batch  # empty, but it holds the buffer
                if not self._fill():
                    self._end("")
        return None

    def _note(self, batch: FrameBatch) -> None:
        times = batch.ts_ns[batch.captured > 0]  # a record without a packet need not have a time
        if len(times):
            self.info.span(int(times.min()), int(times.max()))

    def _fill(self) -> bool:
        """Adds bytes behind what is left. A new object each time: batches are views of the old one, which is let go
        of first, so that whoever keeps no batch needs no room for both. It is read into as it is: a second one to join
        with what is left cost more than reading and hashing do."""
        left, self._data, self._at = self._data[self._at :], bytearray(), 0
        data = bytearray(len(left) + self._room)
        data[: len(left)] = left
        more = self._bytes.readinto(memoryview(data)[len(left) :])
        self._room = min(4 * self._room if more == self._room else _FIRST_BLOCK, _BLOCK)  # little comes of a slow pipe
        del data[len(left) + more :]
        self._data = data
        return more > 0

    def _end(self, broken: str) -> None:
        self._closed = True
        if broken or self._bytes.problem:
            self._anomalies.append(Anomaly(BROKEN, (), f"{self.info.path}: {broken or self._bytes.problem}"))
            self.info.truncated = True
        elif len(self._data) > self._at:
            left = len(self._data) - self._at
            self._anomalies.append(Anomaly(TRUNCATED, (), f"{self.info.path}: {left} bytes of a record"))
            self.info.truncated = True
        self.info.sha256, self.info.size = self._bytes.finish()

    def take_anomalies(self) -> list[Anomaly]:
        """Anomalies found since the last call."""
        found = self._format.take_anomalies() + self._anomalies
        self._anomalies = []
        return found

    def close(self) -> None:
        """Closes the file."""
        self._bytes.close()


def open_capture(
    path: str | Path,
    index: int,
    sources: SourceTable,
    limits: Limits,
    *,
    stream: BinaryIO | None = None,
    vantage: str = "",
    prompt: bool = False,
    prefix: str = "",
) -> CaptureReader:
    """Opens a capture, or one that comes as `stream`. CaptureProblem if there is nothing to read.

    `prompt`: the stream is being written while it is read, and frames are wanted as they come. `vantage` is one for all
    its interfaces, `prefix` what stands before their names in those of their own.
    """
    raw = stream if stream is not None else open_file(str(path))
    try:
        return CaptureReader(raw, str(path), index, sources, limits, vantage, prompt, prefix)
    except CaptureProblem:
        raw.close()
        raise
