"""A process that runs captures one after another: `python -m tests.golden.memory_run CUTS PATH...`.

Each capture whole where CUTS is 0, else cut at that many random offsets. After each one, a line on standard output:
the most memory the process has taken so far, in KiB, and the capture.
"""

import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.golden.runs import run, setup


def _pieces(path: Path, cuts: int) -> Iterator[bytes]:
    data = path.read_bytes()
    chance = random.Random(path.name)
    yield from (data[: chance.randrange(len(data))] for _ in range(cuts)) if cuts else (data,)


def _peak_kib() -> int:
    """Of this program alone: ru_maxrss also holds what the parent had taken when it started this one (proc(5))."""
    (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(peak)


if __name__ == "__main__":
    for name in sys.argv[2:]:
        for piece in _pieces(Path(name), int(sys.argv[1])):
            run(piece, setup())
        print(_peak_kib(), name)
