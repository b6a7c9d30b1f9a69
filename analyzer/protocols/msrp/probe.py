"""Whether bytes begin an MSRP message, and where one begins behind lost or foreign bytes."""

import re

LINE_BYTES = 1_024
HUNT_BYTES = 200  # longer than anything HUNT matches

_KIND = rb"(?:[A-Z]{1,32}|[0-9]{3}(?: [^\r\n]{0,100})?)"
_IDENT = rb"[A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}"
START = re.compile(rb"MSRP ([^\x00-\x20\x7f]{1,64}) ([^\r\n]{1,900})(\r?\n)")
_STRICT = re.compile(rb"MSRP " + _IDENT + b" " + _KIND + rb"\r?\n")
HUNT = re.compile(rb"MSRP " + _IDENT + b" " + _KIND + rb"\r?\nTo-Path:")
IDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}")


def probe(data: bytes) -> int:
    """Negative: not MSRP. 0: more bytes may tell. Positive: MSRP, the higher the surer."""
    data = data[:LINE_BYTES]
    if not data.startswith(b"MSRP "):
        return 0 if b"MSRP ".startswith(data) else -1
    if b"\n" in data:
        return 95 if _STRICT.match(data) else -1
    return 0 if len(data) < LINE_BYTES else -1
