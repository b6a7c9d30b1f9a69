"""Where a live run's frames come from: interfaces, or a capture that is being written into standard input."""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import BinaryIO, Final, Protocol

from analyzer.app.settings import Settings
from analyzer.capture.batch import FrameBatch
from analyzer.capture.live import LiveSource
from analyzer.capture.reader import CaptureReader, open_capture
from analyzer.capture.sources import CaptureInfo, SourceTable
from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits

HOLD_NS: Final = 250_000_000  # a ring hands a frame over within a tenth of a second
_LAST_LOOK_S = 0.3
_QUEUED = 4


class Feeder(Protocol):
    """Frames as they come."""

    name: str  # for the user

    def batch(self, timeout_s: float) -> FrameBatch | None:
        """The next frames, None if none came in time."""

    def now_ns(self) -> int:
        """Capture time: what is older has been delivered. 0: not known yet."""

    @property
    def ended(self) -> bool:
        """Nothing more will come."""

    def rest(self) -> Iterator[FrameBatch]:
        """What has arrived and was not delivered yet; then the capture is over."""

    def found(self) -> tuple[list[Anomaly], list[tuple[int, bytes]]]:
        """Anomalies of the capture, and decryption secrets in it, since the last call."""

    @property
    def infos(self) -> Sequence[CaptureInfo]:
        """The captures, as the report shows them."""

    def notes(self) -> list[str]:
        """What limits the statements of the report."""

    def close(self) -> None:
        """Ends the capture."""


class Interfaces:
    """Live interfaces."""

    def __init__(
        self, names: Sequence[str], bpf: str | None, sources: SourceTable, settings: Settings, limits: Limits
    ) -> None:
        vantages: dict[str, str] = {}
        for vantage, pattern in settings.vantages:
            for name in names:
                if fnmatch(name, pattern):
                    vantages.setdefault(name, vantage)
        self._source = LiveSource(names, bpf, sources, limits, vantages)
        self.name = ", ".join(info.path for info in self._source.infos)

    def batch(self, timeout_s: float) -> FrameBatch | None:
        """See `Feeder`."""
        return self._source.read_batch(timeout_s, self.now_ns())

    def now_ns(self) -> int:
        """See `Feeder`."""
        return time.time_ns() - HOLD_NS

    @property
    def ended(self) -> bool:
        """See `Feeder`."""
        return len(self._source.gone) == len(self._source.infos)

    def rest(self) -> Iterator[FrameBatch]:
        """See `Feeder`."""
        until = time.monotonic() + _LAST_LOOK_S
        while (left := until - time.monotonic()) > 0:
            if (batch := self.batch(left)) is not None:
                yield batch
        if (batch := self._source.read_batch(0)) is not None:
            yield batch

    def found(self) -> tuple[list[Anomaly], list[tuple[int, bytes]]]:
        """See `Feeder`."""
        return [], []

    @property
    def infos(self) -> Sequence[CaptureInfo]:
        """See `Feeder`."""
        return self._source.infos

    def notes(self) -> list[str]:
        """See `Feeder`."""
        self._source.dropped()
        lost = [
            f"The kernel dropped {info.dropped} packets of {info.path}: what they carried is not in this report."
            for info in self.infos
            if info.dropped
        ]
        return lost + [f"{name} went away while it was captured from." for name in self._source.gone]

    def close(self) -> None:
        """See `Feeder`."""
        self._source.close()


@dataclass(slots=True)
class _Part:
    """What one read of a stream gave. The capture's end: no frames."""

    batch: FrameBatch | None
    anomalies: list[Anomaly] = field(default_factory=list)
    secrets: list[tuple[int, bytes]] = field(default_factory=list)


class Stream:
    """A capture read while it is written. A thread waits for it, so that time goes on while nothing comes."""

    def __init__(self, raw: BinaryIO, sources: SourceTable, settings: Settings, limits: Limits) -> None:
        vantage = next((name for name, pattern in settings.vantages if fnmatch("-", pattern)), "")
        self._reader = open_capture("-", 0, sources, limits, stream=raw, vantage=vantage, prompt=True)
        self.name = "standard input"
        self._parts: queue.Queue[_Part] = queue.Queue(_QUEUED)
        self._stopped = threading.Event()
        self._ended = False
        self._anomalies: list[Anomaly] = []
        self._secrets: list[tuple[int, bytes]] = []
        self._last_ns = 0
        self._received = time.monotonic_ns()
        self._thread = threading.Thread(target=_pump, args=(self._reader, self._parts, self._stopped), daemon=True)
        self._thread.start()

    def batch(self, timeout_s: float) -> FrameBatch | None:
        """See `Feeder`."""
        if self._ended:
            return None
        try:
            part = self._parts.get(timeout=timeout_s) if timeout_s > 0 else self._parts.get_nowait()
        except queue.Empty:
            return None
        self._anomalies += part.anomalies
        self._secrets += part.secrets
        self._ended = part.batch is None
        if part.batch is not None:
            self._last_ns = max(self._last_ns, int(part.batch.ts_ns.max()))
            self._received = time.monotonic_ns()
        return part.batch

    def now_ns(self) -> int:
        """The time of the last frame and what has passed since, for the stream may be an old one."""
        return self._last_ns + time.monotonic_ns() - self._received if self._last_ns else 0

    @property
    def ended(self) -> bool:
        """See `Feeder`."""
        return self._ended

    def rest(self) -> Iterator[FrameBatch]:
        """See `Feeder`."""
        self._stopped.set()
        while (batch := self.batch(_LAST_LOOK_S if self._thread.is_alive() else 0)) is not None:
            yield batch

    def found(self) -> tuple[list[Anomaly], list[tuple[int, bytes]]]:
        """See `Feeder`."""
        taken = self._anomalies, self._secrets
        self._anomalies, self._secrets = [], []
        return taken

    @property
    def infos(self) -> Sequence[CaptureInfo]:
        """See `Feeder`."""
        return [self._reader.info]

    def notes(self) -> list[str]:
        """See `Feeder`."""
        return [] if self._ended else ["The stream on standard input was not read to its end."]

    def close(self) -> None:
        """See `Feeder`."""
        self._stopped.set()
        with contextlib.suppress(queue.Empty):
            while True:
                self._parts.get_nowait()  # so that the thread is not kept waiting
        self._thread.join(_LAST_LOOK_S)


def _pump(reader: CaptureReader, parts: "queue.Queue[_Part]", stopped: threading.Event) -> None:
    """Reads until the end or until it is stopped, and closes the reader then."""
    given = 0
    while not stopped.is_set():
        try:
            batch = reader.read_batch()
        except OSError:
            batch = None
        secrets = reader.secrets[given:]
        given += len(secrets)
        parts.put(_Part(batch, reader.take_anomalies(), secrets))
        if batch is None:
            break
    reader.close()


def standard_input() -> BinaryIO:
    """Standard input unbuffered, by a descriptor of its own."""
    return os.fdopen(os.dup(0), "rb", buffering=0)
