"""A process that runs captures one after another: `python -m tests.golden.memory_run CUTS FIRST STEP PATH...`.

Each capture whole where CUTS is 0, else cut at the offsets FIRST, FIRST + STEP and so on of that many random ones; of
each the report has to be valid and in time. After each capture, a line on standard output: the most memory the process
has taken so far, in KiB, how many pieces of the capture were run, and the capture.
"""

import gc
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.golden.held import holds


def _pieces(path: Path, cuts: int, first: int, step: int) -> Iterator[bytes]:
    """One at a time, so that only one counts."""
    size, chance = path.stat().st_size, random.Random(path.name)
    for cut in [chance.randrange(size) for _ in range(cuts)][first::step] if cuts else [size]:
        with path.open("rb") as file:
            yield file.read(cut)


def _peak_kib() -> int:
    """Of this program alone: ru_maxrss also holds what the parent had taken when it started this one (proc(5))."""
    (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(peak)


if __name__ == "__main__":
    cuts, first, step = map(int, sys.argv[1:4])
    holds(b"")
    gc.freeze()  # the rules are there for good, and need not be looked through after each piece
    for name in sys.argv[4:]:
        run = 0
        for piece in _pieces(Path(name), cuts, first, step):
            holds(piece)
            run += 1
            gc.collect()  # an engine refers to itself: what is left behind is what stays now
        print(_peak_kib(), run, name)
