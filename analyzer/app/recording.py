"""The frames of a live run kept in files: one, or one an interface in a folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from analyzer.app.settings import WrongUse
from analyzer.capture.batch import FrameBatch
from analyzer.capture.sources import CaptureInfo, CaptureProblem, SourceTable
from analyzer.capture.writer import CaptureWriter


class Recording:
    """`-w FILE|DIR`. WrongUse where it cannot begin; a disk that fails later ends it, and `problem` says so.

    Frame numbers of a file are those of the report: so several interfaces need several files.
    """

    def __init__(self, target: Path, captures: Sequence[CaptureInfo], sources: SourceTable) -> None:
        self.problem = ""
        self._sources = sources
        self._writers: dict[int, CaptureWriter] = {}  # by capture
        if target.is_dir():
            paths = [target / f"{_file_name(info.path)}.pcapng" for info in captures]
        elif len(captures) > 1:
            raise WrongUse([f"-w {target}: several interfaces need a folder that exists, for a file each"])
        else:
            paths = [target]
        try:
            for info, path in zip(captures, paths, strict=True):
                self._writers[info.index] = CaptureWriter(path, sources)
        except CaptureProblem as problem:
            self.close(captures)
            raise WrongUse([f"-w {problem}"]) from None

    @property
    def paths(self) -> dict[int, Path]:
        """The file of each capture, by its index."""
        return {index: writer.path for index, writer in self._writers.items()}

    def add(self, batch: FrameBatch) -> FrameBatch:
        """Writes frames; gives them with their places in the files."""
        if self.problem:
            return batch
        capture_of = np.array([source.capture for source in self._sources], np.int32)[batch.source]
        offset = batch.offset.copy()
        try:
            for capture in np.unique(capture_of).tolist():
                rows = np.flatnonzero(capture_of == capture)
                own = FrameBatch(
                    batch.buffer, batch.start[rows], batch.captured[rows], batch.wire[rows],
                    batch.ts_ns[rows], batch.source[rows], batch.frame[rows], batch.offset[rows],
                )  # fmt: skip
                offset[rows] = self._writers[capture].write(own)
        except OSError as error:
            self._fail(error)
            return batch
        return replace(batch, offset=offset)

    def _fail(self, error: OSError) -> None:
        names = ", ".join(str(path) for path in self.paths.values())
        self.problem = self.problem or f"{names}: cannot be written ({error.strerror})"

    def close(self, captures: Sequence[CaptureInfo]) -> None:
        """Ends the files, with the packets each interface lost."""
        lost = {info.index: info.dropped for info in captures if info.dropped}
        for capture, writer in self._writers.items():
            sources = [index for index, source in enumerate(self._sources) if source.capture == capture]
            try:
                writer.close({sources[0]: lost[capture]} if capture in lost and len(sources) == 1 else {})
            except OSError as error:
                self._fail(error)


def _file_name(interface: str) -> str:
    return "stdin" if interface == "-" else "".join(c if c.isalnum() or c in "-_.@:" else "_" for c in interface)
