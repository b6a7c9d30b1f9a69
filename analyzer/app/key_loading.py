"""Key files into the ring, and the tail of key logs that grow during a live run."""

import os
import stat
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

from analyzer.app.settings import Observer
from analyzer.capture.reader import open_capture
from analyzer.capture.sources import CaptureProblem, SourceTable
from analyzer.core.limits import Limits
from analyzer.formats import nss_keylog
from analyzer.formats.user_file import read_bounded
from analyzer.session import key_files
from analyzer.session.key_bundle import Outside
from analyzer.session.keyring import Keyring, KeySource

MAX_KEY_FILE: Final = 64 * 1024 * 1024
_PCAPNG = b"\n\r\r\n"
_TAIL = 4 * 1024 * 1024  # bytes read at once
_REMARKS = 20  # about wrong lines of one log that grows


class KeyTail:
    """A key log that is being written: `poll` takes the lines that have been completed since. `read` are its first
    bytes, which have been read."""

    def __init__(self, path: Path, ring: Keyring, source: KeySource, read: bytes, observer: Observer) -> None:
        self._path = path
        self._ring = ring
        self._source = source
        self._offset = len(read)
        self._lines = read.count(b"\n")
        self._file = _identity(path)
        self._remarks = 0
        self._observer = observer

    def poll(self) -> None:
        """Reads on. A file that got shorter, or is another one, was begun anew; one that cannot be read now is tried
        again later."""
        try:
            size, file = self._path.stat().st_size, _identity(self._path)
            if size < self._offset or file != self._file:
                self._offset, self._lines, self._file = 0, 0, file
            if size == self._offset:
                return
            with self._path.open("rb") as opened:
                opened.seek(self._offset)
                data = opened.read(_TAIL)
        except OSError:
            self._file = None  # what comes in its place is another file
            return
        whole = data.rfind(b"\n") + 1
        if not whole and len(data) == _TAIL:
            whole = len(data)  # no line of a key log is so long: passed over
        if whole:
            self._take(data[:whole])

    def _take(self, data: bytes) -> None:
        """Completed lines. The first few that are wrong are named, each with its number."""
        for problem in self._ring.add_key_log(data, self._source.name, self._source):
            self._remarks += 1
            if self._remarks <= _REMARKS:
                self._observer.remark(f"{self._path}:{self._lines + problem.line}:1: {problem.message}")
            elif self._remarks == _REMARKS + 1:
                self._observer.remark(f"{self._path}: more lines that are not those of a key log are not named")
        self._offset += len(data)
        self._lines += data.count(b"\n")


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file a name stands for."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _read(path: Path, observer: Observer) -> bytes | str:
    try:
        data = read_bounded(path, MAX_KEY_FILE)
        mode = path.stat().st_mode
    except OSError as error:
        return f"cannot be read ({error.strerror or type(error).__name__})"
    if mode & 0o004 and stat.S_ISREG(mode):
        observer.remark(f"{path}: others may read this key file")
    return data


def _beside(bundle: Path, observer: Observer, name: str) -> bytes | str:
    """A file that a bundle names, relative to the bundle's folder."""
    return _read(bundle.parent / name, observer)


def _capture_secrets(path: Path, ring: Keyring, problems: list[str]) -> None:
    """The decryption secrets of a pcapng; its packets are passed over."""
    try:
        reader = open_capture(str(path), 0, SourceTable(), Limits())
    except CaptureProblem as problem:
        problems.append(str(problem))
        return
    try:
        while reader.read_batch() is not None:
            pass
        secrets = list(reader.secrets)
    finally:
        reader.close()
    if not secrets:
        problems.append(f"{path}:1:1: a pcapng without decryption secrets")
    for kind, secret in secrets:
        ring.add_capture_secret(kind, secret, path.name)


def _is_pcapng(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4) == _PCAPNG
    except OSError:
        return False


def load_keys(
    paths: Iterable[Path], problems: list[str], observer: Observer, tails: list[KeyTail] | None = None
) -> Keyring:
    """Every key file, its kind recognised by its content. With `tails`, key logs may grow."""
    ring = Keyring()
    for path in paths:
        if _is_pcapng(path):
            _capture_secrets(path, ring, problems)
            continue
        data = _read(path, observer)
        if isinstance(data, str):
            problems.append(f"{path}: {data}")
            continue
        if tails is not None and path.is_file() and (not data.strip() or nss_keylog.looks_like(data)):
            data = data[: data.rfind(b"\n") + 1]
            found = ring.add_key_log(data, path.name)
            problems += [f"{path}:{problem.line}:1: {problem.message}" for problem in found]
            ring.growing = True
            tails.append(KeyTail(path, ring, ring.sources[-1], data, observer))
            continue
        outside = Outside(partial(_beside, path, observer), os.environ.get)
        problems += [str(problem) for problem in key_files.load(data, str(path), path.name, ring, outside)]
    for source in ring.sources:
        if source.others:
            labels = ", ".join(sorted(source.others))
            observer.remark(f"{source.name}: secrets with other labels are passed over ({labels})")
    return ring
