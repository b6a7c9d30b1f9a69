"""The batch edge is invisible: the same bytes of report whatever the batches, with ample limits and with tiny ones."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest

from analyzer.core.limits import SECOND_NS, Limits
from tests.golden.runs import run, setup, tree

CAPTURES = (
    "lab/e2ae-all.pcapng",
    "lab/gtpu-e2ae.pcapng",
    "lab/plain-rtp.pcapng",
    "public/C169-volte.pcapng",
    "public/C069-fuzz-2006-06-26-2594.pcap",
)
AMPLE = Limits()
TINY = replace(
    AMPLE,
    flows=3,
    streams=3,
    calls=2,
    dialogs=2,
    messages_per_call=4,
    sequence_ranges=2,
    fragments_per_packet=2,
    fragment_bytes=2_048,
    fragment_timeout_ns=SECOND_NS // 100,
    tcp_held_bytes=1_024,
    tcp_held_total=2_048,
    tcp_recent_total=2_048,
    tcp_hole_timeout_ns=SECOND_NS,
    flow_idle_ns=SECOND_NS,
    stream_idle_ns=SECOND_NS,
    linger_ns=SECOND_NS,
    call_quiet_ns=2 * SECOND_NS,
    sighting_window_ns=SECOND_NS // 10,
    cites_per_anomaly=2,
    findings=5,
)
LIMITS = {"ample": AMPLE, "tiny": TINY}


def _report(path: Path, limits: Limits, rows: int | None, scramble: bool = False) -> bytes:
    keylog = path.with_name(f"{path.stem}.tls-keylog.txt")
    report = run(path, setup([keylog] if keylog.is_file() else [], limits=limits), rows=rows, scramble=scramble)
    assert report is not None
    return report


@lru_cache(maxsize=16)
def _whole(path: Path, name: str) -> bytes:
    return _report(path, LIMITS[name], None)


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("name", LIMITS)
def test_batches_do_not_show(shared: Path, capture: str, rows: int, name: str) -> None:
    path = shared / capture
    # line by line, so that a failure names the row of the report that differs
    assert _report(path, LIMITS[name], rows).split(b"\n") == _whole(path, name).split(b"\n")


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("rows", [7, None])
def test_nothing_is_kept_by_reference(shared: Path, capture: str, rows: int | None) -> None:
    path = shared / capture
    assert _report(path, TINY, rows, scramble=True).split(b"\n") == _whole(path, "tiny").split(b"\n")


@pytest.mark.parametrize("capture", CAPTURES)
def test_tiny_limits_are_hit(shared: Path, capture: str) -> None:
    assert tree(_whole(shared / capture, "tiny"))["coverage"]["evicted"] > 0
