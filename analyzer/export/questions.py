"""What is open, for a person: what each rule lacks, and what to do about each kind of missing evidence."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import get_args

from rich.console import RenderableType
from rich.padding import Padding

from analyzer.export.options import ordered
from analyzer.export.tables import WARN, counted, heading, text
from analyzer.report.model import Finding, Report
from analyzer.report.words import NeedWord

_NAMED = 4  # needs of one kind that are named for one rule
_ADVICE: dict[NeedWord, str] = {
    "topology": "say it in the topology file (mediasec topology init CAPTURE drafts one)",
    "key": "give the key (--keys; mediasec keys check CAPTURE lists what is closed)",
    "vantage": "capture on that hop too, and give both captures",
    "message": "start the capture earlier, or give the key of the hop that carried it",
    "media": "capture the path of the media",
    "frames": "capture whole frames, without loss",
}


class _Question:
    """A rule that is open somewhere."""

    def __init__(self) -> None:
        self.verdicts = 0
        self.needs: dict[NeedWord, dict[str, None]] = {}

    def add(self, finding: Finding) -> None:
        """Takes one place."""
        self.verdicts += finding.occurrences
        for need in finding.needs:
            self.needs.setdefault(need.kind, {})[need.what] = None


def _some(needs: Iterable[str]) -> str:
    named = list(needs)
    more = len(named) - _NAMED
    return ", ".join(named[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def open_verdicts(report: Report) -> Iterator[RenderableType]:
    """The section of open verdicts; nothing where there are none."""
    asked: dict[tuple[str, str], _Question] = {}
    kinds: Counter[NeedWord] = Counter()
    for finding in ordered(report.findings, "open"):
        asked.setdefault((finding.rule, finding.title), _Question()).add(finding)
        for kind in {need.kind for need in finding.needs}:
            kinds[kind] += finding.occurrences
    if not asked:
        return
    total = sum(question.verdicts for question in asked.values())
    yield heading(f"Open: {counted(total, 'verdict')} of {counted(len(asked), 'rule')}")
    for (rule, title), question in asked.items():
        line = text(f"OPEN {rule}", WARN).append_text(text(f"  {title} ({counted(question.verdicts, 'time')})"))
        yield Padding(line, (0, 0, 0, 2))
        for kind in get_args(NeedWord):
            if kind in question.needs:
                yield Padding(text(f"{kind}: {_some(question.needs[kind])}"), (0, 0, 0, 4))
    yield text("What would settle it:")
    for kind, count in kinds.most_common():
        yield Padding(text(f"{kind} ({counted(count, 'verdict')}): {_ADVICE[kind]}"), (0, 0, 0, 2))
