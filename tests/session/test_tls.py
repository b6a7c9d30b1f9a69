"""TLS connections of real captures: what is opened equals what tshark opens, byte for byte."""

import shutil
import subprocess
from pathlib import Path

import pytest

from analyzer.app.key_loading import load_keys
from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.core.addresses import Endpoints
from analyzer.pipeline.engine import Setup
from analyzer.pipeline.streams import StreamHandler
from analyzer.transport.cited import Chunk

KEYED = [
    "bfcp-tls", "conf-e2ae-sdes", "conf-e2e-sdes", "e2ae-all", "e2ae-all-bare-lf", "e2ae-dtls", "e2ae-sdes",
    "e2ae-sdes-gcm", "e2ae-sdes-unpadded-gcm", "e2e-all", "e2e-dtls", "e2e-sdes", "gtpu-e2ae", "msrp-relay-kamailio",
    "pai-spoof-removed", "stir-e2e",
]  # fmt: skip

LAB = [(f"lab/{name}.pcapng", f"lab/{name}.tls-keylog.txt") for name in KEYED]
PUBLIC = [
    ("public/C099-SIP-over-TLS-RTP-Normal_Call_two_parties.pcap",
     "public/C099-SIP-over-TLS-RTP-Normal_Call_two_parties.pcap.derived.keylog"),
    ("public/C158-tls-1.2-stream-keylog.pcap", "public/C158-tls-1.2-stream-keylog.pcap.derived.keylog"),
    ("public/C188-tls_nss_example.pcap", "public/C188-tls_nss_example.keys.txt"),
]  # fmt: skip


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
    ring = load_keys([keylog], [], Silent())
    analyze(Settings(captures=(str(capture),)), Silent(), setup=Setup(keyring=ring, contain=False))
    return {key: bytes(data) for key, (_, data) in found.items()}


def followed(capture: Path, keylog: Path) -> list[tuple[str, bytes, bytes]]:
    """tshark's plaintext of every TLS stream: one end, what it sent, what it received."""
    assert shutil.which("tshark")
    options = ["-o", f"tls.keylog_file:{keylog}", "-o", "tcp.reassemble_out_of_order:TRUE"]  # off by default
    count = subprocess.run(
        ["tshark", "-r", str(capture), *options, "-Y", "tls.handshake.type==1", "-T", "fields", "-e", "tcp.stream"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    wanted = [part for stream in sorted(set(count.split())) for part in ("-z", f"follow,tls,raw,{stream}")]
    text = subprocess.run(
        ["tshark", "-r", str(capture), *options, "-q", *wanted], capture_output=True, text=True, check=True
    ).stdout
    found: list[tuple[str, bytearray, bytearray]] = []
    for line in text.splitlines():
        data = line.strip()
        if line.startswith("Node 0: "):
            found.append((line.removeprefix("Node 0: "), bytearray(), bytearray()))
        elif data and not data.strip("0123456789abcdef"):
            found[-1][2 if line.startswith("\t") else 1].extend(bytes.fromhex(data))
    return [(node, bytes(own), bytes(peer)) for node, own, peer in found]


def test_every_keyed_capture_of_the_lab_is_here(shared: Path) -> None:
    assert sorted(KEYED) == sorted(path.name.partition(".")[0] for path in (shared / "lab").glob("*.tls-keylog.txt"))


@pytest.mark.tshark
@pytest.mark.parametrize(("capture", "keylog"), LAB + PUBLIC, ids=[Path(capture).stem for capture, _ in LAB + PUBLIC])
def test_plaintext_equals_tsharks(capture: str, keylog: str, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = opened(shared / capture, shared / keylog, monkeypatch)
    theirs = followed(shared / capture, shared / keylog)
    assert any(own or peer for _, own, peer in theirs)
    for node, own, peer in theirs:
        assert any(key[0] == node and data == own for key, data in ours.items()) or not own, (node, own[:60])
        assert any(key[1] == node and data == peer for key, data in ours.items()) or not peer, (node, peer[:60])
