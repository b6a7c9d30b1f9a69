"""Makes samples: `python -m imslab [--out FOLDER] [--jobs N] [NAME...]`; every scenario if none is named."""

import argparse
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from imslab import network, run, scenario


def main() -> int:
    """Exit 0 when every scenario ran as written; 77 where the lab is not permitted, with the reason; 130 when broken
    off."""
    parser = argparse.ArgumentParser(prog="imslab", description="Makes captures from real components.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--out", type=Path, default=Path("build/lab"))
    parser.add_argument("--jobs", type=int, default=4)
    asked = parser.parse_args()
    scenarios = [one for one in scenario.every() if not asked.names or one.name in asked.names]
    scenarios.sort(key=lambda one: not one.guest)  # what takes longest begins first
    absent = run.missing_programs(scenarios)
    reason = f"not installed: {', '.join(absent)}" if absent else network.permitted()
    if reason:
        print(f"the lab is skipped: {reason}", file=sys.stderr)
        return 77
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a job in the background begins with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    unknown = set(asked.names) - {one.name for one in scenarios}
    if unknown:
        print(f"no such scenario: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    asked.out.mkdir(parents=True, exist_ok=True)

    halt = Event()

    def attempt(numbered: tuple[int, scenario.Scenario]) -> str:
        number, one = numbered
        try:
            capture = run.run(one, asked.out.resolve(), halt, number)
        except Exception as error:  # noqa: BLE001  # told beside the other scenarios' results
            return f"FAILED {one.name}: {error}"
        return f"ok     {one.name}: {capture.stat().st_size} bytes"

    with ThreadPoolExecutor(asked.jobs) as pool:
        coming = [pool.submit(attempt, numbered) for numbered in enumerate(scenarios)]
        try:
            results = [each.result() for each in coming]
        except KeyboardInterrupt:
            halt.set()
            pool.shutdown(cancel_futures=True)
            print("broken off", file=sys.stderr)
            return 130
    print("\n".join(results))
    return int(any(result.startswith("FAILED") for result in results))


if __name__ == "__main__":
    sys.exit(main())
