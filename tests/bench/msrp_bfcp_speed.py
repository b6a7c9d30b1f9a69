"""How fast MSRP chunks and BFCP messages are read: python -m tests.bench.msrp_bfcp_speed."""

import time

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.bfcp.stream import BfcpStream
from analyzer.protocols.msrp.assembly import MessageAssembler
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.protocols.msrp.stream import MsrpStream
from analyzer.transport.cited import Chunk
from tests.protocols.msrp.writer import chunk

SEGMENT = 1400


def msrp(count: int, assemble: bool) -> tuple[float, int]:
    """Seconds for `count` chunks of 2 KB, and their bytes on the wire."""
    body = bytes(range(32, 127)) * 21 + b"x" * 53
    data = b"".join(
        chunk(tid=f"{n:016x}", body=body[:2048], flag="+", reach=f"{1 + 2048 * n}-*/*") for n in range(count)
    )
    stream, assembler, seen = MsrpStream(Limits()), MessageAssembler(Limits()), 0
    pieces = [Chunk(data[at : at + SEGMENT], Cite(0, at, 0, 0, 0)) for at in range(0, len(data), SEGMENT)]
    began = time.process_time()
    for piece in pieces:
        for event in stream.receive(piece):
            if isinstance(event, MsrpMessage):
                seen += 1
                if assemble:
                    assembler.add(event)
    took = time.process_time() - began
    assert seen == count
    return took, len(data)


# captured messages of a floor's life: FloorRequest, FloorRequestStatus, FloorRelease, FloorStatus, Hello
BFCP = (
    "2001000600001267000300010504000108044000100d6d6179206920737065616b000000",
    "2004000400001267000300011f100001240800010a04030022040001",
    "20020001000012670004000107040001",
    "20080001000012670002000105040001",
    "200b00000000126700010001",
)


def bfcp(count: int) -> tuple[float, int]:
    """Seconds for `count` times five messages in a stream, and how many messages that is."""
    data = b"".join(map(bytes.fromhex, BFCP)) * count
    stream, seen = BfcpStream(Limits()), 0
    pieces = [Chunk(data[at : at + SEGMENT], Cite(0, at, 0, 0, 0)) for at in range(0, len(data), SEGMENT)]
    began = time.process_time()
    for piece in pieces:
        seen += len(stream.receive(piece))
    took = time.process_time() - began
    assert seen == 5 * count
    return took, seen


def main() -> None:
    """Prints the best of three."""
    for assemble in (False, True):
        took, size = min(msrp(5_000, assemble) for _ in range(3))
        print(f"msrp, 2 KB chunks{' assembled' if assemble else ''}: {size / took / 1e6:.0f} MB/s")
    took, number = min(bfcp(4_000) for _ in range(3))
    print(f"bfcp: {number / took:,.0f} messages/s")


if __name__ == "__main__":
    main()
