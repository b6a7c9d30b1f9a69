"""What a run starts, it ends: by process id, in reverse order, also on failure and Ctrl-C."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

TERM_SECONDS = 2.0


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
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._running.append(child)
        return child

    def log(self, name: str) -> str:
        """What a child has said so far."""
        path = self._logs / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self, children: "Sequence[subprocess.Popen[bytes]]") -> None:
        """Ends children, the last started first."""
        for child in reversed(children):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(TERM_SECONDS)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait(TERM_SECONDS)
            if child in self._running:
                self._running.remove(child)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(list(self._running))
