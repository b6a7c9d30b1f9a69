"""Every cite opens: its frame exists in its capture, on its interface, and its bytes lie where it says."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.golden.runs import run, setup, tree

CAPTURES = (
    "lab/e2ae-all.pcapng",
    "lab/e2ae-dtls.pcapng",
    "lab/esp-null.pcapng",
    "lab/gtpu-e2ae.pcapng",
    "public/C069-fuzz-2006-06-26-2594.pcap",
    "public/C096-SIP-RTP-Normal_Call_two_parties.pcap",
    "public/C164-ipsec_reg.pcapng",
    "public/C169-volte.pcapng",
)


@dataclass(frozen=True, slots=True)
class _Frame:
    offset: int
    length: int
    interface: int


def _pcap(data: bytes) -> list[_Frame]:
    """The records of a pcap file."""
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}[data[:4]]
    frames, at = [], 24
    while at + 16 <= len(data):
        (length,) = struct.unpack_from(f"{order}I", data, at + 8)
        frames.append(_Frame(at + 16, length, 0))
        at += 16 + length
    return frames


def _pcapng(data: bytes) -> list[_Frame]:
    """The enhanced packet blocks of a little-endian pcapng file of one section."""
    assert data[8:12] == b"\x4d\x3c\x2b\x1a"
    frames, at = [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 6:
            interface, _, _, captured = struct.unpack_from("<IIII", data, at + 8)
            frames.append(_Frame(at + 28, captured, interface))
        at += length
    return frames


def _cites(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.keys() == {"capture", "interface", "frame", "offset", "length"}:
            yield value
        else:
            for inner in value.values():
                yield from _cites(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _cites(inner)


@pytest.mark.parametrize("name", CAPTURES)
def test_cites_open(shared: Path, name: str) -> None:
    path = shared / name
    keylog = path.with_name(f"{path.stem}.tls-keylog.txt")
    report = tree(run(path, setup([keylog] if keylog.is_file() else [])))
    data = path.read_bytes()
    frames = _pcap(data) if path.suffix == ".pcap" else _pcapng(data)
    cites = list(_cites(report))
    assert cites
    for cite in cites:
        frame = frames[cite["frame"] - 1]
        assert _Frame(cite["offset"], cite["length"], cite["interface"]) == frame
    sightings = [s for section in ("hops", "streams") for row in report[section] for s in row["sightings"]]
    assert sightings
    for sighting in sightings:
        assert sighting["first"] <= sighting["last"]
        for end in ("first", "last"):
            assert frames[sighting[end] - 1].interface == sighting["interface"]
