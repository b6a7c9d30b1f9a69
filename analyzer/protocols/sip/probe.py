"""Whether bytes begin a SIP message."""

import re

LINE_BYTES = 8192  # of a stream: what is held to see the end of a line
DATAGRAM_LINE_BYTES = 65_535  # a datagram holds its whole line, and elements accept what fits in one
_TOKEN = rb"[A-Za-z0-9.!%*_+`'~-]{1,64}"
_START = re.compile(
    rb"(?:" + _TOKEN + rb"[ \t]{1,8}[^\r\n]{1,65535}[ \t]{1,8}SIP/[0-9]{1,3}\.[0-9]{1,3}[ \t]{0,8}"
    rb"|SIP/[0-9]{1,3}\.[0-9]{1,3}[ \t]{1,8}[0-9]{3,10}(?:[ \t][^\r\n]{0,65535})?)\r?\n?",
    re.IGNORECASE,
)
_WITHIN = re.compile(
    rb"(?:[A-Z]{3,16} (?:sips?|tel|urn):[^ \r\n]{1,4000} SIP/2\.0|SIP/2\.0 [1-6][0-9]{2}(?: [^\r\n]{0,500})?)\r?\n"
)


def is_start(line: bytes) -> bool:
    """Whether one line, with or without its end, is a request or status line, of any version."""
    words = line.split(b" ", 3)
    if len(words) == 3 and words[2] == b"SIP/2.0\r\n" and words[0].isalpha() and len(line) <= 4096:
        return 0 < len(words[0]) <= 64 and bool(words[1]) and b"\r" not in words[1]
    usual = words[0] == b"SIP/2.0" and len(words) > 2 and len(words[1]) == 3 and words[1].isdigit()
    if usual and len(line) <= 4096 and line.find(b"\r") == len(line) - 2 and line.find(b"\n") == len(line) - 1:
        return True  # as `_START` has it
    return len(line) <= DATAGRAM_LINE_BYTES and b"SIP/" in line.upper() and _START.fullmatch(line) is not None


def start_within(line: bytes) -> int:
    """Where a start line begins behind garbage in the same line, or -1."""
    found = _WITHIN.search(line) if b"SIP/2.0" in line else None
    return found.start() if found else -1


_LONG = 2_048  # bytes of a request line without an end, from which it is believed
_REQUEST = re.compile(_TOKEN + rb" (?i:sips?|tel):")


def probe(data: bytes) -> int:
    """Negative: not SIP. 0: more bytes may tell. Positive: SIP, the higher the surer."""
    data = data[: 2 * LINE_BYTES].lstrip(b"\r\n\0")
    line, newline, _ = data[: LINE_BYTES + 1].partition(b"\n")
    if newline:
        return 90 if is_start(line) else -1
    if len(data) > LINE_BYTES:
        return -1
    if len(data) >= _LONG and _REQUEST.match(data):
        return 40  # its end may lie behind what is held of a stream: the parser takes it, or names it
    head = data[:65].split(b" ", 1)[0].upper()
    if head and not (re.fullmatch(_TOKEN, head) or b"SIP/2.0".startswith(head) or head.startswith(b"SIP/")):
        return -1
    return 0
