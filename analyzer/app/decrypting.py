"""Captures written anew with what keys open in clear: read once for the keys, once more to write."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analyzer.app.key_loading import load_keys
from analyzer.app.offline import analyze, open_all
from analyzer.app.settings import Observer, Settings, WrongUse
from analyzer.capture.inputs import expand
from analyzer.capture.merge import merge
from analyzer.capture.sources import CaptureProblem, SourceTable
from analyzer.capture.writer import CaptureWriter
from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.pipeline.clear_esp import ClearEsp
from analyzer.pipeline.clear_media import ClearCounts, ClearMedia
from analyzer.pipeline.engine import Engine, Setup

STDIN = "-"
_END = 1 << 62


@dataclass(slots=True)
class Decrypted:
    """What was written. `captures` of `given` could be read; `problems` says why others could not."""

    given: int
    captures: int = 0
    frames: int = 0
    tls_connections: int = 0
    media: ClearCounts = field(default_factory=ClearCounts)
    esp: int = 0  # packets replaced by what they carried
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
    if STDIN in captures:
        raise WrongUse(["-: a capture is read twice here: give a file"])
    problems: list[str] = []
    ring = load_keys(keys, problems, observer)
    if problems:
        raise WrongUse(problems)
    setup = Setup(keyring=ring, keep_keys=True)
    run = analyze(Settings(captures=tuple(captures)), observer, setup=setup)
    if run.facts.interrupted:
        raise KeyboardInterrupt
    done = Decrypted(run.facts.captures_given, problems=run.problems)
    if run.engine is None:
        return done
    done.captures = done.given - len(run.problems)
    secrets, done.tls_connections = ring.matched_log()
    _write(captures, out, run.engine, secrets, done)
    return done


def _write(captures: Sequence[str], out: Path, engine: Engine, secrets: bytes, done: Decrypted) -> None:
    limits = Limits()
    sources = SourceTable()
    paths, _ = expand(tuple(captures))
    readers, _ = open_all(paths, Settings(), sources, limits)

    def contexts(src: Address, dst: Address, ssrc: int) -> list[SrtpContext]:
        return [key.context for key in engine.keys.keys(src, dst, ssrc, _END) or ()]

    media = ClearMedia(sources, contexts, limits)
    done.media = media.counts
    esp = ClearEsp(sources, engine.esp.table.all(), limits)
    try:
        writer = CaptureWriter(out, sources, in_order=True, tls_secrets=secrets)
    except CaptureProblem as problem:
        raise WrongUse([f"-o {problem}"]) from None
    whole = False
    try:
        for batch in merge(readers):
            done.frames += len(writer.write(media.clear(esp.clear(batch))))
        done.esp, done.media.kept = esp.opened, done.media.kept + esp.kept
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
