"""SRTP master keys in a log of rtpengine run with `--log-srtp-keys`. Problems carry their line."""

import base64
import binascii
import re
from collections.abc import Iterator

from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret
from analyzer.core.text import decode

_KEY = re.compile(rb"--- (\S{1,64}) key (\S{0,256}) salt (\S{0,256})\s*\Z")
_SUITE = re.compile(r"[A-Z]{1,9}[0-9]{0,3}(_[A-Z0-9]{1,6}){1,8}")  # anything else may be a key in the wrong place
_HEAD = b"SRTP keys, "
_LINE = 4_096


@frozen
class LoggedKey:
    """One key that rtpengine uses: for what comes in or what goes out; the log does not say of which stream."""

    suite: str
    master: Secret
    salt: Secret
    incoming: bool
    line: int


@frozen
class LogProblem:
    """A line that announces a key and is not understood."""

    line: int
    message: str


def looks_like(data: bytes) -> bool:
    """Whether the log speaks of SRTP keys: hours may pass in it before the first call."""
    return _HEAD in data and b"--- " in data


def parse(data: bytes) -> Iterator[LoggedKey | LogProblem]:
    """Every key of a log, each once; other lines are passed over."""
    incoming = True
    seen: set[tuple[str, Secret, Secret]] = set()
    for number, whole in enumerate(data.split(b"\n"), 1):
        line = whole[:_LINE]
        head = line.find(_HEAD)
        if head >= 0:
            incoming = line[head + len(_HEAD) :].startswith(b"incoming")
        elif b"--- " in line and b" key " in line:
            key = _key(line[line.find(b"--- ") :], incoming, number)
            if isinstance(key, LogProblem):
                yield key
            elif (identity := (key.suite, key.master, key.salt)) not in seen:
                seen.add(identity)
                yield key


def _key(text: bytes, incoming: bool, number: int) -> LoggedKey | LogProblem:
    found = _KEY.match(text)
    if found is None:
        return LogProblem(number, "expected '--- SUITE key BASE64 salt BASE64'")
    master, salt = _base64(found[2]), _base64(found[3])
    suite = decode(found[1])
    if _SUITE.fullmatch(suite) is None:
        return LogProblem(number, "expected the name of a suite behind '---'")
    if master is None or salt is None:
        return LogProblem(number, f"{suite}: key or salt is not base64")
    return LoggedKey(suite, master, salt, incoming, number)


def _base64(text: bytes) -> Secret | None:
    try:
        return Secret(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return None
