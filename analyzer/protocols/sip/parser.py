"""From bytes to SIP messages: one message, and one datagram (RFC 3261 7, 18.3)."""

import re
import sys

from analyzer.core.anomalies import Anomaly, AnomalyKind
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.numbers import decimal
from analyzer.core.remembered import remembered
from analyzer.core.text import decode, safe
from analyzer.formats.headers import balanced
from analyzer.protocols.sip import anomalies as kinds
from analyzer.protocols.sip.message import ADDRESSES, UNIQUE, Header, Message
from analyzer.protocols.sip.probe import DATAGRAM_LINE_BYTES, is_start, start_within
from analyzer.transport.parser import Skipped

Event = Message | Anomaly | Skipped
_COMPACT = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition",
    "e": "content-encoding", "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported",
    "l": "content-length", "m": "contact", "n": "identity-info", "o": "event", "r": "refer-to", "s": "subject",
    "t": "to", "u": "allow-events", "v": "via", "x": "session-expires", "y": "identity",
}  # fmt: skip
_NAMES = dict(_COMPACT)
_NAMES_MOST = 4096
_LINES: dict[str, Header] = {}
_LINES_MOST, _LINE_MOST = 4096, 256
_ONCE = frozenset(("call-id", "cseq", "from", "to", "max-forwards", "content-length", "content-type"))
_NEEDED = frozenset(("call-id", "cseq", "from", "to", "via"))
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_FOLD = re.compile(r"\n[ \t]")
_HOPS = frozenset(map(str, range(256)))


def canonical(raw: str) -> str:
    """The long lower-case name of a header (RFC 3261 7.3.3)."""
    name = _NAMES.get(raw)
    if name is None:
        lower = raw.strip().lower()
        name = _COMPACT.get(lower, lower)
        if len(_NAMES) < _NAMES_MOST and len(raw) <= 64 and lower and not {" ", "\t"} & set(lower):
            _NAMES[raw] = name
    return name


def _unfold(lines: list[str]) -> list[str]:
    """Joins continuation lines (RFC 3261 7.3.1); the start line stays as it is."""
    folded: list[list[str]] = [[lines[0]]]
    for line in lines[1:]:
        if line[:1] in (" ", "\t") and len(folded) > 1:
            folded[-1].append(line.strip())
        else:
            folded.append([line.rstrip()])
    return [" ".join(pieces) for pieces in folded]


def header_end(data: bytes | bytearray, start: int = 0, stop: int = sys.maxsize) -> tuple[int, int] | None:
    """Where the header's last line ends (behind its LF) and where the body begins, of data[start:stop]."""
    empty = _EMPTY_LINE.search(data, start, stop)
    return None if empty is None else (empty.start() + 1, empty.end())


class Head:
    """The start line and headers of a message while it is being read; `first` is the first value of each name.

    `partial`: the end was not captured. A last line that is not whole is left out, and nothing is missed.
    """

    __slots__ = ("_cites", "_partial", "anomalies", "first", "headers", "repeated", "start")

    def __init__(self, data: bytes, cites: tuple[Cite, ...], limits: Limits, partial: bool = False) -> None:
        self._cites = cites
        self._partial = partial
        self.anomalies: list[Anomaly] = []
        self.headers: list[Header]
        self.first: dict[str, str]
        self.repeated: set[str] = set()
        text = decode(data[: data.rfind(b"\n") + 1] or data if partial else data)
        lines = text.split("\r\n")
        ends = len(lines) - 1
        if text.count("\n") != ends or text.count("\r") != ends:
            if text.count("\n") != ends:
                self.note(kinds.BARE_LF)
            lines = text.replace("\r\n", "\n").split("\n")
            if any("\r" in line for line in lines):
                self.note(kinds.BARE_CR)
        self.start = lines[0]
        if _FOLD.search(text):
            lines = _unfold(lines)
        if len(lines) > limits.headers:
            count = sum(map(bool, lines[1:]))
            if count > limits.headers:
                self.note(kinds.HEADERS_LIMIT, str(count))
        self._split(lines, limits.headers)

    def note(self, kind: AnomalyKind, detail: str = "") -> None:
        """Names something wrong."""
        self.anomalies.append(Anomaly(kind, self._cites, safe(detail)))

    def _split(self, lines: list[str], most: int) -> None:
        rows = list(filter(None, lines[1:]))[:most]
        found = list(map(_LINES.get, rows))
        if not all(found):
            found = [header or self._header(row) for header, row in zip(found, rows, strict=True)]
        self.headers = list(filter(None, found))
        self.first = {name: value for name, _, value in self.headers}
        if len(self.first) < len(self.headers):
            self._note_repeated()

    def _note_repeated(self) -> None:
        """Of names that stand more than once the first value counts."""
        self.first.clear()
        for name, _, value in self.headers:
            if name not in self.first:
                self.first[name] = value
                continue
            self.repeated.add(name)
            if name in _ONCE:
                self.note(kinds.REPEATED, name)

    def _header(self, line: str) -> Header | None:
        """Reads one line. Of those that are right, the latest are remembered: a dialog repeats most of its lines."""
        raw, colon, value = line.partition(":")
        name = _NAMES.get(raw)
        wrong = False
        if name is None or not colon:
            word = raw.strip()
            if not colon or not word or " " in word or "\t" in word:
                wrong = True
                self.note(kinds.HEADER_SYNTAX, line)
                if not colon:
                    return None
            name = canonical(raw)
        header = Header(name, raw, value.strip())
        if '"' in value and name in ADDRESSES and not balanced(header.value):
            self.note(kinds.QUOTES, name)
        elif not wrong and len(line) <= _LINE_MOST and name not in UNIQUE:
            if len(_LINES) >= _LINES_MOST:
                _LINES.clear()
            _LINES[line] = header
        return header

    def content_length(self) -> int | None:
        """Content-Length; None if missing, or if unreadable or contradictory, which is named (RFC 4475 3.3.9)."""
        value = self.first.get("content-length")
        if value is None:
            return None
        size = decimal(value)
        if self.anomalies:
            others = [text for name, _, text in self.headers if name == "content-length" and decimal(text) != size]
            if others:
                size, value = None, ", ".join((value, *others))
        if size is None:
            self.note(kinds.LENGTH_INVALID, value)
        return size

    def message(
        self, raw: bytes, body: bytes, cites: tuple[Cite, ...], complete: bool = True, cut: bool = False
    ) -> Message:
        """The finished message. `cut`: its end was not captured."""
        method, status, reason, uri, version = self._start_line()
        first = self.first
        if not self._partial and not first.keys() >= _NEEDED:
            self.note(kinds.MISSING, ", ".join(sorted(_NEEDED - first.keys())))
        named, cseq = self._cseq(first.get("cseq"), method if status is None else "")
        hops = first.get("max-forwards")
        if hops is not None and hops not in _HOPS and not 0 <= _number(hops) <= 255:
            self.note(kinds.MAX_FORWARDS, hops)
        headers, found = tuple(self.headers), tuple(self.anomalies)
        return Message(
            method or named, status, reason, uri, version, headers, body, raw, cites, cseq, first, self.repeated,
            complete and not cut, found, cut,
        )  # fmt: skip

    def _start_line(self) -> tuple[str, int | None, str, str, str]:
        line = self.start
        words = line.split(" ")
        if len(words) == 3 and words[2] == "SIP/2.0" and words[1] and "<" not in words[1] and words[0]:
            return words[0], None, "", words[1], "SIP/2.0"
        if line[:4].upper() == "SIP/":
            version, code, status, reason = _status_line(line)
            if not 100 <= status <= 699:
                self.note(kinds.STATUS, code)
            result: tuple[str, int | None, str, str, str] = ("", status, reason, "", version)
        else:
            method, _, rest = line.partition(" ")
            uri, _, version = rest.rstrip().rpartition(" ")
            if not uri or uri != uri.strip() or " " in uri or "<" in uri or line != line.rstrip():
                self.note(kinds.START_LINE, line)
            result = (method, None, "", uri.strip(), version)
        if result[4] != "SIP/2.0":
            self.note(kinds.VERSION, result[4])
        return result

    def _cseq(self, value: str | None, method: str) -> tuple[str, int | None]:
        if value is None:
            return "", None
        good, named, number = _cseq_parts(value)
        if not good:
            self.note(kinds.CSEQ, value)
        if method and named != method:
            self.note(kinds.CSEQ_METHOD, f"{method} / {named}")
        return named, number


@remembered
def _status_line(line: str) -> tuple[str, str, int, str]:
    version, _, rest = line.partition(" ")
    code, _, reason = rest.partition(" ")
    return version, code, decimal(code) or 0, reason


def _number(text: str) -> int:
    number = decimal(text)
    return -1 if number is None else number


@remembered
def _cseq_parts(value: str) -> tuple[bool, str, int | None]:
    """Whether a CSeq is well-formed, its method, and its number, between whatever blanks it stands."""
    number, _, named = value.replace("\t", " ").partition(" ")
    named = named.strip()
    words = value.split(None, 1)
    return 0 <= _number(number) < 1 << 31 and bool(named), named, decimal(words[0]) if words else None


def parse_datagram(data: bytes, cites: tuple[Cite, ...], limits: Limits) -> list[Event]:
    """The events of one UDP payload; keep-alives (RFC 5626 4.4) and what is no SIP are `Skipped`."""
    found = recognise(data, cites, limits)
    if found is not None:
        return found
    events: list[Event] = []
    rest = data.lstrip(b"\r\n\0")
    if len(rest) < len(data):
        events.append(Skipped(len(data) - len(rest), cites))
    if not rest:
        return events
    line = rest[: rest.find(b"\n") + 1] or rest
    at = 0 if is_start(line) else start_within(line[:8192])
    if at < 0:
        return [*events, Anomaly(kinds.GARBAGE, cites, safe(line[:80])), Skipped(len(rest), cites)]
    if at > 0:
        events += [Anomaly(kinds.GARBAGE, cites, safe(line[: min(at, 80)])), Skipped(at, cites)]
    events.append(_whole(rest[at:], cites, limits))
    return events


def recognise(data: bytes, cites: tuple[Cite, ...], limits: Limits, missing: int = 0) -> list[Event] | None:
    """As `parse_datagram`, but None unless the payload begins with a whole start line: what `probe` is sure of.

    `missing` bytes behind the payload were not captured: what they cut off is the capture's fault.
    """
    rest = data.lstrip(b"\r\n\0")
    line = rest[: rest.find(b"\n", 0, DATAGRAM_LINE_BYTES) + 1]
    if not line or not is_start(line):
        return None
    message = _cut(rest, cites, limits, missing) if missing else _whole(rest, cites, limits)
    return [message] if len(rest) == len(data) else [Skipped(len(data) - len(rest), cites), message]


def _cut(data: bytes, cites: tuple[Cite, ...], limits: Limits, missing: int) -> Message:
    """A message with its end not captured, or a whole one before other bytes that were not (RFC 3261 18.3)."""
    end = header_end(data)
    stop, begin = end or (len(data), len(data))
    head = Head(data[: min(stop, limits.header_bytes)], cites, limits, partial=end is None)
    size, body = head.content_length(), data[begin:]
    if end is not None and size is not None and size <= len(body):
        head.note(kinds.LENGTH_EXTRA, str(len(body) + missing - size))
        return head.message(data, body[:size], cites)
    head.note(kinds.CUT, f"{missing} bytes")
    return head.message(data, body, cites, cut=True)


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
