"""Frames from interfaces, over a veth pair: what is sent on one end is what the other end gives."""

import fcntl
import os
import socket
import stat
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from analyzer.capture.batch import FrameBatch
from analyzer.capture.bpf import compile_filter
from analyzer.capture.live import LiveSource
from analyzer.capture.sources import CaptureProblem, SourceTable
from analyzer.core.limits import SECOND_NS, Limits
from tests.veth import Namespace, call, frame

# The program of the kernel's Documentation/networking/filter.rst for "ARP packets": ldh [12]; jne #0x806, drop;
# ret #-1; drop: ret #0; in the form of tcpdump -ddd.
ARP_ONLY = "4\n40 0 0 12\n21 0 1 2054\n6 0 0 4294967295\n6 0 0 0\n"

PATIENCE_S = 60.0  # for what must come: a busy machine takes its time
MOMENT_S = 0.3  # for what must not come: a frame that is late passes as one that did not come


def contents(batch: FrameBatch) -> list[bytes]:
    return [
        batch.buffer[start : start + captured].tobytes()
        for start, captured in zip(batch.start.tolist(), batch.captured.tolist(), strict=True)
    ]


def read(source: LiveSource, count: int, seconds: float = PATIENCE_S) -> tuple[list[bytes], list[FrameBatch]]:
    """Frames until `count` have come, those dropped so far included, or time is over; the columns copied."""
    found: list[bytes] = []
    batches = []
    until = time.monotonic() + seconds
    while len(found) + source.dropped() < count and time.monotonic() < until:
        batch = source.read_batch(0.1)
        if batch is not None:
            found += contents(batch)
            batches.append(batch)
    return found, batches


def open_live(veth: Namespace, *names: str, bpf: str | None = None, limits: Limits | None = None) -> LiveSource:
    with veth.inside():
        return LiveSource(names, bpf, SourceTable(), limits or Limits())


@pytest.fixture(params=["ring", "received"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a packet ring, and on a kernel that has none."""
    if request.param == "received":

        def refused(*_: object) -> None:
            raise OSError

        monkeypatch.setattr("analyzer.capture.live.Ring", refused)


@pytest.mark.usefixtures("way")
def test_frames_arrive_whole_in_order_and_counted_from_one(veth: Namespace) -> None:
    sent = call()
    source = open_live(veth, "vb")
    before = time.time_ns()
    with veth.sender() as sock:
        for data in sent:
            sock.send(data)
    got, batches = read(source, len(sent))
    after = time.time_ns()
    assert got == sent
    numbers = np.concatenate([batch.frame for batch in batches])
    times = np.concatenate([batch.ts_ns for batch in batches])
    assert numbers.tolist() == list(range(1, len(sent) + 1))
    assert before <= times[0] and times[-1] <= after and (np.diff(times) >= 0).all()
    assert all((batch.wire == batch.captured).all() for batch in batches)
    assert source.dropped() == 0
    (info,) = source.infos
    assert (info.path, info.frames, info.size) == ("vb", len(sent), sum(map(len, sent)))
    assert (info.link_types, info.interfaces, info.dropped) == ([1], ["vb"], 0)
    assert (info.first_ns, info.last_ns) == (times[0], times[-1])
    source.close()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("tags", ["8100a007", "88a800058100a007", "810000008100a007"])
def test_a_vlan_tag_that_the_kernel_took_off_is_back(veth: Namespace, tags: str) -> None:
    """IEEE 802.1Q: priority 5, VLAN 7; behind a service tag; behind a priority tag (VLAN 0)."""
    sent = [frame(b"x" * size, "10.0.0.1", "10.0.0.2", 1, 2, bytes.fromhex(tags)) for size in (30, 31, 1000)]
    plain = frame(b"plain", "10.0.0.1", "10.0.0.2", 1, 2)
    source = open_live(veth, "vb")
    with veth.sender() as sock:
        for data in (sent[0], plain, *sent[1:]):
            sock.send(data)
    got, batches = read(source, 4)
    assert got == [sent[0], plain, *sent[1:]]
    assert [n for batch in batches for n in batch.wire.tolist()] == [len(data) for data in got]
    source.close()


@pytest.mark.usefixtures("way")
def test_what_does_not_fit_is_dropped_and_counted(veth: Namespace) -> None:
    limits = Limits(ring_bytes=1 << 17, ring_block_bytes=1 << 16)
    source = open_live(veth, "vb", limits=limits)
    data = frame(b"y" * 1000, "10.0.0.1", "10.0.0.2", 1, 2)
    with veth.sender() as sock:
        for _ in range(500):
            sock.send(data)
    got, _ = read(source, 500)
    assert 0 < len(got) < 500
    assert source.dropped() == 500 - len(got)
    assert source.infos[0].dropped == 500 - len(got)
    with veth.sender() as sock:
        sock.send(data)
    assert len(read(source, source.dropped() + 1)[0]) == 1  # it goes on, and the count stays
    assert source.dropped() == 500 - len(got)
    source.close()


def test_a_long_run_goes_round_the_ring(veth: Namespace) -> None:
    source = open_live(veth, "vb", limits=Limits(ring_bytes=1 << 17, ring_block_bytes=1 << 16))
    sent = [frame(struct.pack(">I", n) * 200, "10.0.0.1", "10.0.0.2", 1, 2) for n in range(400)]
    got: list[bytes] = []
    with veth.sender() as sock:
        for begin in range(0, 400, 40):
            for data in sent[begin : begin + 40]:
                sock.send(data)
            got += read(source, 40)[0]
    assert got == sent
    assert source.dropped() == 0
    source.close()


@pytest.mark.usefixtures("way")
def test_several_interfaces_are_given_in_the_order_of_time(veth: Namespace) -> None:
    source = open_live(veth, "va", "vb")
    with veth.sender("va") as a, veth.sender("vb") as b:
        for n in range(20):
            (b if n % 3 else a).send(frame(bytes([n]) * 20, "10.0.0.1", "10.0.0.2", 1, 2))
    found: list[tuple[int, int, bytes]] = []
    until = time.monotonic() + PATIENCE_S
    assert source.read_batch(0, until_ns=1) is None  # nothing is that old
    while len(found) < 40 and time.monotonic() < until:
        batch = source.read_batch(0.1, time.time_ns() - SECOND_NS)
        if batch is not None:
            assert (np.diff(batch.ts_ns) >= 0).all()
            found += zip(batch.source.tolist(), batch.frame.tolist(), contents(batch), strict=True)
    # each frame leaves on one interface and arrives on the other: seen twice, next to each other
    assert [data[42] for _, _, data in found] == [n for n in range(20) for _ in range(2)]
    for interface in (0, 1):
        assert [number for where, number, _ in found if where == interface] == list(range(1, 21))
    assert [info.path for info in source.infos] == ["va", "vb"]
    assert [info.index for info in source.infos] == [0, 1]
    source.close()


def test_frames_held_for_their_turn_come_at_the_end(veth: Namespace) -> None:
    source = open_live(veth, "va", "vb")
    with veth.sender() as sock:
        sock.send(frame(b"held", "10.0.0.1", "10.0.0.2", 1, 2))
    until = time.monotonic() + MOMENT_S
    while time.monotonic() < until:
        assert source.read_batch(0.05, until_ns=1) is None
    _, batches = read(source, 2)
    assert sorted(n for batch in batches for n in batch.source.tolist()) == [0, 1]
    source.close()


@pytest.mark.usefixtures("way")
def test_loopback_shows_each_frame_once(veth: Namespace) -> None:
    subprocess.run(["ip", "-n", veth.name, "link", "set", "lo", "up"], check=True)
    source = open_live(veth, "lo")
    with veth.inside():
        receiver, sender = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    receiver.bind(("127.0.0.1", 0))
    for n in range(5):
        sender.sendto(b"ping%d" % n, receiver.getsockname())
    got = read(source, 5)[0] + read(source, 1, MOMENT_S)[0]
    receiver.close()
    sender.close()
    assert [data[42:] for data in got] == [b"ping%d" % n for n in range(5)]
    source.close()


def test_a_tun_interface_is_raw_ip(veth: Namespace) -> None:
    if not Path("/dev/net/tun").exists():
        pytest.skip("no /dev/net/tun here")
    with veth.inside(), Path("/dev/net/tun").open("r+b", buffering=0) as tun:
        fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun7", 0x1001))  # TUNSETIFF: IFF_TUN | IFF_NO_PI
        subprocess.run(["ip", "-n", veth.name, "link", "set", "tun7", "up"], check=True)
        source = open_live(veth, "tun7")
        packet = frame(b"inside", "10.0.0.1", "10.0.0.2", 1, 2)[14:]
        tun.write(packet)
        assert read(source, 1)[0] == [packet]
        assert source.infos[0].link_types == [101]
        source.close()


def test_a_removed_interface_is_named(veth: Namespace) -> None:
    for words in ("link add da type veth peer name db", "link set da up", "link set db up"):
        subprocess.run(["ip", "-n", veth.name, *words.split()], check=True)
    with veth.inside():
        source = LiveSource(["da"], None, SourceTable(), Limits())
        subprocess.run(["ip", "-n", veth.name, "link", "del", "da"], check=True)
        until = time.monotonic() + PATIENCE_S
        while not source.gone and time.monotonic() < until:
            source.read_batch(0.1)
    assert source.gone == ["da"]
    assert source.read_batch(0) is None
    source.close()


def test_what_cannot_be_captured_from(veth: Namespace) -> None:
    for name in ("nosuch0", "n" * 40, ""):
        with pytest.raises(CaptureProblem, match="no such interface"):
            open_live(veth, name)
    with pytest.raises(CaptureProblem, match="no such interface"):
        open_live(veth, "vb", "nosuch0")
    with pytest.raises(CaptureProblem, match="its name is not UTF-8"):
        open_live(veth, "v\udcff")
    subprocess.run(
        ["ip", "-n", veth.name, *["link", "add", "down0", "type", "veth", "peer", "name", "down1"]], check=True
    )
    with pytest.raises(CaptureProblem, match="the interface is down"):
        open_live(veth, "down0")


def _program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program in the place of tcpdump."""
    program = folder / "tcpdump"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_the_kernel_filters(veth: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/asked; printf "{ARP_ONLY}"')
    source = open_live(veth, "vb", bpf="arp")
    arp = frame(b"", "10.0.0.1", "10.0.0.2", 1, 2)[:12] + b"\x08\x06" + bytes(46)
    with veth.sender() as sock:
        for data in (*call(), arp, *call()):
            sock.send(data)
    assert read(source, 1)[0] + read(source, 1, MOMENT_S)[0] == [arp]
    assert (tmp_path / "asked").read_text() == "-ddd -i vb -- arp\n"
    source.close()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            'echo "tcpdump: can\'t parse filter expression: syntax error" >&2; exit 1',
            "the capture filter is wrong: can't",
        ),
        ("exit 1", "no reason given"),
        ("echo 2; echo 40 0 0 12", "no filter program"),
        ("echo x", "no filter program"),
        ("echo 1; echo 6 0 0 99999999999", "no filter program"),
    ],
)
def test_a_filter_that_is_wrong(script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path, monkeypatch, script)
    with pytest.raises(CaptureProblem, match=said):
        compile_filter("vb", "host")


def test_a_filter_without_tcpdump(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CaptureProblem, match="needs the program tcpdump"):
        compile_filter("vb", "udp")
