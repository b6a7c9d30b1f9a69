"""Captures read as one: opened, their clocks put right, merged by time, in parts that the engine is given.

What is here may run in another process (`processes`): it needs no key, and gives back values only.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from os import dup, fdopen
from pathlib import Path

import numpy as np

from analyzer.app.clocks import Clocks
from analyzer.capture.batch import FrameBatch, Source
from analyzer.capture.merge import merge, own_bytes
from analyzer.capture.reader import CaptureReader, Lane, open_capture
from analyzer.capture.sources import CaptureInfo, CaptureProblem, SourceTable
from analyzer.capture.vantage import Grouping
from analyzer.core.anomalies import Anomaly
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits


@frozen
class Captures:
    """What is read: the captures, how they are grouped, and the frames of which times."""

    paths: Sequence[str]
    points: Grouping
    spools: Mapping[str, int]  # what can be read once only, by path: the descriptor of its copy
    limits: Limits
    from_ns: int | None = None
    to_ns: int | None = None

    def open(
        self, sources: SourceTable, spooled: Callable[[str], None] | None = None
    ) -> tuple[list[CaptureReader], list[CaptureProblem]]:
        """Readers of the captures that can be read, and what is wrong with the others. `spooled` sees to it that the
        copy of what can be read once is there."""
        readers: list[CaptureReader] = []
        problems: list[CaptureProblem] = []
        for path in self.paths:
            vantage, prefix = self.points.names.get(path, ""), self.points.prefixes.get(path, "")
            stream = None
            try:
                if path in self.spools:
                    if spooled is not None:
                        spooled(path)
                    stream = fdopen(dup(self.spools[path]), "rb")
                    stream.seek(0)
                reader = open_capture(
                    path, len(readers), sources, self.limits, stream=stream, vantage=vantage, prefix=prefix
                )
            except CaptureProblem as problem:
                problems.append(problem)
            else:
                readers.append(reader)
        return readers, problems


@frozen
class Part:
    """What reading came to since the part before. `batch`: the next frames, None behind the last."""

    batch: FrameBatch | None
    read_bytes: int  # stored bytes, all captures together, since the beginning
    sources: Sequence[Source]  # interfaces that were not known before
    infos: Sequence[CaptureInfo]  # captures of which more is known, each in the place of the one before
    anomalies: Sequence[Anomaly]
    secrets: Sequence[tuple[int, bytes, str]]  # for decryption: type, content, the capture's file


def within(batch: FrameBatch, from_ns: int | None, to_ns: int | None) -> FrameBatch:
    """The frames of a batch inside --from and --to."""
    keep = np.ones(len(batch), np.bool_)
    if from_ns is not None:
        keep &= batch.ts_ns >= from_ns
    if to_ns is not None:
        keep &= batch.ts_ns < to_ns
    if keep.all():
        return batch
    return batch.take(np.flatnonzero(keep))


def _set_clocks(
    readers: Sequence[CaptureReader], clocks: Clocks, sources: SourceTable, limits: Limits
) -> list[CaptureReader]:
    """Puts all captures on the clock of the first one, as far as what passed several of them tells.

    A capture whose interfaces have several clocks is not in the order of time: it is read once for each, all at once.
    Gives the readers that are opened for that, beside the first one.
    """
    beside: list[CaptureReader] = []
    for reader in readers:
        info, own = reader.info, list(clocks.of(reader.info.path).items())
        if own:
            reader.shift_ns = own[0][0]
        if len(own) > 1:
            reader.lane = Lane(frozenset(name for _, names in own[1:] for name in names), named=False)
        for add_ns, names in own[1:]:
            other = open_capture(info.path, info.index, sources, limits, vantage=info.vantage, prefix=info.prefix)
            other.lane, other.shift_ns = Lane(frozenset(names), named=True), add_ns
            beside.append(other)
    return beside


@dataclass(slots=True)
class _Told:
    """The readers of a run, and how much of what they found has been told."""

    sources: SourceTable
    readers: Sequence[CaptureReader]
    beside: Sequence[CaptureReader]
    _sources: int = 0
    _secrets: dict[int, int] = field(default_factory=dict)
    _infos: dict[int, tuple[object, ...]] = field(default_factory=dict)

    def part(self, batch: FrameBatch | None) -> Part:
        """These frames, and what was found since the last ones."""
        first, self._sources = self._sources, len(self.sources)
        return Part(
            batch,
            sum(reader.stored_bytes for reader in self.readers),
            [self.sources[number] for number in range(first, self._sources)],
            list(self._fresh_infos()),
            [anomaly for reader in self.readers for anomaly in reader.take_anomalies()],
            list(self._fresh_secrets()),
        )

    def _fresh_infos(self) -> Iterator[CaptureInfo]:
        beside: dict[int, list[CaptureInfo]] = {}
        for lane in self.beside:  # what is wrong with the capture, the first reader says
            beside.setdefault(lane.info.index, []).append(lane.info)
        for reader in self.readers:
            others = beside.get(reader.info.index, ())
            state = (reader.info.sha256, reader.info.frames, *(other.frames for other in others))
            if self._infos.get(reader.info.index) != state:
                self._infos[reader.info.index] = state
                info = replace(reader.info)
                for other in others:
                    info.widen(other)
                yield info

    def _fresh_secrets(self) -> Iterator[tuple[int, bytes, str]]:
        for reader in self.readers:
            index, name = reader.info.index, Path(reader.info.path).name
            for kind, secret in reader.secrets[self._secrets.get(index, 0) :]:
                yield kind, secret, name
            self._secrets[index] = len(reader.secrets)


def read(captures: Captures, clocks: Clocks) -> Generator[Part, None, None]:
    """Captures that could be opened, to their end. CaptureProblem where one can no more."""
    sources = SourceTable()
    with ExitStack() as opened:
        readers, problems = captures.open(sources)
        for reader in readers:
            opened.callback(reader.close)
        if problems:
            raise problems[0]
        beside = _set_clocks(readers, clocks, sources, captures.limits)
        for reader in beside:
            opened.callback(reader.close)
        told = _Told(sources, readers, beside)

        def part(batch: FrameBatch) -> Part:
            return told.part(_trimmed(within(batch, captures.from_ns, captures.to_ns)))

        yield from map(part, merge([*readers, *beside]))  # keeps no batch while the next one is read
        yield told.part(None)


def _trimmed(batch: FrameBatch) -> FrameBatch:
    """With no more bytes than those its frames lie in."""
    if not len(batch):
        return replace(batch, buffer=batch.buffer[:0])
    buffer, start = own_bytes(batch)
    return replace(batch, buffer=buffer, start=start.astype(np.int32))
