"""The files in which decisions on findings are kept: accepted ones, written by people, and baselines, written by us."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from analyzer.app.settings import WrongUse
from analyzer.core.text import safe
from analyzer.formats.user_file import read_bounded
from analyzer.formats.yaml_file import MAX_BYTES, FileProblem, Node, read
from analyzer.formats.yaml_reader import YamlReader
from analyzer.report.decisions import Acceptance, Decisions
from analyzer.report.model import Accepted, Finding

SCHEMA = "mediasec-baseline/1"
_ENTRY = ("finding", "rule", "where", "reason", "owner", "until")
_REQUIRED = ("reason", "owner", "until")
_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_BASELINE_BYTES = 64 * 1024**2


class _Loader(YamlReader):
    def file(self, root: Node) -> tuple[Acceptance, ...]:
        keys = self.mapping(root, ("format", "accepted"))
        self.format(keys, root)
        if "accepted" not in keys:
            self.wrong(root, "expected 'accepted' with a list of findings")
        entries = [self.entry(node) for node in self.items(keys.get("accepted"))]
        return tuple(entry for entry in entries if entry is not None)

    def entry(self, node: Node) -> Acceptance | None:
        keys = self.mapping(node, _ENTRY)
        missing = [name for name in _REQUIRED if name not in keys]
        if missing:
            self.wrong(node, f"an accepted finding needs {', '.join(_REQUIRED)}; missing: {', '.join(missing)}")
            return None
        finding, rule = (self.word(keys.get(name)) for name in ("finding", "rule"))
        where = tuple((name, self.word(value)) for name, value in self.mapping(keys.get("where")).items())
        if bool(finding) == bool(rule) or bool(rule) != bool(where):
            self.wrong(node, "name a finding by 'finding' (its id), or by 'rule' and 'where'")
        if finding and _ID.fullmatch(finding) is None:
            self.wrong(keys["finding"], "the id of a finding has sixteen hexadecimal digits")
        by = Accepted(self.word(keys["reason"]), self.word(keys["owner"]), self.day(keys["until"]))
        return Acceptance(f"{self.name}:{node.line}", finding, rule, where, by)

    def day(self, node: Node) -> str:
        try:
            return date.fromisoformat(str(node.value)).isoformat()
        except ValueError:
            self.wrong(node, f"'{safe(str(node.value))}' is not a day (YYYY-MM-DD)")
            return ""


def load_decisions(accepted: Path | None, baseline: Path | None, new_only: bool) -> Decisions:
    """What the files say. WrongUse with every problem."""
    problems: list[str] = []
    if new_only and baseline is None:
        problems.append("--new-only: give the known findings with --baseline")
    entries = _accepted(accepted, problems) if accepted is not None else ()
    known = _known(baseline, problems) if baseline is not None else None
    if problems:
        raise WrongUse(problems)
    return Decisions(entries, known, new_only)


def _accepted(path: Path, problems: list[str]) -> tuple[Acceptance, ...]:
    data = _bytes(path, MAX_BYTES, problems)
    if data is None:
        return ()
    wrong: list[FileProblem]
    root, wrong = read(data, str(path))
    entries = _Loader(str(path), wrong).file(root) if root is not None else ()
    problems += [str(problem) for problem in wrong]
    return entries


def _known(path: Path, problems: list[str]) -> frozenset[tuple[str, str]]:
    data = _bytes(path, _BASELINE_BYTES, problems)
    try:
        tree = json.loads(data or b"null")
        if tree["schema"] == SCHEMA:
            return frozenset((str(row["id"]), str(row["verdict"])) for row in tree["findings"])
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    if data is not None:
        problems.append(f"{path}: not a baseline; mediasec baseline write REPORT.json -o FILE makes one")
    return frozenset()


def _bytes(path: Path, bound: int, problems: list[str]) -> bytes | None:
    try:
        return read_bounded(path, bound)
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror})")
        return None


def baseline_of(findings: Iterable[Finding]) -> bytes:
    """The baseline of a report: the same bytes for the same findings, a line each."""
    rows = sorted({(finding.id, finding.rule, finding.verdict) for finding in findings})
    lines = [json.dumps({"id": id_, "rule": rule, "verdict": verdict}) for id_, rule, verdict in rows]
    body = ",\n  ".join(lines)
    return f'{{"schema": "{SCHEMA}", "findings": [\n  {body}\n]}}\n'.encode()


def today() -> str:
    """The day, in UTC, by which acceptances end."""
    return datetime.now(UTC).date().isoformat()
