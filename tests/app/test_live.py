"""The live run as a user has it: a process in a namespace, or one that reads a stream while it is written."""

import contextlib
import io
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from analyzer.app.live import LiveSettings, Stop, watch
from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent, WrongUse
from analyzer.cli.main import run
from analyzer.cli.run_one import Progress
from tests.conftest import ROOT, SAMPLES
from tests.veth import RTP_PACKETS, UE, Namespace, call, frame

NOW = 1_700_000_000
INVITE, ANSWER = 1, 2  # frames of the call whose SDP carries a key: what SIG-18 (RFC 4568 8.3) is about
PACK = ("--rules", "signalling")
PATIENCE_S = 60.0  # for what must come: a busy machine takes its time

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """The command in this process: code, stdout, stderr. `meanwhile` runs in a thread once it captures."""
    pipe_handler = signal.getsignal(signal.SIGPIPE)

    def call_it(*words: str | Path, meanwhile: Callable[[], None] = lambda: None) -> tuple[int, str, str]:
        threads: list[threading.Thread] = []
        remark = Progress.remark

        def begin(self: Progress, text: str) -> None:
            remark(self, text)
            if text.startswith("capturing from"):
                threads.append(threading.Thread(target=meanwhile))
                threads[-1].start()

        monkeypatch.setattr(Progress, "remark", begin)
        monkeypatch.setattr(sys, "argv", ["mediasec", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            run()
        monkeypatch.setattr(Progress, "remark", remark)
        for thread in threads:
            thread.join()
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    yield call_it
    signal.signal(signal.SIGPIPE, pipe_handler)


def interrupt(number: signal.Signals = signal.SIGINT) -> None:
    """A signal to this process."""
    os.kill(os.getpid(), number)


def analyzed(command: Command, *captures: str | Path) -> dict[str, Any]:
    """The report that `analyze` gives."""
    report: dict[str, Any] = json.loads(command("analyze", *captures, *PACK, "--format", "json")[1])
    return report


def without_capture(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what a live capture cannot have in common with its recording."""
    coverage = report["coverage"] | {"notes": []}
    return {key: value for key, value in report.items() if key != "captures"} | {"coverage": coverage}


def pcap(frames: list[bytes], times_s: list[float]) -> bytes:
    """https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html section 4, 5."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for data, at in zip(frames, times_s, strict=True):
        parts.append(struct.pack("<IIII", int(at), int(at % 1 * 1e6), len(data), len(data)) + data)
    return b"".join(parts)


def test_ctrl_c_ends_the_process_with_a_report(veth: Namespace, command: Command, tmp_path: Path) -> None:
    report_at, frames_at = tmp_path / "r.json", tmp_path / "f.pcapng"
    process = subprocess.Popen(
        [*veth.prefix, sys.executable, "-c", "from analyzer.cli.main import run; run()", "live", "-i", "vb", *PACK,
         "-w", frames_at, "--format", f"json={report_at}", "--format", "table"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        try:
            assert process.stderr is not None
            assert "capturing from vb" in process.stderr.readline()
            veth.send(call())
            os.kill(process.pid, signal.SIGINT)
            out, _ = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert process.returncode == 1  # a critical finding
    report = json.loads(report_at.read_text())
    (capture,) = report["captures"]
    assert (capture["path"], capture["format"], capture["sha256"]) == ("vb", "live", None)
    assert (capture["frames"], capture["dropped"], capture["link_types"]) == (len(call()), 0, ["ethernet"])
    assert report["coverage"]["decoded"] == len(call())
    assert report["sip"]["requests"] == {"ACK": 1, "BYE": 1, "INVITE": 1}
    assert [c["call_ids"] for c in report["calls"]] == [["live-1@10.1.0.10"]]
    (stream,) = report["streams"]
    assert (stream["ssrc"], stream["src"], stream["packets"]) == ("0x11223344", f"{UE}:40000", RTP_PACKETS)
    keyed = [f for f in report["findings"] if f["rule"] == "SIG-18"]
    assert {cite["frame"] for f in keyed for cite in f["evidence"]} == {INVITE, ANSWER}
    told = [line for line in out.splitlines() if " fail SIG-18 critical " in line]
    assert sorted(line[line.rindex("[") :] for line in told) == ["[capture-1 1]", "[capture-1 2]"]
    assert "Verdicts:" in out
    assert frames_at.stat().st_mode & 0o777 == 0o600
    again = analyzed(command, frames_at)
    assert without_capture(again) == without_capture(report)  # cites too: numbers, and places in the file
    stored = frames_at.read_bytes()
    cite = keyed[0]["evidence"][0]
    assert stored[cite["offset"] : cite["offset"] + cite["length"]] in call()[:2]


@pytest.mark.parametrize("signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT)])
def test_the_second_ctrl_c_is_130(
    veth: Namespace, command: Command, monkeypatch: pytest.MonkeyPatch, signals: tuple[signal.Signals, ...]
) -> None:
    """Both come within one turn of the loop, so that the run cannot have ended between them."""
    monkeypatch.setattr("analyzer.app.live._Loop.tell", lambda _: [signal.raise_signal(number) for number in signals])
    with veth.inside():
        assert command("live", "-i", "vb", *PACK)[0] == 130


def test_sigterm_ends_it_and_nothing_seen_is_4(veth: Namespace, command: Command) -> None:
    words = ("live", "-i", "vb", *PACK, "--format", "json")
    with veth.inside():
        code, out, _ = command(*words, meanwhile=lambda: interrupt(signal.SIGTERM))
    assert code == 4
    assert json.loads(out)["captures"][0]["frames"] == 0


def test_two_interfaces_are_two_captures_of_one_hop(veth: Namespace, command: Command, tmp_path: Path) -> None:
    def meanwhile() -> None:
        veth.send(call())
        interrupt()

    words = ("live", "-i", "va", "-i", "vb", "-w", tmp_path, *PACK, "--format", "json")
    with veth.inside():
        _, out, err = command(*words, meanwhile=meanwhile)
    report = json.loads(out)
    assert [(c["id"], c["path"], c["frames"]) for c in report["captures"]] == [
        ("capture-1", "va", len(call())),
        ("capture-2", "vb", len(call())),
    ]
    assert report["sip"]["messages"] == 4  # each once, however often it was seen
    assert " fail SIG-18 critical " in err  # standard output has the JSON
    files = [tmp_path / "va.pcapng", tmp_path / "vb.pcapng"]
    assert sorted(tmp_path.iterdir()) == files
    again = analyzed(command, *files, "--vantage", "va=va.pcapng", "--vantage", "vb=vb.pcapng")
    assert [row["offset_ns"] for row in again.pop("clock")] == [0]  # clocks are compared where files can be read twice
    assert report.pop("clock") == []
    assert without_capture(again) == without_capture(report)


def test_nothing_to_capture_from_is_wrong_use(veth: Namespace, command: Command, tmp_path: Path) -> None:
    code, out, err = command("live", "-i", "nosuch0", *PACK)
    assert (code, out) == (2, "")
    assert "nosuch0: no such interface" in err
    with veth.inside():
        code, _, err = command("live", "-i", "va", "-i", "vb", *PACK, "-w", tmp_path / "one.pcapng")
    assert code == 2
    assert "several interfaces need a folder" in err
    assert not list(tmp_path.iterdir())


def test_without_the_capability_it_says_which() -> None:
    """CAP_NET_RAW is taken away for good: from a process of its own."""
    drop = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
    if os.geteuid() != 0 or not shutil.which("setpriv") or subprocess.run([*drop, "true"]).returncode:
        pytest.skip("setpriv cannot take a capability away here")
    script = """if True:
        from analyzer.capture.live import LiveSource
        from analyzer.capture.sources import SourceTable
        from analyzer.core.limits import Limits
        LiveSource(["lo"], None, SourceTable(), Limits())"""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([*drop, sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert "lo: no permission to capture (needs CAP_NET_RAW)" in done.stderr


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[BinaryIO]:
    """What is written to it comes in on standard input."""
    reading, writing = os.pipe()
    monkeypatch.setattr("analyzer.app.live.standard_input", lambda: os.fdopen(reading, "rb", buffering=0))
    with os.fdopen(writing, "wb", buffering=0) as out:
        yield out


class Telling(io.TextIOWrapper):
    """Standard output that says when the finding has come."""

    def __init__(self, told: threading.Event) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding="ascii")
        self._told = told

    def write(self, text: str) -> int:
        if " fail SIG-18 critical " in text:
            self._told.set()
        return super().write(text)

    def close(self) -> None:
        """The bytes stay."""


def test_a_stream_is_judged_while_it_is_written(command: Command, pipe: BinaryIO, tmp_path: Path) -> None:
    """A call, then a frame a minute later: the call is over, and told, though the stream goes on."""
    frames = [*call(), frame(b"later", UE, "10.1.0.1", 9, 9)]
    data = pcap(frames, [NOW + n * 0.02 for n in range(len(call()))] + [NOW + 60.0])
    told = threading.Event()
    open_when_told: list[bool] = []

    def meanwhile() -> None:
        pipe.writelines(data[begin : begin + 700] for begin in range(700, len(data), 700))  # cuts headers and frames
        open_when_told.append(told.wait(PATIENCE_S))
        pipe.close()

    out = Telling(told)
    pipe.write(data[:700])
    words = ("live", "-i", "-", *PACK, "--format", f"json={tmp_path / 'r.json'}")
    with contextlib.redirect_stdout(out):
        code, _, _ = command(*words, meanwhile=meanwhile)
    assert (code, open_when_told) == (1, [True])
    line = next(line for line in out.bytes.getvalue().decode().splitlines() if " SIG-18 " in line)
    assert line.startswith("22:14:20 fail SIG-18 critical 1 SDES key(s) readable")  # 1700000060 in UTC
    assert line.endswith("[capture-1 1]")
    assert "alice" not in out.bytes.getvalue().decode()
    stored = tmp_path / "s.pcap"
    stored.write_bytes(data)
    report, again = json.loads((tmp_path / "r.json").read_text()), analyzed(command, stored)
    assert without_capture(report) == without_capture(again)
    same = {"path": "", "vantage": ""}
    assert report["captures"][0] | same == again["captures"][0] | same


def test_a_silent_stream_is_judged_when_time_has_passed(command: Command, pipe: BinaryIO) -> None:
    """An old stream's time goes on by itself: a timer, due 0.8 s after its last frame, fires."""
    at, began = NOW // 10 * 10 + 9.2, time.monotonic()
    pipe.write(pcap(call(), [at] * len(call())))
    told = threading.Event()

    def meanwhile() -> None:
        told.wait(PATIENCE_S)
        interrupt()

    with contextlib.redirect_stdout(Telling(told)) as out:
        code, _, _ = command("live", "-i", "-", *PACK, "--linger", "0", meanwhile=meanwhile)
    assert code == 1
    passed = time.monotonic() - began
    line = next(line for line in out.bytes.getvalue().decode().splitlines() if " fail SIG-18 critical " in line)
    told_at = datetime.combine(datetime.fromtimestamp(at, UTC), clock.fromisoformat(line[:8]), UTC).timestamp()
    assert NOW // 10 * 10 + 10 <= told_at <= at + passed


def test_a_stream_that_is_no_capture_is_3(command: Command, pipe: BinaryIO) -> None:
    pipe.write(b"hello\n")
    pipe.close()
    code, _, err = command("live", "-i", "-", *PACK)
    assert code == 3
    assert "is not a pcap or pcapng capture" in err


class Meanwhile(Silent):
    """Sends frames once the run captures, and ends it."""

    def __init__(self, stop: Stop, veth: Namespace, frames: list[bytes]) -> None:
        self._work = (stop, veth, frames)
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        stop, veth, frames = self._work
        veth.send(frames)
        stop.wanted = True

    def remark(self, text: str) -> None:
        if text.startswith("capturing"):
            self.thread.start()


def run_here(veth: Namespace, frames: list[bytes], write: Path | None = None, **more: Any) -> tuple[Any, list[str]]:
    """A run in this process that ends by itself."""
    stop = Stop()
    observer = Meanwhile(stop, veth, frames)
    lines: list[str] = []
    settings = Settings(rules=("signalling",), **more)
    with veth.inside():
        outcome = watch(
            settings, LiveSettings(("vb",), None, write), observer, lambda _, line: lines.append(line), stop
        )
    observer.thread.join()
    return outcome, lines


def test_drops_are_in_the_report(veth: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.capture.ring.Ring.dropped", lambda self: 3)
    outcome, _ = run_here(veth, [])
    assert outcome.report.captures[0].dropped == 3
    assert any("dropped 3 packets of vb" in note for note in outcome.report.coverage.notes)


def test_a_full_disk_ends_the_recording_not_the_run(veth: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    real = os.open
    target = Path("/nowhere/full.pcapng")

    def full(path: Any, *how: Any) -> int:
        return real("/dev/full", os.O_WRONLY) if Path(path) == target else real(path, *how)

    monkeypatch.setattr("analyzer.capture.writer.os.open", full)
    outcome, lines = run_here(veth, call(), target)
    assert outcome.facts.output_failed
    assert outcome.problems == ["/nowhere/full.pcapng: cannot be written (No space left on device)"]
    assert len(outcome.report.calls) == 1
    assert any(" SIG-18 " in line for line in lines)


def test_frames_outside_the_time_asked_for_are_left_out(veth: Namespace) -> None:
    outcome, _ = run_here(veth, call(), from_ns=(NOW + 10**9) * 10**9)
    assert outcome.report.captures[0].frames == len(call())
    assert not outcome.report.calls
    settings = Settings(rules=("signalling",), to_ns=NOW * 10**9)  # has passed: it ends by itself
    with veth.inside():
        outcome = watch(settings, LiveSettings(("vb",)), Silent(), lambda *_: None)
    assert outcome.report is not None


def test_wrong_words_are_found_before_anything_is_captured(tmp_path: Path) -> None:
    for live_settings in (LiveSettings(("-", "vb")), LiveSettings(("-",), "udp")):
        with pytest.raises(WrongUse):
            watch(Settings(rules=("signalling",)), live_settings, Silent(), lambda *_: None)
    with pytest.raises(WrongUse) as wrong:
        watch(Settings(topology=tmp_path / "none.yaml"), LiveSettings(("nosuch0",)), Silent(), lambda *_: None)
    assert "none.yaml" in wrong.value.problems[0]


@pytest.mark.usefixtures("pipe")
def test_a_stream_that_never_begins_can_be_ended() -> None:
    stop = Stop()
    stop.wanted = True
    outcome = watch(Settings(rules=("signalling",)), LiveSettings(("-",)), Silent(), lambda *_: None, stop)
    assert outcome.report is None
    assert outcome.problems == ["-: nothing came before the run was ended"]


def test_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Stop() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wanted
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_key_log_that_is_written_while_the_capture_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets come after half of the stream: what was held until then is opened too."""
    capture, secrets = (SAMPLES / "e2ae-all.pcapng").read_bytes(), SAMPLES / "e2ae-all.tls-keylog.txt"
    log = tmp_path / "edge.keylog"
    log.touch(0o600)
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as out:
            out.write(capture[: len(capture) // 2])
            out.flush()
            time.sleep(0.3)
            log.write_bytes(secrets.read_bytes())
            time.sleep(0.3)
            out.write(capture[len(capture) // 2 :])

    monkeypatch.setattr("analyzer.app.live.standard_input", lambda: os.fdopen(reading, "rb", buffering=0))
    writer = threading.Thread(target=write)
    writer.start()
    settings = Settings(keys=(log,), rules=("signalling",))
    stream = watch(settings, LiveSettings(("-",)), Silent(), lambda *_: None).report
    writer.join()
    offline = analyze(Settings((str(SAMPLES / "e2ae-all.pcapng"),), (secrets,), rules=("signalling",)), Silent()).report
    assert stream is not None and offline is not None
    assert [(tls.decrypted, tls.failure) for tls in stream.tls] == [(True, None)] * len(offline.tls)
    assert stream.sip == offline.sip
    assert stream.keys[-1].opened == offline.keys[-1].opened
