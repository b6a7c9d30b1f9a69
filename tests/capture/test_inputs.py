"""What a user may name as a capture."""

import os
import threading
from pathlib import Path

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.capture.inputs import expand, is_pipe

SAMPLES = Path(__file__).parents[2] / "samples"


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = (SAMPLES / "bfcp-udp.pcapng").read_bytes()
    writer = threading.Thread(target=pipe.write_bytes, args=(data,), daemon=True)
    assert is_pipe(str(pipe))
    assert expand([str(pipe)]) == ([str(pipe)], [])
    writer.start()
    piped = analyze(Settings(captures=(str(pipe),)), Silent()).report
    writer.join()
    read = analyze(Settings(captures=(str(SAMPLES / "bfcp-udp.pcapng"),)), Silent()).report
    assert piped is not None
    assert read is not None
    assert [c.sha256 for c in piped.captures] == [c.sha256 for c in read.captures]
    assert piped.bfcp == read.bfcp


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    missing = str(tmp_path / "no.pcap")
    assert expand([missing, str(empty)]) == ([], [f"{missing}: no such file", f"{empty}: the folder holds no capture"])
