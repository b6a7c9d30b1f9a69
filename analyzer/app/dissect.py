"""A second opinion: tshark's dissection of one frame, through pyshark."""

import shutil

from analyzer.core.text import safe


class NoTshark(Exception):  # noqa: N818  # what is wrong, in two words
    """The tshark program is missing."""

    def __str__(self) -> str:
        return "tshark is not installed: install the package that brings it (Debian: apt-get install tshark)"


def dissect(path: str, frame: int) -> list[str]:
    """tshark's reading of a frame, line by line, as safe text. Empty if there is no such frame."""
    if shutil.which("tshark") is None:
        raise NoTshark
    import pyshark  # half a second, and only needed here

    capture = pyshark.FileCapture(path, display_filter=f"frame.number == {frame}", keep_packets=False)
    try:
        packet = next(iter(capture), None)
        return [] if packet is None else [_shown(line) for line in str(packet).splitlines()]
    finally:
        capture.close()


def _shown(line: str) -> str:
    """A line of pyshark's text: fields stand behind a colon and a tab, below the name of their layer."""
    field = line.removeprefix(":\t").removeprefix("\t")
    return safe(("  " if field != line else "") + field.expandtabs(2), 400)
