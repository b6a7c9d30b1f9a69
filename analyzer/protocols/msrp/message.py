"""One MSRP request or response, and how its bytes are read (RFC 4975 9)."""

from dataclasses import replace
from typing import Literal

from analyzer.core.anomalies import Anomaly, AnomalyKind
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.numbers import decimal
from analyzer.core.text import decode, safe
from analyzer.protocols.msrp import anomalies as kinds
from analyzer.protocols.msrp.probe import IDENT

Flag = Literal["$", "+", "#"]
ByteRange = tuple[int, int | None, int | None]

_DIGITS = 15
_ONCE = frozenset(
    ("to-path", "from-path", "message-id", "byte-range", "content-type", "success-report", "failure-report", "status")
)
_FLAGS: dict[int, Flag] = {0x24: "$", 0x2B: "+", 0x23: "#"}


@frozen
class MsrpMessage:
    """A chunk, request or response, as it was on the wire.

    `method` or `status` is set, neither where the start line is broken; `comment` is the status phrase. `byte_range` is
    (start, end, total), 1-based, None for `*`. `success_report` and `failure_report` keep the sender's word;
    `report_status` is the Status header of a REPORT. `continuation` is None where the end-line was not seen. `size` is
    the message's bytes on the wire, those behind a bound not counted; `complete` is false where any are missing.
    """

    transaction_id: str
    method: str | None
    status: int | None
    comment: str
    to_path: tuple[str, ...]
    from_path: tuple[str, ...]
    message_id: str
    byte_range: ByteRange | None
    success_report: str
    failure_report: str
    report_status: str
    content_type: str
    use_path: tuple[str, ...]
    expires: int | None
    headers: tuple[tuple[str, str], ...]
    body: bytes
    continuation: Flag | None
    size: int
    cites: tuple[Cite, ...]
    complete: bool
    anomalies: tuple[Anomaly, ...]


@frozen
class Start:
    """The start line, and with it how the message ends: `marker` is its end-line without line ends and flag."""

    transaction_id: bytes
    rest: bytes
    eol: bytes
    size: int
    marker: bytes

    def end(self, data: bytes | bytearray, begin: int, stop: int) -> tuple[int, int, bool]:
        """Where the marker of an end-line stands in data[begin:stop], where that ends, and whether others look alike.

        The second is 0 while that may change; the first is then where the search goes on when more bytes come.
        """
        marker, eol = self.marker, self.eol
        size, width, alike = len(marker), 1 + len(eol), False
        at = data.find(marker, begin, stop)
        while at >= 0:
            if data[at - len(eol) : at] == eol:
                tail = data[at + size : min(at + size + width, stop)]
                if (not tail or tail[0] in _FLAGS) and eol.startswith(tail[1:]):
                    return at, at + size + width if len(tail) == width else 0, alike
            alike, begin = True, at + 1
            at = data.find(marker, begin, stop)
        return max(begin, min(len(data), stop) - size + 1), 0, alike


class _Notes:
    __slots__ = ("cites", "found")

    def __init__(self, cites: tuple[Cite, ...]) -> None:
        self.cites = cites
        self.found: list[Anomaly] = []

    def add(self, kind: AnomalyKind, detail: str | bytes = "") -> None:
        self.found.append(Anomaly(kind, self.cites, safe(detail, 80) if detail else ""))


def read(
    start: Start, raw: bytes, marker_at: int | None, cites: tuple[Cite, ...], limits: Limits,
    *, note: AnomalyKind | None, alike: bool,
) -> MsrpMessage:  # fmt: skip
    """The message in `raw`; `marker_at` is where its end-line's marker stands, None where there is none.

    `alike` tells that its marker stands elsewhere in it too.
    """
    notes = _Notes(cites)
    if note:
        notes.add(note)
    if alike:
        notes.add(kinds.ID_IN_BODY)
    eol = start.eol
    transaction_id = decode(start.transaction_id)
    method, status, comment = _first_line(start, transaction_id, notes)
    end = len(raw) if marker_at is None else marker_at - len(eol)
    blank = raw.find(eol + eol, start.size - len(eol), max(end, 0) + len(eol))
    stop = min(blank, end) if blank >= 0 else end
    if marker_at is None and blank < 0:
        stop = max(raw.rfind(eol, start.size), start.size)  # the last line is cut
    headers, fields = _headers(raw[start.size : max(stop, start.size)], eol, notes, limits)
    body = raw[blank + 2 * len(eol) : end] if blank >= 0 else b""
    flag = None if marker_at is None else _FLAGS[raw[marker_at + len(start.marker)]]
    get = fields.get
    message = MsrpMessage(
        transaction_id=transaction_id, method=method, status=status, comment=comment,
        to_path=_uris(get("to-path")), from_path=_uris(get("from-path")),
        message_id=get("message-id", ""), byte_range=_byte_range(get("byte-range"), notes),
        success_report=get("success-report", ""), failure_report=get("failure-report", ""),
        report_status=get("status", ""), content_type=get("content-type", ""),
        use_path=_uris(get("use-path")), expires=decimal(get("expires", "")), headers=headers, body=body,
        continuation=flag, size=len(raw), cites=cites, complete=flag is not None, anomalies=(),
    )  # fmt: skip
    _check(message, notes, blank >= 0)
    return replace(message, anomalies=tuple(notes.found)) if notes.found else message


def _uris(value: str | None) -> tuple[str, ...]:
    if not value:
        return ()
    return tuple(filter(None, value.split(" "))) if " " in value else (value,)


def _first_line(start: Start, transaction_id: str, notes: _Notes) -> tuple[str | None, int | None, str]:
    if start.eol == b"\n":
        notes.add(kinds.BARE_LF)
    if not IDENT.fullmatch(transaction_id):
        notes.add(kinds.TRANSACTION_ID, transaction_id)
    word, _, comment = decode(start.rest).partition(" ")
    status = decimal(word, 3) if len(word) == 3 else None
    if status is not None:
        return None, status, comment
    if word.isascii() and word.isalpha() and word.isupper() and not comment:
        return word, None, ""
    notes.add(kinds.START_LINE, start.rest)
    return None, None, decode(start.rest)


def _headers(
    head: bytes, eol: bytes, notes: _Notes, limits: Limits
) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
    lines = decode(head[: limits.header_bytes]).split("\r\n" if len(eol) == 2 else "\n", limits.headers)
    if len(head) > limits.header_bytes or len(lines) > limits.headers:
        notes.add(kinds.HEADERS_LIMIT)
        del lines[limits.headers :]
    stray = head.count(b"\n") + head.count(b"\r") != len(eol) * (len(lines) - 1)
    found: list[tuple[str, str]] = []
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        if not colon or not name or (stray and ("\r" in line or "\n" in line)):
            if not line:
                continue
            notes.add(kinds.HEADER_SYNTAX, line)
            name, _, value = line.partition(":")
            value = value.lstrip(" \t")
        found.append((name, value))
        key = name.lower()
        if key not in fields:
            fields[key] = value
        elif key in _ONCE:
            notes.add(kinds.REPEATED, name)
    return tuple(found), fields


def _byte_range(value: str | None, notes: _Notes) -> ByteRange | None:
    if value is None:
        return None
    first, dash, rest = value.partition("-")
    last, slash, total = rest.partition("/")
    start, end, size = decimal(first, _DIGITS), decimal(last, _DIGITS), decimal(total, _DIGITS)
    wrong = not (dash and slash and start) or (end is None and last != "*") or (size is None and total != "*")
    if wrong or start is None or (end is not None and end < start - 1) or (size is not None and (end or 0) > size):
        notes.add(kinds.BYTE_RANGE, value)
    return None if wrong or start is None else (start, end, size)


def _paths_first(headers: tuple[tuple[str, str], ...]) -> bool:
    return len(headers) > 1 and headers[0][0].lower() == "to-path" and headers[1][0].lower() == "from-path"


def _check(message: MsrpMessage, notes: _Notes, has_body: bool) -> None:
    if message.complete and not _paths_first(message.headers):
        notes.add(kinds.PATHS)
    if message.method in ("SEND", "REPORT") and message.complete and not IDENT.fullmatch(message.message_id):
        notes.add(kinds.MESSAGE_ID, message.message_id)
    if message.success_report and message.success_report.lower() not in ("yes", "no"):
        notes.add(kinds.REPORT_VALUE, message.success_report)
    if message.failure_report and message.failure_report.lower() not in ("yes", "no", "partial"):
        notes.add(kinds.REPORT_VALUE, message.failure_report)
    if message.status is not None and (has_body or message.continuation in ("+", "#")):
        notes.add(kinds.RESPONSE)
    if message.body and not message.content_type and message.status is None:
        notes.add(kinds.NO_TYPE)
    reach = message.byte_range
    if reach and reach[1] is not None and message.continuation in ("$", "+"):
        said = reach[1] - reach[0] + 1
        if said != len(message.body) and has_body:
            notes.add(kinds.RANGE_SIZE, f"{said} announced, {len(message.body)} sent")
