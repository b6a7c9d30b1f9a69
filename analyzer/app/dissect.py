"""A second opinion: tshark's dissection of one frame, through pyshark."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from analyzer.core.text import safe
from analyzer.formats import nss_keylog
from analyzer.formats.user_file import read_bounded
from analyzer.report.border import REMOVED, scrub

_MAX_KEY_LOG = 64 * 1024 * 1024
_SECRET_FIELD = re.compile(  # of tshark's own names, for what `scrub` does not know by its form
    r"(?i)(?P<label>[^:]*\b(?:master key|master salt|key and salt|key parameters|(?:response|nonce)(?: value)?|"
    r"password|secret|pre-?master\b[^:]*|verify data)): .*"
)
_BYTES = re.compile(r"(?i)(?<=: )(?:[0-9a-f]{2}:?){16,}\u2026?$")  # of a payload, in which anything may be


class NotAKeyLog(Exception):  # noqa: N818  # what is wrong, in three words
    """Keys that tshark cannot be told of."""

    def __str__(self) -> str:
        return f"{self.args[0]}: --dissect takes one key log (SSLKEYLOGFILE) and no other keys"


class NoTshark(Exception):  # noqa: N818  # what is wrong, in two words
    """The tshark program is missing."""

    def __str__(self) -> str:
        return "tshark is not installed: install the package that brings it (Debian: apt-get install tshark)"


def dissect(path: str, frame: int, keys: Sequence[Path] = ()) -> list[str]:
    """tshark's reading of a frame with one key log, line by line, as safe text without secrets. Empty if there is no
    such frame. Raises NoTshark, NotAKeyLog."""
    if shutil.which("tshark") is None:
        raise NoTshark
    import pyshark  # half a second, and only needed here

    if len(keys) > 1:
        raise NotAKeyLog(keys[1])
    told = {"tls.keylog_file": str(_key_log(keys[0]))} if keys else {}
    capture = pyshark.FileCapture(
        path, display_filter=f"frame.number == {frame}", keep_packets=False, override_prefs=told
    )
    try:
        packet = next(iter(capture), None)
        return [] if packet is None else [_shown(line) for line in str(packet).splitlines()]
    finally:
        capture.close()


def _key_log(path: Path) -> Path:
    try:
        data = read_bounded(path, _MAX_KEY_LOG)
    except OSError:
        data = b""
    if not nss_keylog.looks_like(data):
        raise NotAKeyLog(path)
    return path.resolve()


def _shown(line: str) -> str:
    """A line of pyshark's text: fields stand behind a colon and a tab, below the name of their layer."""
    field = line.removeprefix(":\t").removeprefix("\t")
    field = _SECRET_FIELD.sub(lambda found: f"{found['label']}: {REMOVED}", field)
    field = _BYTES.sub("[bytes]", field)
    return safe(("  " if field != line else "") + scrub(field.expandtabs(2)), 400)
