"""Memory: what a hostile or a cut capture makes a run take stays within what the benchmark allows an honest one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PEAK_BYTES = 150_000_000  # of a whole process, the interpreter and its libraries included: the bound of `make bench`


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/status is Linux's")
@pytest.mark.parametrize(("folder", "cuts"), [("hostile", 0), ("public", 1)])
def test_memory_is_bounded(shared: Path, folder: str, cuts: int) -> None:
    """All captures in one process, so that what one leaves behind counts too; a public one cut at a random offset."""
    paths = sorted(path for path in (shared / folder).iterdir() if path.suffix not in (".json", ".txt", ".pem"))
    command = [sys.executable, "-m", "tests.golden.memory_run", str(cuts), *map(str, paths)]
    child = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    peaks = [(int(kib) * 1024, name) for kib, name in (line.split(" ", 1) for line in child.stdout.splitlines())]
    assert len(peaks) == len(paths)
    assert [(peak, name) for peak, name in peaks if peak > PEAK_BYTES] == []
