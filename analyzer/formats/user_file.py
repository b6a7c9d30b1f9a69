"""A file a user names, read whole and bounded: a pipe nobody writes to or an endless device ends too."""

import os
from pathlib import Path


def read_bounded(path: Path, bound: int) -> bytes:
    """The bytes of a file or pipe. OSError, with a sentence in `strerror`, if it cannot be read or is longer.

    Opening does not wait for a writer, so that a named pipe without one reads as empty; a pipe that has one
    (`<(command)` of a shell) is read to its end.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(handle, True)
    with os.fdopen(handle, "rb") as file:
        data = file.read(bound + 1)
    if len(data) > bound:
        raise OSError(0, f"larger than {bound} bytes")
    return data
