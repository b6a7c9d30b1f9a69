"""Findings as they are gathered: compact, so that fifty thousand calls with a defect each fit into memory.

What is shown of a finding is redacted when it is gathered and kept as JSON; frames are kept as packed numbers.
`FindingRows` is the report's section made from them, one row at a time.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import overload

from analyzer.core.cites import PACKED_BYTES, Cite, packed, unpacked
from analyzer.core.severity import Severity, Verdict
from analyzer.core.unknown import Need
from analyzer.pipeline.places import Places
from analyzer.report.evidence import Need as ReportNeed
from analyzer.report.model import Finding, Note
from analyzer.report.redact import Redactor
from analyzer.report.rows import Rows, encode_row, encode_value
from analyzer.rules.evaluate import Rule

EVIDENCE = 20
NEEDS = 8
_FULL = EVIDENCE * PACKED_BYTES


@dataclass(slots=True)
class Gathered:
    """One finding (or note) with all its occurrences: the first gives its words, later ones add evidence and needs."""

    rule: Rule
    id: str
    verdict: Verdict
    shown: bytes  # message and where, as members of a JSON object, redacted
    cites: bytes
    needs: tuple[Need, ...]
    occurrences: int = 1
    full: bool = False  # another occurrence adds nothing but itself

    @property
    def message(self) -> str:
        """What was found, in words; redacted."""
        return str(json.loads(b"{" + self.shown + b"}")["message"])

    @property
    def where(self) -> dict[str, str]:
        """Which entity; redacted."""
        return dict(json.loads(b"{" + self.shown + b"}")["where"])

    @property
    def evidence(self) -> tuple[Cite, ...]:
        """The frames that show it, at most `EVIDENCE`."""
        return unpacked(self.cites)

    @property
    def evident(self) -> bool:
        """Whether there is no room for further frames."""
        return len(self.cites) >= _FULL

    def again(self, cites: Sequence[Cite], needs: Sequence[Need]) -> None:
        """Takes another occurrence."""
        self.occurrences += 1
        if len(self.cites) < _FULL:
            self.cites = kept((*self.evidence, *cites))
        if needs and len(self.needs) < NEEDS:
            self.needs = tuple(dict.fromkeys((*self.needs, *needs)))[:NEEDS]
        self.full = self.evident and len(self.needs) >= NEEDS


def kept(cites: Iterable[Cite]) -> bytes:
    """The first `EVIDENCE` different frames, as numbers."""
    return packed(list(dict.fromkeys(cites))[:EVIDENCE])


class Writer:
    """Turns what was gathered into rows of the report."""

    def __init__(self, places: Places, redactor: Redactor) -> None:
        self._places = places
        self._redactor = redactor
        self._frames: dict[int, str] = {}  # source -> a cite in it as JSON, but for its numbers
        self._templates: dict[tuple[str, Verdict], str] = {}
        self._blanks: dict[tuple[str, Verdict], Finding] = {}

    def shown(self, message: str, where: dict[str, str]) -> bytes:
        """Message and place as they are kept, redacted."""
        quoted = self._redactor.quoted
        words = quoted(message)
        place = {name: quoted(value) for name, value in where.items()}
        members = ",".join([f'"{name}":{place[name]}' for name in sorted(place)])
        return f'"message":{words},"where":{{{members}}}'.encode()

    def finding(self, gathered: Gathered) -> Finding:
        """The report's row."""
        key = (gathered.rule.id, gathered.verdict)
        blank = self._blanks.get(key) or self._blanks.setdefault(key, self._blank(gathered))
        shown, cited = json.loads(b"{" + gathered.shown + b"}"), gathered.evidence
        return replace(
            blank,
            id=gathered.id,
            message=shown["message"],
            where=shown["where"],
            evidence=tuple([self._places.cite(cite) for cite in cited]),
            wireshark=_display_filter(cite.frame for cite in cited),
            needs=tuple([self._redactor.row(ReportNeed(need.kind, need.what)) for need in gathered.needs]),
            occurrences=gathered.occurrences,
        )

    def _blank(self, gathered: Gathered) -> Finding:
        """What all findings of a rule and verdict have in common."""
        rule = gathered.rule
        row = Finding(
            id="",
            rule=rule.id,
            severity=Severity(rule.severity).label,  # type: ignore[arg-type]  # a severity label
            verdict="open" if gathered.verdict is Verdict.OPEN else "fail",
            title=rule.title,
            message="",
            caveats=rule.caveats,
            references=_references(rule),
            fix=rule.fix,
            occurrences=-1,
        )
        return self._redactor.row(row)

    def note(self, gathered: Gathered) -> Note:
        """The report's row of a note."""
        rule = gathered.rule
        cited = tuple(self._places.cite(cite) for cite in gathered.evidence)
        row = Note(gathered.id, rule.id, rule.title, gathered.message, gathered.where, cited, _references(rule))
        return self._redactor.row(row)

    def encoded(self, gathered: Gathered) -> bytes:
        """What `encode_row` makes of `finding`, from a template for the rule and verdict."""
        key = (gathered.rule.id, gathered.verdict)
        template = self._templates.get(key) or self._templates.setdefault(key, self._template(gathered))
        cites = gathered.evidence
        values = {
            "id": gathered.id,
            "shown": gathered.shown.decode(),
            "evidence": ",".join([self._frame(source) % (frame, at, size) for source, frame, at, size, _ in cites]),
            "wireshark": _display_filter(cite.frame for cite in cites),
            "needs": ",".join([_need(need) for need in gathered.needs]),
            "occurrences": gathered.occurrences,
        }
        return (template % values).encode()

    def _template(self, gathered: Gathered) -> str:
        """The row of a finding of the rule with a place for all in which its findings differ."""
        text = encode_row(self._blank(gathered)).decode().replace("%", "%%")
        for member, place in _PLACES:
            text = text.replace(member, place, 1)
        return text

    def _frame(self, source: int) -> str:
        text = self._frames.get(source)
        if text is None:
            blank = self._places.cite(Cite(source, -1, -2, -3, 0))
            text = encode_row(blank).decode().replace("%", "%%")
            for number in (":-1", ":-2", ":-3"):
                text = text.replace(number, ":%d", 1)
            self._frames[source] = text
        return text


_PLACES = (  # a quotation mark inside a string is escaped, so these stand nowhere else
    ('"id":""', '"id":"%(id)s"'),
    ('"message":"","where":{}', "%(shown)s"),
    ('"evidence":[]', '"evidence":[%(evidence)s]'),
    ('"wireshark":""', '"wireshark":"%(wireshark)s"'),
    ('"needs":[]', '"needs":[%(needs)s]'),
    ('"occurrences":-1', '"occurrences":%(occurrences)d'),
)


@lru_cache(maxsize=1_024)
def _need(need: Need) -> str:
    return encode_value(ReportNeed(need.kind, need.what))


def _display_filter(frames: Iterable[int]) -> str:
    numbers = ", ".join(map(str, sorted(set(frames))))
    return f"frame.number in {{{numbers}}}" if numbers else ""


def _references(rule: Rule) -> tuple[str, ...]:
    return tuple(f"{doc} {clause}".strip() for doc, clause in rule.refs)


class _Encoded(Sequence[bytes]):
    """The rows as JSON, made when asked for."""

    def __init__(self, gathered: Sequence[Gathered], encode: Callable[[Gathered], bytes]) -> None:
        self._gathered = gathered
        self._encode = encode

    def __len__(self) -> int:
        return len(self._gathered)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(index, slice):
            return _Encoded(self._gathered[index], self._encode)
        return self._encode(self._gathered[index])

    def __iter__(self) -> Iterator[bytes]:
        return map(self._encode, self._gathered)


class FindingRows(Rows[Finding]):
    """The findings of a run, worst first. Each row is made when it is asked for."""

    __slots__ = ("_gathered", "_writer")

    def __init__(self, gathered: Iterable[Gathered], writer: Writer) -> None:
        self._gathered = sorted(gathered, key=lambda each: (-each.rule.severity, each.rule.id, each.id, each.verdict))
        self._writer = writer
        super().__init__(Finding, _Encoded(self._gathered, writer.encoded))

    def __iter__(self) -> Iterator[Finding]:
        return map(self._writer.finding, self._gathered)
