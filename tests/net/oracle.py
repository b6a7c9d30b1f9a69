"""Transport headers as tshark reads them, for comparison: one entry a frame that carries UDP or TCP."""

import ipaddress
import subprocess
from pathlib import Path

from analyzer.capture.reader import open_capture
from analyzer.capture.sources import SourceTable
from analyzer.core.limits import Limits
from analyzer.net.decode import Decoder

Packet = tuple[str, str, str, int, int, int]  # protocol, source, destination, ports, payload length on the wire

_FIELDS = (
    "frame.number", "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport",
    "udp.length", "tcp.srcport", "tcp.dstport", "tcp.len",
)  # fmt: skip
_LAYERS = {"ip", "ipv6", "udp", "tcp"}


def tshark_packets(path: Path) -> dict[int, Packet]:
    """The innermost UDP or TCP header of each frame; frames with ICMP (which quotes headers) are left out."""
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=a"]
    for field in _FIELDS:
        command += ["-e", field]
    out = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
    packets = {}
    for line in out.splitlines():
        of = dict(zip(_FIELDS, line.split("\t"), strict=True))
        stack = [name for name in of["frame.protocols"].split(":") if name in _LAYERS]
        if "icmp" in of["frame.protocols"] or not stack or stack[-1] in ("ip", "ipv6"):
            continue
        protocol, version = stack[-1], next(name for name in reversed(stack) if name in ("ip", "ipv6"))

        def last(name: str, of: dict[str, str] = of) -> str:
            return of[name].split(",")[-1]

        length = int(last("udp.length")) - 8 if protocol == "udp" else int(last("tcp.len") or 0)
        packets[int(of["frame.number"])] = (
            protocol, last(f"{version}.src"), last(f"{version}.dst"),
            int(last(f"{protocol}.srcport")), int(last(f"{protocol}.dstport")), length,
        )  # fmt: skip
    return packets


def _text(high: int, low: int) -> str:
    if high == 0 and low >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(low & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(high << 64 | low))


def our_packets(path: Path, rows: int = 1_000) -> tuple[dict[int, Packet], Decoder]:
    """The same from the decoder."""
    sources = SourceTable()
    reader = open_capture(path, 0, sources, Limits())
    decoder = Decoder(sources, Limits())
    packets = {}
    while (batch := reader.read_batch(rows)) is not None:
        p = decoder.decode(batch)
        for i in range(len(p)):
            name = {6: "tcp", 17: "udp"}.get(int(p.protocol[i]))
            if name:
                packets[int(p.frame[i])] = (
                    name, _text(int(p.src_hi[i]), int(p.src_lo[i])), _text(int(p.dst_hi[i]), int(p.dst_lo[i])),
                    int(p.sport[i]), int(p.dport[i]), int(p.payload_length[i] + p.missing[i]),
                )  # fmt: skip
    reader.close()
    decoder.finish()
    return packets, decoder
