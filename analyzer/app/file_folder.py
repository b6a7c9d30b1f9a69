"""The folder of `--files`: transferred files under safe names, nothing that is there written over."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from analyzer.core.text import safe

T = TypeVar("T")
_BLOCK = 1024 * 1024
_TRIES = 1_000  # numbers tried behind a name that is taken
_OWN = 0o600


def folder_problems(folder: Path) -> list[str]:
    """Why files cannot be written there."""
    if not folder.is_dir():
        return [f"--files: {safe(str(folder))}: no such folder"]
    if not os.access(folder, os.W_OK | os.X_OK):
        return [f"--files: {safe(str(folder))}: may not be written to"]
    return []


def file_folder(folder: Path | None) -> "AbstractContextManager[FileFolder | None]":
    """The folder while files are written to it; None where none are wanted."""
    return nullcontext() if folder is None else closing(FileFolder(folder))


class FileFolder:
    """Files are made in a hidden folder beside their place, readable by their owner alone, and named when they are
    all there is. A disk that fails ends the writing; `problems` says so.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._work: Path | None = None
        self._open: dict[int, BinaryIO] = {}
        self._numbers: dict[str, int] = {}  # the last number behind a name
        self.written: list[Path] = []
        self.problems: list[str] = []  # one at most: it ends the writing

    @property
    def count(self) -> int:
        """See `FileStore`."""
        return len(self.written)

    def write(self, number: int, offset: int, data: bytes) -> None:
        """See `FileStore`."""

        def put() -> None:
            file = self._file(number)
            file.seek(offset)
            file.write(data)

        self._guarded(put, None)

    def head(self, number: int, size: int) -> bytes:
        """See `FileStore`."""

        def read() -> bytes:
            file = self._file(number)
            file.seek(0)
            return file.read(size)

        return self._guarded(read, b"")

    def seal(self, number: int, skip: int, algorithms: tuple[str, ...]) -> tuple[str, ...]:
        """See `FileStore`."""
        sums = [hashlib.new(name, usedforsecurity=False) for name in algorithms]

        def read() -> None:
            file, at = self._file(number), 0
            while True:
                file.seek(skip + at)
                block = file.read(_BLOCK)
                if not block:
                    break
                for each in sums:
                    each.update(block)
                if skip:
                    file.seek(at)
                    file.write(block)
                at += len(block)
            file.truncate(at)
            file.flush()

        self._guarded(read, None)
        return tuple(each.hexdigest() for each in sums)

    def keep(self, number: int, name: str) -> str:
        """See `FileStore`."""

        def rename() -> str:
            work = self._file(number).name
            path = self._reserve(name)
            try:
                Path(work).replace(path)
            except OSError:
                path.unlink(missing_ok=True)
                raise
            self.written.append(path)
            return path.name

        kept = self._guarded(rename, "")
        self.drop(number)
        return kept

    def drop(self, number: int) -> None:
        """See `FileStore`."""
        file = self._open.pop(number, None)
        if file is not None:
            with suppress(OSError):  # what is dropped may be lost
                file.close()
                Path(file.name).unlink(missing_ok=True)

    def restart(self) -> None:
        """See `FileStore`."""
        self.close()
        for path in self.written:
            self._guarded(partial(path.unlink, missing_ok=True), None)
        self.written.clear()
        self._numbers.clear()

    def close(self) -> None:
        """Ends the writing. What has no name is gone."""
        for number in list(self._open):
            self.drop(number)
        if self._work is not None:
            shutil.rmtree(self._work, ignore_errors=True)
            self._work = None

    def _file(self, number: int) -> BinaryIO:
        file = self._open.get(number)
        if file is None:
            if self._work is None:
                self._work = Path(tempfile.mkdtemp(prefix=".mediasec-", dir=self._folder))
            file = self._open[number] = (self._work / str(number)).open("x+b")  # the folder is its owner's alone
            os.fchmod(file.fileno(), _OWN)
        return file

    def _reserve(self, name: str) -> Path:
        """Makes an empty file that was not there: under this name, or one with a number before its ending."""
        stem, dot, ending = name.partition(".")
        last = self._numbers.get(name, 0)
        for number in range(last + 1, last + 1 + _TRIES):
            path = self._folder / (name if number == 1 else f"{stem}-{number}{dot}{ending}")
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWN))
            except FileExistsError:
                continue
            self._numbers[name] = number
            return path
        raise FileExistsError(17, "every name for it is taken", name)

    def _guarded(self, act: Callable[[], T], otherwise: T) -> T:
        if self.problems:
            return otherwise
        try:
            return act()
        except OSError as error:
            self.problems.append(f"{safe(str(self._folder))}: files cannot be written ({error.strerror})")
            return otherwise
