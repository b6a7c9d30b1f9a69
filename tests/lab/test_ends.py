"""A run of the lab that fails, or is broken off by Ctrl-C, leaves no process and no namespace."""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import pytest
from imslab import guest, network, run, scenario

from tests.conftest import ROOT

_ABSENT = run.missing_programs([])
_REASON = f"not installed: {', '.join(_ABSENT)}" if _ABSENT else network.permitted()
pytestmark = pytest.mark.skipif(bool(_REASON), reason=f"the lab cannot run here: {_REASON}")
_GUEST = pytest.mark.skipif(
    any(shutil.which(name) is None for name in guest.PROGRAMS), reason="user-mode-linux and kmod are not installed"
)
_PATIENCE_S = 120  # for what must come: a busy machine takes its time


def _processes(folder: Path) -> list[str]:
    """The command lines of what runs with a file of this folder: every program of a run does."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if str(folder) in words and int(path.parent.name) != os.getpid():
            found.append(words)
    return found


def _namespaces(process: int) -> list[str]:
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in listed.splitlines() if line.startswith(f"imslab{process}n")]


def _wait(ready: object) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not ready():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "names", "sign", "nodes"),
    [
        (signal.SIGINT, ("e2e-call", "e2e-audio"), "e2e-call/ue2.config.json", 12),
        (signal.SIGTERM, ("e2e-call",), "e2e-call/ue2.config.json", 6),
        pytest.param(signal.SIGINT, ("esp-aes",), "esp-aes/certs/ue2.pem", 0, marks=_GUEST, id="guest"),
    ],
)
def test_what_is_broken_off_leaves_nothing(
    tmp_path: Path, number: signal.Signals, names: tuple[str, ...], sign: str, nodes: int
) -> None:
    """Broken off while a phone registers: by then every component runs; the guest while it begins its scenario."""
    argv = [sys.executable, "-m", "imslab", "--out", str(tmp_path / "out"), *names]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "samples" / "lab")}
    lab = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _wait(lambda: (tmp_path / "out" / "work" / sign).exists())
        _wait(lambda: len(_namespaces(lab.pid)) == nodes)  # scenarios come up side by side
        assert _processes(tmp_path / "out" / "work")
        lab.send_signal(number)
        _, said = lab.communicate(timeout=_PATIENCE_S)
    finally:
        lab.kill()
    assert (lab.returncode, said) == (130, "broken off\n")
    assert _namespaces(lab.pid) == []
    assert _processes(tmp_path / "out") == []


def test_a_scenario_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """ue2 waits for a call that nobody makes."""
    asked = scenario.read(scenario.FOLDER / "e2e-call.yaml")
    deserted = dataclasses.replace(asked, phones={"ue2": {"sip": "tls", "answer": {"within": 0.1, "seconds": 1}}})
    with pytest.raises(run.LabError, match=r"ue2 failed: .*nobody called"):
        run.run(deserted, tmp_path, Event(), 99)
    assert _namespaces(os.getpid()) == []
    assert _processes(tmp_path) == []


def test_where_the_lab_cannot_run_it_is_skipped_with_the_reason(tmp_path: Path) -> None:
    """No program is on an empty PATH; without root there are no namespaces. Exit code 77: `make lab` takes it."""
    environment = {"PYTHONPATH": str(ROOT / "samples" / "lab"), "PATH": str(tmp_path)}
    argv = [sys.executable, "-m", "imslab", "--out", str(tmp_path / "out")]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.partition("kamailio")[0]) == (77, "the lab is skipped: not installed: ")
    assert shutil.which("ip", path=str(tmp_path)) is None
