"""The accepted file and the baseline: read, written, and every mistake named where it stands."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.app.decision_files import baseline_of, load_decisions
from analyzer.app.settings import WrongUse
from analyzer.report.model import Accepted
from tests import factories

BY = "reason: r, owner: o, until: 2027-01-31"


def _wrong(tmp_path: Path, entry: str) -> list[str]:
    path = tmp_path / "a.yaml"
    path.write_text(f"format: 1\naccepted:\n  - {entry}\n", encoding="utf-8")
    with pytest.raises(WrongUse) as refused:
        load_decisions(path, None, False)
    return [problem.removeprefix(f"{path}:") for problem in refused.value.problems]


def test_an_accepted_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        f"format: 1\naccepted:\n  - {{finding: '{'0' * 16}', {BY}}}\n  - {{rule: A-1, where: {{to: x}}, {BY}}}\n",
        encoding="utf-8",
    )
    first, second = load_decisions(path, None, False).accepted
    assert (first.place, first.finding, first.by) == (f"{path}:3", "0" * 16, Accepted("r", "o", "2027-01-31"))
    assert (second.rule, second.where) == ("A-1", (("to", "x"),))


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{rule: A, where: {to: x}, reason: r, owner: o}",
         "3:5: an accepted finding needs reason, owner, until; missing: until"),
        (f"{{rule: A, where: {{to: x}}, {BY}, untill: x}}", "3:71: unknown key 'untill'; did you mean 'until'?"),
        (f"{{rule: A, {BY}}}", "3:5: name a finding by 'finding' (its id), or by 'rule' and 'where'"),
        (f"{{finding: '{'0' * 16}', rule: A, {BY}}}",
         "3:5: name a finding by 'finding' (its id), or by 'rule' and 'where'"),
        (f"{{finding: xyz, {BY}}}", "3:15: the id of a finding has sixteen hexadecimal digits"),
        ("{rule: A, where: {to: x}, reason: r, owner: o, until: 2027-02-30}",
         "3:59: '2027-02-30' is not a day (YYYY-MM-DD)"),
        ("just text", "3:5: expected a mapping"),
    ],
)  # fmt: skip
def test_mistakes_in_an_accepted_file(tmp_path: Path, entry: str, problem: str) -> None:
    assert problem in _wrong(tmp_path, entry)


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    path.write_bytes(
        baseline_of([factories.finding(id="b"), factories.open_finding(id="a"), factories.finding(id="b")])
    )
    assert load_decisions(None, path, True).known == {("a", "open"), ("b", "fail")}
    assert [row["id"] for row in json.loads(path.read_bytes())["findings"]] == ["a", "b"]


def test_a_baseline_of_nothing_is_a_baseline(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    path.write_bytes(baseline_of([]))
    assert load_decisions(None, path, False).known == frozenset()


@given(
    st.binary(max_size=60)
    | st.sampled_from([b'{"schema": "mediasec-baseline/1"}', b"[]", b"[" * 9999, b'{"schema": 1}'])
)
def test_what_is_no_baseline_is_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "no-baseline"
    path.write_bytes(data)
    with pytest.raises(WrongUse) as refused:
        load_decisions(None, path, False)
    assert refused.value.problems == [f"{path}: not a baseline; mediasec baseline write REPORT.json -o FILE makes one"]


def test_new_only_needs_a_baseline_and_files_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(WrongUse) as refused:
        load_decisions(tmp_path / "none.yaml", None, True)
    assert refused.value.problems == [
        "--new-only: give the known findings with --baseline",
        f"{tmp_path / 'none.yaml'}: cannot be read (No such file or directory)",
    ]
