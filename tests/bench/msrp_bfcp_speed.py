"""How fast MSRP chunks and BFCP messages are read: python -m tests.bench.msrp_bfcp_speed."""

import time

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.msrp.assembly import MessageAssembler
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.protocols.msrp.stream import MsrpStream
from analyzer.transport.cited import Chunk
from tests.protocols.msrp.writer import chunk, response

SEGMENT = 1400


def msrp(count: int, assemble: bool) -> tuple[float, int]:
    """Seconds for `count` chunks of 2 KB, and their bytes on the wire."""
    body = bytes(range(32, 127)) * 21 + b"x" * 53
    data = b"".join(
        chunk(tid=f"{n:016x}", body=body[:2048], flag="+", reach=f"{1 + 2048 * n}-*/*") + response(f"{n:016x}")
        for n in range(count)
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
    assert seen == 2 * count
    return took, len(data)


def main() -> None:
    """Prints the best of three."""
    for assemble in (False, True):
        took, size = min(msrp(5_000, assemble) for _ in range(3))
        print(f"msrp, 2 KB chunks{' assembled' if assemble else ''}: {size / took / 1e6:.0f} MB/s")


if __name__ == "__main__":
    main()
