"""What a hostile or a cut capture makes a run take stays within what the benchmark allows an honest one.

These are the runs of every public capture cut at 50 random offsets (two minutes of processor time).
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PEAK_BYTES = 150_000_000  # of a whole process, the interpreter and its libraries included: the bound of `make bench`


CUTS, PARTS = 50, 8  # offsets that every public capture is cut at; processes that they are spread over


def _run(folder: Path, cuts: int, first: int, step: int) -> None:
    """All captures in one process, so that what one leaves behind counts too."""
    paths = sorted(path for path in folder.iterdir() if path.suffix not in (".json", ".txt", ".pem"))
    child = subprocess.run(
        [sys.executable, "-m", "tests.golden.memory_run", str(cuts), str(first), str(step), *map(str, paths)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    lines = [line.split(" ", 2) for line in child.stdout.splitlines()]
    pieces = len(range(cuts)[first::step]) if cuts else 1
    assert [(int(run), name) for _, run, name in lines] == [(pieces, str(path)) for path in paths]
    assert [(kib, name) for kib, _, name in lines if int(kib) * 1024 > PEAK_BYTES] == []


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/status is Linux's")
def test_hostile_captures(shared: Path) -> None:
    _run(shared / "hostile", 0, 0, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/status is Linux's")
@pytest.mark.parametrize("part", range(PARTS))
def test_public_captures_cut_at_random_offsets(shared: Path, part: int) -> None:
    """Each at 50 offsets: a valid report of what is before the cut, in time, within the memory."""
    _run(shared / "public", CUTS, part, PARTS)
