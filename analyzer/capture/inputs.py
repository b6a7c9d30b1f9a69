"""What a user names as captures: files, folders, globs, pipes, standard input."""

import glob
from collections.abc import Iterable
from pathlib import Path

from analyzer.capture.bytes_in import MAGICS

STDIN = "-"
_CAPTURE_MAGICS = (
    b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d",
    b"\x34\xcd\xb2\xa1", b"\xa1\xb2\xcd\x34", *MAGICS,
)  # fmt: skip


def _looks_like_capture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(6).startswith(_CAPTURE_MAGICS)
    except OSError:
        return False


def is_pipe(argument: str) -> bool:
    """Standard input, a FIFO, the pipe of a shell's <(...): what can be read once only."""
    return argument == STDIN or Path(argument).is_fifo()


def expand(arguments: Iterable[str]) -> tuple[list[str], list[str]]:
    """The captures that arguments name, each once, and a sentence for each argument that names none.

    A folder stands for the captures in it, by their first bytes, in the order of their names.
    """
    found: dict[str, None] = {}
    problems: list[str] = []
    for argument in arguments:
        path = Path(argument)
        if is_pipe(argument) or path.is_file():
            found[argument] = None
        elif path.is_dir():
            inside = [str(p) for p in sorted(path.iterdir()) if p.is_file() and _looks_like_capture(p)]
            if not inside:
                problems.append(f"{argument}: the folder holds no capture")
            found |= dict.fromkeys(inside)
        else:
            matches = sorted(match for match in glob.glob(argument) if Path(match).is_file())  # noqa: PTH207  # absolute patterns too
            if not matches:
                problems.append(f"{argument}: no such file")
            found |= dict.fromkeys(matches)
    return list(found), problems
