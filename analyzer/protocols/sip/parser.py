"""From bytes to SIP messages: one message, and one datagram (RFC 3261 7, 18.3)."""

import re
import sys

from analyzer.core.anomalies import Anomaly, AnomalyKind
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.numbers import decimal
from analyzer.core.text import decode, safe
from analyzer.formats.headers import balanced
from analyzer.protocols.sip import anomalies as kinds
from analyzer.protocols.sip.message import Header, Message
from analyzer.protocols.sip.probe import is_start, start_within
from analyzer.transport.parser import Skipped

_END = re.compile(rb"\n\r?\n")
Event = Message | Anomaly | Skipped
_COMPACT = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition",
    "e": "content-encoding", "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported",
    "l": "content-length", "m": "contact", "n": "identity-info", "o": "event", "r": "refer-to", "s": "subject",
    "t": "to", "u": "allow-events", "v": "via", "x": "session-expires", "y": "identity",
}  # fmt: skip
_NAMES = dict(_COMPACT)
_NAMES_MOST = 4096
_ONCE = ("call-id", "cseq", "from", "to", "max-forwards", "content-length", "content-type")
_NEEDED = ("call-id", "cseq", "from", "to", "via")


def canonical(raw: str) -> str:
    """The long lower-case name of a header (RFC 3261 7.3.3)."""
    name = _NAMES.get(raw)
    if name is None:
        lower = raw.strip().lower()
        name = _COMPACT.get(lower, lower)
        if len(_NAMES) < _NAMES_MOST and len(raw) <= 64:
            _NAMES[raw] = name
    return name


def header_end(data: bytes | bytearray, start: int = 0, stop: int = sys.maxsize) -> tuple[int, int] | None:
    """Where the header's last line ends (behind its LF) and where the body begins, of data[start:stop]."""
    found = _END.search(data, start, stop)
    return (found.start() + 1, found.end()) if found else None


class Head:
    """The start line and headers of a message while it is being read."""

    __slots__ = ("_cites", "anomalies", "headers", "start")

    def __init__(self, data: bytes, cites: tuple[Cite, ...], limits: Limits) -> None:
        self._cites = cites
        self.anomalies: list[Anomaly] = []
        self.headers: list[Header] = []
        if data.count(b"\n") != data.count(b"\r\n"):
            self.note(kinds.BARE_LF)
        lines = decode(data).replace("\r\n", "\n").split("\n")
        if b"\r" in data and any("\r" in line for line in lines):
            self.note(kinds.BARE_CR)
        self.start = lines[0]
        self._split(lines[1:], limits.headers)

    def note(self, kind: AnomalyKind, detail: str = "") -> None:
        """Names something wrong."""
        self.anomalies.append(Anomaly(kind, self._cites, safe(detail)))

    def _split(self, lines: list[str], most: int) -> None:
        folded: list[list[str]] = []
        for line in lines:
            if line[:1] in (" ", "\t") and folded:
                folded[-1].append(line.strip())
            elif line:
                folded.append([line])
        if len(folded) > most:
            self.note(kinds.HEADERS_LIMIT, str(len(folded)))
        for pieces in folded[:most]:
            raw, colon, value = pieces[0].partition(":")
            if not colon or not raw.strip() or " " in raw.strip():
                self.note(kinds.HEADER_SYNTAX, pieces[0])
                if not colon:
                    continue
            text = " ".join([value.strip(), *pieces[1:]]).strip() if len(pieces) > 1 else value.strip()
            self.headers.append(Header(canonical(raw), raw, text))

    def has(self, name: str) -> bool:
        """Whether a header of that long lower-case name is there."""
        return any(header.name == name for header in self.headers)

    def content_length(self) -> int | None:
        """Content-Length, the first of several; None if missing or unreadable, which the second is named."""
        for header in self.headers:
            if header.name == "content-length":
                size = decimal(header.value)
                if size is None:
                    self.note(kinds.LENGTH_INVALID, header.value)
                return size
        return None

    def message(self, raw: bytes, body: bytes, cites: tuple[Cite, ...], complete: bool = True) -> Message:
        """The finished message."""
        method, status, reason, uri, version = self._start_line()
        values: dict[str, str] = {}
        for header in self.headers:
            if header.name in values and header.name in _ONCE:
                self.note(kinds.REPEATED, header.name)
            values.setdefault(header.name, header.value)
            if '"' in header.value and not balanced(header.value):
                self.note(kinds.QUOTES, header.name)
        missing = [name for name in _NEEDED if name not in values]
        if missing:
            self.note(kinds.MISSING, ", ".join(missing))
        named = self._cseq(values.get("cseq"), method if status is None else "")
        headers, found = tuple(self.headers), tuple(self.anomalies)
        return Message(method or named, status, reason, uri, version, headers, body, raw, cites, complete, found)

    def _start_line(self) -> tuple[str, int | None, str, str, str]:
        line = self.start
        if line[:4].upper() == "SIP/":
            version, _, rest = line.partition(" ")
            code, _, reason = rest.partition(" ")
            status = decimal(code)
            if status is None or not 100 <= status <= 699:
                self.note(kinds.STATUS, code)
            result: tuple[str, int | None, str, str, str] = ("", status or 0, reason, "", version)
        else:
            method, _, rest = line.partition(" ")
            uri, _, version = rest.rstrip().rpartition(" ")
            if not uri or uri != uri.strip() or " " in uri or "<" in uri or line != line.rstrip():
                self.note(kinds.START_LINE, line)
            result = (method, None, "", uri.strip(), version)
        if result[4] != "SIP/2.0":
            self.note(kinds.VERSION, result[4])
        return result

    def _cseq(self, value: str | None, method: str) -> str:
        if value is None:
            return ""
        number, _, named = value.partition(" ")
        size, named = decimal(number), named.strip()
        if size is None or size >= 1 << 31 or not named:
            self.note(kinds.CSEQ, value)
        if method and named != method:
            self.note(kinds.CSEQ_METHOD, f"{method} / {named}")
        return named


def parse_datagram(data: bytes, cites: tuple[Cite, ...], limits: Limits) -> list[Event]:
    """The events of one UDP payload; keep-alives (RFC 5626 4.4) and what is no SIP are `Skipped`."""
    events: list[Event] = []
    rest = data.lstrip(b"\r\n\0")
    if len(rest) < len(data):
        events.append(Skipped(len(data) - len(rest), cites))
    if not rest:
        return events
    line = rest[: rest.find(b"\n") + 1] or rest
    if not is_start(line):
        at = start_within(line[:8192])
        if at < 0:
            return [*events, Anomaly(kinds.GARBAGE, cites, safe(line[:80])), Skipped(len(rest), cites)]
        events += [Anomaly(kinds.GARBAGE, cites, safe(line[: min(at, 80)])), Skipped(at, cites)]
        rest = rest[at:]
    events.append(_whole(rest, cites, limits))
    return events


def _whole(data: bytes, cites: tuple[Cite, ...], limits: Limits) -> Message:
    end = header_end(data)
    stop, begin = end or (len(data), len(data))
    head = Head(data[: min(stop, limits.header_bytes)], cites, limits)
    if end is None:
        head.note(kinds.NO_BLANK_LINE)
    if stop > limits.header_bytes:
        head.note(kinds.TOO_LONG, str(stop))
    body, complete = data[begin:], end is not None
    size = head.content_length()
    if size is not None and size > len(body):
        head.note(kinds.LENGTH_SHORT, f"{len(body)} of {size}")
        complete = False
    elif size is not None and size < len(body):
        head.note(kinds.LENGTH_EXTRA, str(len(body) - size))
        body = body[:size]
    return head.message(data, body, cites, complete)
