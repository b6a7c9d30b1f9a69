"""What a run starts, it ends: by process id, in reverse order, also on failure and Ctrl-C."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

TERM_SECONDS = 2.0
_ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}  # the scripted ends are of this package


class Processes:
    """Children of one run, each with a log."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[subprocess.Popen[bytes]] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, argv: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Starts a child in its own process group; its output goes to NAME.log."""
        with (self._logs / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env=_ENVIRONMENT,
            )  # fmt: skip
        self._running.append(child)
        return child

    def log(self, name: str) -> str:
        """What a child has said so far."""
        path = self._logs / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self, children: "Sequence[subprocess.Popen[bytes]]") -> None:
        """Ends children, the last started first; one that does not end in time is killed with its own children."""
        for child in reversed(children):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(TERM_SECONDS)
                except subprocess.TimeoutExpired:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait(TERM_SECONDS)
            if child in self._running:
                self._running.remove(child)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(list(self._running))
