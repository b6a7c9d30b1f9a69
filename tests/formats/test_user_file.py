import os
import threading
from pathlib import Path

import pytest

from analyzer.formats.user_file import read_bounded


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(b"12345678")
    assert read_bounded(file, 8) == b"12345678"
    with pytest.raises(OSError, match="larger than 7 bytes"):
        read_bounded(file, 7)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs an endless device")
def test_an_endless_device_ends() -> None:
    with pytest.raises(OSError, match="larger than"):
        read_bounded(Path("/dev/zero"), 1000)


def test_a_named_pipe_nobody_writes_to_is_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert read_bounded(tmp_path / "pipe", 8) == b""


def test_a_pipe_with_a_writer_is_read_to_its_end() -> None:
    reading, writing = os.pipe()

    def write() -> None:
        for part in (b"one ", b"two"):
            os.write(writing, part)
        os.close(writing)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert read_bounded(Path(f"/dev/fd/{reading}"), 100) == b"one two"
    finally:
        thread.join()
        os.close(reading)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_bounded(tmp_path, 8)
