"""One capture of three interfaces, or three captures of one each: the same traffic is found."""

import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.report.codec import to_json
from tests.golden.runs import tree

IDB, EPB = 1, 6


def _blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        yield kind, data[at : at + length]
        at += length


def _split(capture: Path, into: Path) -> list[str]:
    """One pcapng file for each interface."""
    blocks = list(_blocks(capture.read_bytes()))
    interfaces = [block for kind, block in blocks if kind == IDB]
    paths = []
    for number, interface in enumerate(interfaces):
        packets = [b for kind, b in blocks if kind == EPB and struct.unpack_from("<I", b, 8)[0] == number]
        own = [b[:8] + bytes(4) + b[12:] for b in packets]
        path = into / f"tap{number}.pcapng"
        path.write_bytes(blocks[0][1] + interface + b"".join(own))
        paths.append(str(path))
    return paths


def _report(captures: list[str], keys: list[Path]) -> dict[str, Any]:
    done = analyze(Settings(captures=tuple(captures), keys=tuple(keys)), Silent())
    assert done.report is not None
    assert done.engine is not None
    assert not done.engine.ledger.faults
    return tree(to_json(done.report))


def _traffic(report: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on how captures are numbered."""
    hop = ("plane", "medium", "from", "to", "transport", "negotiated", "state", "confidentiality", "packets")
    stream = ("ssrc", "src", "dst", "packets", "lost", "duplicates", "protection")
    tls = ("src", "dst", "version", "cipher", "decrypted", "carries")
    return {
        "sip": report["sip"],
        "verdicts": report["summary"]["verdicts"],
        "calls": sorted(sorted(call["call_ids"]) for call in report["calls"]),
        "hops": Counter(tuple(row[key] for key in hop) for row in report["hops"]),
        "streams": Counter(tuple(row[key] for key in stream) for row in report["streams"]),
        "sightings": sorted(len(row["sightings"]) for row in report["streams"]),
        "tls": Counter(tuple(row[key] for key in tls) for row in report["tls"]),
        "anomalies": {row["code"]: row["count"] for row in report["anomalies"]},
        "decoded": report["coverage"]["decoded"],
        "undecoded": report["coverage"]["undecoded"],
        "frames": sum(capture["frames"] for capture in report["captures"]),
    }


@pytest.mark.parametrize("name", ["e2ae-all", "e2e-sdes", "plain-rtp"])
def test_three_captures_are_one(shared: Path, tmp_path: Path, name: str) -> None:
    capture = shared / "lab" / f"{name}.pcapng"
    keylog = capture.with_name(f"{name}.tls-keylog.txt")
    keys = [keylog] if keylog.is_file() else []
    paths = _split(capture, tmp_path)
    assert len(paths) == 3
    whole = _traffic(_report([str(capture)], keys))
    assert _traffic(_report(paths, keys)) == whole
    assert _traffic(_report(paths[::-1], keys)) == whole
