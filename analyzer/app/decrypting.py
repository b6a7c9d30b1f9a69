"""Captures written anew with what keys open in clear: read once for the keys, once more to write."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analyzer.app.key_loading import load_keys
from analyzer.app.offline import Inputs, read_all
from analyzer.app.settings import Observer, Settings, WrongUse
from analyzer.capture.batch import FrameBatch
from analyzer.capture.inputs import expand
from analyzer.capture.merge import merge
from analyzer.capture.sources import CaptureProblem, SourceTable
from analyzer.capture.writer import CaptureWriter
from analyzer.core.limits import Limits
from analyzer.pipeline.clear_dtls import ClearDtls
from analyzer.pipeline.clear_esp import ClearEsp
from analyzer.pipeline.clear_media import ClearCounts, ClearMedia
from analyzer.pipeline.engine import Setup
from analyzer.session.esp.table import Association
from analyzer.session.keyring import Keyring
from analyzer.session.stream_keys import StreamKeys

STDIN = "-"


@dataclass(slots=True)
class Decrypted:
    """What was written. `captures` of `given` could be read; `problems` says why others could not."""

    given: int
    captures: int = 0
    frames: int = 0
    tls_connections: int = 0
    media: ClearCounts = field(default_factory=ClearCounts)
    esp: int = 0  # packets replaced by what they carried
    dtls: int = 0  # records likewise
    forgotten: int = 0  # m-lines and flows whose keys a bound did not admit: their media stays closed
    problems: list[str] = field(default_factory=list)
    failed: str = ""  # the file could not be written


def check_output(out: Path) -> None:
    """WrongUse where the file is there already, or is no file that a capture could be written to."""
    if str(out) == STDIN:
        raise WrongUse(["-o -: needs a file: clear media does not go to a terminal or a pipe by accident"])
    if out.is_dir():
        raise WrongUse([f"-o {out}: is a folder"])
    if out.exists() or out.is_symlink():
        raise WrongUse([f"-o {out}: is there already, and is not overwritten"])
    if not out.parent.is_dir():
        raise WrongUse([f"-o {out}: its folder is not there"])
    if out.resolve().is_relative_to("/dev"):
        raise WrongUse([f"-o {out}: is no place for a file"])


def decrypt(captures: Sequence[str], keys: Sequence[Path], out: Path, observer: Observer) -> Decrypted:
    """Writes `out`, which only its owner can read. WrongUse for wrong keys, output or input;
    KeyboardInterrupt if the user ends it. No file is left behind where it was not written to its end."""
    check_output(out)
    problems: list[str] = []
    ring = load_keys(keys, problems, observer)
    if problems:
        raise WrongUse(problems)
    paths, missing = expand(tuple(captures))
    limits = Limits()
    inputs = Inputs(paths, Settings(captures=tuple(captures)), limits)
    try:
        found = read_all(inputs, Setup(limits=limits, keyring=ring, keys_only=True), observer)
        if isinstance(found, list):
            return Decrypted(len(missing + found), problems=missing + found)
        if found.interrupted:
            raise KeyboardInterrupt
        done = Decrypted(len(found.infos) + len(missing + found.problems), problems=missing + found.problems)
        done.captures = len(found.infos)
        secrets, done.tls_connections = ring.matched_log()
        done.forgotten = found.engine.keys.sdp.evicted + found.engine.keys.dtls.evicted
        opened = _Opened(found.engine.keys, list(found.engine.esp.table.all()), ring, secrets)
        del found  # calls, streams and their rows: only keys are wanted now
        _write(inputs, out, opened, done)
    finally:
        inputs.close()
    return done


@dataclass(slots=True)
class _Opened:
    """What reading a capture found that opens it."""

    keys: StreamKeys
    associations: list[Association]
    ring: Keyring
    tls_secrets: bytes


def _clear(batches: Iterator[FrameBatch], esp: ClearEsp, media: ClearMedia) -> Iterator[FrameBatch]:
    """ESP first: there is media in it."""
    for batch in batches:
        for opened in esp.clear(batch):
            yield from media.clear(opened)
    for opened in esp.rest():
        yield from media.clear(opened)
    yield from media.rest()


def _write(inputs: Inputs, out: Path, opened: _Opened, done: Decrypted) -> None:
    sources = SourceTable()
    readers, _ = inputs.open(sources)
    dtls = ClearDtls(opened.ring, opened.keys, inputs.limits)
    media = ClearMedia(sources, opened.keys.contexts, dtls, inputs.limits, opened.keys.screen)
    done.media = media.counts
    esp = ClearEsp(sources, opened.associations, inputs.limits)
    try:
        writer = CaptureWriter(out, sources, in_order=True, tls_secrets=opened.tls_secrets)
    except CaptureProblem as problem:
        raise WrongUse([f"-o {problem}"]) from None
    whole = False
    try:
        for batch in _clear(merge(readers), esp, media):
            done.frames += len(writer.write(batch))
        done.esp, done.dtls = esp.opened, dtls.opened
        done.media.kept += esp.kept + dtls.kept
        done.media.unsealed += esp.unsealed
        writer.close()
        whole = True
    except OSError as error:
        done.failed = f"{out}: cannot be written ({error.strerror})"
    finally:
        for reader in readers:
            reader.close()
        if not whole:
            writer.abandon()
            out.unlink(missing_ok=True)
