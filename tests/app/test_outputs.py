import os
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from analyzer.app.outputs import Output, parse_formats, write_outputs
from analyzer.app.settings import WrongUse


def _write(name: str, out: BinaryIO, terminal: bool) -> None:
    out.write(b"a report")


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    assert write_outputs([Output("json", pipe)], _write) == []
    reader.join()
    assert got == [b"a report"]
    assert pipe.is_fifo()


def test_a_full_device_is_a_problem_and_stays_a_device(tmp_path: Path) -> None:
    device = tmp_path / "full"
    try:
        os.mknod(device, 0o600 | 0o020000, os.makedev(1, 7))  # never the machine's own: a regression would replace it
        with device.open("rb"):
            pass
    except OSError:
        pytest.skip("device nodes cannot be made here")
    assert write_outputs([Output("json", device)], _write) == [f"{device}: cannot be written (No space left on device)"]
    assert device.is_char_device()


@pytest.mark.parametrize("values", [["json=a", "csv=a"], ["json=-"], ["json="], ["json", "csv"], ["jsn"]])
def test_outputs_that_cannot_be_meant_are_refused(values: list[str]) -> None:
    with pytest.raises(WrongUse):
        parse_formats(values, {"json", "csv"}, "table")
