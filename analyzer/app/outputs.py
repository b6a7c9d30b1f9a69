"""Where results go: standard output and files, each written whole or not at all."""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from analyzer.app.settings import WrongUse
from analyzer.core.frozen import frozen
from analyzer.core.text import safe


@frozen
class Output:
    """One `--format NAME[=PATH]`."""

    name: str
    path: Path | None


def parse_formats(values: list[str], known: set[str], default: str) -> list[Output]:
    """The outputs asked for. WrongUse for an unknown name, two that want standard output, a file that cannot be."""
    problems: list[str] = []
    outputs: list[Output] = []
    for value in values or [default]:
        name, equals, path = value.partition("=")
        if name not in known:
            problems.append(f"--format: no format is called {safe(name)} (known: {', '.join(sorted(known))})")
        elif equals and not path:
            problems.append(f"--format: {name}= names no file")
        elif path == "-":
            problems.append(f"--format: {name}=- : leave the file out to write to standard output")
        else:
            outputs.append(Output(name, Path(path) if path else None))
    if sum(1 for output in outputs if output.path is None) > 1:
        problems.append("--format: only one format can go to standard output; give the others a file: NAME=PATH")
    files = [output.path for output in outputs if output.path is not None and not output.path.is_char_device()]
    twice = dict.fromkeys(path for path in files if files.count(path) > 1)
    problems += [f"--format: {safe(str(path))} is named twice" for path in twice]
    problems += [f"--format: {safe(str(path))} is a folder" for path in files if path.is_dir()]
    missing = dict.fromkeys(path.parent for path in files if not path.parent.is_dir())
    problems += [f"--format: {safe(str(folder))}: no such folder" for folder in missing]  # said before hours of work
    if problems:
        raise WrongUse(problems)
    return outputs


def write_outputs(outputs: list[Output], write: Callable[[str, BinaryIO, bool], None]) -> list[str]:
    """Writes every output; gives a sentence for each that failed. A file appears only when it is whole."""
    problems: list[str] = []
    for output in outputs:
        try:
            if output.path is None:
                write(output.name, sys.stdout.buffer, sys.stdout.isatty())
                sys.stdout.buffer.flush()
            else:
                _replace(output.path, lambda out, name=output.name: write(name, out, False))  # type: ignore[misc]  # a bound name
        except BrokenPipeError:
            sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # the reader has gone: nothing more to say
        except OSError as error:
            problems.append(f"{output.path or 'standard output'}: cannot be written ({error.strerror})")
    return problems


def _replace(path: Path, write: Callable[[BinaryIO], None]) -> None:
    if path.exists() and not (path.is_file() or path.is_dir()):
        with path.open("wb") as out:  # a device or a pipe is written to; a rename would put a file in its place
            write(out)
        return
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            write(out)
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
