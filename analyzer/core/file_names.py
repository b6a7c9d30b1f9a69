"""A file name that somebody on the wire chose, made harmless."""

import unicodedata

MAX_BYTES = 120  # of UTF-8; leaves room for a number and a suffix where 255 are allowed
_READ = 1_000  # characters of a name that are looked at
_PLAIN = frozenset(" -_.()+=@,")
_PORTS = frozenset(f"{port}{number}" for port in ("com", "lpt") for number in range(10))
_DEVICES = frozenset(("con", "prn", "aux", "nul", "conin", "conout", "clock")) | _PORTS  # of Windows


def safe_file_name(name: str, fallback: str = "file") -> str:
    """A name for a file in a folder: letters, digits and a few marks, the ending kept where it fits.

    No separator, control, format or undecodable character; no dot, blank or hyphen at its beginning, no dot or blank
    at its end; no device name of Windows, whatever its ending; at most `MAX_BYTES` bytes. `fallback` where nothing of
    it is left.
    """
    text = unicodedata.normalize("NFKC", name[:_READ])
    text = "".join(c if c in _PLAIN or unicodedata.category(c)[0] in "LMN" else "_" for c in text)
    stem, dot, ending = text.strip(" ").lstrip(".-").strip(" .").rpartition(".")
    if not (dot and stem and ending.isalnum() and len(ending) <= 16):
        stem, ending = stem + dot + ending, ""
    ending = dot + ending if ending else ""
    stem = _cut(stem, MAX_BYTES - len(ending.encode())).rstrip(" .").lstrip(" .-")
    if stem.partition(".")[0].rstrip(" _").lower() in _DEVICES:
        stem = "_" + stem
    return stem + ending if stem.strip("_") else fallback + ending


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
