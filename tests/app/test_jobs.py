"""--jobs: the same bytes of report from any number of processes, and a clear end where one of them is lost."""

import gzip
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from analyzer.app import offline
from analyzer.app.clocks import Clocks
from analyzer.app.offline import Run, analyze
from analyzer.app.reading import Captures, Part
from analyzer.app.settings import Settings, Silent
from analyzer.capture.vantage import Grouping
from analyzer.cli.main import app
from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Setup
from analyzer.processes.children import ChildLost, Children
from analyzer.report.codec import to_json
from analyzer.report.exit_codes import ExitCode, exit_code
from tests.app.test_clocks import SKEW_NS, skewed, split
from tests.app.test_late_keys import capture as late_keys
from tests.conftest import SAMPLES
from tests.golden.runs import setup
from tests.pipeline.test_batch_edge import LIMITS
from tests.processes import work

JOBS = (1, 2, 3, 5)


def _run(captures: Sequence[str], jobs: int, made: Setup | None = None, **more: object) -> Run:
    return analyze(Settings(captures=tuple(captures), jobs=jobs, **more), Silent(), setup=made)  # type: ignore[arg-type]


def _reports(captures: Sequence[str], limits: Limits, keys: Sequence[Path] = (), **more: object) -> list[list[bytes]]:
    """Of each number of jobs that makes a difference, line by line, so that a failure names what differs."""
    found = []
    for jobs in [jobs for jobs in JOBS if jobs <= max(2, len(captures))]:
        report = _run(captures, jobs, setup(keys, limits=limits), **more).report
        assert report is not None
        found.append(to_json(report).split(b"\n"))
    return found


@pytest.mark.parametrize("name", LIMITS)
def test_vantage_points_with_clocks_of_their_own(tmp_path: Path, name: str) -> None:
    captures = split(SAMPLES / "plain-rtp.pcapng", tmp_path, SKEW_NS)
    for number, path in enumerate(map(Path, captures)):
        if number:  # the second and third are compressed
            Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
            captures[number] = f"{path}.gz"
    first, *others = _reports(captures, LIMITS[name])
    assert all(other == first for other in others)
    if name == "ample":
        assert sum(line.count(b'"offset_ns"') for line in first) == len(SKEW_NS)


@pytest.mark.parametrize("name", LIMITS)
def test_interfaces_with_clocks_of_their_own(tmp_path: Path, name: str) -> None:
    """One capture that is read by a reader for each clock; only a part of its times."""
    path = skewed(SAMPLES / "plain-rtp.pcapng", tmp_path, SKEW_NS)
    first, *others = _reports([path], LIMITS[name])
    assert all(other == first for other in others)


@pytest.mark.parametrize("name", LIMITS)
def test_lab_captures_together(shared: Path, name: str) -> None:
    """Several interfaces each, connections that a key log opens, calls that have nothing to do with each other."""
    lab = shared / "lab"
    captures = [str(lab / f"{stem}.pcapng") for stem in ("bfcp-tls", "bfcp-udp", "e2e-sdes")]
    keys = [lab / f"{stem}.tls-keylog.txt" for stem in ("bfcp-tls", "e2e-sdes")]
    first, *others = _reports(captures, LIMITS[name], keys)
    assert all(other == first for other in others)


@pytest.mark.parametrize("name", LIMITS)
def test_hostile_captures_together(shared: Path, tmp_path: Path, name: str) -> None:
    """What is wrong with each is told in the same order, of those that break as well."""
    torn = tmp_path / "torn.pcap.gz"
    torn.write_bytes(gzip.compress((shared / "lab" / "plain-rtp.pcapng").read_bytes())[:-4_000])
    missing = str(tmp_path / "no-such.pcap")
    captures = [*map(str, sorted((shared / "hostile").iterdir())[:40]), str(torn), missing]
    first, *others = _reports(captures, LIMITS[name])
    assert all(other == first for other in others)
    assert sum(line.count(b"capture.broken") for line in first) > 0


def test_keys_that_came_late_and_times_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "late.pcap"
    path.write_bytes(late_keys())
    one, two = (_run([str(path)], jobs, setup(judge=False)).report for jobs in (1, 2))
    assert one is not None
    assert two is not None
    assert one.streams[0].authenticated
    assert to_json(one) == to_json(two)
    first = one.captures[0].first_ns
    assert first is not None
    times = {"from_ns": first + 50_000_000, "to_ns": first + 200_000_000}
    whole, *others = _reports([str(path)], Limits(), **times)
    assert all(other == whole for other in others)


@pytest.mark.parametrize("jobs", [1, 2])
def test_standard_input_is_read_by_another_process_too(monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    content = (SAMPLES / "plain-rtp.pcapng").read_bytes()

    class Piped:
        buffer = io.BytesIO(content)

    monkeypatch.setattr(sys, "stdin", Piped)
    here, there = (_run([path], jobs, setup(judge=False)).report for path in ("-", str(SAMPLES / "plain-rtp.pcapng")))
    assert here is not None
    assert there is not None
    assert here.captures[0].sha256 == there.captures[0].sha256
    assert here.summary == there.summary


# -- a child's parts are those that reading here gives ------------------------------------------------------------


@pytest.fixture(scope="module")
def child() -> Iterator[Children]:
    made = Children(1)
    yield made
    made.close()


def _values(part: Part) -> dict[str, object]:
    values: dict[str, object] = {field.name: getattr(part, field.name) for field in fields(part)}
    if part.batch is not None:
        values["batch"] = [np.asarray(getattr(part.batch, field.name)).tolist() for field in fields(part.batch)]
    return values


CONTENT = {name: (SAMPLES / name).read_bytes()[:60_000] for name in ("bfcp-udp.pcapng", "plain-rtp.pcapng")}


@given(
    st.sampled_from(sorted(CONTENT)),
    st.lists(st.tuples(st.integers(0, 59_999), st.integers(0, 255)), max_size=4),
    st.integers(100, 60_000),
    st.booleans(),
    st.sampled_from([500, 8_000, 1 << 20]),
)
def test_parts_do_not_show_who_reads(
    child: Children, tmp_path_factory: pytest.TempPathFactory,
    name: str, wrong: list[tuple[int, int]], cut: int, compressed: bool, block: int,
) -> None:  # fmt: skip
    """Captures with wrong bytes, cut anywhere, in blocks of any size, beside one that is whole."""
    content = bytearray(CONTENT[name])
    for at, value in wrong:
        if at >= 4:
            content[at % len(content)] = value
    data = bytes(content[:cut])
    paths = [tmp_path_factory.getbasetemp() / each for each in ("wrong", "whole")]
    paths[0].write_bytes(gzip.compress(data, 1)[:-2] if compressed else data)
    paths[1].write_bytes(CONTENT["bfcp-udp.pcapng"])
    captures = Captures([str(path) for path in paths], Grouping({}, {}), {}, Limits())
    here = list(work.read_in_blocks(block, captures, Clocks()))
    there = list(child.ahead(work.read_in_blocks, block, captures, Clocks()))
    assert [_values(part) for part in there] == [_values(part) for part in here]


# -- one is lost --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (work.read_and_die, "a process of --jobs was ended by signal 9 before its work was done"),
        (work.read_and_fail, "a process of --jobs failed (ValueError in read_and_fail:"),
    ],
)
def test_a_child_that_is_lost_is_no_shorter_report(monkeypatch: pytest.MonkeyPatch, lost: object, said: str) -> None:
    """Exit 70: what was found is reported, and the report says that it is not all."""
    monkeypatch.setattr(offline, "read", lost)
    run = _run([str(SAMPLES / "plain-rtp.pcapng")], 2, setup(judge=False))
    assert run.report is not None
    assert run.report.captures[0].frames > 0
    assert [note for note in run.report.coverage.notes if note.startswith(said)]
    assert [problem for problem in run.problems if problem.startswith(said)]
    assert [row.count for row in run.report.anomalies if row.code == "internal.fault"] == [1]
    assert b"what-it-read" not in to_json(run.report)
    assert exit_code(run.report, run.facts) is ExitCode.FAULT


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_capture_that_goes_away_is_no_shorter_report(tmp_path: Path, jobs: int) -> None:
    """Between the look at it and its reading: here it is the observer that takes it away."""
    path = tmp_path / "gone.pcapng"
    path.write_bytes((SAMPLES / "bfcp-udp.pcapng").read_bytes())

    class Taking(Silent):
        def started(self, total_bytes: int) -> None:
            path.unlink()

    run = analyze(Settings(captures=(str(path),), jobs=jobs), Taking(), setup=setup(judge=False))
    assert run.report is not None
    assert [note for note in run.report.coverage.notes if note.endswith("frames behind that moment were not read.")]
    assert exit_code(run.report, run.facts) is ExitCode.FAULT


def test_a_child_that_is_lost_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise ChildLost("a process of --jobs ended with 1 before its work was done")

    monkeypatch.setattr(offline, "group", lost)
    ended = CliRunner().invoke(app, ["analyze", str(SAMPLES / "bfcp-udp.pcapng"), "--jobs", "2"])
    assert ended.exit_code == ExitCode.FAULT
    assert ended.stderr == "mediasec: a process of --jobs ended with 1 before its work was done\n"


class _Interrupting(Silent):
    def advanced(self, read_bytes: int) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_is_the_parents(jobs: int) -> None:
    run = analyze(Settings(captures=(str(SAMPLES / "bfcp-udp.pcapng"),), jobs=jobs), _Interrupting())
    assert run.facts.interrupted
    assert exit_code(run.report, run.facts) is ExitCode.INTERRUPTED


# -- the option ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["analyze", "no-such.pcap"], ["live", "-i", "no-such"]])
@pytest.mark.parametrize("value", ["0", "x", "-1", "1.5", "", "65", "00001", "²"])
def test_a_number_of_jobs_that_is_none_is_wrong_use(command: list[str], value: str) -> None:
    ended = CliRunner().invoke(app, [*command, f"--jobs={value}"])
    assert ended.exit_code == ExitCode.USAGE
    assert ended.stderr == f"mediasec: --jobs: '{value}' is not a number of processes from 1 to 64\n"


def test_the_command_gives_the_same_bytes() -> None:
    command = ["analyze", str(SAMPLES / "bfcp-udp.pcapng"), "--format", "json", "--jobs"]
    one, two = (CliRunner().invoke(app, [*command, str(jobs)]) for jobs in (1, 2))
    assert one.exit_code == two.exit_code
    assert one.stdout_bytes
    assert one.stdout_bytes == two.stdout_bytes
