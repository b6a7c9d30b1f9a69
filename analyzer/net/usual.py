"""The usual frame, decoded without masks: Ethernet or SLL, at most one VLAN tag, IP without extras, UDP or TCP.

One gather a row brings all header bytes into one contiguous block; big-endian fields are views of it. Rows are taken
in chunks, so many that calls cost little, and so few that a cache holds what is gathered. A row that is anything else
is left to the full decoder, which gives the same columns for these rows too (a test holds the two together).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.capture.batch import FrameBatch
from analyzer.net import layers
from analyzer.net.packets import TCP, UDP, V4_MAPPED
from analyzer.net.tunnels import ESP_PORT, GENEVE_PORT, GTPU_PORT, VXLAN_PORT

_CHUNK = 32_768
_V4 = 32  # bytes gathered, from two before the EtherType to the end of the UDP header
_V6 = 48  # bytes gathered, from the IPv6 header to the end of the UDP header
_TCP = 44  # bytes gathered, from two before the EtherType to the end of a TCP header without options
_TAG = 4
Array = npt.NDArray[Any]


def _empty(rows: int) -> dict[str, Array]:
    of: dict[str, Array] = {name: np.zeros(rows, np.int64) for name in ("seq", "ack")}
    of |= {name: np.zeros(rows, np.uint64) for name in ("src_hi", "dst_hi", "src_lo", "dst_lo")}
    names = ("sport", "dport", "ip_id", "payload_start", "payload_length", "missing")
    of |= {name: np.zeros(rows, np.int32) for name in names}
    of["protocol"] = np.full(rows, UDP, np.uint8)
    of["flags"], of["layers"] = np.zeros(rows, np.uint8), np.zeros(rows, np.uint32)
    return of


def _view(buffer: npt.NDArray[np.uint8], size: int) -> Array:
    """Every run of `size` bytes of the buffer, overlapping, as items that are gathered by one copy each."""
    return np.ndarray((len(buffer) - size + 1,), f"V{size}", buffer=buffer, strides=(1,))


def _tunnel(sport: Array, dport: Array) -> Array:
    """Ports behind which something else may be carried."""
    found: Array = (sport == GTPU_PORT) | (dport == GTPU_PORT)
    for port in (ESP_PORT, VXLAN_PORT, GENEVE_PORT):
        found |= (sport == port) | (dport == port)
    return found


def decode(b: FrameBatch, kind_at: npt.NDArray[np.int64]) -> tuple[dict[str, Array], npt.NDArray[np.bool_]]:
    """Columns for every row of the batch, and which rows they hold for.

    `kind_at` is where a source's frames have their EtherType, 14 and 16 bytes of link layer; -1 for other links.
    """
    rows = len(b)
    of, done = _empty(rows), np.zeros(rows, np.bool_)
    if not rows or not (kind_at >= 0).any() or len(b.buffer) < _V6:
        return of, done
    buffer = np.ascontiguousarray(b.buffer)
    runs4, runs6, runs_tcp = _view(buffer, _V4), _view(buffer, _V6), _view(buffer, _TCP)
    for first in range(0, rows, _CHUNK):
        part = slice(first, min(first + _CHUNK, rows))
        out = {name: values[part] for name, values in of.items()}
        batch = b.rows(part.start, part.stop)
        at = kind_at[batch.source] if len(kind_at) > 1 else kind_at
        known = at >= 0
        at = batch.start + at
        done[part], tcp, six, at = _four(runs4, batch, at, known, out)
        for some, runs, read in ((tcp, runs_tcp, _tcp), (six, runs6, _six)):
            found = np.flatnonzero(some)
            if len(found):
                done[part][found] = read(runs, batch, found, at[found], out)
    return of, done


def _gather(runs: Array, at: Array) -> Array:
    size = runs.dtype.itemsize
    if not len(at):
        return np.zeros((0, size), np.uint8)
    at = np.minimum(np.maximum(at, 0), len(runs) - 1)  # half the cost of np.clip
    return runs[at].view(np.uint8).reshape(-1, size)


def _four(runs: Array, b: FrameBatch, at: Array, known: Array, out: dict[str, Array]) -> tuple[Array, ...]:
    """UDP over IPv4 done; rows that may be TCP, or IPv6; where each row's EtherType is once its tag is passed."""
    block = _gather(runs, at - 2)
    u16, u32 = block.view(">u2"), block.view(">u4")
    kind = u16[:, 1].astype(np.uint16)
    ends = b.start + b.captured
    tagged = kind == 0x8100
    if tagged.any():
        rows = np.flatnonzero(tagged)
        at = at + tagged * _TAG
        block[rows] = _gather(runs, at[rows] - 2)
        kind = u16[:, 1].astype(np.uint16)
        out["layers"][:] = tagged * np.uint32(layers.VLAN)
    length, udp = u16[:, 3].astype(np.int32), u16[:, 14].astype(np.int32)
    sport, dport = u16[:, 12].astype(np.uint16), u16[:, 13].astype(np.uint16)
    plain = (kind == 0x0800) & (block[:, 4] == 0x45) & known & ((u16[:, 5].astype(np.uint16) & 0x3FFF) == 0)
    plain &= (at + 30 <= ends) & (at + 2 + length <= b.start + np.maximum(b.wire, b.captured))
    protocol = block[:, 13]
    good = plain & (protocol == UDP) & (udp >= 8) & (udp + 20 <= length)
    good &= ~_tunnel(sport, dport)
    np.bitwise_or(u32[:, 4], V4_MAPPED, out=out["src_lo"])
    np.bitwise_or(u32[:, 5], V4_MAPPED, out=out["dst_lo"])
    out["sport"][:], out["dport"][:], out["ip_id"][:] = sport, dport, u16[:, 4]
    start = out["payload_start"]
    start[:] = at + 30
    captured = np.minimum(udp - 8, ends - start)
    out["payload_length"][:] = captured
    np.subtract(udp - 8, captured, out=out["missing"])
    return good, plain & (protocol == TCP), (kind == 0x86DD) & known, at


def _tcp(runs: Array, b: FrameBatch, rows: Array, at: Array, out: dict[str, Array]) -> Array:
    """TCP over IPv4, of rows whose addresses, ports and identification `_four` has read."""
    block = _gather(runs, at - 2)
    u16, u32 = block.view(">u2"), block.view(">u4")
    length, skip = u16[:, 3].astype(np.int32), (block[:, 36] >> 4).astype(np.int32) * 4
    begin, stop, ends = at + 22 + skip, at + 2 + length, b.start[rows] + b.captured[rows]
    good = (at + 42 <= ends) & (skip >= 20) & (length >= 20 + skip)
    proven: Array = good
    out["protocol"][rows] = TCP
    out["seq"][rows], out["ack"][rows], out["flags"][rows] = u32[:, 7], u32[:, 8], block[:, 37]
    out["payload_start"][rows] = np.minimum(begin, ends)
    captured = np.maximum(np.minimum(stop, ends) - begin, 0)
    out["payload_length"][rows], out["missing"][rows] = captured, stop - begin - captured
    return proven


def _six(runs: Array, b: FrameBatch, rows: Array, at: Array, out: dict[str, Array]) -> Array:
    block = _gather(runs, at + 2)
    u16, u64 = block.view(">u2"), block.view(">u8")
    length, udp = u16[:, 2].astype(np.int32), u16[:, 22].astype(np.int32)
    sport, dport = u16[:, 20].astype(np.int32), u16[:, 21].astype(np.int32)
    ends = b.start[rows] + b.captured[rows]
    good = (block[:, 0] >> 4 == 6) & (block[:, 6] == UDP) & (at + 50 <= ends)
    good &= at + 42 + length <= b.start[rows] + np.maximum(b.wire[rows], b.captured[rows])
    good &= (udp >= 8) & (udp <= length) & ~_tunnel(sport, dport)
    proven: Array = good
    for name, column in (("src_hi", 1), ("src_lo", 2), ("dst_hi", 3), ("dst_lo", 4)):
        out[name][rows] = u64[:, column]
    out["sport"][rows], out["dport"][rows], out["ip_id"][rows] = sport, dport, -1
    captured = np.minimum(udp - 8, ends - (at + 50))
    out["payload_start"][rows], out["payload_length"][rows] = at + 50, captured
    out["missing"][rows] = udp - 8 - captured
    return proven
