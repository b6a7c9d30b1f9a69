"""make bench: the whole process against tshark in the same run, as ratios of CPU seconds; memory and its flatness.

    python -m tests.bench [--quick]

Every figure is the median of five runs (--quick: one) of whole processes, measured by the operating system
(user + system time, peak resident set). mediasec runs twice: with --no-decrypt it does what tshark does and judges
the calls; by itself it also verifies and decrypts every SRTP packet. Then memory: as many packets in calls five times
as long, and four times as many calls. What memory may take is a promise: past it, the command ends with 1. Then what
--jobs 2 saves in time on the clock, which only tells something on a machine with nothing else to do.
"""

import argparse
import dataclasses
import gzip
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.generate import PACKETS_PER_STREAM, generate

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".bench"
CALLS = 2_000
LONGER = 5
MORE = 4
BASE_MB, CALL_KB, LONGER_PERCENT = 150, 4, 5  # the peak of any number of calls; what longer calls may add
MEMORY_RUNS = 3  # the peak of a run varies by a few MB with its threads
MEDIASEC = [sys.executable, "-c", "from analyzer.cli.main import run; run()"]
DPKT = """
import sys, dpkt
for _, data in dpkt.pcap.Reader(open(sys.argv[1], "rb")):
    dpkt.ethernet.Ethernet(data)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """One command: CPU seconds, peak resident set in MB and wall seconds, medians."""

    cpu_s: float
    rss_mb: float
    wall_s: float


def _once(command: list[str]) -> Cost:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, env=environment)
    _, _, usage = os.wait4(process.pid, 0)
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, time.perf_counter() - before)


def measure(command: list[str], runs: int) -> Cost:
    """Medians of several runs after one warm-up."""
    if runs > 1:
        _once(command)
    costs = [_once(command) for _ in range(runs)]
    columns = zip(*map(dataclasses.astuple, costs), strict=True)
    return Cost(*map(statistics.median, columns))


def _capture(calls: int, longer: int = 1) -> Path:
    path = FOLDER / (f"calls-{calls}.pcap" if longer == 1 else f"calls-{calls}-{longer}-times-as-long.pcap")
    if not path.is_file():
        print(f"writing {path.name} ...", flush=True)
        partial = path.with_suffix(".partial")
        generate(partial, calls, packets=longer * PACKETS_PER_STREAM)
        partial.rename(path)
    return path


def _line(name: str, cost: Cost, frames: int, base: Cost | None) -> None:
    ratio = f"{base.cpu_s / cost.cpu_s:6.1f}x" if base else "     -"
    print(f"{name:<44}{cost.cpu_s:8.2f}{frames / cost.cpu_s / 1e6:9.2f}{cost.rss_mb:9.0f}{ratio:>9}", flush=True)


def _allowed(calls: int) -> float:
    """What a run of so many calls may take, in MB."""
    return BASE_MB + calls * CALL_KB / 1024


def _memory(analyze: list[str], ours: Cost) -> list[str]:
    """Longer calls must cost no memory, more calls only their records, and no more time each; says what is broken."""
    broken = []
    few, many = CALLS // LONGER, MORE * CALLS
    short, long = (measure([*analyze, str(_capture(few, times))], MEMORY_RUNS) for times in (1, LONGER))
    share = 100 * (long.rss_mb / short.rss_mb - 1)
    print(f"{few} calls: {short.rss_mb:.0f} MB; {LONGER} times as long: {long.rss_mb:.0f} MB ({share:+.1f} %)")
    if share > LONGER_PERCENT:
        broken.append(f"calls {LONGER} times as long take {share:.1f} % more memory, {LONGER_PERCENT} % are allowed")
    peaks = {CALLS: ours.rss_mb}
    for calls in (2 * CALLS, many):
        cost = measure([*analyze, str(_capture(calls))], 1)
        grown = 1024 * (cost.rss_mb - ours.rss_mb) / (calls - CALLS)
        peaks[calls] = cost.rss_mb
        print(f"{calls} calls: {cost.rss_mb:.0f} MB of {_allowed(calls):.0f} ({grown:.1f} KB for each call more)")
    print(f"{many} calls: {cost.cpu_s / MORE / ours.cpu_s:.2f} times the CPU seconds a call")
    for calls, peak in peaks.items():
        if peak > _allowed(calls):
            broken.append(f"{calls} calls take {peak:.0f} MB, {_allowed(calls):.0f} are allowed")
    return broken


def _jobs(analyze: list[str], capture: Path) -> None:
    """What a second process gains in time on the clock, on a capture and on the same one compressed; one run each."""
    packed = capture.with_suffix(".pcap.gz")
    if not packed.is_file():
        partial = capture.with_suffix(".partial")
        with capture.open("rb") as plain, gzip.open(partial, "wb", 6) as out:
            shutil.copyfileobj(plain, out, 1 << 20)
        partial.rename(packed)
    for path in (capture, packed):
        one, two = (_once([*analyze, "--jobs", jobs, str(path)]) for jobs in ("1", "2"))
        ratio = two.wall_s / one.wall_s
        print(f"{path.name}: {one.wall_s:.2f} s on the clock; --jobs 2: {two.wall_s:.2f} s ({ratio:.2f} times)")


def _help_seconds() -> float:
    times = []
    for _ in range(5):
        before = time.perf_counter()
        _once([*MEDIASEC, "--help"])
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def main() -> int:
    """Prints the comparison; 1 where memory is beyond its bounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one run each, no long capture")
    quick = parser.parse_args().quick
    runs = 1 if quick else 5
    FOLDER.mkdir(exist_ok=True)
    capture = _capture(CALLS)
    frames = CALLS * (7 + 2 * 250)
    print(f"{capture.name}: {frames} frames, {capture.stat().st_size / 1e6:.0f} MB; CPU seconds, medians of {runs}\n")
    print(f"{'':<44}{'CPU s':>8}{'M/s':>9}{'MB':>9}{'tshark/':>9}")
    base = None
    if shutil.which("tshark"):
        base = measure(["tshark", "-q", "-r", str(capture), "-z", "rtp,streams"], runs)
        _line("tshark -q -z rtp,streams", base, frames, None)
    else:
        print("tshark is not installed: no ratio")
    analyze = [*MEDIASEC, "analyze", "--format", "json", "-q"]
    _line("mediasec analyze --no-decrypt", measure([*analyze, "--no-decrypt", str(capture)], runs), frames, base)
    ours = measure([*analyze, str(capture)], runs)
    _line("mediasec analyze, every SRTP packet verified", ours, frames, base)
    _line("dpkt reader and Ethernet/IP/UDP", measure([sys.executable, "-c", DPKT, str(capture)], 1), frames, base)
    print(f"\npeak memory {ours.rss_mb:.0f} MB; {BASE_MB} MB and {CALL_KB} KB a call are {_allowed(CALLS):.0f} MB")
    broken = [] if quick else _memory(analyze, ours)
    print()
    _jobs(analyze, capture)
    print(f"\nmediasec --help: {_help_seconds():.2f} s")
    from tests.bench import sip_speed, srtp_speed

    print("\nSIP to typed messages:")
    sip_speed.main()
    print("\nSRTP verified and decrypted, one core:")
    for suite in srtp_speed.PROFILES:
        print(f"{suite.name:24}{srtp_speed.verified_rate(suite):10,.0f}/s")
    from tests.bench import correlation

    print("\nLegs into calls:")
    correlation.main()
    for line in broken:
        print(f"BROKEN: {line}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
