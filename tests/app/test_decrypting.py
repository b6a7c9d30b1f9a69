"""A capture written anew in clear: what tshark reads in it is what the core's hops carry."""

import hashlib
import io
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from analyzer.app.decrypting import Decrypted, decrypt
from analyzer.app.settings import Silent, WrongUse
from analyzer.capture.batch import FrameBatch
from analyzer.capture.reader import open_capture
from analyzer.capture.sources import SourceTable
from analyzer.core.limits import Limits
from tests.conftest import SAMPLES

E2AE = ["e2ae-sdes", "e2ae-sdes-gcm", "e2ae-sdes-unpadded-gcm", "e2ae-all"]
MEDIA = ["-o", "sdp.establish_conversation:FALSE", "--enable-heuristic", "rtp_udp"]  # else SDP says that it is SRTP

BAD = "(udp.checksum.status == 0 || ip.checksum.status == 0) && !icmp"


def fields(capture: Path, shown: str, *names: str, options: list[str] | None = None) -> list[list[str]]:
    command = ["tshark", "-r", str(capture), *(options or []), "-Y", shown, "-T", "fields"]
    command += [part for name in names for part in ("-e", name)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split("\t") for line in lines]


def cleared(shared: Path, name: str, folder: Path) -> tuple[Path, Decrypted]:
    lab, out = shared / "lab", folder / "clear.pcapng"
    keys = [path for path in [lab / f"{name}.tls-keylog.txt"] if path.exists()]
    return out, decrypt([str(lab / f"{name}.pcapng")], keys, out, Silent())


def frames(path: Path) -> tuple[list[tuple[object, ...]], SourceTable]:
    sources = SourceTable()
    reader = open_capture(path, 0, sources, Limits())
    found: list[tuple[object, ...]] = []
    while (batch := reader.read_batch()) is not None:
        found += rows(batch)
    reader.close()
    return found, sources


def rows(batch: FrameBatch) -> list[tuple[object, ...]]:
    columns = (batch.start, batch.captured, batch.wire, batch.ts_ns, batch.source)
    return [
        (ts, source, wire - captured, batch.buffer[start : start + captured].tobytes())
        for start, captured, wire, ts, source in zip(*(c.tolist() for c in columns), strict=True)
    ]


@pytest.mark.tshark
@pytest.mark.parametrize("name", E2AE)
def test_rtp_is_that_of_the_core_packet_by_packet(name: str, shared: Path, tmp_path: Path) -> None:
    out, done = cleared(shared, name, tmp_path)
    core: dict[tuple[str, str], str] = {}
    access: dict[tuple[str, str], set[str]] = defaultdict(set)
    for src, dst, ssrc, seq, payload in fields(
        out, "rtp && !icmp", "ip.src", "ip.dst", "rtp.ssrc", "rtp.seq", "rtp.payload", options=MEDIA
    ):
        if src.startswith("10.0.0.") and dst.startswith("10.0.0."):
            core[ssrc, seq] = payload
        else:
            access[ssrc, seq].add(payload)
    both = core.keys() & access.keys()
    assert len(both) > 300
    assert all(access[packet] == {core[packet]} for packet in both)
    assert done.media.rtp >= len(both) and not done.media.kept
    lost = len(access.keys() - core.keys())
    assert lost <= 30, "packets that the gateway did not relay"


@pytest.mark.tshark
def test_lengths_and_checksums_are_right(shared: Path, tmp_path: Path) -> None:
    name = "gtpu-e2ae"
    out, done = cleared(shared, name, tmp_path)
    assert done.media.rtp > 200
    checked = ["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    offloaded = fields(shared / "lab" / f"{name}.pcapng", BAD, "frame.number", options=checked)
    assert not [frame for frame in fields(out, BAD, "frame.number", options=checked) if frame not in offloaded]
    for size, udp, ip in fields(out, "rtp && !icmp && !gtp", "frame.len", "udp.length", "ip.len", options=MEDIA):
        assert int(size) == 14 + int(ip) == 34 + int(udp)
    assert fields(out, "gtp && rtp", "frame.number", options=MEDIA)


def test_all_else_stays(shared: Path, tmp_path: Path) -> None:
    out, done = cleared(shared, "e2ae-all", tmp_path)
    old, sources = frames(shared / "lab" / "e2ae-all.pcapng")
    new, again = frames(out)
    assert [row[:3] for row in new] == [row[:3] for row in old]
    assert [(s.interface_name, s.link_type) for s in again] == [(s.interface_name, s.link_type) for s in sources]
    changed = [number for number, (a, b) in enumerate(zip(old, new, strict=True)) if a[3] != b[3]]
    assert len(changed) == done.media.rtp + done.media.rtcp
    assert all(old[n][3][:12] == new[n][3][:12] and old[n][3][26:38] == new[n][3][26:38] for n in changed)
    assert out.stat().st_mode & 0o777 == 0o600


@pytest.mark.tshark
@pytest.mark.parametrize("name", ["e2ae-sdes", "stir-e2e", "msrp-relay-kamailio"])
def test_tls_opens_with_the_secrets_inside(name: str, shared: Path, tmp_path: Path) -> None:
    out, done = cleared(shared, name, tmp_path)
    keylog = shared / "lab" / f"{name}.tls-keylog.txt"
    shown = "tls.handshake.type == 20" if name == "msrp-relay-kamailio" else "tls && sip"  # Finished, encrypted
    by_file = fields(
        shared / "lab" / f"{name}.pcapng", shown, "frame.number", options=["-o", f"tls.keylog_file:{keylog}"]
    )
    assert by_file and fields(out, shown, "frame.number") == by_file
    assert done.tls_connections


def test_only_secrets_of_the_capture_go_along(shared: Path, tmp_path: Path) -> None:
    keys = tmp_path / "many.keylog"
    other = shared / "lab" / "stir-e2e.tls-keylog.txt"
    own = shared / "lab" / "e2ae-sdes.tls-keylog.txt"
    keys.write_bytes(other.read_bytes() + own.read_bytes())
    out = tmp_path / "clear.pcapng"
    decrypt([str(shared / "lab" / "e2ae-sdes.pcapng")], [keys], out, Silent())
    written = out.read_bytes()

    def secrets(log: Path) -> set[bytes]:
        return {line.split()[2] for line in log.read_bytes().splitlines() if line and not line.startswith(b"#")}

    assert any(secret in written for secret in secrets(own))
    assert not any(secret in written for secret in secrets(other))


def test_several_captures_become_one(shared: Path, tmp_path: Path) -> None:
    lab, out = shared / "lab", tmp_path / "clear.pcapng"
    captures = [str(lab / f"{name}.pcapng") for name in ("e2ae-sdes", "plain-rtp")]
    done = decrypt(captures, [lab / "e2ae-sdes.tls-keylog.txt"], out, Silent())
    (first, first_sources), (second, second_sources) = (frames(Path(path)) for path in captures)
    new, sources = frames(out)
    assert len(new) == done.frames == len(first) + len(second)
    assert len(sources) == len(first_sources) + len(second_sources)
    times: dict[bool, list[object]] = {True: [], False: []}
    for ts_ns, interface, *_ in new:
        times[interface in range(len(first_sources))].append(ts_ns)
    assert times == {True: [row[0] for row in first], False: [row[0] for row in second]}


@pytest.mark.parametrize("kind", ["file", "link", "folder", "missing", "device", "dash", "devnew"])
def test_where_nothing_is_written(kind: str, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"precious")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    out = {
        "file": there, "link": link, "folder": tmp_path, "missing": tmp_path / "a" / "b", "device": Path("/dev/null"),
        "dash": Path("-"), "devnew": Path("/dev/mediasec-new"),
    }[kind]  # fmt: skip
    with pytest.raises(WrongUse) as wrong:
        decrypt([str(SAMPLES / "e2ae-all.pcapng")], [], out, Silent())
    assert wrong.value.problems[0].startswith(f"-o {out}: ")
    assert there.read_bytes() == b"precious" and not (tmp_path / "nowhere").exists()


def test_wrong_keys_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    out, bad = tmp_path / "clear.pcapng", tmp_path / "bad.keylog"
    bad.write_text("CLIENT_RANDOM 00 00\n")
    with pytest.raises(WrongUse):
        decrypt([str(SAMPLES / "e2ae-all.pcapng")], [bad], out, Silent())
    assert not out.exists()


def test_standard_input_gives_what_the_file_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, keys = SAMPLES / "e2ae-sdes.pcapng", [SAMPLES / "e2ae-sdes.tls-keylog.txt"]
    by_name, piped = tmp_path / "name.pcapng", tmp_path / "piped.pcapng"
    done = decrypt([str(source)], keys, by_name, Silent())
    with source.open("rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        again = decrypt(["-"], keys, piped, Silent())
    assert done == again and done.media.rtp > 300
    assert piped.read_bytes() == by_name.read_bytes()


def test_a_disk_that_is_full_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "clear.pcapng"
    monkeypatch.setattr("analyzer.capture.writer.CaptureWriter.write", full)
    done = decrypt([str(SAMPLES / "e2ae-all.pcapng")], [], out, Silent())
    assert done.failed == f"{out}: cannot be written (No space left on device)"
    assert not out.exists()


def test_an_end_by_the_user_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "clear.pcapng"
    for place in ("analyzer.pipeline.engine.Engine.feed", "analyzer.pipeline.clear_media.ClearMedia.clear"):
        with monkeypatch.context() as patch:
            patch.setattr(place, ended)
            with pytest.raises(KeyboardInterrupt):
                decrypt([str(SAMPLES / "e2ae-all.pcapng")], [], out, Silent())
        assert not out.exists()


def test_without_keys_only_what_sdp_in_clear_opens(shared: Path, tmp_path: Path) -> None:
    source = shared / "lab" / "plain-rtp.pcapng"
    out = tmp_path / "clear.pcapng"
    decrypt([str(source)], [], out, Silent())
    digests = [hashlib.sha256(repr(frames(path)[0]).encode()).digest() for path in (source, out)]
    assert digests[0] == digests[1]
