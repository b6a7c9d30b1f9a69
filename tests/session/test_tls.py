"""TLS connections of real captures: what is opened equals what tshark opens, byte for byte."""

import shutil
import subprocess
from pathlib import Path

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.core.addresses import Endpoints
from analyzer.pipeline.streams import StreamHandler
from analyzer.transport.cited import Chunk

KEYED = ["bfcp-tls", "e2ae-all", "e2ae-sdes", "e2e-all", "msrp-relay-kamailio", "pai-spoof-removed", "stir-e2e"]


def opened(capture: Path, keylog: Path, monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], bytes]:
    """Plaintext by direction, of the vantage point that saw it first."""
    found: dict[tuple[str, str], tuple[int, bytearray]] = {}
    original = StreamHandler._plaintext

    def collect(self: StreamHandler, vantage: int, endpoints: Endpoints, chunk: Chunk, *more: object) -> None:
        key = (str(endpoints.src), str(endpoints.dst))
        first, data = found.setdefault(key, (vantage, bytearray()))
        if vantage == first:
            data += chunk.data
        original(self, vantage, endpoints, chunk, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(StreamHandler, "_plaintext", collect)
    analyze(Settings(captures=(str(capture),), keys=(keylog,)), Silent())
    return {key: bytes(data) for key, (_, data) in found.items()}


def followed(capture: Path, keylog: Path) -> list[tuple[str, bytes, bytes]]:
    """tshark's plaintext of every TLS stream: one end, what it sent, what it received."""
    assert shutil.which("tshark")
    options = ["-o", f"tls.keylog_file:{keylog}"]
    count = subprocess.run(
        ["tshark", "-r", str(capture), *options, "-Y", "tls.handshake.type==1", "-T", "fields", "-e", "tcp.stream"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found: list[tuple[str, bytes, bytes]] = []
    for stream in sorted(set(count.split())):
        text = subprocess.run(
            ["tshark", "-r", str(capture), *options, "-q", "-z", f"follow,tls,raw,{stream}"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        node = next((line.split(": ", 1)[1] for line in text.splitlines() if line.startswith("Node 0")), "")
        own, peer = bytearray(), bytearray()
        for line in text.splitlines():
            data = line.strip()
            if data and not data.strip("0123456789abcdef"):
                (peer if line.startswith("\t") else own).extend(bytes.fromhex(data))
        found.append((node, bytes(own), bytes(peer)))
    return found


@pytest.mark.tshark
@pytest.mark.parametrize("name", KEYED)
def test_plaintext_equals_tsharks(name: str, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capture, keylog = shared / "lab" / f"{name}.pcapng", shared / "lab" / f"{name}.tls-keylog.txt"
    ours = opened(capture, keylog, monkeypatch)
    theirs = followed(capture, keylog)
    assert theirs
    for node, own, peer in theirs:
        assert any(key[0] == node and data == own for key, data in ours.items()) or not own, (node, own[:60])
        assert any(key[1] == node and data == peer for key, data in ours.items()) or not peer, (node, peer[:60])
