"""--files: what MSRP transfers (RFC 5547), written under safe names in a given folder, and nothing without it."""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from analyzer.app.file_folder import FileFolder
from analyzer.app.live import LiveSettings, watch
from analyzer.app.settings import Settings, Silent
from analyzer.cli.main import app
from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine
from tests.pipeline.test_bound_sessions import call, msrp_line, sdp
from tests.pipeline.wire import Wire, anomalies, at, rows

ALICE, BOB = at("192.0.2.1", 50_000), at("192.0.2.2", 2855)
ONE, TWO = "msrp://192.0.2.1:7654/aaaa;tcp", "msrp://192.0.2.2:2855/bbbb;tcp"
CONTENT = bytes(range(256)) * 40


def selector(name: str, content: bytes = CONTENT) -> str:
    """RFC 5547 6: a quotation mark and a percent sign are escaped, so is what a line cannot hold."""
    escaped = "".join(c if c not in '"%\r\n\0' else f"%{ord(c):02X}" for c in name)
    digest = ":".join(f"{byte:02X}" for byte in hashlib.sha1(content, usedforsecurity=False).digest())
    return f'a=file-selector:name:"{escaped}" type:application/octet-stream size:{len(content)} hash:sha-1:{digest}'


def offered(wire: Wire, line: str, direction: str = "a=sendonly") -> None:
    """A call whose only m-line is a file; the answer repeats the selector (8.3)."""
    back = {"a=sendonly": "a=recvonly", "a=recvonly": "a=sendonly"}[direction]
    call(
        wire,
        sdp("192.0.2.1", *msrp_line(ONE, 7654, direction, line)),
        sdp("192.0.2.2", *msrp_line(TWO, 2855, back, line)),
    )
    wire.connect(ALICE, BOB)


def send(
    wire: Wire, content: bytes, *, first: int = 1, total: int | None = None, flag: str = "$", tid: str = "t0001",
    message: str = "mid1", kind: str = "application/octet-stream", back: bool = False,
) -> None:  # fmt: skip
    """One chunk (RFC 4975 7.1)."""
    to, sender = (ONE, TWO) if back else (TWO, ONE)
    head = (
        f"MSRP {tid} SEND\r\nTo-Path: {to}\r\nFrom-Path: {sender}\r\nMessage-ID: {message}\r\n"
        f"Byte-Range: {first}-{first + len(content) - 1}/{total or '*'}\r\nContent-Type: {kind}\r\n\r\n"
    )
    data = head.encode() + content + f"\r\n-------{tid}{flag}\r\n".encode()
    for start in range(0, len(data), 1_400):
        src, dst = (BOB, ALICE) if back else (ALICE, BOB)
        wire.tcp(src, dst, data[start : start + 1_400])


def transfer(
    folder: Path, line: str, content: bytes = CONTENT, limits: Limits | None = None, **how: Any
) -> tuple[Engine, list[dict[str, Any]]]:
    """One file in one chunk; gives what the report says was saved."""
    wire = Wire()
    offered(wire, line)
    send(wire, content, **how)
    return written(folder, wire, limits)


def written(folder: Path, wire: Wire, limits: Limits | None = None) -> tuple[Engine, list[dict[str, Any]]]:
    files = FileFolder(folder)
    engine = wire.run(files=files, limits=limits)
    files.close()
    assert files.problems == []
    calls: list[dict[str, Any]] = rows(engine.closer.calls)
    return engine, [saved for each in calls for session in each["msrp"] for saved in session.get("saved", [])]


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def names(folder: Path) -> list[str]:
    """Everything in the folder, hidden things too, and nothing outside of it."""
    assert listed(folder.parent) == [folder.name]
    return listed(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    return made


def test_a_file_is_written_as_described(folder: Path) -> None:
    engine, saved = transfer(folder, selector("photo.jpg"))
    assert saved == [{"name": "photo.jpg", "size": len(CONTENT), "complete": True, "as_described": True}]
    assert (folder / "photo.jpg").read_bytes() == CONTENT
    assert stat.S_IMODE((folder / "photo.jpg").stat().st_mode) == 0o600
    assert names(folder) == ["photo.jpg"]
    assert anomalies(engine) == {}


HOSTILE = {
    "../../../tmp/evil": "_.._.._tmp_evil",
    "/etc/passwd": "_etc_passwd",
    "..\\..\\evil.bat": "_.._evil.bat",
    "C:evil.exe": "C_evil.exe",
    ".ssh": "ssh",
    "..": "file",
    "": "file",
    "con.txt": "_con.txt",
    "a\r\n\x1b[2J\0b": "a____2J_b",
    "-rf *": "rf _",
    "$(reboot).sh": "_(reboot).sh",
    "x" * 4_000 + ".jpg": "x" * 120,
}


@pytest.mark.parametrize("wire", HOSTILE)
def test_hostile_names(folder: Path, wire: str) -> None:
    _, saved = transfer(folder, selector(wire))
    assert [each["name"] for each in saved] == [HOSTILE[wire]]
    assert names(folder) == [HOSTILE[wire]]


def test_nothing_is_written_over(folder: Path) -> None:
    (folder / "photo.jpg").write_bytes(b"mine")
    outside = folder / "photo-2.jpg"
    outside.symlink_to(folder / "nowhere")  # a link that leads elsewhere is taken, not followed
    _, saved = transfer(folder, selector("photo.jpg"))
    assert [each["name"] for each in saved] == ["photo-3.jpg"]
    assert (folder / "photo.jpg").read_bytes() == b"mine"
    assert outside.is_symlink()
    assert not (folder / "nowhere").exists()


def test_two_files_of_one_name(folder: Path) -> None:
    wire = Wire()
    offered(wire, selector("a.txt"))
    send(wire, CONTENT)
    send(wire, b"another", message="mid2", tid="t0002")
    engine, saved = written(folder, wire)
    assert [(each["name"], each["as_described"]) for each in saved] == [("a.txt", True), ("a-2.txt", False)]
    assert (folder / "a-2.txt").read_bytes() == b"another"
    assert anomalies(engine) == {"msrp.file_differs": 1}


def test_chunks_in_any_order(folder: Path) -> None:
    wire = Wire()
    offered(wire, selector("a.bin"))
    pieces = [(start + 1, CONTENT[start : start + 1_000]) for start in range(0, len(CONTENT), 1_000)]
    for number, (first, piece) in enumerate([*pieces[::2], *pieces[1::2]]):
        last = first + len(piece) > len(CONTENT)
        send(wire, piece, first=first, total=len(CONTENT), flag="$" if last else "+", tid=f"t{number:04}")
    _, saved = written(folder, wire)
    assert [(each["name"], each["complete"], each["as_described"]) for each in saved] == [("a.bin", True, True)]
    assert (folder / "a.bin").read_bytes() == CONTENT


def test_a_file_in_one_large_chunk(folder: Path) -> None:
    """RFC 4975 7.1.1 lets a chunk be as long as it will; without --files no more than `message_bytes` is kept."""
    content = CONTENT * 40
    _, saved = transfer(folder, selector("a.bin", content), content)
    assert len(content) > Limits().message_bytes
    assert saved == [{"name": "a.bin", "size": len(content), "complete": True, "as_described": True}]
    limits = Limits(file_chunk_bytes=200_000)
    _, saved = transfer(folder, selector("b.bin", content), content, limits=limits)
    assert [(each["name"], each["size"] < 200_000) for each in saved] == [("b.bin.incomplete", True)]


@pytest.mark.parametrize("flag", ["+", "#"])
def test_what_is_incomplete_says_so(folder: Path, flag: str) -> None:
    """The rest never comes, or the sender gives up (RFC 4975 7.1)."""
    _, saved = transfer(folder, selector("a.bin"), CONTENT[:5_000], total=len(CONTENT), flag=flag)
    assert saved == [{"name": "a.bin.incomplete", "size": 5_000, "complete": False, "as_described": None}]
    assert (folder / "a.bin.incomplete").read_bytes() == CONTENT[:5_000]
    assert names(folder) == ["a.bin.incomplete"]


def test_a_hole_is_incomplete(folder: Path) -> None:
    wire = Wire()
    offered(wire, selector("a.bin"))
    send(wire, CONTENT[:100], flag="+")
    send(wire, CONTENT[200:], first=201, tid="t0002")
    _, saved = written(folder, wire)
    assert [(each["name"], each["complete"]) for each in saved] == [("a.bin.incomplete", False)]
    assert (folder / "a.bin.incomplete").read_bytes() == CONTENT[:100] + bytes(100) + CONTENT[200:]


def test_bytes_are_bounded(folder: Path) -> None:
    engine, saved = transfer(folder, selector("a.bin"), limits=Limits(file_bytes=1_000))
    assert [(each["name"], each["size"]) for each in saved] == [("a.bin.incomplete", 1_000)]
    assert (folder / "a.bin.incomplete").read_bytes() == CONTENT[:1_000]
    assert anomalies(engine) == {"msrp.file_limit": 1}


def test_a_terabyte_range_reserves_nothing(folder: Path) -> None:
    engine, saved = transfer(folder, selector("a.bin"), first=10**12)
    assert (saved, names(folder)) == ([], [])
    assert anomalies(engine)["msrp.file_limit"] == 1


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        (Limits(files=2), ["a-2.bin", "a.bin"]),
        (Limits(files_bytes=len(CONTENT) + 9), ["a.bin", "a.bin.incomplete"]),
    ],
)
def test_all_files_are_bounded(folder: Path, limits: Limits, kept: list[str]) -> None:
    wire = Wire()
    offered(wire, selector("a.bin"))
    for number in range(4):
        send(wire, CONTENT[number:], message=f"mid{number}", tid=f"t{number:04}")
    engine, _ = written(folder, wire, limits)
    assert names(folder) == kept
    assert anomalies(engine)["msrp.file_limit"] >= 2


def test_files_under_way_are_bounded(folder: Path) -> None:
    wire = Wire()
    offered(wire, selector("a.bin"))
    for number in range(3):
        send(wire, CONTENT[number:99], message=f"mid{number}", tid=f"t{number:04}", flag="+")
    send(wire, CONTENT[99:], first=98, message="mid2", tid="t0009")
    written(folder, wire, Limits(files_open=2))
    assert names(folder) == ["a-2.bin.incomplete", "a.bin", "a.bin.incomplete"]
    assert (folder / "a.bin").read_bytes() == CONTENT[2:]


def test_the_envelope_of_a_chat_room_is_taken_off(folder: Path) -> None:
    """RFC 3862 2: headers, an empty line, headers of the content, an empty line, the content."""
    inside = b"From: <sip:a@example.org>\r\nTo: <sip:room@example.org>\r\n\r\nContent-Type: image/jpeg\r\n\r\n"
    _, saved = transfer(folder, selector("a.jpg"), inside + CONTENT, kind="message/cpim")
    assert [(each["name"], each["size"], each["as_described"]) for each in saved] == [("a.jpg", len(CONTENT), True)]
    assert (folder / "a.jpg").read_bytes() == CONTENT


def test_a_file_that_is_asked_for(folder: Path) -> None:
    """RFC 5547 8.2: the offerer that only receives has the answerer send; what it says itself is no file."""
    wire = Wire()
    offered(wire, selector("a.bin"), "a=recvonly")
    send(wire, b"thank you")
    send(wire, CONTENT, back=True, tid="t0002", message="mid2")
    written(folder, wire)
    assert names(folder) == ["a.bin"]


def test_messages_of_a_chat_are_no_files(folder: Path) -> None:
    wire = Wire()
    call(wire, sdp("192.0.2.1", *msrp_line(ONE, 7654)), sdp("192.0.2.2", *msrp_line(TWO)))
    wire.connect(ALICE, BOB)
    send(wire, CONTENT)
    assert written(folder, wire)[1] == []
    assert names(folder) == []


def test_one_file_on_two_hops_is_one_file(folder: Path) -> None:
    """What a gateway passes on has the same Message-ID and bytes."""
    wire = Wire()
    offered(wire, selector("a.bin"))
    send(wire, CONTENT)
    for src, dst in ((ALICE, at("198.51.100.1", 2855)), (BOB, at("198.51.100.2", 50_000))):
        wire.connect(src, dst)
        head = f"MSRP t0003 SEND\r\nTo-Path: {TWO}\r\nFrom-Path: {ONE}\r\nMessage-ID: mid1\r\n"
        reach = f"Byte-Range: 1-{len(CONTENT)}/{len(CONTENT)}\r\nContent-Type: application/octet-stream\r\n\r\n"
        wire.tcp(src, dst, (head + reach).encode() + CONTENT + b"\r\n-------t0003$\r\n")
    written(folder, wire)
    assert names(folder) == ["a.bin"]


# -- the command -----------------------------------------------------------------------------------------------------


def capture(folder: Path) -> Path:
    wire = Wire()
    offered(wire, selector("photo.jpg"))
    send(wire, CONTENT)
    path = folder.parent / "a.pcap"
    path.write_bytes(wire.pcap())
    return path


def test_without_the_option_nothing_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = capture(folder)
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, ["analyze", str(path), "--format", "json", "--fail-on", "never", "--quiet"])
    (session,) = json.loads(result.stdout)["calls"][0]["msrp"]
    assert [file["name"] for file in session["files"]] == ["photo.jpg"]
    assert session.get("saved", []) == []
    assert listed(folder) == []


def test_with_the_option(folder: Path) -> None:
    path = capture(folder)
    arguments = ["analyze", str(path), "--files", str(folder), "--format", "json", "--fail-on", "never", "--quiet"]
    report = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert [saved["name"] for saved in report["calls"][0]["msrp"][0]["saved"]] == ["photo.jpg"]
    assert any("1 written" in note for note in report["coverage"]["notes"])
    assert (folder / "photo.jpg").read_bytes() == CONTENT


def test_a_live_run_writes_files_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = capture(folder)
    monkeypatch.setattr("analyzer.app.live.standard_input", lambda: path.open("rb", buffering=0))
    run = watch(Settings(files=folder), LiveSettings(("-",)), Silent(), lambda *_: None)
    assert (run.problems, run.failed, listed(folder)) == ([], [], ["photo.jpg"])


def test_a_folder_that_is_none(folder: Path) -> None:
    result = CliRunner().invoke(app, ["analyze", str(capture(folder)), "--files", str(folder / "none")])
    assert (result.exit_code, result.stderr) == (2, f"mediasec: --files: {folder / 'none'}: no such folder\n")


def test_a_disk_that_fails_ends_the_writing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    arguments = ["analyze", str(capture(folder)), "--files", str(folder), "--fail-on", "never", "--quiet"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 74
    assert f"{folder}: files cannot be written (No space left on device)" in result.stderr
    assert listed(folder) == []


def test_a_file_that_cannot_take_its_name_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileFolder(folder)
    store.write(1, 0, b"content")

    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "replace", fails)
    assert store.keep(1, "a.txt") == ""
    store.close()
    assert store.problems == [f"{folder}: files cannot be written (Input/output error)"]
    assert (store.count, listed(folder)) == (0, [])


def test_a_second_reading_takes_the_first_back(folder: Path) -> None:
    store = FileFolder(folder)
    for content in (b"first", b"second"):
        store.write(1, 0, content)
        store.seal(1, 0, ())
        assert store.keep(1, "a.txt") == "a.txt"
        if content == b"first":
            store.restart()
    store.close()
    assert listed(folder) == ["a.txt"]
    assert (folder / "a.txt").read_bytes() == b"second"


# -- whatever comes --------------------------------------------------------------------------------------------------

CHUNKS = st.lists(
    st.builds(
        lambda first, size, flag, number, back: (first, size, flag, number, back),
        st.sampled_from([1, 2, 50, 101, 10**6, 10**14]), st.integers(0, 120), st.sampled_from("$+#"),
        st.integers(0, 3), st.booleans(),
    ),
    max_size=15,
)  # fmt: skip


@given(CHUNKS, st.text(max_size=30))
@settings(max_examples=25)
def test_any_chunks_stay_within_the_bounds(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[int, int, str, int, bool]], name: str
) -> None:
    """Nothing raises; what is written is in the folder, under its owner's mode, and no longer than allowed."""
    folder = tmp_path_factory.mktemp("outside") / "files"
    folder.mkdir()
    wire = Wire()
    offered(wire, selector(name))
    for number, (first, size, flag, message, back) in enumerate(chunks):
        send(wire, bytes(size), first=first, flag=flag, tid=f"t{number:04}", message=f"mid{message}", back=back)
    limits = Limits(file_bytes=150, files_bytes=400, files=3, files_open=2)
    written(folder, wire, limits)
    kept = [folder / each for each in names(folder)]
    assert len(kept) <= 3
    assert all(stat.S_IMODE(path.lstat().st_mode) == 0o600 and path.is_file() for path in kept)
    assert all(path.stat().st_size <= 150 for path in kept)
