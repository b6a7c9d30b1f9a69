"""Frame numbers are those of Wireshark, whatever blocks stand between packets."""

import io
import struct

from analyzer.capture.reader import open_capture
from analyzer.capture.sources import SourceTable
from analyzer.core.limits import Limits

SHB, IDB, NRB, EPB, JOURNAL, CUSTOM, CUSTOM_STAYS = 0x0A0D0D0A, 1, 4, 6, 9, 0xBAD, 0x40000BAD


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _packet(interface: int = 0) -> bytes:
    frame = bytes(12) + b"\x08\x06" + bytes(46)
    return _block(EPB, struct.pack("<IIIII", interface, 0, 1_000_000, len(frame), len(frame)) + frame)


HEAD = _block(SHB, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + _block(IDB, struct.pack("<HHI", 1, 0, 0))


def _read(data: bytes) -> tuple[list[int], int, SourceTable, int | None]:
    sources = SourceTable()
    reader = open_capture("x", 0, sources, Limits(), stream=io.BytesIO(data))
    numbers: list[int] = []
    while (batch := reader.read_batch()) is not None:
        numbers += batch.frame[batch.captured > 0].tolist()
    return numbers, reader.info.frames, sources, reader.info.first_ns


def test_blocks_that_wireshark_numbers() -> None:
    # tshark 4.0.17 on these bytes: packets are frames 2, 4, 6, 7, 8; 1, 3 and 5 the custom blocks and the journal
    enterprise = struct.pack("<I", 32_473)
    data = HEAD
    data += _block(CUSTOM, enterprise + b"abcd") + _packet()
    data += _block(CUSTOM_STAYS, enterprise + b"abcd") + _packet()
    data += _block(JOURNAL, b"__REALTIME_TIMESTAMP=1\nMESSAGE=x\n") + _packet()
    data += _block(NRB, bytes(4)) + _packet()
    data += _block(0xABCDEF, b"1234") + _packet()
    assert _read(data)[:2] == ([2, 4, 6, 7, 8], 8)


def test_a_block_without_time_is_not_the_start_of_the_capture() -> None:
    assert _read(HEAD + _block(CUSTOM, bytes(8)) + _packet())[3] == 1_000_000_000


def test_packets_of_an_unknown_interface_share_one_source() -> None:
    numbers, frames, sources, _ = _read(HEAD + _packet(7) * 100 + _packet())
    assert (numbers, frames, len(sources)) == ([101], 101, 2)
