"""TCP reassembly of real captures against tshark's "follow stream"."""

import subprocess
from pathlib import Path

import pytest

from analyzer.core.addresses import Address, Endpoints, parse_ip
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.transport.cited import Chunk
from analyzer.transport.tcp import TcpReassembler

FIELDS = (
    "frame.number", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.seq_raw",
    "tcp.ack_raw", "tcp.flags", "tcp.payload", "tcp.stream",
)  # fmt: skip


def _tshark(path: Path, *arguments: str) -> list[str]:
    command = ["tshark", "-n", "-r", str(path), "-o", "tcp.desegment_tcp_streams:FALSE", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def _ours(path: Path) -> list[tuple[bytes, bytes]]:
    tcp, streams, events = TcpReassembler(Limits()), {}, []
    fields = [part for name in FIELDS for part in ("-e", name)]
    for line in _tshark(path, "-Y", "tcp", "-T", "fields", "-E", "occurrence=l", *fields):
        frame, src4, src6, dst4, dst6, sport, dport, seq, ack, flags, payload, stream = line.split("\t")
        ends = Endpoints(Address(parse_ip(src4 or src6), int(sport)), Address(parse_ip(dst4 or dst6), int(dport)), 6)
        streams.setdefault(int(stream), ends)
        cite = Cite(0, int(frame), 0, 0, 0)
        events += tcp.segment(0, ends, int(seq), int(ack), int(flags, 16) & 255, bytes.fromhex(payload), 0, cite)
    data = dict.fromkeys((key[1] for key, _ in events), b"")
    for key, event in events + tcp.finish():
        if isinstance(event, Chunk):
            data[key[1]] += event.data
    return [(data.get(ends, b""), data.get(ends.reverse, b"")) for _, ends in sorted(streams.items())]


def _follow(path: Path, stream: int) -> tuple[bytes, bytes]:
    sides = [b"", b""]
    for line in _tshark(path, "-q", "-z", f"follow,tcp,raw,{stream}")[6:-1]:
        sides[line.startswith("\t")] += bytes.fromhex(line)
    return sides[0], sides[1]


@pytest.mark.tshark
@pytest.mark.parametrize("name", ["bfcp-tcp.pcapng", "e2e-all.pcapng", "C033-sip.pcap"])
def test_streams_are_those_of_tshark(shared, name):
    path = next(shared.rglob(name))
    for stream, ours in enumerate(_ours(path)):
        theirs = _follow(path, stream)
        assert sorted(ours) == sorted(theirs)
