"""Faults put into a capture after it was taken: loss, duplicates, reordering, a skewed clock, a late start.

pcapng blocks are edited in place (draft-ietf-opsawg-pcapng); everything else stays byte for byte as it was captured.
"""

import random
import struct
from collections.abc import Iterator
from typing import Any

_INTERFACE, _PACKET = 1, 6
_TSRESOL = 9


def blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and bytes of each block of a little-endian capture."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        yield kind, data[at : at + size]
        at += size


def _timed(block: bytes, ticks: int) -> bytes:
    return block[:12] + struct.pack("<II", ticks >> 32, ticks & 0xFFFFFFFF) + block[20:]


def _ticks(block: bytes) -> int:
    high, low = struct.unpack_from("<II", block, 12)
    return int(high << 32 | low)


def _is_media(block: bytes) -> bool:
    """UDP from and to ports of media, over Ethernet and IPv4 without options."""
    frame = block[28:]
    if frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return False
    ports = struct.unpack_from("!HH", frame, 34)
    return all(30000 <= port < 43000 for port in ports)


def ticks_per_second(data: bytes) -> int:
    """The resolution that the first interface states (if_tsresol); microseconds where it states none."""
    for kind, block in blocks(data):
        if kind == _INTERFACE:
            at = 16
            while at + 4 <= len(block) - 4:
                code, size = struct.unpack_from("<HH", block, at)
                if code == _TSRESOL:
                    return int(10 ** block[at + 4])
                at += 4 + (size + 3) // 4 * 4
    return 1_000_000


def apply(data: bytes, faults: dict[str, Any]) -> bytes:
    """The capture with faults: `loss` and `duplicate` (shares of media packets), `reorder` (each n-th media packet goes
    behind the next), `skew` (seconds by interface number), `start` (seconds behind the first media packet),
    `interfaces` (those kept)."""
    chance = random.Random(faults.get("seed", 1))  # noqa: S311  # a fault must come again the same
    second = ticks_per_second(data)
    skew = {int(number): int(seconds * second) for number, seconds in faults.get("skew", {}).items()}
    heads = [block for kind, block in blocks(data) if kind != _PACKET]
    packets = [block for kind, block in blocks(data) if kind == _PACKET]
    begin = 0
    if "start" in faults:
        begin = min((_ticks(block) for block in packets if _is_media(block)), default=0) + int(faults["start"] * second)
    kept = faults.get("interfaces")
    out: list[bytes] = []
    held: bytes | None = None
    number = 0
    for block in packets:
        interface = struct.unpack_from("<I", block, 8)[0]
        if _ticks(block) < begin or (kept is not None and interface not in kept):
            continue
        media = _is_media(block)
        if media and chance.random() < faults.get("loss", 0):
            continue
        block = _timed(block, _ticks(block) + skew.get(interface, 0))
        number += media
        if held is None and media and faults.get("reorder") and number % faults["reorder"] == 0:
            held = block
            continue
        out.append(block)
        if held is not None and media:
            out.append(_timed(held, _ticks(block) + 1))
            held = None
        if media and chance.random() < faults.get("duplicate", 0):
            out.append(_timed(block, _ticks(block) + second // 30))
    out += [held] if held is not None else []
    return b"".join(heads + sorted(out, key=_ticks))
